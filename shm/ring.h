/*
 * ring.h - the change ring: what has changed, in order.
 *
 * It tells the ticker where to look, so that a tick costs what changed and not
 * what is connected; and as old entries stay until they are written over, it
 * is a flight recorder for rosterd-dump.  Appending and taking happen under
 * the lock.  A full ring sets `overflow`, and the ticker looks at every slot:
 * slower, nothing lost.
 *
 * Killed before head moves:	the entry does not exist.  The one who appends
 *				has already flipped its slot: the ticker then
 *				learns of the change from its death.
 * Scribbled over:		entries are only hints; the ticker checks slot
 *				numbers, and a head that cannot be is an overflow.
 */
#ifndef SHM_RING_H
#define SHM_RING_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

enum change_kind {
	CHANGE_NONE,
	CHANGE_OPENED,     /* by the ticker */
	CHANGE_CLOSED,     /* by the ticker */
	CHANGE_PROPERTIES, /* by the child */
};

struct change {
	_Atomic uint64_t place; /* L  its number in the ring + 1: tells a reader what it read */
	_Atomic uint64_t generation; /* L  of the slot */
	_Atomic uint64_t wall_ms;    /* L  ms since 1970 */
	_Atomic uint32_t slot;       /* L */
	_Atomic uint32_t kind;       /* L  enum change_kind */
};

struct ring {
	_Atomic uint64_t head;     /* L  entries ever appended */
	_Atomic uint64_t tail;     /* L  entries ever taken */
	_Atomic uint32_t overflow; /* L  some change is not in the ring */
	uint32_t unused;
};

_Static_assert(sizeof(struct change) == 32, "layout moved: bump LAYOUT_VERSION");

/* What a reader gets. */
struct change_seen {
	uint64_t place;
	uint64_t generation;
	uint64_t wall_ms;
	uint32_t slot;
	uint32_t kind;
};

/*
 * Append; the caller holds the lock.  count is the number of entries, a power
 * of two.  False if the ring is full: the mark is set instead.
 */
bool ring_append(struct ring *ring, struct change *changes, uint64_t count, uint32_t slot,
    uint64_t generation, uint32_t kind);

/*
 * Take up to max slot numbers, all there are if max >= count; the caller holds
 * the lock.  *overflow says that the caller has to look everywhere.
 */
uint32_t ring_take(struct ring *ring, const struct change *changes, uint64_t count,
    uint32_t *slots, uint32_t max, bool *overflow);

/* Read entry number place without the lock; false if it is not there (any more). */
bool ring_read(
    const struct change *changes, uint64_t count, uint64_t place, struct change_seen *seen);

#endif
