#include "frames.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../shm/utf8.h"

enum opcode {
	OPCODE_CONTINUATION = 0x0,
	OPCODE_TEXT = 0x1,
	OPCODE_BINARY = 0x2,
	OPCODE_CLOSE = 0x8,
	OPCODE_PING = 0x9,
	OPCODE_PONG = 0xa,
};

#define PROTOCOL_ERROR 1002
#define UNSUPPORTED 1003
#define TOO_LARGE 1009

void
violation_set(struct violation *v, uint16_t code, const char *format, ...)
{
	va_list arguments;
	int length;

	v->code = code;
	va_start(arguments, format);
	length = vsnprintf(v->reason, sizeof(v->reason), format, arguments);
	va_end(arguments);
	if (length < (int)sizeof(v->reason))
		return;
	/* It was cut: leave no half character at the end. */
	length = (int)sizeof(v->reason) - 1;
	v->reason[utf8_whole(v->reason, (size_t)length)] = '\0';
}

void
frames_start(struct frames *f, uint32_t max_message)
{
	memset(f, 0, sizeof(*f));
	f->max_message = max_message;
	f->needed = 2;
}

static int
refuse(struct violation *v, uint16_t code, const char *reason)
{
	violation_set(v, code, "%s", reason);
	return -1;
}

static int
check_data_opcode(struct frames *f, struct violation *v)
{
	bool reserved = (f->header[0] & 0x40) != 0;

	switch (f->opcode) {
	case OPCODE_CONTINUATION:
		if (!f->in_message)
			return refuse(
			    v, PROTOCOL_ERROR, "continuation without a start (RFC 6455 5.4)");
		if (reserved)
			return refuse(v, PROTOCOL_ERROR, "RSV1 in a continuation (RFC 7692 6)");
		return 0;
	case OPCODE_TEXT:
	case OPCODE_BINARY:
		if (f->in_message)
			return refuse(v, PROTOCOL_ERROR,
			    "new message inside a fragmented one (RFC 6455 5.4)");
		if (f->opcode == OPCODE_BINARY && !f->binary)
			return refuse(v, UNSUPPORTED, "binary message: packets are text");
		f->message_deflated = reserved;
		return 0;
	default: return refuse(v, PROTOCOL_ERROR, "reserved opcode (RFC 6455 5.2)");
	}
}

static int
check_first(struct frames *f, struct violation *v)
{
	unsigned char reserved = f->header[0] & (f->compressed ? 0x30 : 0x70);

	if (reserved != 0)
		return refuse(v, PROTOCOL_ERROR, "reserved bits in use (RFC 6455 5.2)");
	if (f->opcode < 8)
		return check_data_opcode(f, v);
	if (f->opcode > OPCODE_PONG)
		return refuse(v, PROTOCOL_ERROR, "reserved opcode (RFC 6455 5.2)");
	if ((f->header[0] & 0x80) == 0)
		return refuse(v, PROTOCOL_ERROR, "fragmented control frame (RFC 6455 5.5)");
	if ((f->header[0] & 0x40) != 0)
		return refuse(v, PROTOCOL_ERROR, "RSV1 in a control frame (RFC 7692 6)");
	return 0;
}

static int
check_second(struct frames *f, struct violation *v)
{
	unsigned length = f->header[1] & 0x7f;

	if ((f->header[1] & 0x80) == 0)
		return refuse(v, PROTOCOL_ERROR, "unmasked frame (RFC 6455 5.1)");
	if (f->opcode >= 8 && length > 125)
		return refuse(v, PROTOCOL_ERROR, "control frame over 125 bytes (RFC 6455 5.5)");
	if (f->opcode == OPCODE_CLOSE && length == 1)
		return refuse(
		    v, PROTOCOL_ERROR, "close frame with half a code (RFC 6455 5.5.1)");
	f->needed = length == 126 ? 8 : length == 127 ? 14 : 6;
	return 0;
}

/* What does not compress grows by some bytes for each block and flush. */
static uint64_t
longest(const struct frames *f)
{
	return f->max_message + (f->message_deflated ? f->max_message / 8 + 64 : 0);
}

/* The header is there: how long is the payload, and may it be? */
static int
check_length(struct frames *f, struct violation *v)
{
	unsigned bytes = f->needed - 6U;
	uint64_t length = f->header[1] & 0x7f;

	if (bytes > 0) {
		length = 0;
		for (unsigned i = 0; i < bytes; i++)
			length = length << 8 | f->header[2 + i];
		if (length >> 63 != 0)
			return refuse(v, PROTOCOL_ERROR, "length over 2^63 (RFC 6455 5.2)");
		if (length < (bytes == 2 ? 126U : 65536U))
			return refuse(v, PROTOCOL_ERROR,
			    "length not in its shortest form (RFC 6455 5.2)");
	}
	f->length = f->left = length;
	if (f->opcode >= 8)
		return 0;
	if (length > longest(f) || f->message + length > longest(f)) {
		violation_set(v, TOO_LARGE, "message over %u bytes", f->max_message);
		return -1;
	}
	f->message += length;
	if (f->opcode != OPCODE_CONTINUATION)
		f->message_binary = f->opcode == OPCODE_BINARY;
	f->in_message = (f->header[0] & 0x80) == 0;
	return 0;
}

/* One more byte of header; 0, or -1 if it breaks a rule. */
static int
take_header(struct frames *f, unsigned char byte, struct violation *v)
{
	f->header[f->seen++] = byte;
	if (f->seen == 1) {
		f->opcode = byte & 0x0f;
		return check_first(f, v);
	}
	if (f->seen == 2)
		return check_second(f, v);
	/* The length ends where the four bytes of the mask begin. */
	if (f->seen == f->needed)
		return check_length(f, v);
	return 0;
}

size_t
frames_walk(struct frames *f, const unsigned char *bytes, size_t length, bool *ended,
    struct violation *v)
{
	size_t at = 0;

	*ended = false;
	v->code = 0;
	f->piece_payload = f->length - f->left;
	while (at < length && (f->seen < f->needed))
		if (take_header(f, bytes[at++], v) < 0)
			return 0;
	f->piece_header = at;
	if (f->seen < f->needed)
		return at;
	if (at > 0)
		f->piece_payload = 0;
	if (f->left <= length - at) {
		at += (size_t)f->left;
		f->left = 0;
		f->seen = 0;
		f->needed = 2;
		if (f->opcode < 8 && !f->in_message)
			f->message = 0;
		*ended = true;
		return at;
	}
	f->left -= length - at;
	return length;
}

bool
frames_deflated(const struct frames *f)
{
	return f->opcode < FRAMES_CONTROL && f->message_deflated;
}

void
frames_unmask(
    const struct frames *f, uint64_t at, const char *bytes, size_t length, unsigned char *out)
{
	/* The header is kept until the next frame begins. */
	unsigned form = f->header[1] & 0x7f;
	const unsigned char *mask = f->header + (form == 127 ? 10 : form == 126 ? 4 : 2);

	for (size_t i = 0; i < length; i++)
		out[i] = (unsigned char)bytes[i] ^ mask[(at + i) % 4];
}
