/*
 * frames.h - the headers of a client's WebSocket frames (RFC 6455, section 5.2).
 *
 * libwebsockets takes frames that a server has to refuse (unmasked ones, length
 * forms that are not the shortest, a close frame of one byte), and closes
 * without a word for others (control frames that are too long).  So the bytes
 * pass here first: headers are checked, payload is only counted.  What gets
 * through is one frame, or a piece of one, at a time; the engine unmasks it,
 * puts fragments together, answers pings and closes.  One at a time, because it
 * keeps but one ping to answer, and because the client's input can then be
 * stopped after each message.
 */
#ifndef CHILD_FRAMES_H
#define CHILD_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opcodes that others ask for; all from FRAMES_CONTROL on are control frames. */
#define FRAMES_CONTROL 0x8
#define FRAMES_PONG 0xa

struct frames {
	uint32_t max_message; /* bytes of a message, all its fragments together */
	bool binary;          /* binary messages are let through (echo builds) */
	bool compressed; /* permessage-deflate is agreed on: the first reserved bit says so */
	bool in_message; /* a fragment came that was not the last */
	bool message_binary;   /* the current or last message is */
	bool message_deflated; /* likewise: it is compressed */
	unsigned char opcode;  /* of the current frame */
	unsigned char seen;    /* header bytes that we have */
	unsigned char needed;  /* header bytes that it has, as far as we know */
	unsigned char header[14];
	uint64_t length;  /* payload bytes of the current frame ... */
	uint64_t left;    /* ... and of these, to come */
	uint64_t message; /* payload bytes of the current message so far */

	/* Of the piece that frames_walk() returned last: */
	size_t piece_header;    /* bytes of header at its beginning */
	uint64_t piece_payload; /* place in the frame's payload of what is behind them */
};

/* What is wrong with the client's input: a close code and a reason that names the rule. */
struct violation {
	uint16_t code;
	char reason[124]; /* NUL-terminated: at most 123 bytes go into a close frame */
};

/*
 * max_message is also the limit for what a compressed message comes to, which is
 * not for us to see (inflate.h): itself it may be a little longer.
 */
void frames_start(struct frames *f, uint32_t max_message);

/*
 * How many of these bytes may be passed on: to the end of the current frame, or
 * all if it is not complete.  *ended says that they complete a frame (f->opcode
 * tells which).  0 with *v filled in: a rule was violated, pass on nothing more.
 */
size_t frames_walk(struct frames *f, const unsigned char *bytes, size_t length, bool *ended,
    struct violation *v);

/* Is this piece, or a part of its header, part of a compressed message? */
bool frames_deflated(const struct frames *f);

/* Take the mask off bytes that stand at this place in the current frame's payload. */
void frames_unmask(
    const struct frames *f, uint64_t at, const char *bytes, size_t length, unsigned char *out);

/* Fill in a violation; the reason is cut to what fits, at the end of a character. */
void violation_set(struct violation *v, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
