/*
 * instance.h - the instance of our name: found, begun, or taken over.
 *
 * A listener that is started while a ticker runs (its own listener was killed,
 * or there is another one with the same --name) finds it by the segment, and
 * asks it for the registration socket and the doorbell.  If there is a segment
 * and no ticker, both were killed: the new ticker adopts it, and the children,
 * who keep trying, find that one.  A listener that takes the place of another
 * (handover.h, host.h) is given all of it.
 */
#ifndef SERVER_INSTANCE_H
#define SERVER_INSTANCE_H

#include "keeper.h"

/*
 * Find a ticker or start one, with the latch in hand (latched: somebody holds it
 * for us).  0; -1 after it was said what is wrong.
 */
int instance_find(struct keeper *k, bool latched);

/* What a listener leaves to the next one; descriptors are -1 if there is none. */
struct instance_bequest {
	int registration;
	int bell;
	int segment;
	int line;         /* its connection to the ticker */
	pid_t pid;        /* of the ticker, if it is a child of this process, else 0 */
	unsigned started; /* tickers */
};

/*
 * The same for one that takes another's place: all descriptors are its own from
 * here on.  If the segment is of another layout, or other limits are wanted, it
 * is left to its clients and to its ticker, a new one is begun, and *retired is
 * set.
 */
int instance_take_over(struct keeper *k, const struct instance_bequest *bequest, bool *retired);

/*
 * Do clients come in as these options say (--on-connect, --reserved)?  What its ticker
 * goes by stands in the segment.  If not, it is to be replaced, and nobody is served
 * before it is: it would let in, or kill, the wrong ones.
 */
bool instance_goes_by(const struct header *header, const struct options *options);

#endif
