/*
 * scan.h - a strict scanner: is this JSON?
 *
 * The relay passes values on byte for byte and properties keep their digits
 * (1e400, 12345678901234567890), so spans of the text are needed (span.h),
 * which a parser that builds a tree does not give.  Everybody who takes text
 * from somebody untrusted asks scan_check() first: the child about its client,
 * the ticker about what lies in a child's slot and outbox, the dump tool about
 * all.
 *
 * Grammar: RFC 8259, and two rules of ours, both so that a packet that passes
 * here is safe for whatever parser the receiver has: \u escapes of lone
 * surrogates are refused (8.2), and nesting is limited to SCAN_DEPTH_MAX.
 * Encoding: UTF-8 as in RFC 3629 (no overlong forms, surrogates, > U+10FFFF).
 * Duplicate names are allowed; the last one counts, as in ECMAScript.
 *
 * jansson is its oracle: tests/unit/scan.c holds the two against each other.
 */
#ifndef SHM_SCAN_H
#define SHM_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#define SCAN_DEPTH_MAX 512

struct scan_error {
	size_t offset;    /* byte where the text goes wrong */
	const char *what; /* why, a few words */
	bool encoding;    /* it is not UTF-8 (else: not JSON) */
};

/* 0 if text is exactly one JSON value with white space around it, else -1 and *error. */
int scan_check(const char *text, size_t length, struct scan_error *error);

/*
 * Skip the bytes of a string that need no look of their own: ASCII but for
 * control characters, quote and backslash.
 */
const char *scan_plain(const char *at, const char *end);

#endif
