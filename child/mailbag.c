#include "mailbag.h"

#include "../shm/fault.h"

#define PIECES_MAX 64

/* What is being gathered for one system call. */
struct batch {
	struct iovec pieces[PIECES_MAX];
	int count;
	uint64_t packets;
};

/* Broadcasts begin for a client where the log was when the ticker opened it. */
static bool
check_open(struct mailbag *m, const struct seat *s)
{
	if (!m->open && load_acquire(&s->entry->state) == ENTRY_OPEN) {
		m->log_tail = load_relaxed(&s->mailbox->log_start);
		FAULT("mailbag.opened");
		m->open = true;
	}
	return m->open;
}

bool
mailbag_pending(struct mailbag *m, const struct seat *s)
{
	return check_open(m, s) && (load_acquire(&s->header->log_head) != m->log_tail ||
				       load_acquire(&s->mailbox->inbox_head) != m->inbox_tail);
}

static void
add_piece(struct batch *b, const char *at, uint64_t length)
{
	b->pieces[b->count].iov_base = (void *)(uintptr_t)at;
	b->pieces[b->count].iov_len = length;
	b->count++;
}

/* The log up to head, which may lie at the end and the beginning of the ring. */
static void
add_log(struct mailbag *m, struct batch *b, const struct mail_ring *log, uint64_t head)
{
	uint64_t offset = m->log_tail & (log->size - 1);
	uint64_t length = head - m->log_tail;
	uint64_t first = log->size - offset;

	if (length == 0)
		return;
	if (first > length)
		first = length;
	add_piece(b, log->bytes + offset, first);
	if (length > first)
		add_piece(b, log->bytes, length - first);
	m->log_tail = head;
}

/*
 * The head of the log is read before that of the inbox: so a stamp that is
 * ahead of it belongs to a record written later, and the log reaches at least
 * there by now.
 */
static void
gather(struct mailbag *m, struct seat *s, struct batch *b)
{
	struct mail_ring log = segment_log(s->header);
	struct mail_ring inbox = segment_inbox(s->header, s->slot);
	uint64_t log_head = load_acquire(&s->header->log_head);
	uint64_t inbox_head = load_acquire(&s->mailbox->inbox_head);
	struct mail_item item;

	while (b->count + 5 <= PIECES_MAX &&
	       mail_peek(&inbox, inbox_head, m->inbox_tail, &item) == MAIL_ITEM) {
		if (item.stamp > log_head)
			log_head = load_acquire(&s->header->log_head);
		if (item.stamp > m->log_tail)
			add_log(m, b, &log, item.stamp);
		add_piece(b, item.bytes, item.length);
		m->inbox_tail = item.next;
		b->packets++;
	}
	if (m->inbox_tail == inbox_head)
		add_log(m, b, &log, log_head);
}

void
mailbag_service(struct mailbag *m, struct seat *s, struct outbound *o)
{
	while (mailbag_pending(m, s) && !o->broken) {
		struct batch batch = {.count = 0};

		gather(m, s, &batch);
		if (batch.count == 0)
			return;
		outbound_mail(o, batch.pieces, batch.count);
		FAULT("mailbag.sent");
		count_add(&s->self->counters.delivered, batch.packets);
		store_release(&s->self->inbox_tail, m->inbox_tail);
		FAULT("mailbag.inbox");
		store_release(&s->self->log_tail, m->log_tail);
		FAULT("mailbag.log");
		/* Somebody may wait for the room: the ticker asks before it looks again. */
		fence_full();
		if (load_relaxed(&s->mailbox->wanted) != 0) {
			FAULT("mailbag.wanted");
			seat_ring_ticker(s);
		}
	}
}
