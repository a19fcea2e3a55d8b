#include "departure.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/token.h"
#include "peer.h"
#include "post.h"
#include "reception.h"
#include "registry.h"
#include "tick.h"

#define LEAVE_MS 15000 /* for a child to get the last words through and end */

static struct entry *
entry_of(const struct ticker *t, uint32_t slot)
{
	return segment_entry(t->header, slot);
}

static void
strike(struct ticker *t, uint32_t slot)
{
	unsigned char token[MAIL_TOKEN];

	if (token_decode(entry_of(t, slot)->token, token))
		roll_remove(&t->roll, token);
}

static void
unseat(struct ticker *t, uint32_t slot)
{
	uint32_t last = t->seated[--t->seated_count];

	t->seated[t->clients[slot].seat] = last;
	t->clients[last].seat = t->clients[slot].seat;
	t->free_slots[t->free_count++] = slot;
}

static void
delist(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	struct entry *e = entry_of(t, slot);
	uint32_t at = 0;

	while (t->order[at] != slot)
		at++;
	memmove(
	    &t->order[at], &t->order[at + 1], (t->order_count - at - 1) * sizeof(*t->order));
	t->order_count--;
	if (c->opened != 0) {
		struct leaver *l = &t->leavers[t->leaver_count++];

		memcpy(l->token, e->token, TOKEN_LENGTH);
		l->opened = c->opened;
	}
	c->open = false;
	t->roster_changed = true;
	store_relaxed(&t->header->clients, t->order_count);
	count_add(&t->header->counters.closed, 1);
	tick_note(t, slot, CHANGE_CLOSED);
}

void
departure_begin(struct ticker *t, uint32_t slot)
{
	bool was_open = t->clients[slot].open;
	uint32_t state = load_relaxed(&entry_of(t, slot)->state);

	if (was_open)
		post_drain(t, slot);
	if (state == ENTRY_CLAIMED)
		registry_drop_claim(t, slot);
	if (state != ENTRY_LEAVING)
		strike(t, slot);
	t->clients[slot].leave_ms = clock_ms() + LEAVE_MS;
	store_release(&entry_of(t, slot)->state, ENTRY_LEAVING);
	FAULT("registry.leaving");
	if (was_open)
		delist(t, slot);
	post_flush(t);
}

/* What it counted outlives it.  It may have lied; a sum is all that suffers. */
static void
bequeath(struct ticker *t, uint32_t slot)
{
	const struct client_counters *its = &segment_slot(t->header, slot)->counters;
	struct client_counters *all = &t->header->gone;

#define COUNTER_C(name, unit, help) count_add(&all->name, load_relaxed(&its->name));
#include "../shm/counters.def"
}

static void
break_its_lock(struct ticker *t, uint32_t slot)
{
	uint64_t name = load_relaxed(&t->commons->lock.owner);

	if (!lock_name_is(name, slot, load_relaxed(&entry_of(t, slot)->generation)) ||
	    !lock_break(&t->commons->lock, name))
		return;
	count_add(&t->header->counters.lock_recoveries, 1);
	log_warning("lock-recovered", "slot=%u pid=%u holder=dead", slot, t->clients[slot].pid);
}

/* A pidfd for a child that is not known to be dead, or -1. */
static int
watch_death(struct ticker *t, uint32_t slot)
{
	const struct entry *e = entry_of(t, slot);
	struct client *c = &t->clients[slot];
	int fd = peer_pidfd(c->line, load_relaxed(&e->pid), load_relaxed(&e->since));
	struct pollfd p = {.fd = fd, .events = POLLIN};

	if (fd < 0)
		return -1;
	if (poll(&p, 1, 0) == 0) {
		peer_kill(fd);
		if (reception_watch(t, fd, TAG_DEATH, slot, load_relaxed(&e->generation)) == 0)
			return fd;
	}
	close(fd);
	return -1;
}

void
departure_leave(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	c->death = watch_death(t, slot);
	if (c->line >= 0)
		close(c->line);
	if (c->bell >= 0)
		close(c->bell);
	c->line = c->bell = -1;
	c->back_ms = 0;
	break_its_lock(t, slot);
	departure_begin(t, slot);
	bequeath(t, slot);
	departure_try_free(t, slot);
}

void
departure_resume_leave(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	c->back_ms = 0;
	c->death = watch_death(t, slot);
	break_its_lock(t, slot);
	post_drain(t, slot);
	departure_try_free(t, slot);
}

void
departure_death(struct ticker *t, uint32_t slot, uint32_t generation)
{
	struct client *c = &t->clients[slot];

	if (c->death < 0 ||
	    (uint32_t)load_relaxed(&entry_of(t, slot)->generation) != generation)
		return;
	close(c->death);
	c->death = -1;
	departure_try_free(t, slot);
}

void
departure_try_free(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	const struct layout *l = &t->header->layout;

	if (c->line >= 0 || c->death >= 0 || c->blocked)
		return;
	store_release(&entry_of(t, slot)->state, ENTRY_FREE);
	FAULT("registry.freed");
	/* Wiped when it is claimed; until then nothing in it counts, its pin included. */
	segment_release(&t->segment, l->slots + slot * l->slot_size, l->slot_size);
	segment_release(&t->segment, l->inboxes + slot * l->inbox_size, l->inbox_size);
	unseat(t, slot);
}

static void
count_kill(struct ticker_counters *n, enum kill_reason reason)
{
	switch (reason) {
	case KILL_LIE: count_add(&n->kills_lie, 1); break;
	case KILL_LOCK: count_add(&n->kills_lock, 1); break;
	case KILL_HUNG: count_add(&n->kills_hung, 1); break;
	case KILL_STALL: count_add(&n->kills_stall, 1); break;
	case KILL_PIN: count_add(&n->kills_pin, 1); break;
	case KILL_LOST: count_add(&n->kills_lost, 1); break;
	}
}

void
departure_kill(struct ticker *t, uint32_t slot, enum kill_reason reason, const char *why)
{
	struct client *c = &t->clients[slot];
	const struct entry *e = entry_of(t, slot);
	int fd;

	if (c->doomed)
		return;
	c->doomed = true;
	count_kill(&t->header->counters, reason);
	log_warning("client-killed", "slot=%u pid=%u token=%.8s peer=%s why=\"%s\"", slot,
	    c->pid, e->token, e->peer, why);
	fd = peer_pidfd(c->line, load_relaxed(&e->pid), load_relaxed(&e->since));
	if (fd >= 0) {
		peer_kill(fd);
		close(fd);
	}
	FAULT("registry.killed");
}
