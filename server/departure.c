#include "departure.h"

#include <poll.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/session_log.h"
#include "bells.h"
#include "events.h"
#include "peer.h"
#include "post.h"
#include "registry.h"
#include "tell.h"

/*
 * It opened while there was no ticker to be told, sent something and died: what
 * it sent goes its way all the same.
 */
static void
open_late(struct ticker *t, uint32_t slot)
{
	if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_CLAIMED &&
	    load_acquire(&books_slot(t, slot)->outbox_head) != 0)
		registry_open(t, slot);
}

void
departure_ask(struct ticker *t, uint32_t slot, enum stop_reason reason)
{
	store_release(&books_mailbox(t, slot)->stop, (uint32_t)reason);
	t->clients[slot].leave_ms = clock_ms() + DEPARTURE_OBEY_MS;
	bells_touch(t, slot);
}

void
departure_begin(struct ticker *t, uint32_t slot)
{
	bool was_open;
	uint32_t state;

	open_late(t, slot);
	was_open = t->clients[slot].open;
	state = load_relaxed(&books_entry(t, slot)->state);
	if (was_open)
		post_drain(t, slot);
	FAULT("departure.drained");
	if (state == ENTRY_CLAIMED)
		books_unclaim(t, slot);
	if (state != ENTRY_LEAVING)
		books_strike(t, slot);
	t->clients[slot].leave_ms = clock_ms() + DEPARTURE_OBEY_MS;
	store_release(&books_entry(t, slot)->state, ENTRY_LEAVING);
	FAULT("departure.leaving");
	if (was_open) {
		books_delist(t, slot);
		books_note(t, slot, CHANGE_CLOSED);
		count_add(&t->header->counters.closed, 1);
	}
	bells_flush(t);
	(void)tell_end(t, slot);
}

static void
add_histogram(struct histogram *all, const struct histogram *its)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		count_add(&all->buckets[i], load_relaxed(&its->buckets[i]));
	count_add(&all->sum_us, load_relaxed(&its->sum_us));
}

/* What it counted outlives it.  It may have lied; a sum is all that suffers. */
static void
bequeath(struct ticker *t, uint32_t slot)
{
	const struct slot *its = books_slot(t, slot);
	struct header *h = t->header;
	uint32_t number = load_relaxed(&h->bequests);

	/* Odd already if the ticker before us died in here. */
	store_release(&h->bequests, number | 1);
	fence_full();
	FAULT("departure.bequeath");
	store_relaxed(&books_entry(t, slot)->bequeathed, 1);
#define COUNTER_C(name, unit, help) count_add(&h->gone.name, load_relaxed(&its->counters.name));
#define HISTOGRAM_C(name, help) add_histogram(&h->gone_histograms.name, &its->histograms.name);
#include "../shm/counters.def"
	store_release(&h->bequests, (number | 1) + 1);
	FAULT("departure.bequeathed");
}

static void
break_its_lock(struct ticker *t, uint32_t slot)
{
	uint64_t name = load_relaxed(&t->commons->lock.owner);

	if (!lock_name_is(name, slot, load_relaxed(&books_entry(t, slot)->generation)) ||
	    !lock_break(&t->commons->lock, name))
		return;
	FAULT("departure.unlocked");
	count_add(&t->header->counters.lock_recoveries, 1);
	log_warning("lock-recovered", "slot=%u pid=%u holder=dead", slot, t->clients[slot].pid);
}

/* Have the death of a child reported that is not known to be dead. */
static void
watch_death(struct ticker *t, uint32_t slot)
{
	const struct entry *e = books_entry(t, slot);
	struct client *c = &t->clients[slot];
	int fd = peer_pidfd(c->line, load_relaxed(&e->pid), load_relaxed(&e->since));
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return;
	if (poll(&p, 1, 0) == 0) {
		if (events_watch(t, fd, TAG_DEATH, slot, load_relaxed(&e->generation)) == 0) {
			c->death = fd;
			return;
		}
		/* Its slot will be given away: it must not go on. */
		peer_kill(fd);
	}
	close(fd);
}

void
departure_expect(struct ticker *t, uint32_t slot)
{
	watch_death(t, slot);
}

/*
 * A slot that is leaving: if its child is dead, nobody has its lock any more; and
 * if its mail is delivered, it is free.
 */
static void
try_free(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	const struct layout *l = &t->header->layout;

	if (c->line >= 0 || c->death >= 0)
		return;
	break_its_lock(t, slot);
	if (c->blocked || !tell_end(t, slot))
		return;
	store_release(&books_entry(t, slot)->state, ENTRY_FREE);
	FAULT("departure.freed");
	/* Wiped when it is claimed; until then nothing in it counts, its pin included. */
	segment_release(&t->segment, l->slots + slot * l->slot_size, l->slot_size);
	FAULT("departure.releasing");
	segment_release(&t->segment, l->inboxes + slot * l->inbox_size, l->inbox_size);
	FAULT("departure.released");
	books_unseat(t, slot);
}

/* Its child died without a word about its session: that is left to us. */
static void
log_silent_end(struct ticker *t, uint32_t slot)
{
	const struct entry *e = books_entry(t, slot);
	const struct slot *s = books_slot(t, slot);
	struct session_log session = {
	    slot, load_relaxed(&e->pid), e->token, segment_client(e), segment_via(e)};
	struct session_end end = {
	    .ms = clock_boot_ms() - load_relaxed(&e->since),
	    .counters = &s->counters,
	    .reason = t->clients[slot].doomed ? "its process was killed by the ticker"
					      : "its process died",
	};

	if (t->clients[slot].open && load_relaxed(&s->state) != SLOT_CLOSING)
		session_log_close(&session, &end);
}

void
departure_leave(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	if (c->death < 0)
		watch_death(t, slot);
	if (c->death >= 0)
		peer_kill(c->death);
	if (c->line >= 0)
		close(c->line);
	if (c->bell >= 0)
		close(c->bell);
	c->line = c->bell = -1;
	c->back_ms = 0;
	log_silent_end(t, slot);
	departure_begin(t, slot);
	if (load_relaxed(&books_entry(t, slot)->bequeathed) == 0)
		bequeath(t, slot);
	try_free(t, slot);
}

void
departure_death(struct ticker *t, uint32_t slot, uint32_t generation)
{
	struct client *c = &t->clients[slot];

	if (c->death < 0 ||
	    (uint32_t)load_relaxed(&books_entry(t, slot)->generation) != generation)
		return;
	close(c->death);
	c->death = -1;
	FAULT("departure.dead");
	if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_LEAVING)
		try_free(t, slot);
	else
		departure_leave(t, slot);
}

void
departure_retry(struct ticker *t)
{
	if (t->seated_count == t->order_count + t->claimed_count)
		return; /* nobody is leaving */
	/* Backwards: one that becomes free is replaced by the last. */
	for (uint32_t i = t->seated_count; i-- > 0;) {
		uint32_t slot = t->seated[i];

		if (load_relaxed(&books_entry(t, slot)->state) == ENTRY_LEAVING)
			try_free(t, slot);
	}
}
