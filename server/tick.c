#include "tick.h"

#include <stdlib.h>
#include <string.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "bells.h"
#include "departure.h"
#include "commons.h"
#include "kill.h"
#include "post.h"
#include "reading.h"
#include "render.h"
#include "tell.h"
#include "watch.h"

#define LOCK_WAIT_MS 20 /* then the tick looks at every slot instead of at the ring */

int
tick_make(struct ticker *t)
{
	t->scratch_slots = calloc(t->header->layout.ring_count, sizeof(*t->scratch_slots));
	return t->scratch_slots != NULL ? 0 : -1;
}

static bool
take_lock(struct ticker *t)
{
	uint64_t start = clock_us();
	bool waited, taken = lock_take(&t->user, LOCK_WAIT_MS, &waited);

	histogram_add(&t->header->histograms.lock_wait, waited ? clock_us() - start : 0);
	if (taken)
		t->starved_ms = 0;
	else if (t->starved_ms == 0)
		t->starved_ms = clock_ms();
	return taken;
}

/* Which slots to look at: what the ring says. */
static void
take_changes(struct ticker *t)
{
	uint64_t count = t->header->layout.ring_count;
	uint32_t taken = 0;
	bool everywhere = true;

	if (take_lock(t)) {
		taken = ring_take(&t->commons->ring, t->commons->changes, count,
		    t->scratch_slots, (uint32_t)count, &everywhere);
		(void)lock_release(&t->user);
	}
	count_add(&t->header->counters.changes, taken);
	for (uint32_t i = 0; i < taken; i++)
		if (t->scratch_slots[i] < t->max_clients &&
		    t->clients[t->scratch_slots[i]].open)
			books_look(t, t->scratch_slots[i]);
	count_add(&t->header->counters.ring_overflows, everywhere);
}

/*
 * What the ring does not say: that it was full, that somebody could not get the
 * lock, or that a child has scribbled over it.  A look at a version is one load.
 */
static void
compare_versions(struct ticker *t)
{
	for (uint32_t i = 0; i < t->order_count; i++) {
		uint32_t slot = t->order[i];

		if (load_relaxed(&books_slot(t, slot)->version) != t->clients[slot].version)
			books_look(t, slot);
	}
}

static void
note_fresh(struct ticker *t, uint32_t slot)
{
	t->clients[slot].changed = t->number + 1;
	/* It overflows only if snapshots found no room: then all is rendered anew. */
	if (t->fresh_count < t->max_clients)
		t->fresh[t->fresh_count++] = slot;
	else
		t->roster_changed = true;
}

/*
 * It has lied about itself.  It is not shown any more, not even in this tick: perhaps it
 * has hidden what others are to know of it.
 */
static void
expel(struct ticker *t, uint32_t slot, const char *why)
{
	kill_child(t, slot, KILL_LIE, why);
	departure_leave(t, slot);
}

/* True if anybody's properties are different from what the newest snapshot says. */
static bool
read_changes(struct ticker *t)
{
	uint32_t count = t->look_count;
	bool any = false;

	t->look_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = t->look[i];
		struct client *c = &t->clients[slot];

		c->look = false;
		if (!c->open || c->doomed)
			continue;
		switch (reading_take(t, slot)) {
		case READING_SAME: break;
		case READING_CHANGED:
			note_fresh(t, slot);
			any = true;
			break;
		case READING_LATER: books_look(t, slot); break;
		case READING_LIE: expel(t, slot, "nonsense in its properties"); break;
		case READING_FORGED: expel(t, slot, "forged reserved properties"); break;
		}
	}
	return any;
}

/* Reading the CPU's clock is a system call: an idle server is spared it. */
static bool
is_work(const struct ticker *t)
{
	const struct ring *ring = &t->commons->ring;

	return t->roster_changed || t->look_count > 0 || load_relaxed(&ring->overflow) != 0 ||
	       load_relaxed(&ring->head) != load_relaxed(&ring->tail);
}

/* CPU time of this process; the children that it wakes are not part of it. */
static uint64_t
cpu_us(void)
{
	return clock_read(CLOCK_PROCESS_CPUTIME_ID, 1000000);
}

/* Properties that changed in a tick whose snapshot found no room are still to be told. */
static void
publish(struct ticker *t)
{
	uint64_t before_us;

	if (!render_publish(t)) {
		t->roster_changed = true;
		watch_pins(t);
		return;
	}
	count_add(&t->header->counters.snapshots, 1);
	before_us = cpu_us();
	bells_touch_all(t);
	bells_flush(t);
	count_add(&t->header->counters.tick_ring_us, cpu_us() - before_us);
	FAULT("tick.told");
}

void
tick_first(struct ticker *t)
{
	if (!render_publish(t))
		log_error("no-snapshot", "number=1");
}

void
tick_run(struct ticker *t, uint64_t now_ms)
{
	struct ticker_counters *n = &t->header->counters;
	uint64_t start = clock_us(), before_us = 0;
	bool changed, work = is_work(t);

	if (work)
		before_us = cpu_us() - load_relaxed(&n->tick_ring_us);
	count_add(&n->ticks, 1);
	store_relaxed(&t->header->tick_boot_ms, clock_boot_ms());
	commons_watch(t, now_ms);
	take_changes(t);
	compare_versions(t);
	FAULT("tick.taken");
	changed = read_changes(t);
	FAULT("tick.read");
	if (changed || t->roster_changed)
		publish(t);
	(void)post_mark_all(t);
	bells_flush(t);
	tell_turn(t);
	if (t->start.tell_ends)
		departure_retry(t);
	watch_run(t, now_ms);
	if (work)
		count_add(
		    &n->tick_work_us, cpu_us() - load_relaxed(&n->tick_ring_us) - before_us);
	histogram_add_span(&t->header->histograms.tick_time, start, clock_us());
}
