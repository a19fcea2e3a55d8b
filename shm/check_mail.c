/* check_mail.c - cursors and records of outboxes, inboxes and the log. */
#include <inttypes.h>
#include <string.h>

#include "check.h"

/* A record behind its header: does it hold what it says? */
static const char *
judge_posted(const struct header *h, const struct mail_item *item)
{
	uint64_t tokens = (uint64_t)item->count * MAIL_TOKEN;

	if (item->kind != MAIL_UNICAST && item->kind != MAIL_BROADCAST)
		return "its kind";
	if (item->length > (uint64_t)h->limits.max_packet + MAIL_TEXT_EXTRA ||
	    tokens + item->length > item->size)
		return "its length";
	return NULL;
}

static const char *
judge_delivered(const struct header *h, const struct mail_item *item)
{
	if (item->kind != MAIL_FRAME)
		return "its kind";
	if (item->length > item->size || item->length < 2)
		return "its length";
	if ((unsigned char)item->bytes[0] != 0x81)
		return "its frame";
	if (item->stamp > load_acquire(&h->log_head))
		return "its stamp";
	return NULL;
}

/* All records from tail to head; each was written before head was stored. */
static void
walk(struct check *c, uint32_t slot, const struct mail_ring *ring, uint64_t tail, uint64_t head)
{
	bool outbox = ring->size == c->header->layout.outbox_size &&
		      ring->bytes == segment_outbox(c->header, slot).bytes;
	const char *cursors = outbox ? "outbox-cursors" : "inbox-cursors";
	struct mail_item item;
	enum mail_found found;

	if (tail > head || head - tail > ring->size || tail % MAIL_ALIGN != 0 ||
	    head % MAIL_ALIGN != 0) {
		check_add(c, cursors, slot, "from %" PRIu64 " to %" PRIu64, tail, head);
		return;
	}
	while ((found = mail_peek(ring, head, tail, &item)) == MAIL_ITEM) {
		const char *wrong =
		    outbox ? judge_posted(c->header, &item) : judge_delivered(c->header, &item);

		if (wrong != NULL)
			check_add(c, outbox ? "outbox-record" : "inbox-record", slot,
			    "at %" PRIu64 ": %s", item.at, wrong);
		tail = item.next;
	}
	if (found == MAIL_BROKEN)
		check_add(c, outbox ? "outbox-record" : "inbox-record", slot,
		    "at %" PRIu64 ": no record", tail);
}

/* Where a child stands in the log, as the ticker takes it; UINT64_MAX: it is not open. */
static uint64_t
log_place(struct check *c, uint32_t slot)
{
	const struct header *h = c->header;
	uint64_t start = load_relaxed(&segment_mailbox(h, slot)->log_start);
	uint64_t tail = load_acquire(&segment_slot(h, slot)->log_tail);
	uint64_t head = load_acquire(&h->log_head);

	if (load_acquire(&segment_entry(h, slot)->state) != ENTRY_OPEN || start > head)
		return UINT64_MAX;
	if (tail > head) {
		check_add(c, "log-cursor", slot, "%" PRIu64 " of %" PRIu64, tail, head);
		return UINT64_MAX;
	}
	if (tail < start)
		tail = start; /* it has sent nothing of it yet */
	if (head - tail > h->layout.log_size) {
		check_add(c, "log-overrun", slot, "%" PRIu64 " of %" PRIu64, tail, head);
		return UINT64_MAX;
	}
	return tail;
}

static unsigned char
log_byte(const struct mail_ring *log, uint64_t at)
{
	return (unsigned char)log->bytes[at & (log->size - 1)];
}

/* Length of the frame that begins there, with its header; 0: none does. */
static uint64_t
frame_length(const struct mail_ring *log, uint64_t at)
{
	unsigned length = log_byte(log, at + 1);
	uint64_t sum = 0;
	unsigned bytes = length == 126 ? 2 : length == 127 ? 8 : 0;

	if (log_byte(log, at) != 0x81 || length > 127)
		return 0;
	for (unsigned i = 0; i < bytes; i++)
		sum = sum << 8 | log_byte(log, at + 2 + i);
	return 2 + bytes + (bytes > 0 ? sum : length);
}

/* The log is whole frames from wherever a reader stands to its head. */
static void
check_log(struct check *c, uint64_t from)
{
	struct mail_ring log = segment_log(c->header);
	uint64_t head = load_acquire(&c->header->log_head), length;

	while (from < head) {
		length = frame_length(&log, from);
		if (length == 0 || length > head - from) {
			check_add(c, "log-frame", from,
			    "none begins there; the head is %" PRIu64, head);
			return;
		}
		from += length;
	}
}

void
check_mail(struct check *c)
{
	const struct header *h = c->header;
	uint64_t oldest = UINT64_MAX;

	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		const struct mailbox *box = segment_mailbox(h, slot);
		const struct slot *s = segment_slot(h, slot);
		struct mail_ring outbox = segment_outbox(h, slot),
				 inbox = segment_inbox(h, slot);
		uint64_t tail, place;

		if (!check_in_use(h, slot))
			continue;
		/* Tails first: a reader's tail is never ahead of a head that is read later. */
		tail = load_acquire(&box->outbox_tail);
		walk(c, slot, &outbox, tail, load_acquire(&s->outbox_head));
		tail = load_acquire(&s->inbox_tail);
		walk(c, slot, &inbox, tail, load_acquire(&box->inbox_head));
		if ((place = log_place(c, slot)) < oldest)
			oldest = place;
	}
	check_log(c, oldest);
}
