#include "span.h"

#include <string.h>

#include "scan.h"

static bool
is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static unsigned
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a') + 10;
}

static unsigned
hex_unit(const char *at)
{
	unsigned unit = 0;

	for (int i = 0; i < 4; i++)
		unit = unit << 4 | hex_digit(at[i]);
	return unit;
}

static const char *
past_space(const char *at)
{
	while (is_space(*at))
		at++;
	return at;
}

static const char *
past_string(const char *at, const char *end)
{
	at++;
	for (;;) {
		at = scan_plain(at, end);
		if (*at == '"')
			return at + 1;
		at += *at == '\\' ? 2 : 1;
	}
}

static const char *
past_value(const char *at, const char *end)
{
	unsigned depth = 0;

	do {
		switch (*at) {
		case '"': at = past_string(at, end); break;
		case '{':
		case '[':
			depth++;
			at++;
			break;
		case '}':
		case ']':
			depth--;
			at++;
			break;
		default:
			if (depth > 0) {
				at++;
				break;
			}
			while (at < end && *at != ',' && *at != '}' && *at != ']' &&
			       !is_space(*at))
				at++;
			break;
		}
	} while (depth > 0);
	return at;
}

struct span
span_trim(const char *text, size_t length)
{
	const char *end = text + length;
	struct span value;

	value.at = past_space(text);
	value.length = (size_t)(past_value(value.at, end) - value.at);
	return value;
}

/* Step over the opening bracket or a comma; false at the closing bracket. */
static bool
step(struct span *rest)
{
	const char *end = rest->at + rest->length;
	const char *at = past_space(rest->at);

	if (*at == '}' || *at == ']')
		return false;
	at = past_space(at + 1);
	if (*at == '}' || *at == ']')
		return false;
	rest->at = at;
	rest->length = (size_t)(end - at);
	return true;
}

static struct span
take(struct span *rest, const char *past)
{
	struct span taken = {rest->at, (size_t)(past - rest->at)};

	rest->at = past;
	rest->length -= taken.length;
	return taken;
}

bool
span_next_element(struct span *rest, struct span *value)
{
	if (!step(rest))
		return false;
	*value = take(rest, past_value(rest->at, rest->at + rest->length));
	return true;
}

bool
span_next_member(struct span *rest, struct span *key, struct span *value)
{
	const char *at;

	if (!step(rest))
		return false;
	*key = take(rest, past_string(rest->at, rest->at + rest->length));
	at = past_space(rest->at); /* at the colon */
	at = past_space(at + 1);
	take(rest, at);
	*value = take(rest, past_value(rest->at, rest->at + rest->length));
	return true;
}

bool
span_member(struct span object, const char *name, struct span *value)
{
	struct span key, found;
	bool any = false;

	while (span_next_member(&object, &key, &found)) {
		if (span_is(key, name)) {
			*value = found;
			any = true;
		}
	}
	return any;
}

void
span_compact(struct span value, struct text *out)
{
	const char *at = value.at, *end = value.at + value.length;

	while (at < end) {
		const char *start = at;

		if (*at == '"')
			at = past_string(at, end);
		else
			while (at < end && *at != '"' && !is_space(*at))
				at++;
		text_add(out, start, (size_t)(at - start));
		while (at < end && is_space(*at))
			at++;
	}
}

static size_t
encode(char *out, unsigned point)
{
	if (point < 0x80) {
		out[0] = (char)point;
		return 1;
	}
	if (point < 0x800) {
		out[0] = (char)(0xc0 | point >> 6);
		out[1] = (char)(0x80 | (point & 0x3f));
		return 2;
	}
	if (point < 0x10000) {
		out[0] = (char)(0xe0 | point >> 12);
		out[1] = (char)(0x80 | (point >> 6 & 0x3f));
		out[2] = (char)(0x80 | (point & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | point >> 18);
	out[1] = (char)(0x80 | (point >> 12 & 0x3f));
	out[2] = (char)(0x80 | (point >> 6 & 0x3f));
	out[3] = (char)(0x80 | (point & 0x3f));
	return 4;
}

/* The escape at *at (after the backslash) as UTF-8; steps over it. */
static size_t
decode_escape(const char **at, char *out)
{
	static const char from[] = "\"\\/bfnrt";
	static const char to[] = "\"\\/\b\f\n\r\t";
	unsigned point;

	if (**at != 'u') {
		*out = to[strchr(from, **at) - from];
		*at += 1;
		return 1;
	}
	point = hex_unit(*at + 1);
	*at += 5;
	if (point >= 0xd800 && point <= 0xdbff) {
		unsigned low = hex_unit(*at + 2);

		point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
		*at += 6;
	}
	return encode(out, point);
}

size_t
span_decode(struct span string, char *out)
{
	const char *at = string.at + 1;
	const char *end = string.at + string.length - 1;
	char *start = out;

	while (at < end) {
		if (*at == '\\') {
			at++;
			out += decode_escape(&at, out);
		} else {
			*out++ = *at++;
		}
	}
	return (size_t)(out - start);
}

size_t
span_character(const char **at, char out[4])
{
	size_t length = 0;

	if (**at == '\\') {
		*at += 1;
		return decode_escape(at, out);
	}
	do
		out[length++] = *(*at)++;
	while ((**at & 0xc0) == 0x80);
	return length;
}

bool
span_equal(struct span a, struct span b)
{
	const char *pa = a.at + 1, *ea = a.at + a.length - 1;
	const char *pb = b.at + 1, *eb = b.at + b.length - 1;

	if (a.length == b.length && memcmp(a.at, b.at, a.length) == 0)
		return true;
	while (pa < ea && pb < eb) {
		char ca[4], cb[4];
		size_t length = span_character(&pa, ca);

		if (span_character(&pb, cb) != length || memcmp(ca, cb, length) != 0)
			return false;
	}
	return pa == ea && pb == eb;
}

/* Where the string goes on behind this text, or NULL if it does not begin so. */
static const char *
behind(struct span string, const char *ascii)
{
	const char *at = string.at + 1, *end = string.at + string.length - 1;

	for (; at < end && *ascii != '\0'; ascii++) {
		char c[4];

		if (span_character(&at, c) != 1 || c[0] != *ascii)
			return NULL;
	}
	return *ascii == '\0' ? at : NULL;
}

bool
span_is(struct span string, const char *ascii)
{
	return behind(string, ascii) == string.at + string.length - 1;
}

bool
span_begins(struct span string, const char *ascii)
{
	return behind(string, ascii) != NULL;
}
