/*
 * host.h - a listener without sockets.
 *
 * It keeps the ticker alive for guests (guest.h), as every listener does, and
 * goes when no client has been there for --idle-exit seconds.  The first guest
 * starts it, and the ticker starts another one if it dies (guard.h), or a guardian
 * if both have died (guardian.h).
 */
#ifndef SERVER_HOST_H
#define SERVER_HOST_H

#include "../shm/layout.h"
#include "books.h"
#include "options.h"

/* Is there anybody behind the segment's door?  A listener at least, that has a ticker soon. */
bool host_is_there(const struct header *header, const char *name);

/*
 * Start one that belongs to nobody, and wait until it is ready.  The caller
 * holds the latch alone.  0, or -1.
 */
int host_start(const struct options *options);

/* Be one, in a fork of the ticker.  Does not return. */
void host_revive(const struct ticker_start *start, int segment);

#endif
