/* What all children may write: the lock, the change ring, the marks of the outboxes. */
#include <string.h>

#include "../../../shm/clock.h"
#include "orders.h"

typedef const long numbers[ORDERS_NUMBERS];

/* Show signs of life now and then while something is done without end; false: time is up. */
static bool
go_on(struct child *c, uint64_t until_ms)
{
	orders_pretend(c, 0);
	return clock_ms() < until_ms;
}

static uint64_t
end_of(numbers n)
{
	return clock_ms() + (uint64_t)n[0];
}

/* The lock. */

static void
hold_spinning(struct child *c, numbers n)
{
	_Atomic uint64_t turns = 0;

	(void)n;
	(void)lock_take(&c->seat.user, 1000, NULL);
	for (;;)
		count_add(&turns, 1);
}

static void
hold_asleep(struct child *c, numbers n)
{
	(void)n;
	(void)lock_take(&c->seat.user, 1000, NULL);
	orders_sleep();
}

/* With a heartbeat, and again as soon as it is taken away; for numbers[0] ms. */
static void
hold_alive(struct child *c, numbers n)
{
	struct lock *lock = &c->seat.commons->lock;
	uint64_t until = end_of(n), name = c->seat.user.base;

	/* Whatever the badge says. */
	while (go_on(c, until))
		if (load_relaxed(&lock->owner) != name)
			store_release(&lock->owner, name);
	orders_answer(c, "done");
}

/* By the rules, but for hardly letting go of it; for numbers[0] ms. */
static void
hold_again(struct child *c, numbers n)
{
	uint64_t until = end_of(n);

	while (go_on(c, until)) {
		uint64_t let_go = clock_ms() + 50;

		if (!lock_take(&c->seat.user, 10, NULL))
			continue;
		while (clock_ms() < let_go)
			orders_pretend(c, 0);
		(void)lock_release(&c->seat.user);
	}
	orders_answer(c, "done");
}

/* As if somebody else held it, who knows nothing of it; for numbers[0] ms. */
static void
hold_for_somebody(struct child *c, numbers n)
{
	uint32_t slot = orders_other_slot(c);
	struct lock *lock = &c->seat.commons->lock;
	struct lock_user other;
	uint64_t until = end_of(n);

	lock_introduce(
	    &other, lock, slot, load_relaxed(&segment_entry(c->seat.header, slot)->generation));
	while (go_on(c, until))
		store_release(&lock->owner, other.base | 7);
	orders_answer(c, "done");
}

/* All of it. */

static uint64_t
noise(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void
scribble(struct child *c, uint64_t *state)
{
	_Atomic uint64_t *at = (_Atomic uint64_t *)(void *)c->seat.commons;

	for (uint64_t i = 0; i < c->seat.header->layout.commons_size / sizeof(*at); i++)
		store_relaxed(&at[i], noise(state));
}

static void
scribble_once(struct child *c, numbers n)
{
	uint64_t state = 88172645463325252ULL;

	(void)n;
	scribble(c, &state);
	orders_answer(c, "done");
}

/* For numbers[0] ms, with a heartbeat. */
static void
scribble_alive(struct child *c, numbers n)
{
	uint64_t state = 88172645463325252ULL, until = end_of(n);

	while (go_on(c, until))
		scribble(c, &state);
	orders_answer(c, "done");
}

/* The same, and its badge says that it has not left yet. */
static void
scribble_inside(struct child *c, numbers n)
{
	uint64_t state = 88172645463325252ULL, until = end_of(n);

	while (go_on(c, until)) {
		store_release(&c->seat.self->badge, 1);
		scribble(c, &state);
	}
	orders_answer(c, "done");
}

static void
scribble_for_ever(struct child *c, numbers n)
{
	uint64_t state = 88172645463325252ULL;

	(void)n;
	for (;;)
		scribble(c, &state);
}

static void
fill(struct child *c, int byte)
{
	memset(c->seat.commons, byte, c->seat.header->layout.commons_size);
	orders_answer(c, "done");
}

static void
erase(struct child *c, numbers n)
{
	(void)n;
	fill(c, 0);
}

static void
fill_with_ones(struct child *c, numbers n)
{
	(void)n;
	fill(c, 0xff);
}

/* Hints. */

static void
fill_ring(struct child *c, numbers n)
{
	struct seat *s = &c->seat;
	uint64_t count = s->header->layout.ring_count;

	(void)n;
	(void)lock_take(&s->user, 1000, NULL);
	while (ring_append(
	    &s->commons->ring, s->commons->changes, count, s->slot, s->generation, CHANGE_NONE))
		continue;
	(void)lock_release(&s->user);
	orders_answer(c, "done");
}

/* Nobody's change and nobody's mail is to be noticed; for numbers[0] ms. */
static void
erase_hints(struct child *c, numbers n)
{
	struct commons *commons = c->seat.commons;
	uint64_t until = end_of(n);

	while (go_on(c, until)) {
		for (int i = 0; i < 100; i++) {
			store_relaxed(&commons->dirty[0], 0);
			store_relaxed(&commons->ring.overflow, 0);
			store_relaxed(&commons->ring.tail, load_relaxed(&commons->ring.head));
		}
	}
	orders_answer(c, "done");
}

/* Everybody is said to have mail, always; for numbers[0] ms. */
static void
raise_hints(struct child *c, numbers n)
{
	struct commons *commons = c->seat.commons;
	uint64_t until = end_of(n);

	while (go_on(c, until)) {
		for (size_t i = 0; i < sizeof(commons->dirty) / sizeof(commons->dirty[0]); i++)
			store_relaxed(&commons->dirty[i], UINT64_MAX);
		store_relaxed(&commons->ring.overflow, 1);
		seat_ring_ticker(&c->seat);
	}
	orders_answer(c, "done");
}

const struct order orders_commons[] = {
    {"hold-spinning", hold_spinning},
    {"hold-asleep", hold_asleep},
    {"hold-alive", hold_alive},
    {"hold-again", hold_again},
    {"hold-for-somebody", hold_for_somebody},
    {"scribble-once", scribble_once},
    {"scribble-alive", scribble_alive},
    {"scribble-inside", scribble_inside},
    {"scribble-for-ever", scribble_for_ever},
    {"erase", erase},
    {"fill-with-ones", fill_with_ones},
    {"fill-ring", fill_ring},
    {"erase-hints", erase_hints},
    {"raise-hints", raise_hints},
    {NULL, NULL},
};
