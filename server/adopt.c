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
#include "departure.h"
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

/* Who sat where when the ticker before us died. */
static void
adopt_entry(struct ticker *t, uint32_t slot, uint64_t now_ms)
{
	const struct entry *e = books_entry(t, slot);
	uint32_t state = load_acquire(&e->state);
	struct client *c = &t->clients[slot];

	if (state == ENTRY_FREE || state > ENTRY_LEAVING) {
		t->free_slots[t->free_count++] = slot;
		return;
	}
	books_seat(t, slot);
	if (state != ENTRY_LEAVING)
		books_enroll(t, slot);
	c->pid = load_relaxed(&e->pid);
	c->back_ms = now_ms + WATCH_BACK_MS;
	if (state == ENTRY_CLAIMED)
		books_claim(t, slot);
	if (state == ENTRY_OPEN) {
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
	/* Entries that the dead one wrote for a snapshot that it did not publish. */
	store_relaxed(&h->departed_head, g->departed);
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

	if (name != 0 && lock_name_slot(name) == LOCK_TICKER &&
	    lock_break(&t->commons->lock, name))
		count_add(&t->header->counters.lock_recoveries, 1);
}

/* How far mail had got is read off before any of it moves on. */
static void
settle_mail(struct ticker *t)
{
	for (uint32_t i = 0; i < t->seated_count; i++)
		post_settle(t, t->seated[i]);
	FAULT("adopt.settled");
}

/* Slots that were leaving: their mail is delivered, then they are free. */
static void
finish_leaving(struct ticker *t)
{
	for (uint32_t i = t->seated_count; i-- > 0;) {
		uint32_t slot = t->seated[i];

		if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_LEAVING)
			departure_resume_leave(t, slot);
	}
}

void
adopt_segment(struct ticker *t)
{
	struct header *h = t->header;
	uint64_t now_ms = clock_ms();

	t->back_ms = now_ms + WATCH_BACK_MS;
	take_its_lock(t);
	for (uint32_t slot = t->max_clients; slot-- > 0;)
		adopt_entry(t, slot, now_ms);
	qsort_r(t->order, t->order_count, sizeof(*t->order), compare_order, h);
	if (load_acquire(&h->current) != 0)
		recall_snapshot(t);
	else
		tick_first(t);
	t->arena_used = 0;
	if (load_relaxed(&h->draining) != 0)
		drain_begin(t, 0);
	settle_mail(t);
	finish_leaving(t);
	(void)post_mark_all(t);
	(void)post_scan(t, UINT64_MAX);
	bells_flush(t);
	log_info("segment-adopted", "clients=%u seated=%u snapshot=%u", t->order_count,
	    t->seated_count, t->number);
}
