/*
 * commons.h - what all children may write, and so any of them may spoil.
 *
 * The ticker needs nothing of it: it looks there to find out faster what it would
 * find anyhow.  But children wait for a lock that somebody keeps, and whoever
 * spoils the commons once will do so again.  So, in each tick:
 *
 *	somebody has held the lock for		killed, if the name in the lock is on
 *	over WATCH_LOCK_MS			its badge (lock.h)
 *	a name that nobody admits, a ring	made anew (layout.h says how)
 *	that cannot be, a lock that is
 *	never free
 *	the same within COMMONS_AGAIN_MS	closed: all do without
 *	somebody touches them while they	killed (witness.h)
 *	are closed
 *	nobody does for COMMONS_QUIET_MS	made anew and opened
 *
 * No client is dropped for any of it but the one who did it, and no change is
 * lost.  Where the kernel does not let us see who it was, they stay closed for
 * as long as it goes on, which costs the others nothing.
 */
#ifndef SERVER_COMMONS_H
#define SERVER_COMMONS_H

#include "books.h"

#define COMMONS_AGAIN_MS 10000
#define COMMONS_QUIET_MS 5000

/* Once a tick, before anything is taken from them. */
void commons_watch(struct ticker *t, uint64_t now_ms);

/* As the ticker before us left them. */
void commons_adopt(struct ticker *t, uint64_t now_ms);

#endif
