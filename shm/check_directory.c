/* check_directory.c - who sits where, and the ticker's side of their mail. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "snapshot.h"

#define CLOCK_SLACK_MS 60000 /* a claim may be younger than the last tick */

static bool
good_peer(const char peer[PEER_LENGTH])
{
	if (memchr(peer, '\0', PEER_LENGTH) == NULL)
		return false;
	for (; *peer != '\0'; peer++)
		if (*peer <= 0x20 || *peer > 0x7e)
			return false;
	return true;
}

static void
check_entry(struct check *c, uint32_t slot, const struct entry *e)
{
	uint64_t since = load_relaxed(&e->since);
	uint32_t newest = snapshot_newest(c->header), pid = load_relaxed(&e->pid);

	if (load_relaxed(&e->generation) == 0)
		check_add(c, "entry-generation", slot, "0, but it is in use");
	if (!check_token(e->token))
		check_add(c, "entry-token", slot, "\"%.32s\"", e->token);
	if (!good_peer(e->peer))
		check_add(c, "entry-peer", slot, "\"%.55s\"", e->peer);
	if (load_relaxed(&e->proxied) > 1)
		check_add(c, "entry-proxied", slot, "%u", load_relaxed(&e->proxied));
	if (load_relaxed(&e->proxied) == 1 && !good_peer(e->client))
		check_add(c, "entry-client", slot, "\"%.55s\"", e->client);
	if (pid == 0 || pid > INT32_MAX)
		check_add(c, "entry-pid", slot, "%u", pid);
	if (load_relaxed(&e->announced) > newest + 1)
		check_add(c, "entry-announced", slot, "in %u, the newest is %u",
		    load_relaxed(&e->announced), newest);
	if (load_relaxed(&e->untold) > 1)
		check_add(c, "entry-untold", slot, "%u", load_relaxed(&e->untold));
	if (load_relaxed(&e->bequeathed) > 1)
		check_add(c, "entry-bequeathed", slot, "%u", load_relaxed(&e->bequeathed));
	if (since < c->header->created_boot || since > c->now_boot_ms + CLOCK_SLACK_MS)
		check_add(c, "entry-since", slot, "%" PRIu64, since);
	if (load_relaxed(&e->state) == ENTRY_OPEN &&
	    load_relaxed(&e->order) >= load_relaxed(&c->header->order))
		check_add(c, "entry-order", slot, "%" PRIu64 " of %" PRIu64,
		    load_relaxed(&e->order), load_relaxed(&c->header->order));
}

static void
check_mailbox(struct check *c, uint32_t slot, const struct mailbox *m)
{
	const struct header *h = c->header;
	uint32_t receiver = (uint32_t)load_relaxed(&m->work);
	uint64_t head = load_acquire(&h->log_head);

	if (load_relaxed(&m->stop) > STOP_KICK)
		check_add(c, "mailbox-stop", slot, "%u", load_relaxed(&m->stop));
	if (load_relaxed(&m->wanted) > 1)
		check_add(c, "mailbox-wanted", slot, "%u", load_relaxed(&m->wanted));
	if (receiver >= h->limits.max_clients && receiver != MAILBOX_NOBODY &&
	    receiver != MAILBOX_LOG)
		check_add(c, "mailbox-work", slot, "receiver %u", receiver);
	if (load_relaxed(&m->log_start) > head)
		check_add(c, "mailbox-log", slot, "starts at %" PRIu64 " of %" PRIu64,
		    load_relaxed(&m->log_start), head);
}

/* What has to be different for each two clients. */
struct identity {
	uint32_t slot;
	bool open;
	uint64_t order;
	char token[TOKEN_LENGTH];
};

static int
compare_token(const void *a, const void *b)
{
	const struct identity *x = a, *y = b;

	return memcmp(x->token, y->token, TOKEN_LENGTH);
}

static int
compare_order(const void *a, const void *b)
{
	const struct identity *x = a, *y = b;

	if (x->open != y->open)
		return x->open ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

static void
check_twins(struct check *c, struct identity *all, uint32_t count)
{
	qsort(all, count, sizeof(*all), compare_token);
	for (uint32_t i = 1; i < count; i++)
		if (compare_token(&all[i - 1], &all[i]) == 0)
			check_add(
			    c, "entry-token-twice", all[i].slot, "as slot %u", all[i - 1].slot);
	qsort(all, count, sizeof(*all), compare_order);
	for (uint32_t i = 1; i < count; i++)
		if (all[i].open && compare_order(&all[i - 1], &all[i]) == 0)
			check_add(
			    c, "entry-order-twice", all[i].slot, "as slot %u", all[i - 1].slot);
}

void
check_directory(struct check *c)
{
	const struct header *h = c->header;
	struct identity *all = malloc(h->limits.max_clients * sizeof(*all));
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		const struct entry *e = segment_entry(h, slot);
		uint32_t state = load_acquire(&e->state);

		if (state > ENTRY_LEAVING)
			check_add(c, "entry-state", slot, "%u", state);
		if (state == ENTRY_FREE || state > ENTRY_LEAVING)
			continue;
		check_entry(c, slot, e);
		check_mailbox(c, slot, segment_mailbox(h, slot));
		if (all == NULL)
			continue;
		all[count] = (struct identity){.slot = slot,
		    .open = state == ENTRY_OPEN,
		    .order = load_relaxed(&e->order)};
		memcpy(all[count++].token, e->token, TOKEN_LENGTH);
	}
	if (all != NULL)
		check_twins(c, all, count);
	free(all);
}
