#include "watch.h"

#include <errno.h>

#include "../shm/clock.h"
#include "../shm/log.h"
#include "departure.h"
#include "guard.h"
#include "kill.h"
#include "latch.h"
#include "peer.h"
#include "reception.h"

/* A pin is too old when its snapshot is this many behind: children copy at two. */
#define PIN_AGE_MAX 3U

/* Part of --hung that a child has to have computed, in vain, to be taken for one that spins. */
#define SPIN_PART 10U

/*
 * A child that is stopped, or sleeps where it should not, does not wake; one that
 * is runnable may only be starved.  So half of the time after it was rung its CPU
 * time is noted, and from the end on it is hung once it has used enough since.
 */
static bool
is_hung(struct ticker *t, struct client *c, uint64_t now_ms)
{
	uint64_t waited_ms = watch_elapsed(now_ms, c->rung_ms);
	struct peer_work work;

	if (waited_ms < t->start.hung_ms / 2)
		return false;
	if (!peer_work(c->pid, &work))
		return waited_ms >= t->start.hung_ms;
	if (c->noted_ms != c->rung_ms) {
		c->noted_ms = c->rung_ms;
		c->cpu_ms = work.cpu_ms;
	}
	return waited_ms >= t->start.hung_ms &&
	       (!work.runnable || work.cpu_ms - c->cpu_ms >= t->start.hung_ms / SPIN_PART);
}

/* Dead and alive are told apart by its life line; this is about alive and well. */
static void
watch_child(struct ticker *t, uint32_t slot, uint64_t now_ms)
{
	struct client *c = &t->clients[slot];

	if (c->rung_ms != 0) {
		const struct slot *s = books_slot(t, slot);

		/* One that was awake may have gone to sleep since: its flag is set again. */
		if (load_relaxed(&s->heartbeat) != c->heartbeat ||
		    load_relaxed(&s->asleep) != 0)
			c->rung_ms = 0;
		else if (is_hung(t, c, now_ms))
			kill_child(t, slot, KILL_HUNG, "does not wake when it is rung");
	}
	if (c->wanted_ms != 0 && watch_elapsed(now_ms, c->wanted_ms) >= WATCH_STALL_MS)
		kill_child(t, slot, KILL_STALL, "does not take its mail");
	if (c->leave_ms != 0 && now_ms >= c->leave_ms)
		kill_child(t, slot, KILL_HUNG, "does not come to an end");
	if (c->back_ms != 0 && now_ms >= c->back_ms) {
		kill_child(t, slot, KILL_LOST, "did not come back to the new ticker");
		departure_leave(t, slot);
	}
}

/* Not while somebody is on his way (latch.h). */
static bool
may_end(struct ticker *t)
{
	if (t->latch < 0)
		t->latch = latch_take(t->start.name, LATCH_ALONE, 0);
	return t->latch >= 0 || errno != EAGAIN;
}

static void
watch_loneliness(struct ticker *t, uint64_t now_ms)
{
	if (t->draining && t->seated_count == 0)
		t->over = true;
	if (t->seated_count > 0 || books_has_listener(t))
		t->lonely_ms = 0;
	else if (t->lonely_ms == 0)
		t->lonely_ms = now_ms;
	else if (watch_elapsed(now_ms, t->lonely_ms) >= WATCH_LONELY_MS && may_end(t))
		t->over = true;
}

void
watch_run(struct ticker *t, uint64_t now_ms)
{
	/* Backwards: one that leaves is replaced by the last. */
	for (uint32_t i = t->seated_count; i-- > 0;)
		watch_child(t, t->seated[i], now_ms);
	reception_expire(t, now_ms);
	guard_look(t, now_ms);
	watch_loneliness(t, now_ms);
}

void
watch_pins(struct ticker *t)
{
	for (uint32_t i = 0; i < t->seated_count; i++) {
		uint32_t slot = t->seated[i];
		uint32_t pinned = load_relaxed(&books_slot(t, slot)->pinned);

		if (pinned != 0 && t->number - pinned >= PIN_AGE_MAX)
			kill_child(t, slot, KILL_PIN, "does not let go of an old snapshot");
	}
}
