#include "deflate.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../shm/clock.h"
#include "../shm/snapshot.h"

#define WINDOW_BITS (-15) /* the largest; no zlib header */
#define MEMORY 8          /* zlib's default; more makes it slower, and no better */
#define TAIL 4            /* bytes of a sync flush that are not sent (RFC 7692, 7.2.1) */
#define STORED 5          /* bytes before the text of a stored block */
#define FRAME 10          /* bytes of the longest frame header */

#define HEAD_TEXT (sizeof(SNAPSHOT_HEAD) - 1)

/* What the two packets need beside what is compressed. */
#define OVERHEAD (2 * FRAME + STORED + HEAD_TEXT + TAIL)

/* A text shorter than this is not worth a client's trouble. */
#define LEAST 256

int
deflate_make(struct ticker *t)
{
	if (t->start.compress == 0)
		return 0;
	if ((t->deflate = calloc(1, sizeof(*t->deflate))) == NULL)
		return -1;
	if (deflateInit2(t->deflate, (int)t->start.compress, Z_DEFLATED, WINDOW_BITS, MEMORY,
		Z_DEFAULT_STRATEGY) == Z_OK)
		return 0;
	errno = ENOMEM;
	return -1;
}

/* Bytes that it may come to, or the clients' time is not worth it. */
static uint64_t
worth(uint64_t text)
{
	return text - text / 4;
}

uint64_t
deflate_room(const struct ticker *t, uint64_t text)
{
	/* zlib counts in unsigned int. */
	if (t->deflate == NULL || t->deflate_count == 0 || text < LEAST || text > UINT_MAX)
		return 0;
	return worth(text) + OVERHEAD;
}

/*
 * A whole stream of its own.  The return is its length without the tail; 0 if it
 * does not fit or is not worth it.
 */
static uint64_t
compress_text(struct ticker *t, const char *text, uint64_t length, char *out, uint64_t room)
{
	z_stream *z = t->deflate;

	if (room > worth(length))
		room = worth(length);
	if (length < LEAST || room <= TAIL || deflateReset(z) != Z_OK)
		return 0;
	z->next_in = (unsigned char *)(uintptr_t)text;
	z->avail_in = (unsigned)length;
	z->next_out = (unsigned char *)out;
	z->avail_out = (unsigned)room;
	/* A flush is complete if there is room left behind it. */
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0 || z->avail_out == 0)
		return 0;
	count_add(&t->header->counters.deflate_in_bytes, length);
	count_add(&t->header->counters.deflate_out_bytes, room - z->avail_out - TAIL);
	return room - z->avail_out - TAIL;
}

/* A frame header right before its payload; where it begins. */
static char *
put_header(char *payload, uint64_t length)
{
	unsigned char header[FRAME];
	size_t size = snapshot_frame(length, header);

	header[0] |= SNAPSHOT_DEFLATED;
	return memcpy(payload - size, header, size);
}

/* Bytes of the header of a frame of ours. */
static size_t
header_length(const char *frame)
{
	unsigned form = (unsigned char)frame[1];

	return form < 126 ? 2 : form == 126 ? 4 : FRAME;
}

/*
 * Both return where what they have put ends.  How long a header is shows when it
 * is known what comes behind it, so that is put first.
 */
static char *
put_changes(struct ticker *t, struct generation *g, const struct snapshot *view, char *at,
    const char *end)
{
	size_t skip = header_length(view->changes);
	char *body = at + FRAME, *frame;
	uint64_t length;

	if (body >= end)
		return at;
	length = compress_text(
	    t, view->changes + skip, view->changes_length - skip, body, (uint64_t)(end - body));
	if (length == 0)
		return at;
	frame = put_header(body, length);
	g->deflated_changes = g->at + (uint64_t)(frame - view->changes);
	g->deflated_changes_length = (uint32_t)(body + length - frame);
	return body + length;
}

static char *
put_metadata(struct ticker *t, struct generation *g, const struct snapshot *view, char *at,
    const char *end)
{
	const uint16_t stored = HEAD_TEXT + TOKEN_LENGTH;
	char *head = at + FRAME, *body = head + STORED + HEAD_TEXT, *frame;
	uint64_t length;

	if (body >= end)
		return at;
	length = compress_text(t, view->names,
	    view->names_length + view->people_length + view->tail_length, body,
	    (uint64_t)(end - body));
	if (length == 0)
		return at;
	/* RFC 1951, 3.2.4: not the last block, stored; its length, and that inverted. */
	head[0] = 0;
	head[1] = (char)(stored & 0xff);
	head[2] = (char)(stored >> 8);
	head[3] = (char)~head[1];
	head[4] = (char)~head[2];
	memcpy(head + STORED, SNAPSHOT_HEAD, HEAD_TEXT);
	frame = put_header(head, STORED + stored + length);
	g->deflated_metadata = g->at + (uint64_t)(frame - view->changes);
	g->deflated_head_length = (uint32_t)(body - frame);
	g->deflated_body_length = length;
	return body + length;
}

void
deflate_generation(struct ticker *t, struct generation *g, uint64_t room)
{
	uint64_t start = clock_us();
	struct snapshot view;
	char *at, *end;

	g->deflated_changes = g->deflated_metadata = g->deflated_body_length = 0;
	g->deflated_changes_length = g->deflated_head_length = 0;
	if (room == 0)
		return;
	snapshot_view(t->header, g, &view);
	at = (char *)(uintptr_t)(view.rows + view.count);
	end = at + room;
	at = put_metadata(t, g, &view, at, end);
	at = put_changes(t, g, &view, at, end);
	g->end = g->at + (uint64_t)(at - view.changes);
	count_add(&t->header->counters.tick_deflate_us, clock_us() - start);
}
