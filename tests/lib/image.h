/*
 * image.h - a copy of a segment in which something of everything stands.
 *
 * Made from a real instance: clients with small and large properties, one that
 * has left, mail in an outbox, in an inbox and in the log.  All its processes
 * were stopped when it was copied.
 */
#ifndef TESTS_IMAGE_H
#define TESTS_IMAGE_H

#include <stddef.h>

#include "../../shm/layout.h"

struct image {
	char path[64];
	struct header *header; /* the file, mapped to be written */
	size_t size;
	char *before;      /* its bytes when it was made */
	uint32_t sender;   /* slot of a client with a packet in its outbox */
	uint32_t receiver; /* slot of a client with a frame in its inbox */
	uint32_t large;    /* slot of a client with properties of 3 KB */
};

void image_make(struct image *i);

/* Undo all that was done to it. */
void image_restore(struct image *i);

void image_remove(struct image *i);

#endif
