#include "books.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../shm/clock.h"
#include "../shm/token.h"

/* An array with a place for each client. */
static bool
make_list(void *list, uint32_t max, size_t size)
{
	void *memory = calloc(max, size);

	memcpy(list, &memory, sizeof(memory));
	return memory != NULL;
}

int
books_make(struct ticker *t)
{
	uint32_t max = t->max_clients;

	for (int i = 0; i < TICKER_LISTENERS_MAX; i++)
		t->listeners[i] = -1;
	t->log_laggard = LAYOUT_NO_SLOT;
	t->latch = t->drain_timer = -1;
	t->text_stride = t->header->layout.buffer_size;
	/* Address space: memory is taken when a client has something to say. */
	t->texts = mmap(NULL, (max + 1ULL) * t->text_stride, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (t->texts == MAP_FAILED || !make_list(&t->clients, max, sizeof(*t->clients)) ||
	    !make_list(&t->free_slots, max, sizeof(uint32_t)) ||
	    !make_list(&t->seated, max, sizeof(uint32_t)) ||
	    !make_list(&t->claimed, max, sizeof(uint32_t)) ||
	    !make_list(&t->order, max, sizeof(uint32_t)) ||
	    !make_list(&t->look, max, sizeof(uint32_t)) ||
	    !make_list(&t->fresh, max, sizeof(uint32_t)) ||
	    !make_list(&t->ends, max, sizeof(uint64_t)) ||
	    !make_list(&t->touched, max, sizeof(uint32_t)) ||
	    !make_list(&t->blocked, max, sizeof(uint32_t)) ||
	    !make_list(&t->leavers, max, sizeof(*t->leavers)) || roll_make(&t->roll, max) < 0)
		return -1;
	for (uint32_t slot = 0; slot < max; slot++) {
		struct client *c = &t->clients[slot];

		c->line = c->bell = c->death = -1;
	}
	return 0;
}

void
books_seat(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	/* The one before may still stand in these lists: to be in twice would be too often. */
	bool look = c->look, touched = c->touched;

	memset(c, 0, sizeof(*c));
	c->look = look;
	c->touched = touched;
	c->line = c->bell = c->death = -1;
	c->length = 2;
	memcpy(books_text(t, slot), "{}", 2);
	store_relaxed(&t->header->empty_boot_ms, 0);
	c->seat = t->seated_count;
	t->seated[t->seated_count++] = slot;
	store_relaxed(&t->header->seated, t->seated_count);
}

void
books_unseat(struct ticker *t, uint32_t slot)
{
	uint32_t last = t->seated[--t->seated_count];

	t->seated[t->clients[slot].seat] = last;
	t->clients[last].seat = t->clients[slot].seat;
	t->free_slots[t->free_count++] = slot;
	if (t->seated_count == 0)
		store_relaxed(&t->header->empty_boot_ms, clock_boot_ms());
	store_relaxed(&t->header->seated, t->seated_count);
}

void
books_enroll(struct ticker *t, uint32_t slot)
{
	unsigned char token[MAIL_TOKEN];

	if (token_decode(books_entry(t, slot)->token, token))
		roll_add(&t->roll, token, slot);
}

void
books_strike(struct ticker *t, uint32_t slot)
{
	unsigned char token[MAIL_TOKEN];

	if (token_decode(books_entry(t, slot)->token, token))
		roll_remove(&t->roll, token);
}

void
books_claim(struct ticker *t, uint32_t slot)
{
	t->clients[slot].claim = t->claimed_count;
	t->claimed[t->claimed_count++] = slot;
	store_relaxed(&t->header->claimed, t->claimed_count);
}

void
books_unclaim(struct ticker *t, uint32_t slot)
{
	uint32_t last = t->claimed[--t->claimed_count];

	t->claimed[t->clients[slot].claim] = last;
	t->clients[last].claim = t->clients[slot].claim;
	store_relaxed(&t->header->claimed, t->claimed_count);
}

static void
roster_changed(struct ticker *t)
{
	t->roster_changed = true;
	store_relaxed(&t->header->clients, t->order_count);
}

void
books_enlist(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	c->open = true;
	/* Its child's word, taken once: a lie costs what one such client costs. */
	c->deflate = load_relaxed(&books_slot(t, slot)->deflate) != 0;
	t->deflate_count += c->deflate;
	t->order[t->order_count++] = slot;
	roster_changed(t);
}

void
books_delist(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];
	uint32_t at = 0;

	while (t->order[at] != slot)
		at++;
	memmove(
	    &t->order[at], &t->order[at + 1], (t->order_count - at - 1) * sizeof(*t->order));
	t->order_count--;
	/* Those who were told of it have to be told that it left. */
	if (c->opened != 0) {
		struct leaver *l = &t->leavers[t->leaver_count++];

		memcpy(l->token, books_entry(t, slot)->token, TOKEN_LENGTH);
		l->opened = c->opened;
		l->slot = slot;
		l->generation = load_relaxed(&books_entry(t, slot)->generation);
	}
	c->open = false;
	t->deflate_count -= c->deflate;
	roster_changed(t);
}

void
books_look(struct ticker *t, uint32_t slot)
{
	if (t->clients[slot].look)
		return;
	t->clients[slot].look = true;
	t->look[t->look_count++] = slot;
}

void
books_mark_outbox(struct ticker *t, uint32_t slot)
{
	t->marks[slot / 64] |= 1ULL << (slot % 64);
}

void
books_note(struct ticker *t, uint32_t slot, uint32_t kind)
{
	uint64_t generation = load_relaxed(&books_entry(t, slot)->generation);

	/* The ring is a record for people here: nobody waits for it. */
	if (!lock_take(&t->user, 0, NULL))
		return;
	(void)ring_append(&t->commons->ring, t->commons->changes, t->header->layout.ring_count,
	    slot, generation, kind);
	(void)lock_release(&t->user);
}

bool
books_has_listener(const struct ticker *t)
{
	for (int i = 0; i < TICKER_LISTENERS_MAX; i++)
		if (t->listeners[i] >= 0)
			return true;
	return false;
}
