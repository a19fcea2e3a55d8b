/*
 * adopt.h - what a ticker before this one has left.
 *
 * A ticker keeps nothing that cannot be had from the segment: who is there
 * stands in the directory, what was told to clients in the newest snapshot,
 * what is true now in the slots, and how far a packet got in its sender's
 * mailbox.  So a successor reads the newest snapshot as the past, the rest as
 * the present, and the next tick tells the difference.
 */
#ifndef SERVER_ADOPT_H
#define SERVER_ADOPT_H

#include "books.h"

/*
 * Fill the lists from a segment that has been used.  Its children are expected
 * to come back within WATCH_BACK_MS.
 */
void adopt_segment(struct ticker *t);

/* The same for a new segment: all is free. */
void adopt_nothing(struct ticker *t);

#endif
