/*
 * outbox.h - packets of our client for others, handed to the ticker.
 */
#ifndef CHILD_OUTBOX_H
#define CHILD_OUTBOX_H

#include <stdbool.h>

#include "packet.h"
#include "seat.h"

/*
 * Write the packet into the outbox for the ticker to find.  False: there is no
 * room now; the ticker will ring when there is some, and until then the client
 * must not be read.
 */
bool outbox_post(struct seat *s, const struct packet *p);

/*
 * Has the ticker taken something since outbox_post() found no room?  To be asked
 * between bell_doze() and sleep: it rings only who was seen to sleep.
 */
bool outbox_moved(const struct seat *s);

/* Tell the ticker about what was posted since the last time, once for many. */
void outbox_ring(struct seat *s);

#endif
