#include "adopt.h"

#include <stdlib.h>
#include <string.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/span.h"
#include "../shm/snapshot.h"
#include "../shm/token.h"
#include "bells.h"
#include "commons.h"
#include "departure.h"
#include "guard.h"
#include "drain.h"
#include "post.h"
#include "tick.h"
#include "watch.h"

void
adopt_nothing(struct ticker *t)
{
	/* The lowest number on top: low slots are used first. */
	for (uint32_t slot = t->max_clients; slot-- > 0;)
		t->free_slots[t->free_count++] = slot;
	tick_first(t);
}

/*
 * Clients that came in under other rules than ours: who has no reserved names may
 * stay (reading.h finds that out), and who is at the door has to ask again.
 */
static void
rule_anew(struct ticker *t, uint32_t slot, uint32_t state)
{
	struct entry *e = books_entry(t, slot);

	memset(e->seal, 0, SEAL_LENGTH);
	store_relaxed(&e->permitted, state == ENTRY_OPEN);
}

/* Who sat where when the ticker before us died. */
static void
adopt_entry(struct ticker *t, uint32_t slot, uint64_t now_ms)
{
	struct entry *e = books_entry(t, slot);
	uint32_t state = load_acquire(&e->state);
	struct client *c = &t->clients[slot];
	bool same_rules = strcmp(t->header->reserved, books_reserved(t)) == 0;

	if (state == ENTRY_FREE || state > ENTRY_LEAVING) {
		t->free_slots[t->free_count++] = slot;
		return;
	}
	books_seat(t, slot);
	if (!same_rules)
		rule_anew(t, slot, state);
	if (state != ENTRY_LEAVING)
		books_enroll(t, slot);
	c->pid = load_relaxed(&e->pid);
	c->back_ms = now_ms + WATCH_BACK_MS;
	departure_expect(t, slot);
	if (load_relaxed(&books_mailbox(t, slot)->stop) != STOP_NOT)
		c->leave_ms = now_ms + DEPARTURE_OBEY_MS;
	if (state == ENTRY_CLAIMED)
		books_claim(t, slot);
	if (state == ENTRY_OPEN) {
		/* There may be a program now that wants to know, or none any more. */
		store_relaxed(&e->untold, t->start.tell_ends);
		books_enlist(t, slot);
		books_look(t, slot);
	}
}

static int
compare_order(const void *a, const void *b, void *header)
{
	const struct entry *x = segment_entry(header, *(const uint32_t *)a);
	const struct entry *y = segment_entry(header, *(const uint32_t *)b);
	uint64_t p = load_relaxed(&x->order), q = load_relaxed(&y->order);

	return (p > q) - (p < q);
}

/* The client behind a token of the newest snapshot: known again, or gone. */
static void
recall(struct ticker *t, const char *token, const struct row *row, struct span text)
{
	unsigned char key[MAIL_TOKEN];
	uint32_t slot = token_decode(token, key) ? roll_find(&t->roll, key) : ROLL_NOBODY;
	struct client *c;

	if (slot == ROLL_NOBODY) {
		struct leaver *l = &t->leavers[t->leaver_count++];

		memcpy(l->token, token, TOKEN_LENGTH);
		l->opened = row->opened;
		l->slot = LAYOUT_NO_SLOT;
		t->roster_changed = true;
		return;
	}
	c = &t->clients[slot];
	c->opened = row->opened;
	c->changed = row->changed;
	if (text.length <= t->header->limits.max_properties) {
		c->length = (uint32_t)text.length;
		memcpy(books_text(t, slot), text.at, text.length);
	}
}

/*
 * Entries that the dead one wrote for a snapshot that it did not publish: nobody
 * has been told of these clients, so nobody is to be told that they left.  They
 * keep their places: what stood there before is written over.
 */
static void
forget_departed(struct header *h, uint64_t published)
{
	uint64_t head = load_relaxed(&h->departed_head);

	for (uint64_t n = published; n < head; n++)
		segment_departed(h, n)->opened = UINT32_MAX;
}

/* The past: what clients were told last. */
static void
recall_snapshot(struct ticker *t)
{
	struct header *h = t->header;
	uint64_t current = load_acquire(&h->current);
	struct snapshot view;
	struct span rest, key, value;
	const struct generation *g = &h->generations[(current & 0xff) % LAYOUT_GENERATIONS];

	t->number = (uint32_t)(current >> 8);
	forget_departed(h, g->departed);
	FAULT("adopt.recalling");
	snapshot_view(h, g, &view);
	/* The members of "properties", from the brace on; the closing one is in the tail. */
	rest.at = view.people + sizeof(SNAPSHOT_PEOPLE) - 2;
	rest.length = view.people_length + view.tail_length - (sizeof(SNAPSHOT_PEOPLE) - 2);
	for (uint32_t n = 0; n < view.count && span_next_member(&rest, &key, &value); n++)
		recall(t, key.at + 1, &view.rows[n], value);
}

/* The ticker before us may have died with the lock in its hand. */
static void
take_its_lock(struct ticker *t)
{
	uint64_t name = load_relaxed(&t->commons->lock.owner);

	if (name == 0 || lock_name_slot(name) != LOCK_TICKER ||
	    !lock_break(&t->commons->lock, name))
		return;
	FAULT("adopt.unlocked");
	count_add(&t->header->counters.lock_recoveries, 1);
	log_warning(
	    "lock-recovered", "holder=ticker generation=%u", lock_name_generation(name));
}

/* How far mail had got is read off before any of it moves on. */
static void
settle_mail(struct ticker *t)
{
	for (uint32_t i = 0; i < t->seated_count; i++)
		post_settle(t, t->seated[i]);
	FAULT("adopt.settled");
}

/*
 * Who was leaving goes on with that, and who has died meanwhile leaves: the
 * others come back.
 */
static void
bury(struct ticker *t)
{
	/* Backwards: one that becomes free is replaced by the last. */
	for (uint32_t i = t->seated_count; i-- > 0;) {
		uint32_t slot = t->seated[i];

		store_relaxed(&books_mailbox(t, slot)->wanted, 0);
		if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_LEAVING)
			post_drain(t, slot);
		if (t->clients[slot].death < 0)
			departure_leave(t, slot);
	}
	FAULT("adopt.buried");
}

static void
release(struct ticker *t, uint32_t first, uint32_t count)
{
	const struct layout *l = &t->header->layout;

	if (count == 0)
		return;
	segment_release(&t->segment, l->slots + first * l->slot_size, count * l->slot_size);
	segment_release(&t->segment, l->inboxes + first * l->inbox_size, count * l->inbox_size);
}

/* Pages of free slots, in case that the dead one did not get to give them back. */
static void
release_free(struct ticker *t)
{
	uint32_t first = 0;

	for (uint32_t slot = 0; slot < t->max_clients; slot++) {
		if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_FREE)
			continue;
		release(t, first, slot - first);
		first = slot + 1;
	}
	release(t, first, t->max_clients - first);
	FAULT("adopt.released");
}

void
adopt_segment(struct ticker *t)
{
	struct header *h = t->header;
	uint64_t now_ms = clock_ms();

	t->back_ms = now_ms + WATCH_BACK_MS;
	t->guard_ms = now_ms + GUARD_COME_MS;
	take_its_lock(t);
	commons_adopt(t, now_ms);
	for (uint32_t slot = t->max_clients; slot-- > 0;)
		adopt_entry(t, slot, now_ms);
	FAULT("adopt.seated");
	qsort_r(t->order, t->order_count, sizeof(*t->order), compare_order, h);
	if (load_acquire(&h->current) != 0)
		recall_snapshot(t);
	else
		tick_first(t);
	t->arena_used = 0;
	if (load_relaxed(&h->draining) != 0)
		drain_begin(t, 0);
	settle_mail(t);
	bury(t);
	release_free(t);
	(void)post_mark_all(t);
	(void)post_scan(t, UINT64_MAX);
	bells_flush(t);
	log_info("segment-adopted", "clients=%u seated=%u snapshot=%u", t->order_count,
	    t->seated_count, t->number);
	/* What has changed meanwhile has waited long enough. */
	tick_run(t, now_ms);
}
