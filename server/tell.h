/*
 * tell.h - ends of sessions, told to the spawner for the operator's program (--on-close).
 *
 * That an end is owed stands in the directory (entry.untold) from the moment that a client
 * is open until the spawner says that it has taken it.  Until then the slot is kept, and
 * with it what is to be told.
 *
 *	line closes	it is told again on the next: a spawner that retires takes what
 *			it was told before, and says so, before it closes
 *	ticker dies	its successor finds it in the directory and tells it.  A spawner
 *			knows what it has taken (by slot and generation), and takes it once
 *	ticker yields	it tells nothing more, and waits a moment for what it has told
 *	spawner dies	what it had taken and not run dies with it
 *
 * So it is told once, unless one of them dies: if a ticker dies that has not heard that an
 * end was taken, or a spawner that has not said so, its successor may hear it again.
 * The ticker never waits for the spawner, and no end for ever.
 */
#ifndef SERVER_TELL_H
#define SERVER_TELL_H

#include "books.h"

/* How long an end may wait until it is taken; less than DEPARTURE_OBEY_MS. */
#define TELL_MS 10000

/* How long a ticker that is to yield waits for the spawner's word. */
#define TELL_YIELD_MS 5000

/*
 * A client is leaving: tell it, if that is owed.  False: it is not taken yet, try
 * again.
 */
bool tell_end(struct ticker *t, uint32_t slot);

/* The spawner has said something, or is gone (TAG_SPAWNER). */
void tell_hear(struct ticker *t);

/* Once a tick: be connected to the spawner. */
void tell_turn(struct ticker *t);

#endif
