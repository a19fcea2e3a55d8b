/* check_commons.c - the lock, the change ring, and the marks of outboxes. */
#include <inttypes.h>

#include "check.h"

static bool
is_known(const struct header *h, uint64_t name)
{
	uint32_t slot = lock_name_slot(name);

	if (slot == LOCK_TICKER)
		return lock_name_is(name, slot, load_relaxed(&h->tickers));
	return slot < h->limits.max_clients &&
	       load_relaxed(&segment_entry(h, slot)->state) != ENTRY_FREE &&
	       lock_name_is(name, slot, load_relaxed(&segment_entry(h, slot)->generation));
}

static void
check_lock(struct check *c)
{
	const struct lock *lock = &segment_commons(c->header)->lock;
	uint64_t owner = load_relaxed(&lock->owner);
	uint32_t waiters = load_relaxed(&lock->waiters);
	uint32_t posts = load_relaxed(&lock->room);

	if (owner != 0 && !is_known(c->header, owner))
		check_add(c, "lock-owner", owner, "nobody has that name");
	/* One that was killed as it waited stays counted. */
	if (waiters > LAYOUT_CLIENTS_MAX)
		check_add(c, "lock-waiters", waiters, "are said to wait");
	if (posts > 1)
		check_add(c, "lock-semaphore", posts, "posts are left");
}

static void
check_change(struct check *c, uint64_t place)
{
	const struct header *h = c->header;
	struct change_seen seen;

	if (!ring_read(segment_commons(h)->changes, h->layout.ring_count, place, &seen)) {
		check_add(c, "ring-place", place, "another entry stands there");
		return;
	}
	if (seen.kind < CHANGE_OPENED || seen.kind > CHANGE_PROPERTIES)
		check_add(c, "ring-kind", place, "%u", seen.kind);
	if (seen.slot >= h->limits.max_clients)
		check_add(c, "ring-slot", place, "%u", seen.slot);
}

static void
check_ring(struct check *c)
{
	const struct ring *ring = &segment_commons(c->header)->ring;
	uint64_t count = c->header->layout.ring_count;
	uint64_t tail = load_acquire(&ring->tail), head = load_acquire(&ring->head);

	if (tail > head || head - tail > count) {
		check_add(c, "ring-cursors", head, "the tail is %" PRIu64, tail);
		return;
	}
	if (load_relaxed(&ring->overflow) > 1)
		check_add(c, "ring-overflow", load_relaxed(&ring->overflow), "is no mark");
	/* The oldest one may be written over just now. */
	for (uint64_t place = head >= count ? head - count + 1 : 0; place != head; place++)
		check_change(c, place);
}

static void
check_marks(struct check *c)
{
	const struct commons *commons = segment_commons(c->header);
	uint32_t most = c->header->limits.max_clients;

	for (uint32_t word = 0; word < (LAYOUT_CLIENTS_MAX + 63) / 64; word++) {
		uint64_t bits = load_relaxed(&commons->dirty[word]);
		uint64_t good = word * 64 >= most        ? 0
				: most - word * 64 >= 64 ? UINT64_MAX
							 : (1ULL << (most - word * 64)) - 1;

		if ((bits & ~good) != 0)
			check_add(c, "marks", word, "%" PRIx64 " are no slots", bits & ~good);
	}
}

void
check_commons(struct check *c)
{
	check_lock(c);
	check_ring(c);
	check_marks(c);
}
