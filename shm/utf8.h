/*
 * utf8.h - UTF-8 (RFC 3629) that comes in pieces, and columns for messages.
 */
#ifndef SHM_UTF8_H
#define SHM_UTF8_H

#include <stddef.h>
#include <stdint.h>

/*
 * Check the next piece of a text.  Start with *state = 0; the return is the number
 * of good bytes (length if all are).  A whole text ends with *state == 0.
 */
size_t utf8_check(uint32_t *state, const char *text, size_t length);

/* Bytes of a text that was cut, without the part of a character at its end. */
size_t utf8_whole(const char *text, size_t length);

/* Characters before offset: the column for an error message, 1-based. */
size_t utf8_column(const char *text, size_t offset);

#endif
