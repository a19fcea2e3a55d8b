#include "intake.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <zlib.h>

#define METADATA "{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":{\"index\":\""
#define CHANGES "{\"from\":\"server\",\"type\":\"changes\""
#define METADATA_LENGTH (sizeof(METADATA) - 1)
#define CHANGES_LENGTH (sizeof(CHANGES) - 1)
#define HEAD_LENGTH (METADATA_LENGTH + FLEET_TOKEN)
#define STORED 5 /* RFC 1951, 3.2.4: before the text of a stored block */

static char buffer[2 * INTAKE_SIZE];

static void
blame(struct fleet *f, struct client *c)
{
	f->bad++;
	fleet_close(f, c);
}

static void
keep_text(struct fleet *f, const char *bytes, size_t length)
{
	if (f->text_length + length > f->text_room) {
		f->text_room = 2 * (f->text_length + length);
		f->text = realloc(f->text, f->text_room);
		if (f->text == NULL)
			abort();
	}
	memcpy(f->text + f->text_length, bytes, length);
	f->text_length += length;
}

/* Text of a metadata packet, piece by piece: all but `index` is the same for all. */
static void
look_at_metadata(struct fleet *f, struct client *c, const char *bytes, size_t length)
{
	if (!f->whole)
		return;
	if (c->passed == 0) {
		c->sum = 0;
		if (c->number == 0)
			f->text_length = 0;
		/* The head is in the first piece: who calls sees to that. */
		c->passed += HEAD_LENGTH;
		bytes += HEAD_LENGTH;
		length -= HEAD_LENGTH;
	}
	c->sum = (uint32_t)crc32_z(c->sum, (const unsigned char *)bytes, length);
	c->passed += length;
	if (c->number == 0)
		keep_text(f, bytes, length);
}

static void
end_frame(struct fleet *f, struct client *c)
{
	if (!c->metadata)
		return;
	c->metadata = false;
	c->passed = 0;
	c->metadatas++;
	if (!c->knows_token) {
		c->knows_token = true;
		f->known++;
	}
	if (f->on_metadata != NULL)
		f->on_metadata(f, c);
}

/*
 * The beginning of a text: what is it?  there bytes of it are there, at least
 * HEAD_LENGTH or all.
 */
static void
begin_frame(struct fleet *f, struct client *c, const char *text, size_t there)
{
	c->metadata = false;
	f->deflated = false;
	if (there >= HEAD_LENGTH && memcmp(text, METADATA, METADATA_LENGTH) == 0) {
		const char *token = text + METADATA_LENGTH;

		c->metadata = true;
		if (!c->knows_token)
			memcpy(c->token, token, FLEET_TOKEN);
		else if (memcmp(c->token, token, FLEET_TOKEN) != 0)
			f->bad++;
		look_at_metadata(f, c, text, there);
	} else if (there >= CHANGES_LENGTH && memcmp(text, CHANGES, CHANGES_LENGTH) == 0) {
		c->changes++;
	} else if (f->on_packet != NULL) {
		f->on_packet(f, c, text, there);
	} else {
		f->bad++;
	}
}

/*
 * The beginning of a compressed message.  Of metadata the head is stored as it is, and
 * what follows is the same for all.
 */
static void
begin_deflated(struct fleet *f, struct client *c, const char *bytes, size_t there)
{
	if (there >= STORED + HEAD_LENGTH && bytes[0] == 0) {
		begin_frame(f, c, bytes + STORED, there - STORED);
		f->deflated = true;
		return;
	}
	c->metadata = false;
	c->changes++;
}

/*
 * Take one frame, or the beginning of a long one.  The return is how many bytes
 * that is; 0: more has to come first.
 */
static size_t
take_frame(struct fleet *f, struct client *c, const char *bytes, size_t there)
{
	const unsigned char *b = (const unsigned char *)bytes;
	size_t header = 2, begin;
	uint64_t length;

	if (there < 2)
		return 0;
	length = b[1];
	if (length == 126)
		header = 4;
	else if (length == 127)
		header = 10;
	if (there < header)
		return 0;
	if (header > 2) {
		length = 0;
		for (size_t i = 2; i < header; i++)
			length = length << 8 | b[i];
	}
	if (b[0] == 0x80 && c->fragment) {
		f->heard_ns = f->now;
		c->fragment = false;
		c->left = length;
		return header;
	}
	if (b[0] != 0x81 && b[0] != 0x01 && (b[0] != 0xc1 || !f->load.deflate)) {
		/* Pings are the only other frames that are expected. */
		if (b[0] != 0x89 || length != 0) {
			blame(f, c);
			return 0;
		}
		fleet_send(f, c, "\x8a\x80\0\0\0", 6);
		return header;
	}
	if (there - header < length &&
	    (length <= FLEET_SMALL || there - header < STORED + HEAD_LENGTH))
		return 0;
	f->heard_ns = f->now;
	begin = there - header < length ? there - header : (size_t)length;
	if (b[0] == 0xc1)
		begin_deflated(f, c, bytes + header, begin);
	else
		begin_frame(f, c, bytes + header, begin);
	c->left = length - begin;
	/* A short first fragment: the rest of the packet is the next frame. */
	c->fragment = b[0] == 0x01;
	if (c->left == 0 && !c->fragment)
		end_frame(f, c);
	return header + begin;
}

/* The end of the answer to the request; 0: not there yet. */
static size_t
take_answer(struct fleet *f, struct client *c, const char *bytes, size_t there)
{
	const char *end = memmem(bytes, there, "\r\n\r\n", 4);

	if (end == NULL)
		return 0;
	if (there < 12 || memcmp(bytes, "HTTP/1.1 101", 12) != 0) {
		blame(f, c);
		return 0;
	}
	c->state = CLIENT_OPEN;
	f->open++;
	if (f->on_open != NULL)
		f->on_open(f, c);
	return (size_t)(end + 4 - bytes);
}

static void
keep_rest(struct fleet *f, struct client *c, const char *bytes, size_t length)
{
	(void)f;
	if (length > 0) {
		if (c->keep == NULL && (c->keep = malloc(FLEET_SMALL + 1024)) == NULL)
			abort();
		if (length > FLEET_SMALL + 1024)
			abort();
		memcpy(c->keep, bytes, length);
	} else {
		free(c->keep);
		c->keep = NULL;
	}
	c->kept = (uint32_t)length;
}

/* length bytes at the beginning of the buffer: frames, the last one perhaps not whole. */
static void
take(struct fleet *f, struct client *c, size_t length)
{
	size_t at = 0;

	while (c->fd >= 0 && at < length) {
		size_t taken;

		if (c->left > 0) {
			taken = length - at < c->left ? length - at : (size_t)c->left;
			f->heard_ns = f->now;
			if (c->metadata)
				look_at_metadata(f, c, buffer + at, taken);
			c->left -= taken;
			if (c->left == 0)
				end_frame(f, c);
		} else if (c->state == CLIENT_ASKED) {
			taken = take_answer(f, c, buffer + at, length - at);
		} else {
			taken = take_frame(f, c, buffer + at, length - at);
		}
		if (taken == 0)
			break;
		at += taken;
	}
	if (c->fd >= 0)
		keep_rest(f, c, buffer + at, length - at);
}

/* True if there may be more. */
static bool
received(struct fleet *f, struct client *c, ssize_t got)
{
	if (got > 0) {
		if (f->first_ns == 0)
			f->first_ns = f->now;
		f->bytes += (uint64_t)got;
		c->bytes += (uint64_t)got;
		return true;
	}
	if (got == 0 || (errno != EAGAIN && errno != EINTR))
		fleet_close(f, c);
	return false;
}

/* The rest of a long frame, which nobody wants to see: taken, not copied (tcp(7)). */
static void
pass_over(struct fleet *f, struct client *c)
{
	size_t most = c->left < 1U << 30 ? (size_t)c->left : 1U << 30;
	ssize_t got = recv(c->fd, buffer, most, MSG_DONTWAIT | MSG_TRUNC);

	if (!received(f, c, got))
		return;
	f->heard_ns = f->now;
	c->left -= (uint64_t)got;
	if (c->left == 0)
		end_frame(f, c);
}

void
intake_read(struct fleet *f, struct client *c)
{
	size_t most = f->whole ? INTAKE_SIZE : f->piece, got;

	do {
		size_t kept = c->kept;
		ssize_t result;

		if (c->left > 0 && !f->whole) {
			pass_over(f, c);
			return;
		}
		if (kept > 0)
			memcpy(buffer, c->keep, kept);
		result = recv(c->fd, buffer + kept, most, MSG_DONTWAIT);
		if (!received(f, c, result))
			return;
		got = (size_t)result;
		take(f, c, kept + got);
	} while (c->fd >= 0 && got == most);
}

/* The text that was compressed behind the head; to be freed. */
static char *
inflate_text(const struct fleet *f, size_t *length)
{
	size_t room = 64 * f->text_length;
	char *text = malloc(room);
	z_stream z = {.next_in = (unsigned char *)f->text,
	    .avail_in = (unsigned)f->text_length,
	    .next_out = (unsigned char *)text,
	    .avail_out = (unsigned)room};

	if (text == NULL || inflateInit2(&z, -MAX_WBITS) != Z_OK)
		abort();
	(void)inflate(&z, Z_SYNC_FLUSH);
	*length = z.total_out;
	inflateEnd(&z);
	return text;
}

static uint32_t
count_indexes(const char *text, size_t length)
{
	const char *at = memmem(text, length, "\"indexes\":[", 11);
	const char *end = memmem(text, length, "],\"properties\":{", 16);

	if (at == NULL || end == NULL)
		return 0;
	at += 11;
	return end > at ? (uint32_t)(end - at + 1) / (FLEET_TOKEN + 3) : 0;
}

uint32_t
intake_count(const struct fleet *f)
{
	uint32_t count;
	size_t length;
	char *text;

	if (f->text_length == 0 || !f->deflated)
		return count_indexes(f->text, f->text_length);
	text = inflate_text(f, &length);
	count = count_indexes(text, length);
	free(text);
	return count;
}
