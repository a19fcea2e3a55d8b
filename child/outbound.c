#include "outbound.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* Memory for what is owed is given back when it was more than this. */
#define KEEP 16384

/* What was sent is cut off the front when it is this much: memmove is not free. */
#define CUT 65536

void
outbound_start(struct outbound *o, int fd)
{
	memset(o, 0, sizeof(*o));
	o->fd = fd;
}

bool
outbound_idle(const struct outbound *o)
{
	return o->owed.length == 0 && o->next == o->count;
}

size_t
outbound_backlog(const struct outbound *o)
{
	return o->owed.length - o->done - o->exempt;
}

void
outbound_put(struct outbound *o, const void *bytes, size_t length)
{
	text_add(&o->owed, bytes, length);
	if (o->owed.failed)
		o->broken = true;
}

size_t
outbound_take(struct outbound *o, struct text *to)
{
	size_t length = o->owed.length - o->done;

	if (length > 0) /* or there may be no text at all */
		text_add(to, o->owed.bytes + o->done, length);
	text_clear(&o->owed, KEEP);
	o->done = o->exempt = 0;
	return length;
}

static ssize_t
send_plain(struct outbound *o, struct iovec *pieces, int count)
{
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = (size_t)count};
	ssize_t sent;

	do
		sent = sendmsg(o->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (sent < 0 && errno == EINTR);
	if (o->counters != NULL) {
		count_add(&o->counters->sends, 1);
		count_add(&o->counters->sent_bytes, sent > 0 ? (uint64_t)sent : 0);
	}
	return sent;
}

/* One system call; the bytes that the socket took, 0 if none. */
static size_t
send_pieces(struct outbound *o, struct iovec *pieces, int count)
{
	ssize_t sent =
	    o->tls != NULL ? tls_send(o->tls, pieces, count) : send_plain(o, pieces, count);

	if (sent < 0) {
		if (errno == EAGAIN || errno == ENOBUFS)
			o->blocked = true;
		else
			o->broken = true;
		return 0;
	}
	return (size_t)sent;
}

/* Step over what was sent; true if that was all. */
static bool
advance(struct iovec *pieces, int *next, int count, size_t sent)
{
	while (*next < count && sent >= pieces[*next].iov_len)
		sent -= pieces[(*next)++].iov_len;
	if (*next == count)
		return true;
	pieces[*next].iov_base = (char *)pieces[*next].iov_base + sent;
	pieces[*next].iov_len -= sent;
	return false;
}

static void
flush_owed(struct outbound *o)
{
	while (o->done < o->owed.length && !o->blocked && !o->broken) {
		struct iovec piece = {o->owed.bytes + o->done, o->owed.length - o->done};
		size_t sent = send_pieces(o, &piece, 1);

		o->done += sent;
		o->exempt -= sent < o->exempt ? sent : o->exempt;
	}
	if (o->done == o->owed.length) {
		text_clear(&o->owed, KEEP);
		o->done = 0;
	} else if (o->done >= CUT) {
		text_drop(&o->owed, o->done);
		o->done = 0;
	}
}

static void
flush_tick(struct outbound *o)
{
	while (o->next < o->count && !o->blocked && !o->broken) {
		size_t sent = send_pieces(o, o->pieces + o->next, o->count - o->next);

		if (!advance(o->pieces, &o->next, o->count, sent) && sent == 0)
			break;
	}
}

/*
 * A tick that has begun came before everything that is queued: outbound_tick()
 * is only called when nothing is.
 */
void
outbound_flush(struct outbound *o)
{
	o->blocked = false;
	flush_tick(o);
	if (o->next == o->count)
		flush_owed(o);
}

void
outbound_tick(struct outbound *o, const struct iovec *pieces, int count)
{
	memcpy(o->pieces, pieces, (size_t)count * sizeof(*pieces));
	o->next = 0;
	o->count = count;
	flush_tick(o);
}

bool
outbound_tick_done(const struct outbound *o)
{
	return o->next == o->count;
}

void
outbound_tick_copy(struct outbound *o)
{
	struct text behind = o->owed;
	size_t done = o->done;

	/* It goes before what was queued meanwhile. */
	memset(&o->owed, 0, sizeof(o->owed));
	o->done = 0;
	while (o->next < o->count) {
		const struct iovec *piece = &o->pieces[o->next++];

		text_add(&o->owed, piece->iov_base, piece->iov_len);
	}
	o->exempt = o->owed.length;
	if (behind.length > done) /* or there may be no text at all */
		text_add(&o->owed, behind.bytes + done, behind.length - done);
	if (o->owed.failed)
		o->broken = true;
	text_clear(&behind, 0);
}

void
outbound_mail(struct outbound *o, struct iovec *pieces, int count)
{
	int next = 0;

	if (outbound_idle(o) && !o->blocked && !o->broken) {
		size_t sent = send_pieces(o, pieces, count);

		if (advance(pieces, &next, count, sent))
			return;
		o->blocked = true;
	}
	for (; next < count; next++)
		text_add(&o->owed, pieces[next].iov_base, pieces[next].iov_len);
	if (o->owed.failed)
		o->broken = true;
}
