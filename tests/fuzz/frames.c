/*
 * Frames of a client.  However the bytes are cut into reads, the same frames
 * and the same messages come of them, and no message is over its limit.
 */
#include <string.h>

#include "../../child/frames.h"
#include "../../child/message.h"
#include "fuzz.h"

#define MESSAGE_LIMIT 300U

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
	unsigned char frame[MESSAGE_LIMIT + 14]; /* as far as it came */
	size_t length;
	bool first; /* of a message */
	struct findings found;
};

static void
end_data_frame(struct reading *r, const char *payload, size_t size)
{
	const char *whole;
	size_t length;
	struct violation v;
	bool last = !r->frames.in_message;

	r->message.binary = r->frames.message_binary;
	switch (message_add(&r->message, payload, size, r->first, last, &whole, &length, &v)) {
	case MESSAGE_PART: break;
	case MESSAGE_BAD: r->found.code = v.code; return;
	case MESSAGE_WHOLE:
		FUZZ_CHECK(length <= MESSAGE_LIMIT, "a message of %zu bytes", length);
		note(&r->found, whole, length);
		r->found.messages++;
		message_done(&r->message);
		break;
	}
	r->first = last;
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
	if (r->frames.opcode < FRAMES_CONTROL)
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
	if (ended)
		end_frame(r);
}

static struct findings
read_all(const char *bytes, size_t size, size_t step)
{
	static struct reading r;
	struct violation v;

	memset(&r, 0, sizeof(r));
	r.first = true;
	frames_start(&r.frames, MESSAGE_LIMIT);
	r.frames.binary = true;
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
	return r.found;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	size_t step = 1 + input_byte(&in), length = in.left;
	char *bytes = input_copy(in.at, length);
	struct findings whole = read_all(bytes, length, length + 1);
	struct findings pieces = read_all(bytes, length, step);

	FUZZ_CHECK(whole.sum == pieces.sum && whole.frames == pieces.frames &&
		       whole.messages == pieces.messages && whole.code == pieces.code,
	    "read in pieces of %zu it is something else", step);
	free(bytes);
	return 0;
}
