/*
 * parcel.h - a packet on its way: out of a child's reach, checked, and framed.
 */
#ifndef SERVER_PARCEL_H
#define SERVER_PARCEL_H

#include <stdbool.h>

#include "books.h"

/* It lies in t->frame, and its receivers in t->targets, until the next one is taken. */
struct parcel {
	uint32_t sender;   /* slot */
	const char *frame; /* header and text */
	uint32_t length;
	uint32_t targets; /* receivers; unused for a broadcast */
	bool broadcast;
	uint32_t strangers; /* names in `to` that were no tokens */
};

/*
 * Copy a record from the sender's outbox and make a frame of it, headed with its
 * sender's token.  False if it is not a packet that a child of ours would post:
 * too long, not JSON, other members than it should have, a reserved type.
 */
bool
parcel_take(struct ticker *t, uint32_t sender, const struct mail_item *item, struct parcel *d);

#endif
