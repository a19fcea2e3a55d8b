#include "ring.h"

#include "clock.h"
#include "fault.h"

bool
ring_append(struct ring *ring, struct change *changes, uint64_t count, uint32_t slot,
    uint64_t generation, uint32_t kind)
{
	uint64_t head = load_relaxed(&ring->head);
	uint64_t tail = load_relaxed(&ring->tail);
	struct change *c = &changes[head & (count - 1)];

	if (head - tail >= count) {
		store_release(&ring->overflow, 1);
		FAULT("ring.overflow");
		return false;
	}
	/* A reader without the lock that sees the old place has seen no new field. */
	store_relaxed(&c->place, 0);
	fence_release();
	FAULT("ring.clearing");
	store_relaxed(&c->generation, generation);
	store_relaxed(&c->wall_ms, clock_wall_ms());
	store_relaxed(&c->slot, slot);
	store_relaxed(&c->kind, kind);
	store_release(&c->place, head + 1);
	FAULT("ring.written");
	store_release(&ring->head, head + 1);
	FAULT("ring.appended");
	return true;
}

uint32_t
ring_take(struct ring *ring, const struct change *changes, uint64_t count, uint32_t *slots,
    uint32_t max, bool *overflow)
{
	uint64_t head = load_acquire(&ring->head);
	uint64_t tail = load_relaxed(&ring->tail);
	uint32_t taken = 0;

	*overflow = load_acquire(&ring->overflow) != 0;
	if (head - tail > count) {
		/* Nobody who plays by the rules gets here: a cursor was scribbled over. */
		*overflow = true;
		tail = head;
	}
	while (tail != head && taken < max) {
		const struct change *c = &changes[tail++ & (count - 1)];

		slots[taken++] = load_relaxed(&c->slot);
	}
	store_relaxed(&ring->overflow, 0);
	FAULT("ring.taking");
	store_release(&ring->tail, tail);
	FAULT("ring.taken");
	return taken;
}

bool
ring_read(
    const struct change *changes, uint64_t count, uint64_t place, struct change_seen *seen)
{
	const struct change *c = &changes[place & (count - 1)];

	if (load_acquire(&c->place) != place + 1)
		return false;
	seen->place = place;
	seen->generation = load_relaxed(&c->generation);
	seen->wall_ms = load_relaxed(&c->wall_ms);
	seen->slot = load_relaxed(&c->slot);
	seen->kind = load_relaxed(&c->kind);
	fence_acquire();
	return load_relaxed(&c->place) == place + 1;
}
