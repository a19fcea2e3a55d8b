/*
 * text.h - a text that grows at its end.
 *
 * Memory is kept when the text is emptied.  Appending never fails half way:
 * if there is no memory, `failed` is set, the text stays as it was, and the
 * caller looks at the flag once, at the end.
 */
#ifndef SHM_TEXT_H
#define SHM_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct text {
	char *bytes;
	size_t length;
	size_t room;
	bool failed;
	bool lent; /* bytes are not the heap's */
};

/* Let an empty text begin in memory of the caller's, which it leaves if it outgrows it. */
void text_lend(struct text *text, char *bytes, size_t room);

void text_add(struct text *text, const void *bytes, size_t length);
void text_string(struct text *text, const char *string);
void
text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for at least more bytes behind the text; false and `failed` if there is no memory. */
bool text_reserve(struct text *text, size_t more);

/* Take bytes away from the front. */
void text_drop(struct text *text, size_t length);

/* Empty it; if it has grown over keep bytes, give the memory back (not what was lent). */
void text_clear(struct text *text, size_t keep);

#endif
