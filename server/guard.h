/*
 * guard.h - a ticker that serves guests sees to it that there is a listener.
 *
 * A listener has a supervisor that starts it again.  One that a guest started
 * (guest.h) has none, and its clients' processes, being caged, cannot start
 * another.  So the two look after each other: the listener starts the ticker
 * again, and the ticker the listener.  Where both die there are guardians (guardian.h).
 */
#ifndef SERVER_GUARD_H
#define SERVER_GUARD_H

#include "books.h"

/* For a listener to come, before one is started: also to a ticker that is new itself. */
#define GUARD_COME_MS 2000

/*
 * Called at every tick, and at once when a listener is gone.  Also without
 * clients: to end the instance when nobody comes is the listener's part.
 */
void guard_look(struct ticker *t, uint64_t now_ms);

#endif
