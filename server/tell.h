/*
 * tell.h - ends of sessions, told to the spawner for the operator's program (--on-close).
 *
 * That an end is owed stands in the directory from the moment that a client is
 * open, so a ticker's successor knows it: an end is told at least once.  The
 * ticker never waits for the spawner.  If that is not there or takes nothing now,
 * the slot is kept, and with it what is to be told, but not for ever.
 */
#ifndef SERVER_TELL_H
#define SERVER_TELL_H

#include "books.h"

/* How long an end may wait until it is told. */
#define TELL_MS 10000

/*
 * A client is leaving: tell it, if that is owed.  False: it could not be told now,
 * try again.
 */
bool tell_end(struct ticker *t, uint32_t slot);

/* The spawner takes more, or is gone (TAG_SPAWNER). */
void tell_hear(struct ticker *t);

/* Once a tick: be connected to the spawner. */
void tell_turn(struct ticker *t);

#endif
