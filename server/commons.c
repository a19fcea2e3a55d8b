#include "commons.h"

#include "../shm/fault.h"
#include "../shm/log.h"
#include "kill.h"
#include "post.h"
#include "watch.h"
#include "witness.h"

#define STARVED_MS 2000 /* longer than it takes to find one who holds it */
#define SUSPECTS 128U   /* looked at in one tick */

/* Open: are they what honest children made of them? */

/* The slot of the child that has this name and admits it, if there is one. */
static uint32_t
holder(const struct ticker *t, uint64_t name)
{
	uint32_t slot = lock_name_slot(name);

	if (slot >= t->max_clients ||
	    load_relaxed(&books_entry(t, slot)->state) == ENTRY_FREE ||
	    !lock_name_is(name, slot, load_relaxed(&books_entry(t, slot)->generation)) ||
	    load_acquire(&books_slot(t, slot)->badge) != name)
		return LAYOUT_NO_SLOT;
	return slot;
}

/* False if the lock had a name in it that nobody admits: a dead ticker's, or scribble. */
static bool
owner_is_real(struct ticker *t, uint64_t now_ms)
{
	uint64_t name = load_acquire(&t->commons->lock.owner);
	uint32_t slot;

	if (name != t->lock_name) {
		t->lock_name = name;
		t->lock_since_ms = now_ms;
	}
	if (name == 0)
		return true;
	if ((slot = holder(t, name)) != LAYOUT_NO_SLOT) {
		if (watch_elapsed(now_ms, t->lock_since_ms) >= WATCH_LOCK_MS)
			kill_child(t, slot, KILL_LOCK, "held the lock for too long");
		return true;
	}
	/* A badge goes up before the name is in the lock, and down after it: is it still? */
	if (!lock_break(&t->commons->lock, name))
		return true;
	FAULT("watch.unlocked");
	count_add(&t->header->counters.lock_recoveries, 1);
	log_warning("lock-recovered", "holder=unknown name=%llx", (unsigned long long)name);
	return false;
}

/* Only we take from it, in each tick, and who finds it full appends nothing. */
static bool
ring_is_sound(struct ticker *t)
{
	const struct ring *ring = &t->commons->ring;
	uint64_t tail = load_acquire(&ring->tail), head = load_acquire(&ring->head);
	uint64_t count = t->header->layout.ring_count, before = t->ring_head;

	t->ring_head = head;
	return tail <= head && head - tail <= count && head >= before &&
	       head - before <= 2 * count && load_relaxed(&ring->overflow) <= 1;
}

static void
make_anew(struct ticker *t)
{
	const struct layout *l = &t->header->layout;

	segment_release(&t->segment, l->commons, l->commons_size);
	FAULT("commons.released");
	t->ring_head = t->lock_name = t->starved_ms = 0;
	(void)post_mark_all(t);
}

/* Closed: who touches them all the same? */

static void
suspect_all(struct ticker *t, uint64_t now_ms)
{
	t->touched_ms = now_ms;
	t->suspect = t->suspect_rounds = 0;
	for (uint32_t i = 0; i < t->seated_count; i++) {
		t->clients[t->seated[i]].inside_ms = 0;
		t->clients[t->seated[i]].barred = false;
	}
}

/* Who is out now cannot come in; who stays inside, as it says, is nobody honest. */
static void
bar(struct ticker *t, uint32_t slot, uint64_t now_ms)
{
	struct client *c = &t->clients[slot];

	c->barred = load_acquire(&books_slot(t, slot)->badge) == 0;
	if (c->barred)
		c->inside_ms = 0;
	else if (c->inside_ms == 0)
		c->inside_ms = now_ms;
	else if (watch_elapsed(now_ms, c->inside_ms) >= WATCH_LOCK_MS)
		kill_child(t, slot, KILL_COMMONS, "does not leave the closed commons");
}

static bool
has_touched(const struct ticker *t, uint32_t slot)
{
	const struct layout *l = &t->header->layout;
	const struct client *c = &t->clients[slot];
	uint64_t ring = offsetof(struct commons, changes);

	if (!c->barred || c->doomed)
		return false;
	return witness_touched(c->pid, t->segment.fd, l->commons, LAYOUT_PAGE) ||
	       witness_touched(
		   c->pid, t->segment.fd, l->commons + ring, l->commons_size - ring);
}

/* All suspects, some in each tick; then their pages are given back, and all over again. */
static void
look_for_culprits(struct ticker *t, uint64_t now_ms)
{
	for (uint32_t i = 0; i < SUSPECTS && t->suspect < t->seated_count; i++) {
		uint32_t slot = t->seated[t->suspect++];

		if (!has_touched(t, slot))
			continue;
		t->touched_ms = now_ms;
		kill_child(t, slot, KILL_COMMONS, "touched the closed commons");
	}
	if (t->suspect < t->seated_count)
		return;
	if (load_relaxed(&t->commons->lock.owner) != 0 ||
	    load_relaxed(&t->commons->ring.head) != 0)
		t->touched_ms = now_ms;
	t->suspect = 0;
	t->suspect_rounds++;
	for (uint32_t i = 0; i < t->seated_count; i++)
		bar(t, t->seated[i], now_ms);
	make_anew(t);
}

static void
close_all(struct ticker *t, uint64_t now_ms)
{
	store_release(&t->header->closed, 1);
	fence_full();
	FAULT("commons.closed");
	count_add(&t->header->counters.commons_closed, 1);
	log_warning("commons-closed", "clients=%u", t->order_count);
	suspect_all(t, now_ms);
}

static void
open_all(struct ticker *t)
{
	make_anew(t);
	t->spoilt_ms = 0;
	store_release(&t->header->closed, 0);
	FAULT("commons.opened");
	log_info("commons-opened", "clients=%u", t->order_count);
}

static void
watch_closed(struct ticker *t, uint64_t now_ms)
{
	look_for_culprits(t, now_ms);
	if (t->suspect_rounds >= 2 && watch_elapsed(now_ms, t->touched_ms) >= COMMONS_QUIET_MS)
		open_all(t);
}

static const char *
find_fault(struct ticker *t, uint64_t now_ms)
{
	if (!owner_is_real(t, now_ms))
		return "a name in the lock that nobody admits";
	if (!ring_is_sound(t))
		return "a change ring that cannot be";
	if (t->starved_ms != 0 && watch_elapsed(now_ms, t->starved_ms) >= STARVED_MS)
		return "a lock that is never free";
	return NULL;
}

void
commons_watch(struct ticker *t, uint64_t now_ms)
{
	const char *why;

	if (load_relaxed(&t->header->closed) != 0) {
		watch_closed(t, now_ms);
		return;
	}
	if ((why = find_fault(t, now_ms)) == NULL)
		return;
	count_add(&t->header->counters.commons_rebuilt, 1);
	log_warning("commons-rebuilt", "why=\"%s\"", why);
	if (t->spoilt_ms != 0 && now_ms - t->spoilt_ms < COMMONS_AGAIN_MS)
		close_all(t, now_ms);
	t->spoilt_ms = now_ms;
	make_anew(t);
}

void
commons_adopt(struct ticker *t, uint64_t now_ms)
{
	t->ring_head = load_relaxed(&t->commons->ring.head);
	suspect_all(t, now_ms);
}
