/*
 * drain.h - all clients are sent away, not all at once.
 *
 * They come back, elsewhere or here, and a thousand handshakes in one instant
 * are more than a server wants.  So the farewells are spread over the time
 * that the operator allows, but no thinner than one in DRAIN_PACE_MS: few
 * clients are gone at once.
 */
#ifndef SERVER_DRAIN_H
#define SERVER_DRAIN_H

#include "books.h"

#define DRAIN_PACE_MS 10

/* Begin: nobody new is taken from here on.  0: all at once. */
void drain_begin(struct ticker *t, uint32_t spread_ms);

/* TAG_DRAIN: the next few; when all are gone, it is over. */
void drain_step(struct ticker *t);

#endif
