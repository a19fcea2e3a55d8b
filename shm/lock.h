/*
 * lock.h - the lock over the commons, which survives the death of its holder.
 *
 * Semaphores do not: a process that dies between waiting and posting leaves
 * everybody waiting for ever.  So here the semaphore is only the waiting room.
 * The lock is the word `owner`: 0, or a name that says who holds it, taken by
 * compare-and-swap.  Who finds it taken sleeps on the semaphore, always with a
 * time limit, and looks again.
 *
 *	name	slot + 1 (20 bits) | generation (28 bits) | serial (16 bits)
 *
 * The serial goes up with each taking, so that a name stands for one taking of
 * the lock.  To break the lock (departure.c, watch.c, adopt.c) is to swap exactly
 * the name that was seen against 0: if the holder let go meanwhile, nothing
 * happens.  It is done to the dead alone: who lives and holds it too long is
 * killed first; and to names that nobody admits.
 *
 * Anybody may write the lock, so a name in it proves nothing.  Who takes it
 * writes the name into its badge first, which nobody else can write, and clears
 * it last.  So a name that does not stand on the badge of the one it names is
 * a forgery (commons.h), and nobody is killed for what others have written.
 * Nor does anybody depend on the lock: who waited for it in vain does without
 * (session.c), and does not wait again for LOCK_HURRY_MS.
 *
 * The semaphore is one of our own on futex(2).  In a sem_t the C library keeps
 * which operation it is to ask the kernel for, and ends the process if the kernel
 * has no such thing: a child that scribbles over it killed the ticker and
 * those who waited.
 *
 * Holder killed before the swap:	not a holder.
 * Holder killed while it holds:	its life line closes, and when it is known
 *					to be dead the ticker breaks the lock and
 *					posts.
 * Killed between owner = 0 and post:	waiters look again after LOCK_NAP_MS.
 * Waiter killed:			`waiters` stays too high, which costs a
 *					superfluous post now and then.
 * Spurious post:			the waiter looks, and sleeps again.
 *
 * tests/model/lock.pml is this protocol, checked for all of the above.
 */
#ifndef SHM_LOCK_H
#define SHM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

#define LOCK_NAP_MS 100      /* longest sleep before one looks again */
#define LOCK_HURRY_MS 1000   /* after a wait in vain there is none for so long */
#define LOCK_TICKER 0xfffffU /* slot number in the ticker's names */

struct lock {
	_Atomic uint64_t owner;   /* L  0: free */
	_Atomic uint32_t waiters; /* *  how many sleep, or a little more */
	_Atomic uint32_t room;    /* *  the waiting room, a semaphore: 1 if a post is left */
};

/* Who one is when one takes the lock; private to each process. */
struct lock_user {
	struct lock *lock;
	uint64_t base; /* a name without its serial */
	uint64_t name; /* of the last taking */
	uint16_t serial;
	uint64_t hurry_until_ms;
	_Atomic uint64_t *badge;        /* 0: it does not touch what the lock is for */
	const _Atomic uint32_t *closed; /* not 0: it must not; or NULL, as badge */
};

/* Make a lock that nobody holds. */
void lock_make(struct lock *lock);

void
lock_introduce(struct lock_user *user, struct lock *lock, uint32_t slot, uint64_t generation);

/* Let it be seen on its badge that the user is inside, and keep it out while closed is set. */
void
lock_register(struct lock_user *user, _Atomic uint64_t *badge, const _Atomic uint32_t *closed);

/*
 * Come in: false if it is closed.  The badge is up before closed is looked at, so
 * whoever closes and then sees a badge that is down knows that nobody is in.
 */
bool lock_enter(struct lock_user *user);
void lock_leave(struct lock_user *user);

/*
 * Come in and take the lock; false if it is closed, or somebody else still holds it
 * after wait_ms (0: do not wait).  *waited, if given, says whether it was held by
 * somebody else.
 */
bool lock_take(struct lock_user *user, int wait_ms, bool *waited);

/* Let go, and leave.  False if the lock was not ours any more: it was broken. */
bool lock_release(struct lock_user *user);

/* Take the lock from the holder of that name; false if it is not the holder. */
bool lock_break(struct lock *lock, uint64_t name);

/* Slot in a name, LOCK_TICKER for the ticker; generation modulo 2^28. */
uint32_t lock_name_slot(uint64_t name);
uint32_t lock_name_generation(uint64_t name);
bool lock_name_is(uint64_t name, uint32_t slot, uint64_t generation);

#endif
