#include "lock.h"

#include <errno.h>
#include <time.h>

#include "clock.h"
#include "fault.h"

#define SERIAL_BITS 16
#define GENERATION_BITS 28
#define GENERATION_MASK ((1ULL << GENERATION_BITS) - 1)

int
lock_make(struct lock *lock)
{
	store_relaxed(&lock->owner, 0);
	store_relaxed(&lock->waiters, 0);
	return sem_init(&lock->room, 1, 0);
}

void
lock_introduce(struct lock_user *user, struct lock *lock, uint32_t slot, uint64_t generation)
{
	uint64_t who = slot == LOCK_TICKER ? LOCK_TICKER : slot + 1;

	user->lock = lock;
	user->base = who << (GENERATION_BITS + SERIAL_BITS) | (generation & GENERATION_MASK)
								  << SERIAL_BITS;
	user->name = 0;
	user->serial = 0;
}

static bool
swap(struct lock *lock, uint64_t from, uint64_t to)
{
	return atomic_compare_exchange_strong_explicit(
	    &lock->owner, &from, to, memory_order_acq_rel, memory_order_relaxed);
}

/* Sleep until somebody posts, but not for long; a post that was meant for another is fine. */
static void
nap(struct lock *lock, uint64_t until_ms)
{
	uint64_t now = clock_ms();
	uint64_t left = until_ms > now ? until_ms - now : 0;
	struct timespec limit;

	if (left > LOCK_NAP_MS)
		left = LOCK_NAP_MS;
	clock_gettime(CLOCK_MONOTONIC, &limit);
	limit.tv_nsec += (long)left * 1000000;
	if (limit.tv_nsec >= 1000000000) {
		limit.tv_sec++;
		limit.tv_nsec -= 1000000000;
	}
	sem_clockwait(&lock->room, CLOCK_MONOTONIC, &limit);
}

bool
lock_take(struct lock_user *user, int wait_ms, bool *waited)
{
	struct lock *lock = user->lock;
	uint64_t until;

	user->name = user->base | user->serial++;
	if (waited != NULL)
		*waited = false;
	if (swap(lock, 0, user->name)) {
		FAULT("lock.owned");
		return true;
	}
	if (waited != NULL)
		*waited = true;
	until = clock_ms() + (uint64_t)wait_ms;
	while (clock_ms() < until) {
		/*
		 * Counted as a waiter before the last look: either the holder
		 * sees the count after it let go and posts, or this look sees
		 * that it let go.
		 */
		atomic_fetch_add_explicit(&lock->waiters, 1, memory_order_seq_cst);
		FAULT("lock.waiting");
		fence_full();
		if (load_relaxed(&lock->owner) != 0)
			nap(lock, until);
		atomic_fetch_sub_explicit(&lock->waiters, 1, memory_order_relaxed);
		FAULT("lock.woken");
		if (swap(lock, 0, user->name)) {
			FAULT("lock.owned");
			return true;
		}
	}
	return false;
}

/* After owner became 0: wake one, if any sleeps; never let posts pile up. */
static void
call_next(struct lock *lock)
{
	int value;

	fence_full();
	if (load_relaxed(&lock->waiters) != 0 && sem_getvalue(&lock->room, &value) == 0 &&
	    value <= 0) {
		FAULT("lock.calling");
		sem_post(&lock->room);
	}
}

bool
lock_release(struct lock_user *user)
{
	if (!lock_break(user->lock, user->name))
		return false;
	FAULT("lock.released");
	return true;
}

bool
lock_break(struct lock *lock, uint64_t name)
{
	if (name == 0 || !swap(lock, name, 0))
		return false;
	FAULT("lock.freed");
	call_next(lock);
	return true;
}

uint32_t
lock_name_slot(uint64_t name)
{
	uint64_t who = name >> (GENERATION_BITS + SERIAL_BITS);

	return who == LOCK_TICKER ? LOCK_TICKER : (uint32_t)(who - 1);
}

uint32_t
lock_name_generation(uint64_t name)
{
	return (uint32_t)(name >> SERIAL_BITS & GENERATION_MASK);
}

bool
lock_name_is(uint64_t name, uint32_t slot, uint64_t generation)
{
	return name != 0 && lock_name_slot(name) == slot &&
	       lock_name_generation(name) == (generation & GENERATION_MASK);
}
