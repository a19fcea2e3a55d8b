/*
 * properties.h - what the client says about itself: merged key by key.
 *
 * jansson keeps the members, in the order in which they were first set, and
 * decodes and encodes their names.  The values are kept as the text that the
 * client sent: jansson 2.14 refuses 1e400 and 12345678901234567890, writes
 * 1.10 as 1.1, and numbers must keep their digits.
 *
 * A merge makes the next state beside the current one; it becomes current by
 * properties_commit(), or is thrown away, so a packet counts whole or not at all.
 */
#ifndef CHILD_PROPERTIES_H
#define CHILD_PROPERTIES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "../shm/span.h"
#include "../shm/text.h"
#include "frames.h"

struct properties {
	json_t *members;  /* name -> value as text; NULL: none was ever set */
	struct text text; /* all of it as one JSON object, or empty if none was ever set */
	json_t *next_members;
	struct text next_text;
	const char *reserved; /* names that begin so are not the client's to set; or NULL */
};

enum properties_result {
	PROPERTIES_SAME,    /* nothing would change */
	PROPERTIES_CHANGED, /* next_text is the new state */
	PROPERTIES_REFUSED, /* *v says why */
};

/* object is any JSON value that scan_check() passed; max is for the whole text, in bytes. */
enum properties_result
properties_merge(struct properties *p, struct span object, uint32_t max, struct violation *v);

void properties_commit(struct properties *p);

#endif
