#include "inbound.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

void
inbound_start(struct inbound *in, int fd, uint32_t max_message)
{
	in->fd = fd;
	in->tls = NULL;
	in->ended = in->broken = false;
	in->begin = in->end = 0;
	in->counters = NULL;
	frames_start(&in->frames, max_message);
}

/* As recv(2) returned it. */
static size_t
judge(struct inbound *in, ssize_t got)
{
	if (got == 0)
		in->ended = true;
	else if (got < 0 && errno != EAGAIN)
		in->broken = true;
	return got > 0 ? (size_t)got : 0;
}

static size_t
receive_quietly(struct inbound *in, char *at, size_t size, int flags)
{
	ssize_t got;

	do
		got = recvfrom(in->fd, at, size, MSG_DONTWAIT | flags, NULL, NULL);
	while (got < 0 && errno == EINTR);
	return judge(in, got);
}

static size_t
receive(struct inbound *in, char *at, size_t size)
{
	size_t got = receive_quietly(in, at, size, 0);

	if (got > 0 && in->counters != NULL)
		count_add(&in->counters->received_bytes, got);
	return got;
}

size_t
inbound_read(struct inbound *in)
{
	size_t got = 0, room;
	char *at;

	if (in->begin == in->end)
		in->begin = in->end = 0;
	at = in->bytes + in->end;
	room = sizeof(in->bytes) - in->end;
	if (room > 0)
		got = in->tls == NULL ? receive(in, at, room)
				      : judge(in, tls_receive(in->tls, at, room));
	in->end += got;
	return got;
}

bool
inbound_is_waiting(const struct inbound *in)
{
	return in->tls != NULL && tls_is_waiting(in->tls);
}

bool
inbound_wants_write(const struct inbound *in)
{
	return in->tls != NULL && tls_wants_write(in->tls);
}

bool
inbound_begins_tls(const struct inbound *in)
{
	return in->tls == NULL && in->end - in->begin >= 2 && in->bytes[in->begin] == 0x16 &&
	       in->bytes[in->begin + 1] == 0x03;
}

size_t
inbound_peek(struct inbound *in, const char **bytes)
{
	*bytes = in->bytes;
	return in->end +
	       receive_quietly(in, in->bytes + in->end, sizeof(in->bytes) - in->end, MSG_PEEK);
}

void
inbound_take(struct inbound *in, size_t length)
{
	if (length > in->end)
		in->end += receive_quietly(in, in->bytes + in->end, length - in->end, 0);
}

void
inbound_forget(struct inbound *in)
{
	in->begin = in->end = 0;
}

size_t
inbound_discard(struct inbound *in)
{
	in->begin = in->end = 0;
	return receive(in, in->bytes, sizeof(in->bytes));
}

enum inbound_head
inbound_head(struct inbound *in, const char **head, size_t *length)
{
	size_t there = in->end - in->begin;

	*head = in->bytes + in->begin;
	*length = request_length(*head, there);
	if (*length > REQUEST_HEAD_MAX || (*length == 0 && there >= REQUEST_HEAD_MAX))
		return INBOUND_HEAD_LONG;
	if (*length == 0)
		return INBOUND_HEAD_PART;
	in->begin += *length;
	return INBOUND_HEAD_WHOLE;
}

void
inbound_again(struct inbound *in, size_t length)
{
	in->begin -= length;
}

enum inbound_frame
inbound_frame(struct inbound *in, const char **bytes, size_t *length, struct violation *v)
{
	bool ended;

	if (in->begin == in->end)
		return INBOUND_FRAME_NONE;
	*bytes = in->bytes + in->begin;
	*length = frames_walk(
	    &in->frames, (const unsigned char *)*bytes, in->end - in->begin, &ended, v);
	if (*length == 0)
		return INBOUND_FRAME_BAD;
	in->begin += *length;
	return ended ? INBOUND_FRAME_END : INBOUND_FRAME_PART;
}
