#include "registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/token.h"
#include "peer.h"
#include "post.h"
#include "reception.h"
#include "tick.h"

int
registry_make(struct ticker *t)
{
	uint32_t max = t->max_clients;

	t->clients = calloc(max, sizeof(*t->clients));
	t->free_slots = calloc(max, sizeof(*t->free_slots));
	t->order = calloc(max, sizeof(*t->order));
	t->leavers = calloc(max, sizeof(*t->leavers));
	t->seated = calloc(max, sizeof(*t->seated));
	t->claimed = calloc(max, sizeof(*t->claimed));
	if (t->claimed == NULL || t->seated == NULL || t->clients == NULL ||
	    t->free_slots == NULL || t->order == NULL || t->leavers == NULL ||
	    roll_make(&t->roll, max) < 0)
		return -1;
	for (uint32_t slot = 0; slot < max; slot++) {
		struct client *c = &t->clients[slot];

		c->line = c->bell = c->death = -1;
	}
	return 0;
}

static struct entry *
entry_of(const struct ticker *t, uint32_t slot)
{
	return segment_entry(t->header, slot);
}

void
registry_ring(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	uint64_t one = 1;

	if (c->bell < 0 || !bell_take(&segment_slot(t->header, slot)->asleep))
		return;
	FAULT("registry.bell");
	if (write(c->bell, &one, sizeof(one)) < 0)
		log_debug("bell-failed", "slot=%u errno=\"%s\"", slot, strerror(errno));
	if (c->rung_ms == 0) {
		c->rung_ms = clock_ms();
		c->heartbeat = load_relaxed(&segment_slot(t->header, slot)->heartbeat);
	}
	count_add(&t->header->counters.bells, 1);
}

/* The directory entry of a new client; what was there before cannot be seen any more. */
static int
fill_entry(struct ticker *t, uint32_t slot, const char *peer, uint32_t pid)
{
	struct entry *e = entry_of(t, slot);
	struct mailbox *box = segment_mailbox(t->header, slot);
	char token[TOKEN_LENGTH];

	if (token_make(token) < 0)
		return -1;
	store_release(&e->generation, load_relaxed(&e->generation) + 1);
	FAULT("registry.generation");
	slot_wipe(segment_slot(t->header, slot));
	memset(box, 0, sizeof(*box));
	store_relaxed(&box->work, (uint64_t)MAILBOX_NOBODY);
	store_relaxed(&box->work_at, UINT64_MAX);
	store_relaxed(&e->pid, pid);
	store_relaxed(&e->announced, 0);
	store_relaxed(&e->order, 0);
	store_relaxed(&e->since, clock_boot_ms());
	memcpy(e->token, token, TOKEN_LENGTH);
	memcpy(e->peer, peer, PEER_LENGTH);
	FAULT("registry.filled");
	store_release(&e->state, ENTRY_CLAIMED);
	FAULT("registry.claimed");
	return 0;
}

static void
seat_client(struct ticker *t, uint32_t slot, int line, int bell, uint32_t pid)
{
	struct client *c = &t->clients[slot];

	c->line = line;
	c->bell = bell;
	c->pid = pid;
	c->back_ms = 0;
}

void
registry_seat(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	/* The one before may still stand in these lists: to be in twice would be too often. */
	bool look = c->look, touched = c->touched;

	memset(c, 0, sizeof(*c));
	c->look = look;
	c->touched = touched;
	c->line = c->bell = c->death = -1;
	c->length = 2;
	memcpy(ticker_text(t, slot), "{}", 2);
	c->seat = t->seated_count;
	t->seated[t->seated_count++] = slot;
}

/* The token is in the roll from when the slot is given until its client departs. */
static void
enroll(struct ticker *t, uint32_t slot)
{
	unsigned char token[MAIL_TOKEN];

	if (token_decode(entry_of(t, slot)->token, token))
		roll_add(&t->roll, token, slot);
}

/* Slots that are claimed, in any order; few, but when many connect at once. */
static void
add_claimed(struct ticker *t, uint32_t slot)
{
	t->clients[slot].claim = t->claimed_count;
	t->claimed[t->claimed_count++] = slot;
	enroll(t, slot);
}

void
registry_drop_claim(struct ticker *t, uint32_t slot)
{
	uint32_t last = t->claimed[--t->claimed_count];

	t->claimed[t->clients[slot].claim] = last;
	t->clients[last].claim = t->clients[slot].claim;
}

uint32_t
registry_claim(struct ticker *t, int line, int bell, const char *peer, uint32_t pid)
{
	uint32_t slot;

	if (t->free_count == 0)
		return LAYOUT_NO_SLOT;
	slot = t->free_slots[t->free_count - 1];
	if (fill_entry(t, slot, peer, pid) < 0)
		return LAYOUT_NO_SLOT;
	t->free_count--;
	registry_seat(t, slot);
	registry_adopt_claim(t, slot);
	seat_client(t, slot, line, bell, pid);
	t->clients[slot].leave_ms = clock_ms() + t->start.claim_ms;
	count_add(&t->header->counters.claimed, 1);
	return slot;
}

bool
registry_return(
    struct ticker *t, int line, int bell, const struct register_message *m, uint32_t pid)
{
	const struct entry *e;
	uint32_t state;

	if (m->segment != t->header->id || m->slot >= t->max_clients)
		return false;
	e = entry_of(t, m->slot);
	state = load_relaxed(&e->state);
	if ((state != ENTRY_CLAIMED && state != ENTRY_OPEN) ||
	    load_relaxed(&e->generation) != m->generation || load_relaxed(&e->pid) != pid ||
	    memcmp(e->token, m->token, TOKEN_LENGTH) != 0 || t->clients[m->slot].line >= 0)
		return false;
	seat_client(t, m->slot, line, bell, pid);
	if (state == ENTRY_CLAIMED)
		t->clients[m->slot].leave_ms = clock_ms() + t->start.claim_ms;
	count_add(&t->header->counters.returned, 1);
	return true;
}

void
registry_adopt_claim(struct ticker *t, uint32_t slot)
{
	add_claimed(t, slot);
}

void
registry_enlist(struct ticker *t, uint32_t slot)
{
	enroll(t, slot);
	t->clients[slot].open = true;
	t->order[t->order_count++] = slot;
	t->roster_changed = true;
	store_relaxed(&t->header->clients, t->order_count);
}

void
registry_open(struct ticker *t, uint32_t slot)
{
	struct entry *e = entry_of(t, slot);
	struct mailbox *box = segment_mailbox(t->header, slot);
	uint64_t order = load_relaxed(&t->header->order);

	if (load_relaxed(&e->state) != ENTRY_CLAIMED || t->clients[slot].doomed)
		return;
	t->clients[slot].leave_ms = 0;
	registry_drop_claim(t, slot);
	store_relaxed(&box->log_start, load_relaxed(&t->header->log_head));
	store_relaxed(&e->order, order);
	store_relaxed(&t->header->order, order + 1);
	FAULT("registry.opening");
	store_release(&e->state, ENTRY_OPEN);
	FAULT("registry.opened");
	registry_enlist(t, slot);
	count_add(&t->header->counters.opened, 1);
	tick_note(t, slot, CHANGE_OPENED);
	/* What it posted or published before we knew. */
	tick_look(t, slot);
	post_mark(t, slot);
	/* Broadcasts begin for it here: let it see that. */
	registry_ring(t, slot);
}

bool
registry_is_open(struct ticker *t, uint32_t slot)
{
	if (!t->clients[slot].open &&
	    load_acquire(&segment_slot(t->header, slot)->state) == SLOT_SERVING)
		registry_open(t, slot);
	return t->clients[slot].open;
}

void
registry_open_all(struct ticker *t)
{
	/* Backwards: one that is opened is replaced by the last. */
	for (uint32_t i = t->claimed_count; i-- > 0;)
		(void)registry_is_open(t, t->claimed[i]);
}
