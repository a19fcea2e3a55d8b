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

enum { CHILDREN = 3, COUNT = 64, DEATHS = 500, CLOSINGS = 8, LOOKS = 50 };

static struct shared {
	struct lock lock;
	struct ring ring;
	struct change changes[COUNT];
	_Atomic uint64_t badges[CHILDREN];
	_Atomic uint32_t closed;
	_Atomic uint32_t dead[CHILDREN]; /* as its life line tells */
	/* Not atomic: it is the lock that guards it. */
	uint32_t holder;
	_Atomic uint32_t inside[CHILDREN];
} * s;

static void
set_up(void)
{
	s = race_memory(sizeof(*s));
	lock_make(&s->lock);
}

/* With the lock, or where none is needed. */
static void
come_in(uint32_t who)
{
	CHECK(s->holder == 0, "%u is inside with %u", s->holder, who);
	s->holder = who;
}

static void
go_out(uint32_t who)
{
	CHECK(s->holder == who, "%u is inside with %u", s->holder, who);
	s->holder = 0;
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
	come_in(w->number + 1);
	head = load_relaxed(&s->ring.head);
	(void)ring_append(&s->ring, s->changes, COUNT, slot_at(head), head,
	    (uint32_t)head % CHANGE_PROPERTIES + 1);
	go_out(w->number + 1);
	if (w->turns % DEATHS == DEATHS - 1) {
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
		uint64_t name;

		/* First that it is dead: until then it may still take the lock. */
		if (load_acquire(&s->dead[i]) == 0)
			continue;
		name = load_relaxed(&s->lock.owner);
		if (lock_name_is(name, i, 1))
			CHECK(lock_break(&s->lock, name), "the dead have let go");
		store_release(&s->dead[i], 0);
	}
}

/* owner_is_real() of commons.c: the name in the lock is on a badge, or was, and is gone. */
static void
look_at_owner(void)
{
	for (int i = 0; i < LOOKS; i++) {
		uint64_t name = load_acquire(&s->lock.owner);
		uint32_t slot = lock_name_slot(name);

		if (name != 0 && load_acquire(&s->badges[slot]) != name)
			CHECK(!lock_break(&s->lock, name), "%u had the lock without its badge",
			    slot);
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
	if (!race_is_over()) {
		come_in(CHILDREN + 1);
		go_out(CHILDREN + 1);
	}
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
	look_at_owner();
	if (w->turns % CLOSINGS == CLOSINGS - 1)
		close_and_open();
	user.hurry_until_ms = 0;
	/* Not for long: perhaps who has it is dead. */
	if (!lock_take(&user, 1, NULL))
		return false;
	come_in(CHILDREN + 1);
	first = load_relaxed(&s->ring.tail);
	taken = ring_take(&s->ring, s->changes, COUNT, slots, COUNT, &everywhere);
	go_out(CHILDREN + 1);
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

	/* Most of all the one that is written over next. */
	place = head - (rand_r(&w->seed) % 2 ? COUNT : (uint64_t)rand_r(&w->seed) % COUNT);
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

/* Who comes in without the lock, as who marks its outbox, stays out of closed commons, too. */

static bool
enter(struct worker *w)
{
	static _Thread_local struct lock_user user;

	if (w->turns == 0) {
		lock_introduce(&user, &s->lock, w->number, 1);
		lock_register(&user, &s->badges[w->number], &s->closed);
	}
	if (!lock_enter(&user))
		return false;
	store_relaxed(&s->inside[w->number], 1);
	for (int i = rand_r(&w->seed) % 64; i > 0; i--)
		load_relaxed(&s->closed);
	store_relaxed(&s->inside[w->number], 0);
	lock_leave(&user);
	return true;
}

/* bar() of commons.c */
static bool
bar(struct worker *w)
{
	store_release(&s->closed, 1);
	fence_full();
	for (int i = 0; i < CHILDREN && !race_is_over(); i++)
		if (load_acquire(&s->badges[i]) == 0)
			for (int looks = rand_r(&w->seed) % 64; looks >= 0; looks--)
				CHECK(load_relaxed(&s->inside[i]) == 0,
				    "%d is in, and has no badge", i);
	store_release(&s->closed, 0);
	for (int i = rand_r(&w->seed) % 64; i > 0; i--)
		load_relaxed(&s->closed);
	return true;
}

const struct hunt hunt_closed = {"closed", set_up,
    (const struct role[]){{"child", CHILDREN, enter}, {"ticker", 1, bar}, {0}}};
