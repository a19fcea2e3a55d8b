#include "scan.h"

#include <stdint.h>
#include <string.h>

/* A scan in progress: at never passes end, and every read looks at end first. */
struct reader {
	const unsigned char *at;
	const unsigned char *end;
	const char *what;
	bool encoding;
};

static int
fail(struct reader *s, const char *what)
{
	s->what = what;
	return -1;
}

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void
skip_space(struct reader *s)
{
	while (s->at < s->end && is_space((char)*s->at))
		s->at++;
}

/*
 * Bytes of a string that need no look of their own: printable ASCII but for
 * quote and backslash, eight at a time.  The tricks are the classic ones: a
 * byte below n borrows from its top bit in x - n*ones; XOR makes the byte
 * looked for a zero byte.
 */
const char *
scan_plain(const char *at, const char *end)
{
	const uint64_t ones = 0x0101010101010101ULL;
	const uint64_t tops = 0x8080808080808080ULL;

	while (end - at >= 8) {
		uint64_t x, quote, slash, special;

		memcpy(&x, at, sizeof(x));
		quote = x ^ (ones * '"');
		slash = x ^ (ones * '\\');
		special = (x - ones * 0x20) | (quote - ones) | (slash - ones) | x;
		if (special & tops)
			break;
		at += 8;
	}
	while (at < end && *at != '"' && *at != '\\' && (unsigned char)*at >= 0x20 &&
	       (unsigned char)*at < 0x80)
		at++;
	return at;
}

static const unsigned char *
plain(const struct reader *s)
{
	return (const unsigned char *)scan_plain((const char *)s->at, (const char *)s->end);
}

/* Length of the UTF-8 sequence at s->at, 0 if it is none (RFC 3629, section 4). */
static int
sequence_length(const struct reader *s)
{
	const unsigned char *p = s->at;
	ptrdiff_t left = s->end - p;
	unsigned low = 0x80, high = 0xbf;
	int length;

	if (*p >= 0xc2 && *p <= 0xdf)
		length = 2;
	else if (*p >= 0xe0 && *p <= 0xef)
		length = 3;
	else if (*p >= 0xf0 && *p <= 0xf4)
		length = 4;
	else
		return 0;
	if (left < length)
		return 0;
	switch (*p) {
	case 0xe0: low = 0xa0; break;
	case 0xed: high = 0x9f; break;
	case 0xf0: low = 0x90; break;
	case 0xf4: high = 0x8f; break;
	default: break;
	}
	if (p[1] < low || p[1] > high)
		return 0;
	for (int i = 2; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static int
hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Four hex digits at p, or -1; the caller has seen that they are there. */
static int
hex_unit(const unsigned char *p)
{
	int unit = 0;

	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(p[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static int
read_unicode_escape(struct reader *s)
{
	int unit, low;

	if (s->end - s->at < 5 || (unit = hex_unit(s->at + 1)) < 0)
		return fail(s, "bad \\u escape");
	if (unit < 0xd800 || unit > 0xdfff) {
		s->at += 5;
		return 0;
	}
	if (unit > 0xdbff || s->end - s->at < 11 || s->at[5] != '\\' || s->at[6] != 'u')
		return fail(s, "unpaired surrogate");
	low = hex_unit(s->at + 7);
	if (low < 0xdc00 || low > 0xdfff)
		return fail(s, "unpaired surrogate");
	s->at += 11;
	return 0;
}

/* At the byte after a backslash. */
static int
read_escape(struct reader *s)
{
	if (s->at == s->end)
		return fail(s, "string without an end");
	switch (*s->at) {
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't': s->at++; return 0;
	case 'u': return read_unicode_escape(s);
	default: return fail(s, "bad escape");
	}
}

/* At the opening quote. */
static int
read_string(struct reader *s)
{
	s->at++;
	for (;;) {
		int length;

		s->at = plain(s);
		if (s->at == s->end)
			return fail(s, "string without an end");
		if (*s->at == '"') {
			s->at++;
			return 0;
		}
		if (*s->at == '\\') {
			s->at++;
			if (read_escape(s) < 0)
				return -1;
		} else if (*s->at < 0x20) {
			return fail(s, "control character in a string");
		} else {
			if ((length = sequence_length(s)) == 0) {
				s->encoding = true;
				return fail(s, "bad UTF-8");
			}
			s->at += length;
		}
	}
}

static bool
skip_digits(struct reader *s)
{
	const unsigned char *start = s->at;

	while (s->at < s->end && *s->at >= '0' && *s->at <= '9')
		s->at++;
	return s->at > start;
}

static int
read_number(struct reader *s)
{
	if (*s->at == '-')
		s->at++;
	if (s->at < s->end && *s->at == '0')
		s->at++;
	else if (!skip_digits(s))
		return fail(s, "bad number");
	if (s->at < s->end && *s->at == '.') {
		s->at++;
		if (!skip_digits(s))
			return fail(s, "bad number");
	}
	if (s->at < s->end && (*s->at == 'e' || *s->at == 'E')) {
		s->at++;
		if (s->at < s->end && (*s->at == '+' || *s->at == '-'))
			s->at++;
		if (!skip_digits(s))
			return fail(s, "bad number");
	}
	return 0;
}

static int
read_word(struct reader *s, const char *word)
{
	size_t length = strlen(word);

	if ((size_t)(s->end - s->at) < length || memcmp(s->at, word, length) != 0)
		return fail(s, "value expected");
	s->at += length;
	return 0;
}

static int
read_scalar(struct reader *s)
{
	switch (*s->at) {
	case '"': return read_string(s);
	case 't': return read_word(s, "true");
	case 'f': return read_word(s, "false");
	case 'n': return read_word(s, "null");
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9': return read_number(s);
	default:
		if (*s->at >= 0x80 && sequence_length(s) == 0) {
			s->encoding = true;
			return fail(s, "bad UTF-8");
		}
		return fail(s, "value expected");
	}
}

/* "key" : with white space between; at the key. */
static int
read_key(struct reader *s)
{
	skip_space(s);
	if (s->at == s->end || *s->at != '"')
		return fail(s, "name of a member expected");
	if (read_string(s) < 0)
		return -1;
	skip_space(s);
	if (s->at == s->end || *s->at != ':')
		return fail(s, "':' expected");
	s->at++;
	return 0;
}

/* What is open around the current value: one bit a level, set for an object. */
struct nest {
	uint64_t objects[SCAN_DEPTH_MAX / 64];
	unsigned depth;
};

static void
nest_push(struct nest *n, bool object)
{
	uint64_t bit = 1ULL << (n->depth % 64);

	if (object)
		n->objects[n->depth / 64] |= bit;
	else
		n->objects[n->depth / 64] &= ~bit;
	n->depth++;
}

static bool
nest_in_object(const struct nest *n)
{
	unsigned top = n->depth - 1;

	return n->objects[top / 64] >> (top % 64) & 1;
}

/*
 * At the first byte of a value: scan a scalar, or step into an object or array.
 * *done says that a whole value was passed (an empty one counts).
 */
static int
read_open(struct reader *s, struct nest *n, bool *done)
{
	bool object = *s->at == '{';

	*done = true;
	if (!object && *s->at != '[')
		return read_scalar(s);
	if (n->depth == SCAN_DEPTH_MAX)
		return fail(s, "nested too deep");
	s->at++;
	skip_space(s);
	if (s->at < s->end && *s->at == (object ? '}' : ']')) {
		s->at++;
		return 0;
	}
	nest_push(n, object);
	*done = false;
	return object ? read_key(s) : 0;
}

/* After a whole value: a comma and what it promises, or the ends of what is open. */
static int
read_close(struct reader *s, struct nest *n)
{
	while (n->depth > 0) {
		bool object = nest_in_object(n);

		skip_space(s);
		if (s->at == s->end)
			return fail(
			    s, object ? "object without an end" : "array without an end");
		if (*s->at == ',') {
			s->at++;
			return object ? read_key(s) : 0;
		}
		if (*s->at != (object ? '}' : ']'))
			return fail(s, object ? "',' or '}' expected" : "',' or ']' expected");
		s->at++;
		n->depth--;
	}
	return 0;
}

static int
read_text(struct reader *s)
{
	struct nest nest;

	nest.depth = 0;
	do {
		bool done;

		skip_space(s);
		if (s->at == s->end)
			return fail(s, "value expected");
		if (read_open(s, &nest, &done) < 0)
			return -1;
		if (done && read_close(s, &nest) < 0)
			return -1;
	} while (nest.depth > 0);
	skip_space(s);
	if (s->at != s->end)
		return fail(s, "end of text expected");
	return 0;
}

int
scan_check(const char *text, size_t length, struct scan_error *error)
{
	struct reader s = {
	    .at = (const unsigned char *)text,
	    .end = (const unsigned char *)text + length,
	};

	if (read_text(&s) == 0)
		return 0;
	error->offset = (size_t)(s.at - (const unsigned char *)text);
	error->what = s.what;
	error->encoding = s.encoding;
	return -1;
}
