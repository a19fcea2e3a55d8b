/*
 * rate.h - how fast a client may send.
 *
 * Two limits, frames and bytes a second.  Each frame and each byte takes its
 * share of a second; a client whose shares reach further into the future than
 * the burst is not read until they do not.  That is all: it is told nothing and
 * loses nothing, its own TCP makes it wait.  (This is the cell rate algorithm of
 * ITU-T I.371, which needs no timer: one time for each limit.)
 */
#ifndef CHILD_RATE_H
#define CHILD_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate {
	uint32_t frames; /* a second; 0: no limit */
	uint32_t bytes;  /* a second; 0: no limit */
	uint64_t burst_us;
	uint64_t frames_us; /* up to when frames that were taken have used the time */
	uint64_t bytes_us;  /* the same for bytes */
	uint64_t since_us;  /* over its rate since then; 0: it is not */
};

void rate_start(struct rate *r, uint32_t frames, uint32_t bytes, uint32_t burst_s);

/* Is there any limit at all? */
static inline bool
rate_limited(const struct rate *r)
{
	return r->frames != 0 || r->bytes != 0;
}

/* A frame was taken, or bytes were read. */
void rate_take_frame(struct rate *r, uint64_t now_us);
void rate_take_bytes(struct rate *r, size_t bytes, uint64_t now_us);

/* When the client may be read again: at most now_us if it may be read now. */
uint64_t rate_due_us(const struct rate *r);

#endif
