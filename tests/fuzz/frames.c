/*
 * Frames of a client.  However the bytes are cut into reads, the same frames
 * and the same messages come of them, and no message is over its limit, be it
 * compressed or not.
 */
#include <string.h>

#include "../../child/frames.h"
#include "../../child/inflate.h"
#include "../../child/message.h"
#include "fuzz.h"

#define MESSAGE_LIMIT 300U

/* A compressed one may be somewhat longer than what it comes to, and is long without end. */
#define PAYLOAD_LIMIT (2 * MESSAGE_LIMIT)
#define INFLATED_LIMIT 10000U

/* What was found, as a running sum: enough to tell two ways of reading apart. */
struct findings {
	uint64_t sum;
	unsigned frames;
	unsigned messages;
	uint16_t code; /* that the input was refused with; 0: it was not */
};

static void
note(struct findings *found, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		found->sum =
		    (found->sum ^ ((const unsigned char *)bytes)[i]) * 0x100000001b3ULL;
}

struct reading {
	struct frames frames;
	struct message message;
	struct inflate inflate;
	unsigned char frame[PAYLOAD_LIMIT + 14]; /* as far as it came */
	size_t length;
	bool first; /* of a message */
	struct findings found;
};

static void
add_piece(struct reading *r, const char *piece, size_t size, bool first, bool last)
{
	size_t limit = r->frames.message_deflated ? INFLATED_LIMIT : MESSAGE_LIMIT, length;
	const char *whole;
	struct violation v;

	/* As a child does that has begun to close. */
	if (r->found.code != 0)
		return;
	r->message.binary = r->frames.message_binary;
	switch (message_add(&r->message, piece, size, first, last, &whole, &length, &v)) {
	case MESSAGE_PART: break;
	case MESSAGE_BAD: r->found.code = v.code; return;
	case MESSAGE_WHOLE:
		FUZZ_CHECK(length <= limit, "a message of %zu bytes", length);
		note(&r->found, whole, length);
		r->found.messages++;
		message_done(&r->message);
		break;
	}
}

static void
add_inflated(void *reading, const char *bytes, size_t length, bool first, bool last)
{
	add_piece(reading, bytes, length, first, last);
}

static void
end_data_frame(struct reading *r, const char *payload, size_t size)
{
	bool last = !r->frames.in_message;

	add_piece(r, payload, size, r->first, last);
	r->first = last;
}

/* Pieces of compressed messages are inflated as they come. */
static void
take_deflated(struct reading *r, const unsigned char *bytes, size_t length, bool ended)
{
	char *piece = input_copy(bytes, length);
	bool last = ended && !r->frames.in_message;
	struct violation v;

	if (!inflate_piece(&r->inflate, &r->frames, piece, length, last, &v)) {
		FUZZ_CHECK(v.code == 1007 || v.code == 1009, "not inflated for %u", v.code);
		FUZZ_CHECK(r->inflate.total <= INFLATED_LIMIT + 1, "%llu bytes came out",
		    (unsigned long long)r->inflate.total);
		if (r->found.code == 0)
			r->found.code = v.code;
	}
	free(piece);
}

/* The frame is whole: take the mask off, as the engine does. */
static void
end_frame(struct reading *r)
{
	unsigned form = r->frame[1] & 0x7f;
	size_t header = form == 127 ? 14 : form == 126 ? 8 : 6;
	size_t size = r->length - header;
	char *payload = input_copy(r->frame + header, size);

	for (size_t i = 0; i < size; i++)
		payload[i] = (char)(payload[i] ^ (char)r->frame[header - 4 + i % 4]);
	r->found.frames++;
	note(&r->found, &r->frames.opcode, 1);
	note(&r->found, payload, size);
	if (r->frames.opcode < FRAMES_CONTROL && !frames_deflated(&r->frames))
		end_data_frame(r, payload, size);
	free(payload);
	r->length = 0;
}

/* These bytes are a frame, or a piece of one. */
static void
take(struct reading *r, const unsigned char *bytes, size_t length, bool ended)
{
	FUZZ_CHECK(r->length + length <= sizeof(r->frame), "a frame over the limit");
	memcpy(r->frame + r->length, bytes, length);
	r->length += length;
	if (frames_deflated(&r->frames))
		take_deflated(r, bytes, length, ended);
	/* In pieces it is refused before its end, perhaps. */
	if (ended && r->found.code == 0)
		end_frame(r);
}

static struct findings
read_all(const char *bytes, size_t size, size_t step, bool compressed)
{
	static struct reading r;
	struct violation v;

	memset(&r, 0, sizeof(r));
	r.first = true;
	frames_start(&r.frames, MESSAGE_LIMIT);
	r.frames.binary = true;
	r.frames.compressed = compressed;
	inflate_start(&r.inflate, INFLATED_LIMIT, add_inflated, &r);
	for (size_t at = 0; at < size && r.found.code == 0;) {
		size_t end = at + step < size ? at + step : size;

		while (at < end && r.found.code == 0) {
			bool ended;
			size_t got = frames_walk(
			    &r.frames, (const unsigned char *)bytes + at, end - at, &ended, &v);

			FUZZ_CHECK(got <= end - at, "it goes past the end");
			if (got == 0) {
				FUZZ_CHECK(v.code == 1002 || v.code == 1003 || v.code == 1009,
				    "refused with %u", v.code);
				r.found.code = v.code;
				break;
			}
			take(&r, (const unsigned char *)bytes + at, got, ended);
			at += got;
		}
	}
	text_clear(&r.message.text, 0);
	inflate_end(&r.inflate);
	return r.found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	unsigned choice = input_byte(&in);
	bool compressed = choice >= 128;
	size_t step = 1 + choice % 128, length = in.left;
	char *bytes = input_copy(in.at, length);
	struct findings whole = read_all(bytes, length, length + 1, compressed);
	struct findings pieces = read_all(bytes, length, step, compressed);

	FUZZ_CHECK(whole.sum == pieces.sum && whole.frames == pieces.frames &&
		       whole.messages == pieces.messages && whole.code == pieces.code,
	    "read in pieces of %zu it is something else", step);
	free(bytes);
	return 0;
}
