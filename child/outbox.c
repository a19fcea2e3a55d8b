#include "outbox.h"

#include <string.h>

#include "../shm/clock.h"
#include "../shm/fault.h"

#define TYPE "\"type\":"

static char *
put(char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

/*
 * What goes out after {"from":"<token>", which the ticker writes itself:
 * "type":T,T:VALUE}
 */
static uint32_t
write_text(char *at, const struct packet *p)
{
	char *start = at;

	at = put(at, TYPE, sizeof(TYPE) - 1);
	at = put(at, p->type.at, p->type.length);
	*at++ = ',';
	at = put(at, p->type.at, p->type.length);
	*at++ = ':';
	at = put(at, p->value.at, p->value.length);
	*at++ = '}';
	return (uint32_t)(at - start);
}

static uint64_t
text_length(const struct packet *p)
{
	return sizeof(TYPE) - 1 + 2 * p->type.length + p->value.length + 3;
}

static struct mail_record *
reserve(struct seat *s, uint32_t size, uint64_t *next)
{
	struct mail_ring ring = segment_own_outbox(s->header, s->self);
	uint64_t head = load_relaxed(&s->self->outbox_head);
	struct mail_record *r;

	r = mail_reserve(&ring, head, load_acquire(&s->mailbox->outbox_tail), size, next);
	if (r != NULL)
		return r;
	/* As with a doorbell: say that one waits, then look once more. */
	store_relaxed(&s->self->crowded, 1);
	FAULT("outbox.crowded");
	fence_full();
	s->outbox_tail = load_acquire(&s->mailbox->outbox_tail);
	return mail_reserve(&ring, head, s->outbox_tail, size, next);
}

bool
outbox_moved(const struct seat *s)
{
	return load_relaxed(&s->mailbox->outbox_tail) != s->outbox_tail;
}

bool
outbox_post(struct seat *s, const struct packet *p)
{
	uint32_t tokens = p->to_all ? 0 : p->tokens;
	uint64_t payload = (uint64_t)tokens * MAIL_TOKEN + text_length(p);
	struct mail_record *r;
	char *at;
	uint64_t next;
	uint32_t count = 0;

	if ((r = reserve(s, mail_record_size(payload), &next)) == NULL) {
		count_add(&s->self->counters.outbox_waits, 1);
		return false;
	}
	store_relaxed(&s->self->crowded, 0);
	at = (char *)(r + 1);
	if (tokens > 0) {
		count = packet_receivers(p, (unsigned char(*)[MAIL_TOKEN])at);
		at += (size_t)count * MAIL_TOKEN;
	}
	store_relaxed(&r->size, mail_record_size(payload));
	store_relaxed(&r->kind, p->to_all ? MAIL_BROADCAST : MAIL_UNICAST);
	store_relaxed(&r->count, count);
	store_relaxed(&r->stamp, p->strangers);
	store_relaxed(&r->posted_us, clock_us());
	FAULT("outbox.writing");
	store_relaxed(&r->length, write_text(at, p));
	FAULT("outbox.written");
	store_release(&s->self->outbox_head, next);
	FAULT("outbox.posted");
	count_add(&s->self->counters.relayed, 1);
	return true;
}

void
outbox_ring(struct seat *s)
{
	atomic_fetch_or_explicit(
	    &s->commons->dirty[s->slot / 64], 1ULL << (s->slot % 64), memory_order_release);
	FAULT("outbox.dirty");
	seat_ring_ticker(s);
}
