#include "tell.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/hook.h"
#include "../shm/log.h"
#include "events.h"
#include "reading.h"

#define CODE_ABNORMAL 1006 /* RFC 6455, 7.1.5 */
#define TELL_MOST 64 /* ends that were told and are not taken yet; its words for them fit */

static void
disconnect(struct ticker *t)
{
	close(t->spawner);
	t->spawner = -1;
	t->telling = 0;
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
	t->spawner_number++;
	if (hook_send(t->spawner, &m, NULL, 0, -1) < 0 ||
	    events_watch(t, t->spawner, TAG_SPAWNER, 0, 0) < 0)
		disconnect(t);
}

/* Was it told on this line? */
static bool
is_told(const struct ticker *t, uint32_t slot)
{
	return t->spawner >= 0 && t->clients[slot].told_on == t->spawner_number;
}

/* Nothing of it is owed any more: the slot may become free. */
static void
settle(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	t->telling -= is_told(t, slot);
	c->told_on = 0;
	c->owed_ms = 0;
	store_relaxed(&books_entry(t, slot)->untold, 0);
}

static void
take_word(struct ticker *t, const struct hook_message *m)
{
	if (m->kind != HOOK_TAKEN || m->segment != t->header->id || m->slot >= t->max_clients ||
	    m->generation != load_relaxed(&books_entry(t, m->slot)->generation) ||
	    !is_told(t, m->slot))
		return;
	FAULT("tell.taken");
	count_add(&t->header->counters.hooks_told, 1);
	settle(t, m->slot);
	FAULT("tell.settled");
}

void
tell_hear(struct ticker *t)
{
	struct hook_message m;
	size_t length;
	int result;

	if (t->spawner < 0)
		return;
	/* ECONNRESET: it left something unread; what it had said before that is still there. */
	while ((result = hook_receive(t->spawner, &m, NULL, 0, &length, NULL)) == 1 ||
	       (result < 0 && errno == ECONNRESET))
		if (result == 1)
			take_word(t, &m);
	if (result == 0 || errno != EAGAIN)
		disconnect(t);
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
	if (clock_ms() < t->clients[slot].owed_ms + TELL_MS)
		return false;
	log_error("end-untold", "slot=%u token=%.*s", slot, (int)TOKEN_LENGTH,
	    books_entry(t, slot)->token);
	count_add(&t->header->counters.hooks_untold, 1);
	settle(t, slot);
	return true;
}

bool
tell_end(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	if (load_relaxed(&books_entry(t, slot)->untold) == 0 || !t->start.tell_ends)
		return true;
	if (c->owed_ms == 0)
		c->owed_ms = clock_ms();
	/* If it cannot be sent, there is no room, or the line's end is about to be heard. */
	if (t->spawner >= 0 && !is_told(t, slot) && t->telling < TELL_MOST && !t->yielding &&
	    send_end(t, slot)) {
		c->told_on = t->spawner_number;
		t->telling++;
		FAULT("tell.sent");
	}
	return give_up(t, slot);
}
