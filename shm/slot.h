/*
 * slot.h - what one client says about itself, and what its child lets others know.
 *
 * slots[i] is written by child i, and by the kernel's word by no other: it
 * begins on a page of its own, which only that child maps writable.  The
 * exceptions are `asleep` and `rung_us`, which the ticker writes when it rings,
 * and a slot that nobody has, which the ticker wipes.  A child that is taken over may put
 * anything here, so whoever reads checks (bounds first), and a lie is about
 * the liar.
 *
 * Layout of a slot, in bytes:
 *	0			struct slot, with two small buffers for properties
 *	SLOT_HEAD_SIZE		large buffer 0
 *	+ buffer_size		large buffer 1
 *	+ buffer_size		the outbox (mail.h)
 * A text of up to SLOT_SMALL bytes lies in a small buffer, so that a quiet
 * client touches one page.
 *
 * The properties are a version and two buffers: version v stands in buffer
 * v & 1.  The child writes v + 1 into the other buffer and then stores the
 * version (and tells the change ring, if it gets the lock).  So the text of the
 * current version is never written to.  Who copies the text of a version looks
 * afterwards whether it is still the current one; if not, the copy may be torn.
 *
 * Child killed:  before the store of version the old text stands, after it the
 *		  new one, whole.  The ticker frees the slot when the life line
 *		  closes.
 * Ticker killed: its successor reads every slot.
 */
#ifndef SHM_SLOT_H
#define SHM_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"
#include "counters.h"
#include "layout.h"

#define SLOT_HEAD_SIZE LAYOUT_PAGE
#define SLOT_SMALL 1408U /* bytes */

struct slot {
	/* One cache line: all that the ticker looks at when it rings everybody. */
	_Alignas(64) _Atomic uint32_t asleep; /* C sets, T clears: a bell is wanted */
	_Atomic uint32_t pinned;              /* C  number of the snapshot it reads, or 0 */
	_Atomic uint32_t taken;       /* C  number of the last snapshot its client was sent */
	_Atomic uint32_t heartbeat;   /* C  +1 for each turn of its loop */
	_Atomic uint64_t outbox_head; /* C  bytes ever written to its outbox */
	_Atomic uint64_t inbox_tail;  /* C  bytes ever taken from its inbox */
	_Atomic uint64_t log_tail;    /* C  bytes of the broadcast log it has gone past */
	_Atomic uint64_t rung_us;     /* T  clock_us() when it was rung last */
	_Atomic uint32_t crowded;     /* C  it waits for room in its outbox: ring it */
	_Atomic uint64_t badge; /* C  its name while it is in the commons, or 0 (lock.h) */

	_Alignas(64) _Atomic uint64_t version; /* C  of its properties; 0: it has set none */
	_Atomic uint32_t length[2];            /* C  bytes of text in buffers 0 and 1 */
	_Atomic uint32_t backlog;              /* C  bytes kept for a client that is slow */
	_Atomic uint32_t state;                /* C  enum slot_state */
	_Atomic uint32_t code;                 /* C  of the close frame; 0: there was none */
	_Atomic uint64_t pong_wall_ms;         /* C  when its client last answered a ping */
	_Atomic uint32_t
	    deflate; /* C  its client takes compressed messages; before it is open */

	struct client_counters counters;     /* C */
	struct client_histograms histograms; /* C */
	char small[2][SLOT_SMALL];           /* C  guarded by version */
};

enum slot_state {
	SLOT_HANDSHAKE,
	SLOT_SERVING,
	SLOT_CLOSING,
};

_Static_assert(sizeof(struct slot) <= SLOT_HEAD_SIZE, "layout moved: bump LAYOUT_VERSION");
_Static_assert(offsetof(struct slot, small) % 8 == 0, "it is wiped by words");
_Static_assert(offsetof(struct slot, version) == 64, "one cache line for the ringing");

/*
 * Put text where the next version goes; nobody can see it yet.  Only the owner
 * calls this.  length is at most buffer_size.
 */
void slot_write(struct slot *slot, uint64_t buffer_size, const char *text, uint32_t length);

/* Make it the current version. */
void slot_flip(struct slot *slot);

/*
 * Copy the current properties into out, which has room for max bytes.  Needs no
 * lock and never waits.  The return is the version that was copied, with its
 * *length; version 0 has no text (length 0).  UINT64_MAX: the slot would not
 * hold still, or its length is over max (*length is then over max, too).
 */
uint64_t slot_read(
    const struct slot *slot, uint64_t buffer_size, char *out, uint32_t max, uint32_t *length);

/* Bring a slot that nobody has into its first state (by the ticker). */
void slot_wipe(struct slot *slot);

#endif
