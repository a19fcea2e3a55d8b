/*
 * span.h - where the parts of a JSON text lie.
 *
 * All of this is for text that has passed scan_check(): it is only measured, so
 * that no byte can lead past its end.
 */
#ifndef SHM_SPAN_H
#define SHM_SPAN_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

/* A piece of a text that somebody else owns; strings keep their quotes. */
struct span {
	const char *at;
	size_t length; /* bytes */
};

/* The value without the white space around it; text has passed scan_check(). */
struct span span_trim(const char *text, size_t length);

/*
 * Walk an object or an array that has passed scan_check().  Set rest to the
 * span of the whole value, then call until false.
 */
bool span_next_member(struct span *rest, struct span *key, struct span *value);
bool span_next_element(struct span *rest, struct span *value);

/* The last member of that name; false if there is none.  name is plain ASCII. */
bool span_member(struct span object, const char *name, struct span *value);

/* Compare strings by what they mean: "a" equals "\u0061". */
bool span_equal(struct span a, struct span b);
bool span_is(struct span string, const char *ascii);
bool span_begins(struct span string, const char *ascii);

/*
 * Append a value without the white space between its tokens; strings and
 * numbers stay as they are.
 */
void span_compact(struct span value, struct text *out);

/*
 * Decode a string that has passed scan_check() into UTF-8 of at most
 * string.length - 2 bytes (it may hold NULs).  The length in bytes.
 */
size_t span_decode(struct span string, char *out);

/* The character at *at, between a string's quotes, likewise; steps over it.  Its length. */
size_t span_character(const char **at, char out[4]);

#endif
