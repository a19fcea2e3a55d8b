#include "mail.h"

#include <string.h>

#include "fault.h"

/* A ring that is empty is not left further than this from its beginning. */
#define HOME 4096U

static struct mail_record *
place(const struct mail_ring *ring, uint64_t at)
{
	return (struct mail_record *)(void *)(ring->bytes + (at & (ring->size - 1)));
}

struct mail_record *
mail_reserve(
    const struct mail_ring *ring, uint64_t head, uint64_t tail, uint32_t size, uint64_t *next)
{
	uint64_t offset = head & (ring->size - 1);
	uint64_t skip = 0;

	if (offset + size > ring->size || (head == tail && offset >= HOME && offset >= size))
		skip = ring->size - offset;
	if (head + skip + size - tail > ring->size)
		return NULL;
	if (skip > 0) {
		struct mail_record *filler = place(ring, head);

		store_relaxed(&filler->size, (uint32_t)skip);
		store_relaxed(&filler->kind, MAIL_SKIP);
		FAULT("mail.skip");
	}
	*next = head + skip + size;
	return place(ring, head + skip);
}

static bool
plausible(const struct mail_ring *ring, uint64_t at, uint64_t head, uint32_t size)
{
	uint64_t offset = at & (ring->size - 1);

	return size >= 16 && size % MAIL_ALIGN == 0 && size <= head - at &&
	       offset + size <= ring->size;
}

enum mail_found
mail_peek(const struct mail_ring *ring, uint64_t head, uint64_t tail, struct mail_item *item)
{
	const struct mail_record *r;
	uint32_t size;

	item->at = tail;
	if (head == tail)
		return MAIL_NONE;
	if (head - tail > ring->size || head % MAIL_ALIGN != 0)
		return MAIL_BROKEN;
	r = place(ring, item->at);
	size = load_relaxed(&r->size);
	if (!plausible(ring, item->at, head, size))
		return MAIL_BROKEN;
	if (load_relaxed(&r->kind) == MAIL_SKIP) {
		/* A skip is written together with what follows it. */
		item->at += size;
		if (item->at == head)
			return MAIL_BROKEN;
		r = place(ring, item->at);
		size = load_relaxed(&r->size);
		if (!plausible(ring, item->at, head, size))
			return MAIL_BROKEN;
	}
	item->kind = load_relaxed(&r->kind);
	if (size < sizeof(*r) || item->kind == MAIL_SKIP)
		return MAIL_BROKEN;
	item->next = item->at + size;
	item->bytes = (const char *)(r + 1);
	item->size = size - (uint32_t)sizeof(*r);
	item->length = load_relaxed(&r->length);
	item->count = load_relaxed(&r->count);
	item->stamp = load_relaxed(&r->stamp);
	item->posted_us = load_relaxed(&r->posted_us);
	return MAIL_ITEM;
}

void
mail_log_write(const struct mail_ring *log, uint64_t head, const char *frame, uint64_t length)
{
	uint64_t offset = head & (log->size - 1);
	uint64_t first = log->size - offset;

	if (first > length)
		first = length;
	memcpy(log->bytes + offset, frame, first);
	if (first < length)
		FAULT("mail.log-wrapped");
	memcpy(log->bytes, frame + first, length - first);
}
