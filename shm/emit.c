#include "emit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "scan.h"
#include "utf8.h"

static void
add_escaped(struct text *out, unsigned char c)
{
	char escape[8];

	if (c == '"' || c == '\\')
		snprintf(escape, sizeof(escape), "\\%c", c);
	else
		snprintf(escape, sizeof(escape), "\\u%04x", c);
	text_string(out, escape);
}

static void
add_characters(struct text *out, const char *bytes, size_t length)
{
	size_t plain = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
			continue;
		text_add(out, bytes + plain, i - plain);
		add_escaped(out, c);
		plain = i + 1;
	}
	text_add(out, bytes + plain, length - plain);
}

void
emit_string(struct text *out, const char *bytes, size_t length)
{
	uint32_t state = 0;
	char piece[64];

	text_string(out, "\"");
	if (utf8_check(&state, bytes, length) == length && state == 0) {
		add_characters(out, bytes, length);
	} else {
		for (size_t i = 0; i < length; i++) {
			log_escape(piece, sizeof(piece), bytes + i, 1);
			add_characters(out, piece, strlen(piece));
		}
	}
	text_string(out, "\"");
}

void
emit_key(struct text *out, const char *key)
{
	char last = out->length > 0 ? out->bytes[out->length - 1] : '{';

	if (last != '{' && last != '[')
		text_string(out, ",");
	emit_string(out, key, strlen(key));
	text_string(out, ":");
}

void
emit_number(struct text *out, const char *key, uint64_t n)
{
	emit_key(out, key);
	text_format(out, n <= INT64_MAX ? "%" PRIu64 : "\"%" PRIu64 "\"", n);
}

void
emit_seconds(struct text *out, const char *key, uint64_t ms)
{
	emit_key(out, key);
	text_format(out, "%" PRIu64 ".%03u", ms / 1000, (unsigned)(ms % 1000));
}

void
emit_text(struct text *out, const char *key, const char *string)
{
	emit_key(out, key);
	emit_string(out, string, strlen(string));
}

void
emit_value(struct text *out, const char *bytes, size_t length)
{
	struct scan_error error;

	if (scan_check(bytes, length, &error) == 0)
		text_add(out, bytes, length);
	else
		emit_string(out, bytes, length);
}
