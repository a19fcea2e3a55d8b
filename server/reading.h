/*
 * reading.h - what a client says about itself, read from its slot and checked.
 */
#ifndef SERVER_READING_H
#define SERVER_READING_H

#include "books.h"

enum reading {
	READING_SAME,    /* as it was read last */
	READING_CHANGED, /* the private copy is the new text (books_text()) */
	READING_LATER,   /* the slot does not hold still */
	READING_LIE,     /* it is no JSON object, or too long: its child is to be killed */
	READING_FORGED,  /* its reserved properties are not those that it was given: likewise */
};

enum reading reading_take(struct ticker *t, uint32_t slot);

#endif
