#include "lock.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fault.h"

#define SERIAL_BITS 16
#define GENERATION_BITS 28
#define GENERATION_MASK ((1ULL << GENERATION_BITS) - 1)

void
lock_make(struct lock *lock)
{
	store_relaxed(&lock->waiters, 0);
	store_relaxed(&lock->room, 0);
	store_release(&lock->owner, 0);
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
	user->hurry_until_ms = 0;
	user->badge = NULL;
	user->closed = NULL;
}

void
lock_register(struct lock_user *user, _Atomic uint64_t *badge, const _Atomic uint32_t *closed)
{
	user->badge = badge;
	user->closed = closed;
}

bool
lock_enter(struct lock_user *user)
{
	user->name = user->base | user->serial++;
	if (user->badge == NULL)
		return true;
	store_relaxed(user->badge, user->name);
	fence_full();
	if (load_acquire(user->closed) == 0)
		return true;
	lock_leave(user);
	return false;
}

void
lock_leave(struct lock_user *user)
{
	if (user->badge != NULL)
		store_release(user->badge, 0);
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
	limit = (struct timespec){.tv_nsec = (long)left * 1000000};
	if (atomic_exchange_explicit(&lock->room, 0, memory_order_relaxed) != 0)
		return;
	/* It returns at once if there is a post by now; any error is as good as a post. */
	(void)syscall(SYS_futex, &lock->room, FUTEX_WAIT, 0, &limit);
	atomic_exchange_explicit(&lock->room, 0, memory_order_relaxed);
}

static bool
wait_and_take(struct lock_user *user, int wait_ms)
{
	struct lock *lock = user->lock;
	uint64_t now, until = clock_ms() + (uint64_t)wait_ms;

	while ((now = clock_ms()) < until && now >= user->hurry_until_ms) {
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
		if (swap(lock, 0, user->name))
			return true;
	}
	if (wait_ms > 0 && now >= user->hurry_until_ms)
		user->hurry_until_ms = now + LOCK_HURRY_MS;
	return false;
}

bool
lock_take(struct lock_user *user, int wait_ms, bool *waited)
{
	if (waited != NULL)
		*waited = false;
	if (!lock_enter(user))
		return false;
	if (!swap(user->lock, 0, user->name)) {
		if (waited != NULL)
			*waited = true;
		if (!wait_and_take(user, wait_ms)) {
			lock_leave(user);
			return false;
		}
	}
	FAULT("lock.owned");
	return true;
}

/* After owner became 0: wake one, if any sleeps. */
static void
call_next(struct lock *lock)
{
	fence_full();
	if (load_relaxed(&lock->waiters) == 0)
		return;
	FAULT("lock.calling");
	store_relaxed(&lock->room, 1);
	(void)syscall(SYS_futex, &lock->room, FUTEX_WAKE, 1);
}

bool
lock_release(struct lock_user *user)
{
	bool ours = lock_break(user->lock, user->name);

	lock_leave(user);
	if (ours)
		FAULT("lock.released");
	return ours;
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
