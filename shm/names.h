/*
 * names.h - whose slot was it: the token of a client that is here or has left.
 *
 * The directory knows those who are here, the departed ring those who left and
 * had been seen by others.
 */
#ifndef SHM_NAMES_H
#define SHM_NAMES_H

#include <stdint.h>

#include "layout.h"

struct names_departed {
	uint64_t generation;
	uint32_t slot;
	char token[TOKEN_LENGTH + 1];
};

struct names {
	const struct header *header;
	struct names_departed *departed; /* sorted by slot and generation */
	uint64_t count;
	uint64_t head; /* of the departed ring when it was read */
};

/* Read the departed ring, again if it has moved on.  0, or -1 if there is no memory. */
int names_read(struct names *n, const struct header *h);
void names_free(struct names *n);

/*
 * The token, in token or where it stands among the departed; "" if nobody knows
 * it.  Any bytes may be in it.
 */
const char *names_find(
    const struct names *n, uint32_t slot, uint64_t generation, char token[TOKEN_LENGTH + 1]);

#endif
