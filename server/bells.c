#include "bells.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/register.h"

void
bells_touch(struct ticker *t, uint32_t slot)
{
	if (t->clients[slot].touched)
		return;
	t->clients[slot].touched = true;
	t->touched[t->touched_count++] = slot;
}

void
bells_touch_all(struct ticker *t)
{
	t->everybody = true;
}

bool
bells_pending(const struct ticker *t)
{
	return t->everybody || t->touched_count > 0;
}

/* A line that is full has something in it that wakes. */
static void
wake(const struct client *c, uint32_t slot)
{
	const struct register_message ring = {.kind = REGISTER_RING};
	const uint64_t one = 1;

	if ((c->bell >= 0 ? write(c->bell, &one, sizeof(one)) < 0
			  : register_send(c->line, &ring, NULL, 0) < 0) &&
	    errno != EAGAIN)
		log_debug("bell-failed", "slot=%u errno=\"%s\"", slot, strerror(errno));
}

void
bells_ring(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	struct slot *s = books_slot(t, slot);
	uint32_t beat;

	if (c->line < 0)
		return;
	/* Asleep or not, it has to move: who is awake looks before it sleeps. */
	beat = load_relaxed(&s->heartbeat);
	if (c->rung_ms == 0 || c->heartbeat != beat) {
		c->rung_ms = clock_ms();
		c->heartbeat = beat;
	}
	if (load_relaxed(&s->asleep) == 0)
		return;
	/* Before the flag is taken: who finds it taken finds the time. */
	store_relaxed(&s->rung_us, clock_us());
	if (!bell_take(&s->asleep))
		return;
	FAULT("bells.taken");
	wake(c, slot);
	FAULT("bells.rung");
	count_add(&t->header->counters.bells, 1);
}

void
bells_flush(struct ticker *t)
{
	if (!bells_pending(t))
		return;
	fence_full();
	if (t->everybody)
		for (uint32_t i = 0; i < t->order_count; i++)
			bells_ring(t, t->order[i]);
	for (uint32_t i = 0; i < t->touched_count; i++) {
		t->clients[t->touched[i]].touched = false;
		bells_ring(t, t->touched[i]);
	}
	t->everybody = false;
	t->touched_count = 0;
}
