/*
 * The lock and what it is for: no two are inside, also if one died inside and the ticker
 * takes the lock from it, and none while the commons are closed; entries of the change
 * ring are whole, and none is lost or doubled.
 */
#include <sched.h>
#include <stdlib.h>

#include "../../shm/lock.h"
#include "../../shm/ring.h"
#include "race.h"

enum { CHILDREN = 3, COUNT = 64, DEATHS = 500, CLOSINGS = 100 };

static struct shared {
	struct lock lock;
	struct ring ring;
	struct change changes[COUNT];
	_Atomic uint64_t badges[CHILDREN];
	_Atomic uint32_t closed;
	_Atomic uint32_t dead[CHILDREN]; /* as its life line tells */
	/* Not atomic: it is the lock that guards it. */
	uint64_t takings;
} * s;

static void
set_up(void)
{
	s = race_memory(sizeof(*s));
	lock_make(&s->lock);
}

/* What an entry says follows from its place. */
static uint32_t
slot_at(uint64_t place)
{
	return (uint32_t)(place * 2654435761U >> 7);
}

static bool
child(struct worker *w)
{
	static _Thread_local struct lock_user user;
	uint64_t head;

	if (w->turns == 0) {
		lock_introduce(&user, &s->lock, w->number, 1);
		lock_register(&user, &s->badges[w->number], &s->closed);
	}
	user.hurry_until_ms = 0;
	if (!lock_take(&user, LOCK_NAP_MS, NULL)) {
		sched_yield();
		return false;
	}
	s->takings++;
	head = load_relaxed(&s->ring.head);
	if (ring_append(&s->ring, s->changes, COUNT, slot_at(head), head,
		(uint32_t)head % CHANGE_PROPERTIES + 1) &&
	    w->turns % DEATHS == DEATHS - 1) {
		/* It goes no further; the next one has its place, and is not it. */
		store_release(&s->dead[w->number], 1);
		while (load_acquire(&s->dead[w->number]) != 0 && !race_is_over())
			sched_yield();
		lock_leave(&user);
		return true;
	}
	CHECK(lock_release(&user), "somebody else has released it");
	return true;
}

/* break_its_lock() of departure.c */
static void
bury(void)
{
	for (uint32_t i = 0; i < CHILDREN; i++) {
		uint64_t name = load_relaxed(&s->lock.owner);

		if (load_acquire(&s->dead[i]) == 0)
			continue;
		if (lock_name_is(name, i, 1))
			CHECK(lock_break(&s->lock, name), "the dead have let go");
		store_release(&s->dead[i], 0);
	}
}

/* Once closed, those who are out stay out: nobody is in, and no lock is needed. */
static void
close_and_open(void)
{
	store_release(&s->closed, 1);
	fence_full();
	for (int i = 0; i < CHILDREN; i++)
		while (load_acquire(&s->badges[i]) != 0 && !race_is_over()) {
			bury();
			sched_yield();
		}
	if (!race_is_over())
		s->takings++;
	store_release(&s->closed, 0);
}

static bool
ticker(struct worker *w)
{
	static _Thread_local struct lock_user user;
	uint32_t slots[COUNT], taken;
	uint64_t first;
	bool everywhere;

	if (w->turns == 0)
		lock_introduce(&user, &s->lock, LOCK_TICKER, 1);
	bury();
	if (w->turns % CLOSINGS == CLOSINGS - 1)
		close_and_open();
	user.hurry_until_ms = 0;
	if (!lock_take(&user, LOCK_NAP_MS, NULL))
		return false;
	s->takings++;
	first = load_relaxed(&s->ring.tail);
	taken = ring_take(&s->ring, s->changes, COUNT, slots, COUNT, &everywhere);
	CHECK(lock_release(&user), "somebody else has released it");
	for (uint32_t i = 0; i < taken; i++)
		CHECK(slots[i] == slot_at(first + i), "entry %llu was lost or doubled",
		    (unsigned long long)first + i);
	if (taken == 0)
		sched_yield();
	return taken > 0;
}

/* The dump tool: it takes no lock. */
static bool
reader(struct worker *w)
{
	uint64_t head = load_acquire(&s->ring.head), place;
	struct change_seen seen;

	place = head - (uint64_t)rand_r(&w->seed) % COUNT;
	if (place > head || !ring_read(s->changes, COUNT, place, &seen)) {
		sched_yield();
		return false;
	}
	CHECK(seen.place == place && seen.generation == place && seen.slot == slot_at(place) &&
		  seen.kind == (uint32_t)place % CHANGE_PROPERTIES + 1,
	    "entry %llu is torn", (unsigned long long)place);
	return true;
}

const struct hunt hunt_lock = {"lock", set_up,
    (const struct role[]){
	{"child", CHILDREN, child}, {"ticker", 1, ticker}, {"reader", 1, reader}, {0}}};
