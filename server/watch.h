/*
 * watch.h - who does not do what everybody relies on.
 *
 *	holds the lock for over WATCH_LOCK_MS		killed (commons.h)
 *	has to move, no heartbeat for --hung		killed, if it could have run
 *	lets others wait for its mail WATCH_STALL_MS	killed
 *	pins snapshots that are needed			killed
 *	did not come back to a new ticker		killed
 *
 * A dead child is none of these: its life line closes.
 */
#ifndef SERVER_WATCH_H
#define SERVER_WATCH_H

#include "books.h"

#define WATCH_LOCK_MS 1000
#define WATCH_STALL_MS 2000
#define WATCH_BACK_MS 10000   /* for children that live to come back to a new ticker */
#define WATCH_LONELY_MS 10000 /* a ticker without listener and clients ends */

/*
 * What happened later in a tick has a time after now_ms, which was taken at
 * its beginning.
 */
static inline uint64_t
watch_elapsed(uint64_t now_ms, uint64_t since_ms)
{
	return now_ms > since_ms ? now_ms - since_ms : 0;
}

/* Once a tick. */
void watch_run(struct ticker *t, uint64_t now_ms);

/* There was no room for a snapshot: whoever pins one that is too old has to go. */
void watch_pins(struct ticker *t);

#endif
