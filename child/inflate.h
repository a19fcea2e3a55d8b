/*
 * inflate.h - a client's compressed messages (RFC 7692), inflated with a bound.
 *
 * The WebSocket engine never sees them: it would refuse them.  So frames are
 * unmasked and joined here, and what comes out goes the way of all messages.
 *
 * No more than one byte over the limit is ever inflated, however much more would
 * come of it.  Memory for it (some 15 KB, 40 KB after long messages) is taken
 * when the first compressed message comes, and given back after a long one.
 *
 * RFC 7692 names no code for data that do not inflate: it is 1007, as data that
 * are not what their kind says (RFC 6455, 7.4.1).
 */
#ifndef CHILD_INFLATE_H
#define CHILD_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frames.h"

/* Where it goes: pieces as the engine has them (websocket.h). */
typedef void inflate_sink(void *user, const char *bytes, size_t length, bool first, bool last);

struct inflate {
	uint32_t max; /* bytes that a message may come to */
	inflate_sink *sink;
	void *user;
	struct inflate_state *state; /* or NULL */
	uint64_t total;              /* bytes of the current message so far */
	bool begun;                  /* the sink has some of them */
};

void inflate_start(struct inflate *i, uint32_t max, inflate_sink *sink, void *user);

/* Give back what memory it has. */
void inflate_end(struct inflate *i);

/*
 * The payload in a piece of a frame, as f says (frames_walk); last: it completes
 * the message.  False with *v filled in: it is refused.
 */
bool inflate_piece(struct inflate *i, const struct frames *f, const char *piece, size_t length,
    bool last, struct violation *v);

#endif
