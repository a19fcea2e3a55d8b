#include "inflate.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define INVALID_DATA 1007
#define TOO_LARGE 1009
#define INTERNAL 1011

#define WINDOW_BITS (-15) /* the largest; no zlib header */
#define PIECE 4096        /* bytes that the sink gets at a time; shorter messages are whole */
#define UNMASKED 1024     /* bytes that the mask is taken off at a time */

struct inflate_state {
	z_stream stream;
	size_t filled;
	char out[PIECE];
};

void
inflate_start(struct inflate *i, uint32_t max, inflate_sink *sink, void *user)
{
	*i = (struct inflate){.max = max, .sink = sink, .user = user};
}

static bool
refuse(struct violation *v, uint16_t code, const char *reason)
{
	violation_set(v, code, "%s", reason);
	return false;
}

void
inflate_end(struct inflate *i)
{
	if (i->state == NULL)
		return;
	inflateEnd(&i->state->stream);
	free(i->state);
	i->state = NULL;
}

static bool
make_state(struct inflate *i)
{
	if ((i->state = malloc(sizeof(*i->state))) == NULL)
		return false;
	memset(i->state, 0, offsetof(struct inflate_state, out));
	if (inflateInit2(&i->state->stream, WINDOW_BITS) == Z_OK)
		return true;
	free(i->state);
	i->state = NULL;
	return false;
}

static void
hand_over(struct inflate *i, bool last)
{
	size_t length = i->state->filled;
	bool first = !i->begun;

	i->begun = true;
	i->state->filled = 0;
	i->sink(i->user, i->state->out, length, first, last);
}

/*
 * One call of inflate(), for as much as there is room; a final block ends a stream,
 * but not the message (RFC 7692, 7.2.3.4).  -1: it cannot go on.
 */
static int
step(struct inflate *i, int flush)
{
	struct inflate_state *s = i->state;
	size_t room = sizeof(s->out) - s->filled;
	int result;

	if (room > i->max + 1ULL - i->total)
		room = (size_t)(i->max + 1ULL - i->total);
	s->stream.next_out = (unsigned char *)s->out + s->filled;
	s->stream.avail_out = (unsigned)room;
	result = inflate(&s->stream, flush);
	s->filled += room - s->stream.avail_out;
	i->total += room - s->stream.avail_out;
	if (result == Z_STREAM_END)
		return inflateReset(&s->stream) == Z_OK ? 0 : -1;
	return result == Z_OK || result == Z_BUF_ERROR ? 0 : -1;
}

/* The end of a block was reached: that is where a message may end. */
static bool
between_blocks(const struct inflate *i)
{
	return (i->state->stream.data_type & 128) != 0;
}

static bool
run(struct inflate *i, const unsigned char *bytes, size_t length, int flush,
    struct violation *v)
{
	z_stream *z = &i->state->stream;
	int result;

	z->next_in = (unsigned char *)(uintptr_t)bytes;
	z->avail_in = (unsigned)length;
	do {
		if (i->state->filled == sizeof(i->state->out))
			hand_over(i, false);
		result = step(i, flush);
		/* First, for zlib has perhaps read on in what came in the same piece. */
		if (i->total > i->max) {
			violation_set(v, TOO_LARGE, "message over %u bytes, inflated", i->max);
			return false;
		}
		if (result < 0)
			return refuse(v, INVALID_DATA, "not deflate data (RFC 7692 7.2.2)");
	} while (z->avail_in > 0 || (z->avail_out == 0 && !between_blocks(i)));
	return true;
}

/* What the sender has left out (RFC 7692, 7.2.2); then there must be nothing half done. */
static bool
finish(struct inflate *i, struct violation *v)
{
	static const unsigned char tail[] = {0x00, 0x00, 0xff, 0xff};

	if (!run(i, tail, sizeof(tail), Z_BLOCK, v))
		return false;
	if (!between_blocks(i))
		return refuse(v, INVALID_DATA, "deflate data are cut short (RFC 7692 7.2.2)");
	hand_over(i, true);
	if (i->total > PIECE)
		inflate_end(i);
	else
		(void)inflateReset(&i->state->stream);
	i->total = 0;
	i->begun = false;
	return true;
}

bool
inflate_piece(struct inflate *i, const struct frames *f, const char *piece, size_t length,
    bool last, struct violation *v)
{
	uint64_t place = f->piece_payload;
	unsigned char bytes[UNMASKED];

	if (i->state == NULL && !make_state(i))
		return refuse(v, INTERNAL, "out of memory for a message");
	for (size_t at = f->piece_header; at < length;) {
		size_t count = length - at < sizeof(bytes) ? length - at : sizeof(bytes);

		frames_unmask(f, place, piece + at, count, bytes);
		if (!run(i, bytes, count, Z_SYNC_FLUSH, v))
			return false;
		place += count;
		at += count;
	}
	return !last || finish(i, v);
}
