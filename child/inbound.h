/*
 * inbound.h - what comes from the client's socket, until it is a request or frames.
 */
#ifndef CHILD_INBOUND_H
#define CHILD_INBOUND_H

#include <stdbool.h>
#include <stddef.h>

#include "../shm/counters.h"
#include "frames.h"
#include "request.h"
#include "tls.h"

#define INBOUND_SIZE 16384U

struct inbound {
	int fd;
	struct tls *tls; /* or NULL */
	bool ended;      /* the client sends no more */
	bool broken;     /* the connection is dead */
	size_t begin, end;
	struct frames frames;
	struct client_counters *counters; /* or NULL */
	char bytes[INBOUND_SIZE]; /* last, so that a quiet client touches little of it */
};

void inbound_start(struct inbound *in, int fd, uint32_t max_message);

/* Read once, behind what is there; the number of bytes.  Nothing to read is no event. */
size_t inbound_read(struct inbound *in);

/*
 * Look at what comes next without taking it: it stands behind what was taken
 * before, and *bytes is all of both; the return is how much that is.  Then take so
 * many of these, or forget those that were taken.  For what is none of the
 * client's: it is not counted.
 */
size_t inbound_peek(struct inbound *in, const char **bytes);
void inbound_take(struct inbound *in, size_t length);
void inbound_forget(struct inbound *in);

/* There is more than the socket says: inbound_read() would get it at once. */
bool inbound_is_waiting(const struct inbound *in);

/* inbound_read() goes on when the socket can be written to. */
bool inbound_wants_write(const struct inbound *in);

/* The client begins as if this were TLS (a record that is part of a handshake). */
bool inbound_begins_tls(const struct inbound *in);

/* Read what is on the wire, and forget it; the number of bytes. */
size_t inbound_discard(struct inbound *in);

enum inbound_head {
	INBOUND_HEAD_PART,  /* more has to come */
	INBOUND_HEAD_LONG,  /* it is longer than REQUEST_HEAD_MAX */
	INBOUND_HEAD_WHOLE, /* *head and *length; what is behind it are frames */
};
enum inbound_head inbound_head(struct inbound *in, const char **head, size_t *length);

/* The head that was just found is to be found again. */
void inbound_again(struct inbound *in, size_t length);

enum inbound_frame {
	INBOUND_FRAME_NONE, /* nothing there */
	INBOUND_FRAME_PART, /* *bytes, *length: a piece of a frame for the engine */
	INBOUND_FRAME_END,  /* the same, and the frame is complete; frames.opcode is its kind */
	INBOUND_FRAME_BAD,  /* *v says which rule was broken */
};
enum inbound_frame
inbound_frame(struct inbound *in, const char **bytes, size_t *length, struct violation *v);

#endif
