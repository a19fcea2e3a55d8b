/*
 * outbound.h - everything that goes to the client, in order, frame after frame.
 *
 * Text that is shared (snapshots, mail) is sent from where it lies.  What the
 * socket did not take of it at once is kept in one of two ways:
 *
 *	a tick	stays pinned and is continued from where it stopped
 *		(outbound_tick), until it gets old; then it is copied
 *	mail	is copied at once, so that the rings are free again
 *
 * Copies and what the WebSocket engine says (101, pongs, close) queue up in
 * `owed`, private memory of this process.  Nothing else is begun while a frame
 * is unfinished, so frames never mix.
 */
#ifndef CHILD_OUTBOUND_H
#define CHILD_OUTBOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../shm/counters.h"
#include "../shm/text.h"
#include "tls.h"

#define OUTBOUND_PIECES 8

struct outbound {
	int fd;
	struct tls *tls; /* or NULL */
	bool blocked;    /* the socket is full: EPOLLOUT is wanted */
	bool broken;     /* the client is gone: nothing can be sent any more */
	struct text owed;
	size_t done;   /* bytes of owed that are sent */
	size_t exempt; /* bytes at its front that are a tick's, not the backlog's */

	/* A tick that is not finished: pieces[next..count) are still to be sent. */
	struct iovec pieces[OUTBOUND_PIECES];
	int next;
	int count;

	struct client_counters *counters; /* or NULL */
};

void outbound_start(struct outbound *o, int fd);

/* Nothing is owed and no tick is unfinished: something new may be begun. */
bool outbound_idle(const struct outbound *o);

/* Bytes that are kept for the client because it is slow; a tick does not count. */
size_t outbound_backlog(const struct outbound *o);

/* Queue bytes behind all else. */
void outbound_put(struct outbound *o, const void *bytes, size_t length);

/* Take back all that is queued and not sent yet, to the end of a text; the bytes. */
size_t outbound_take(struct outbound *o, struct text *to);

/* Send what is queued or unfinished, as much as the socket takes now. */
void outbound_flush(struct outbound *o);

/*
 * Begin a tick (outbound_idle() holds): pieces stay where they are until
 * outbound_tick_done().  What can be sent is sent.
 */
void outbound_tick(struct outbound *o, const struct iovec *pieces, int count);
bool outbound_tick_done(const struct outbound *o);

/* Copy what is left of the tick, so that the snapshot may be let go. */
void outbound_tick_copy(struct outbound *o);

/*
 * Send mail (outbound_idle() holds, or it is queued behind what is there): all
 * of it is taken, sent or copied, when this returns.
 */
void outbound_mail(struct outbound *o, struct iovec *pieces, int count);

#endif
