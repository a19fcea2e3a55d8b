/*
 * departure.h - how a client leaves, and when its slot is free again.
 *
 * A client departs when it says goodbye, or when its child's life line closes.
 * Its slot is given away again only when the child is known to be dead and its
 * mail is delivered: a child that merely closed its life line still has the
 * slot mapped, and could write into the next client's.  For the same reason the
 * lock, if it has it, is not broken before it is dead: that takes the kernel a
 * moment from the closing of the line on, or from the kill.
 */
#ifndef SERVER_DEPARTURE_H
#define SERVER_DEPARTURE_H

#include "books.h"

/*
 * Have a child close its client; bells_flush() is the caller's.  One that has
 * not ended DEPARTURE_OBEY_MS later is killed (watch.h): a drain has an end.
 */
#define DEPARTURE_OBEY_MS 15000 /* its client has some time to answer the close */
void departure_ask(struct ticker *t, uint32_t slot, enum stop_reason reason);

/*
 * The client is no more, whether or not its child still is: nobody sees it, and
 * what it posted is on its way.
 */
void departure_begin(struct ticker *t, uint32_t slot);

/* The life line has closed.  The slot becomes free as soon as it may. */
void departure_leave(struct ticker *t, uint32_t slot);

/*
 * A child of the time before this ticker has no life line yet.  Its death is
 * watched for until it comes back: c->death is -1 if it is dead already.
 */
void departure_expect(struct ticker *t, uint32_t slot);

/* A child without a life line is dead (TAG_DEATH). */
void departure_death(struct ticker *t, uint32_t slot, uint32_t generation);

/* Mail that had to wait was delivered: perhaps somebody who left waited only for that. */
void departure_retry(struct ticker *t);

#endif
