/*
 * emit.h - JSON, written piece by piece at the end of a text.
 *
 * For what a child writes as well as rosterd-dump: no tree is built, and values
 * that are JSON already go in as they are, so that numbers keep their digits.
 */
#ifndef SHM_EMIT_H
#define SHM_EMIT_H

#include <stddef.h>
#include <stdint.h>

#include "text.h"

/*
 * A string with its quotes.  What is not UTF-8 as a whole is written byte by byte,
 * as \xNN where it is not printable ASCII (log_escape()).
 */
void emit_string(struct text *out, const char *bytes, size_t length);

/* "key": before a value, with a comma before it unless it is the first one. */
void emit_key(struct text *out, const char *key);

/*
 * A member whole.  A number of over 2^63 - 1, which is none that was counted here
 * and that parsers choke on, goes between quotes.
 */
void emit_number(struct text *out, const char *key, uint64_t n);
void emit_seconds(struct text *out, const char *key, uint64_t ms);
void emit_text(struct text *out, const char *key, const char *string);

/* A value that should be JSON: as it is if it is, else as a string. */
void emit_value(struct text *out, const char *bytes, size_t length);

#endif
