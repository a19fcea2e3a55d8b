#include "tell.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/hook.h"
#include "../shm/log.h"
#include "departure.h"
#include "events.h"
#include "reading.h"

#define CODE_ABNORMAL 1006 /* RFC 6455, 7.1.5 */

static void
disconnect(struct ticker *t)
{
	if (t->spawner >= 0)
		close(t->spawner);
	t->spawner = -1;
}

void
tell_turn(struct ticker *t)
{
	struct hook_message m = {.kind = HOOK_TICKER, .segment = t->header->id};

	if (!t->start.tell_ends || t->spawner >= 0)
		return;
	t->spawner = hook_connect(t->start.name, t->header->door);
	if (t->spawner < 0)
		return;
	if (hook_send(t->spawner, &m, NULL, 0, -1) < 0 ||
	    events_watch(t, t->spawner, TAG_SPAWNER, 0, 0) < 0)
		disconnect(t);
}

void
tell_hear(struct ticker *t)
{
	char byte;

	/* It says nothing, so this is its end, or room for more. */
	if (t->spawner < 0)
		return;
	if (recv(t->spawner, &byte, 1, MSG_DONTWAIT) >= 0 || errno != EAGAIN)
		disconnect(t);
	else
		(void)events_watch_room(t, t->spawner, TAG_SPAWNER, false);
}

/* The code that its child says it was closed with; who died said none. */
static uint32_t
close_code(const struct slot *s)
{
	uint32_t code = load_relaxed(&s->code);

	if (load_acquire(&s->state) != SLOT_CLOSING || code < 1000 || code > 4999)
		return CODE_ABNORMAL;
	return code;
}

static bool
send_end(struct ticker *t, uint32_t slot)
{
	const struct entry *e = books_entry(t, slot);
	const struct client *c = &t->clients[slot];
	struct hook_message m = {.kind = HOOK_CLOSED,
	    .slot = slot,
	    .segment = t->header->id,
	    .generation = load_relaxed(&e->generation),
	    .code = close_code(books_slot(t, slot)),
	    .ms = clock_boot_ms() - load_relaxed(&e->since)};

	memcpy(m.token, e->token, TOKEN_LENGTH);
	memcpy(m.peer, segment_client(e), PEER_LENGTH);
	/* A lie does not get here: it is what was there before that counts. */
	(void)reading_take(t, slot);
	if (c->length == 0)
		return hook_send(t->spawner, &m, "{}", 2, -1) == 0;
	return hook_send(t->spawner, &m, books_text(t, slot),
		   c->length <= HOOK_CLOSED_MAX ? c->length : 0, -1) == 0;
}

/* Its slot is wanted again, or its child would be taken for one that does not end. */
static bool
give_up(struct ticker *t, uint32_t slot)
{
	struct entry *e = books_entry(t, slot);

	if (clock_ms() + DEPARTURE_OBEY_MS < t->clients[slot].leave_ms + TELL_MS)
		return false;
	log_error("end-untold", "slot=%u token=%.*s", slot, (int)TOKEN_LENGTH, e->token);
	count_add(&t->header->counters.hooks_untold, 1);
	store_relaxed(&e->untold, 0);
	return true;
}

bool
tell_end(struct ticker *t, uint32_t slot)
{
	struct entry *e = books_entry(t, slot);

	if (load_relaxed(&e->untold) == 0)
		return true;
	if (t->spawner < 0)
		return give_up(t, slot);
	if (!send_end(t, slot)) {
		if (errno != EAGAIN)
			disconnect(t);
		else
			(void)events_watch_room(t, t->spawner, TAG_SPAWNER, true);
		return give_up(t, slot);
	}
	count_add(&t->header->counters.hooks_told, 1);
	store_relaxed(&e->untold, 0);
	return true;
}
