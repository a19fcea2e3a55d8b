/*
 * mail.h - rings of bytes between two processes, and the doorbells beside them.
 *
 * outbox[i]	written by child i, read by the ticker: packets for others
 * inbox[i]	written by the ticker, read by child i: frames for its client
 * log		written by the ticker, read by all: frames for everybody
 *
 * Each has one writer.  Cursors count bytes and only grow; the place of byte n
 * is n modulo the size, a power of two.  Outbox and inbox hold records, which
 * are 16-aligned and never wrap: where the end of the ring is too near, a
 * record of kind MAIL_SKIP fills it up (one, and always with a record behind).  A ring that is empty is continued at
 * its beginning, so that a quiet client touches its first pages only.  The log
 * is a pure stream of whole frames and wraps anywhere.
 *
 * The order of a client's packets holds over unicast and broadcast: a record
 * in an inbox carries `stamp`, the head of the log when it was written, and
 * its reader sends the log up to there before it.
 *
 * Writer killed before it stores head:	the record does not exist.
 * Reader killed before it stores tail:	the ticker as reader: see struct mailbox
 *					(layout.h); a child's ring goes with it.
 */
#ifndef SHM_MAIL_H
#define SHM_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"

enum mail_kind {
	MAIL_SKIP,      /* nothing: go on behind it */
	MAIL_UNICAST,   /* outbox: `count` tokens of 16 bytes, then the text */
	MAIL_BROADCAST, /* outbox: the text */
	MAIL_FRAME,     /* inbox: a frame */
};

/* Before the bytes of a record; a skip has the first 16 bytes only. */
struct mail_record {
	_Atomic uint32_t size;      /* of the whole record, 16-aligned */
	_Atomic uint32_t kind;      /* enum mail_kind */
	_Atomic uint32_t length;    /* bytes of text or frame */
	_Atomic uint32_t count;     /* outbox: receivers, whose tokens stand before the text */
	_Atomic uint64_t stamp;     /* inbox: log_head when it was written; outbox: names in
				    "to" that were no tokens */
	_Atomic uint64_t posted_us; /* outbox: clock_us() when it was written */
};

/* A record as its reader got it: read once, so that it cannot change under the checks. */
struct mail_item {
	uint64_t at;       /* where it stands: the tail, after skips */
	uint64_t next;     /* the tail to store when it is done with */
	const char *bytes; /* what stands behind the header ... */
	uint32_t size;     /* ... and how much that is */
	uint32_t kind;
	uint32_t length;
	uint32_t count;
	uint64_t stamp;
	uint64_t posted_us;
};

_Static_assert(sizeof(struct mail_record) == 32, "layout moved: bump LAYOUT_VERSION");

#define MAIL_TOKEN 16U /* bytes of a token in binary */
#define MAIL_ALIGN 16U /* a record begins at a multiple of this */

/*
 * From a packet of n bytes comes a text for others of at most n plus the first,
 * and a record or frame of at most n plus the second.
 */
#define MAIL_TEXT_EXTRA 1088U
#define MAIL_RECORD_EXTRA (MAIL_TEXT_EXTRA + 448U + 2U * sizeof(struct mail_record))

/* A ring as one of its two users sees it; private to the process. */
struct mail_ring {
	char *bytes;
	uint64_t size; /* a power of two */
};

/*
 * Room for a record of size bytes behind head, when the reader is at tail:
 * where it goes, or NULL if there is no room now.  *next is the head to store
 * once it is written (the skip before it, if one is needed, is written here).
 * size is a multiple of 16 and at most half the ring.
 */
struct mail_record *mail_reserve(
    const struct mail_ring *ring, uint64_t head, uint64_t tail, uint32_t size, uint64_t *next);

enum mail_found {
	MAIL_NONE,   /* tail has reached head */
	MAIL_ITEM,   /* *item */
	MAIL_BROKEN, /* the writer cannot be believed: what it wrote is not a record */
};

/*
 * The record at tail, past skips, when the writer is at head.  It lies whole
 * between the two.  The tail is the caller's own: a multiple of MAIL_ALIGN.  Its length and count are the writer's word: the caller
 * checks them against size.
 */
enum mail_found
mail_peek(const struct mail_ring *ring, uint64_t head, uint64_t tail, struct mail_item *item);

/* Copy length bytes into the log at head (the caller knows that there is room). */
void
mail_log_write(const struct mail_ring *log, uint64_t head, const char *frame, uint64_t length);

static inline uint32_t
mail_record_size(uint64_t payload)
{
	return (uint32_t)((sizeof(struct mail_record) + payload + 15) / 16 * 16);
}

/*
 * Doorbells: one rings (writes an eventfd) only who sleeps.  No wake-up is lost:
 *
 *	producer: publish; fence; load asleep	(bell_wanted)
 *	consumer: asleep = 1; fence; look; sleep	(bell_doze before the look)
 *
 * The two fences are in one order.  If the producer's is first, the consumer's
 * look finds what was published.  If the consumer's is first, the producer sees
 * asleep = 1 and writes the eventfd, which the kernel keeps until the consumer
 * gets to epoll_wait.
 *
 * Only the ticker may take a receiver's flag (set it to 0) for the write that
 * follows: a child that took a flag and were killed before its write would
 * leave the sleeper asleep.  Children only look at the ticker's flag, so several
 * may ring at once, which is harmless.
 */
static inline void
bell_doze(_Atomic uint32_t *asleep)
{
	store_relaxed(asleep, 1);
	fence_full();
}

static inline void
bell_rise(_Atomic uint32_t *asleep)
{
	store_relaxed(asleep, 0);
}

/* After something was published: is a bell wanted?  For children. */
static inline bool
bell_wanted(const _Atomic uint32_t *asleep)
{
	fence_full();
	return load_relaxed(asleep) != 0;
}

/* The same and takes the flag.  For the ticker; its fence is the caller's, once for many. */
static inline bool
bell_take(_Atomic uint32_t *asleep)
{
	return load_relaxed(asleep) != 0 &&
	       atomic_exchange_explicit(asleep, 0, memory_order_acq_rel) != 0;
}

#endif
