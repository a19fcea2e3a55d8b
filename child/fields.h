/*
 * fields.h - values of header fields, cut and compared (RFC 9110, 5.5 and 5.6).
 *
 * They are spans of the request, which stays where it is.  Names, tokens and
 * hosts are compared without regard to case.
 */
#ifndef CHILD_FIELDS_H
#define CHILD_FIELDS_H

#include <stdbool.h>
#include <stddef.h>

#include "../shm/span.h"

/* A NUL-terminated text as a span. */
struct span fields_of(const char *text);

/* Without the blanks and tabs around it. */
struct span fields_trim(struct span s);

/* Cut s at the first c: the part before it is returned, s becomes the rest. */
struct span fields_cut(struct span *s, char c);

/* The next element of a list with commas, trimmed (it may be empty); false at the end. */
bool fields_next(struct span *list, struct span *element);

bool fields_same(struct span a, struct span b);
bool fields_is(struct span s, const char *text);

#endif
