#include "registry.h"

#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/copy.h"
#include "../shm/fault.h"
#include "../shm/address.h"
#include "../shm/token.h"
#include "bells.h"
#include "kill.h"

/* The directory entry of a new client; what was there before cannot be seen any more. */
static int
fill_entry(struct ticker *t, uint32_t slot, const char *peer, uint32_t pid)
{
	struct entry *e = books_entry(t, slot);
	struct mailbox *box = books_mailbox(t, slot);
	char token[TOKEN_LENGTH];

	if (token_make(token) < 0)
		return -1;
	store_release(&e->generation, load_relaxed(&e->generation) + 1);
	/* Who gets some of what follows and looks again finds another generation. */
	fence_release();
	FAULT("registry.generation");
	slot_wipe(books_slot(t, slot));
	copy_zeros(box, sizeof(*box));
	store_relaxed(&box->work, (uint64_t)MAILBOX_NOBODY);
	store_relaxed(&box->work_at, UINT64_MAX);
	FAULT("registry.wiped");
	store_relaxed(&e->pid, pid);
	store_relaxed(&e->announced, 0);
	store_release(&e->bequeathed, 0);
	store_relaxed(&e->order, 0);
	store_relaxed(&e->since, clock_boot_ms());
	memcpy(e->token, token, TOKEN_LENGTH);
	memcpy(e->peer, peer, PEER_LENGTH);
	store_relaxed(&e->proxied, 0);
	store_relaxed(&e->untold, 0);
	store_relaxed(&e->permitted, 0);
	FAULT("registry.filled");
	store_release(&e->state, ENTRY_CLAIMED);
	FAULT("registry.claimed");
	return 0;
}

static void
seat_client(struct ticker *t, uint32_t slot, int line, int bell, uint32_t pid)
{
	struct client *c = &t->clients[slot];

	c->line = line;
	c->bell = bell;
	c->pid = pid;
	c->back_ms = 0;
	c->said = 0;
	if (c->death >= 0)
		close(c->death);
	c->death = -1;
}

bool
registry_is_untold(const struct ticker *t, uint32_t slot)
{
	const struct client *c = &t->clients[slot];
	struct pollfd p = {.fd = c->death, .events = POLLIN};

	/* It lives, so nobody else can have got its pid. */
	return c->line < 0 && load_relaxed(&books_entry(t, slot)->state) == ENTRY_CLAIMED &&
	       c->death >= 0 && poll(&p, 1, 0) == 0;
}

/* The slot that this process was given before, or LAYOUT_NO_SLOT. */
static uint32_t
given_before(const struct ticker *t, uint32_t pid)
{
	if (clock_ms() >= t->back_ms)
		return LAYOUT_NO_SLOT;
	for (uint32_t i = 0; i < t->claimed_count; i++)
		if (t->clients[t->claimed[i]].pid == pid &&
		    registry_is_untold(t, t->claimed[i]))
			return t->claimed[i];
	return LAYOUT_NO_SLOT;
}

uint32_t
registry_claim(struct ticker *t, int line, int bell, const char *peer, uint32_t pid)
{
	uint32_t slot = given_before(t, pid);

	if (slot != LAYOUT_NO_SLOT) {
		seat_client(t, slot, line, bell, pid);
		t->clients[slot].leave_ms = clock_ms() + t->start.claim_ms;
		count_add(&t->header->counters.returned, 1);
		FAULT("registry.again");
		return slot;
	}
	if (t->free_count == 0)
		return LAYOUT_NO_SLOT;
	slot = t->free_slots[t->free_count - 1];
	if (fill_entry(t, slot, peer, pid) < 0)
		return LAYOUT_NO_SLOT;
	t->free_count--;
	books_seat(t, slot);
	books_enroll(t, slot);
	books_claim(t, slot);
	seat_client(t, slot, line, bell, pid);
	t->clients[slot].leave_ms = clock_ms() + t->start.claim_ms;
	count_add(&t->header->counters.claimed, 1);
	return slot;
}

bool
registry_return(
    struct ticker *t, int line, int bell, const struct register_message *m, uint32_t pid)
{
	const struct entry *e;
	uint32_t state;

	if (m->segment != t->header->id || m->slot >= t->max_clients)
		return false;
	e = books_entry(t, m->slot);
	state = load_relaxed(&e->state);
	if (state == ENTRY_FREE || state > ENTRY_LEAVING ||
	    load_relaxed(&e->generation) != m->generation || load_relaxed(&e->pid) != pid ||
	    memcmp(e->token, m->token, TOKEN_LENGTH) != 0 || t->clients[m->slot].line >= 0)
		return false;
	seat_client(t, m->slot, line, bell, pid);
	if (state != ENTRY_OPEN)
		t->clients[m->slot].leave_ms = clock_ms() + t->start.claim_ms;
	count_add(&t->header->counters.returned, 1);
	FAULT("registry.returned");
	return true;
}

/* As address_write() has it, and in no other way. */
static bool
is_address(const char client[PEER_LENGTH])
{
	char text[PEER_LENGTH];
	struct address a;

	if (!address_parse(client, strnlen(client, PEER_LENGTH), &a))
		return false;
	address_write(&a, text);
	return memcmp(text, client, PEER_LENGTH) == 0;
}

bool
registry_tell(struct ticker *t, uint32_t slot, const char client[PEER_LENGTH])
{
	struct entry *e = books_entry(t, slot);

	if (load_relaxed(&e->state) != ENTRY_CLAIMED || t->clients[slot].told ||
	    !trust_peer(&t->start.trust, e->peer) || !is_address(client))
		return false;
	t->clients[slot].told = true;
	if (load_relaxed(&e->proxied) != 0)
		return memcmp(e->client, client, PEER_LENGTH) == 0;
	memcpy(e->client, client, PEER_LENGTH);
	FAULT("registry.told");
	store_release(&e->proxied, 1);
	count_add(&t->header->counters.told, 1);
	FAULT("registry.proxied");
	return true;
}

bool
registry_permit(struct ticker *t, const struct register_message *m)
{
	struct entry *e;

	if (m->segment != t->header->id || m->slot >= t->max_clients ||
	    strncmp(m->peer, books_reserved(t), PEER_LENGTH) != 0)
		return false;
	e = books_entry(t, m->slot);
	if (load_relaxed(&e->state) != ENTRY_CLAIMED ||
	    load_relaxed(&e->generation) != m->generation)
		return false;
	if (load_relaxed(&e->permitted) != 0)
		return memcmp(e->seal, m->seal, SEAL_LENGTH) == 0;
	memcpy(e->seal, m->seal, SEAL_LENGTH);
	FAULT("registry.sealed");
	store_release(&e->permitted, 1);
	count_add(&t->header->counters.permitted, 1);
	FAULT("registry.permitted");
	return true;
}

void
registry_open(struct ticker *t, uint32_t slot)
{
	struct entry *e = books_entry(t, slot);
	struct mailbox *box = books_mailbox(t, slot);
	uint64_t order = load_relaxed(&t->header->order);

	if (load_relaxed(&e->state) != ENTRY_CLAIMED || t->clients[slot].doomed)
		return;
	if (t->start.reserved != NULL && load_relaxed(&e->permitted) == 0) {
		kill_child(t, slot, KILL_LIE, "it came in without leave");
		return;
	}
	if (load_relaxed(&box->stop) == STOP_NOT)
		t->clients[slot].leave_ms = 0;
	books_unclaim(t, slot);
	store_relaxed(&box->log_start, load_relaxed(&t->header->log_head));
	store_relaxed(&e->order, order);
	FAULT("registry.placed");
	store_relaxed(&t->header->order, order + 1);
	FAULT("registry.opening");
	store_relaxed(&e->untold, t->start.tell_ends);
	store_release(&e->state, ENTRY_OPEN);
	FAULT("registry.opened");
	books_enlist(t, slot);
	count_add(&t->header->counters.opened, 1);
	books_note(t, slot, CHANGE_OPENED);
	/* What it posted or published before we knew. */
	books_look(t, slot);
	books_mark_outbox(t, slot);
	/* Broadcasts begin for it here: let it see that. */
	bells_ring(t, slot);
}

bool
registry_is_open(struct ticker *t, uint32_t slot)
{
	if (!t->clients[slot].open && load_acquire(&books_slot(t, slot)->state) == SLOT_SERVING)
		registry_open(t, slot);
	return t->clients[slot].open;
}

void
registry_open_all(struct ticker *t)
{
	/* Backwards: one that is opened is replaced by the last. */
	for (uint32_t i = t->claimed_count; i-- > 0;)
		(void)registry_is_open(t, t->claimed[i]);
}
