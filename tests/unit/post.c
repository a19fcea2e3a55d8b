/* Mail through a ticker that is killed, and the one that comes after it. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../server/post.h"
#include "../../shm/token.h"
#include "lone.h"

static struct ticker t;

static void
start_ticker(void)
{
	lone_start(&t);
}

/* The test is the child of all: they live while the next ticker adopts them. */
static uint32_t
add_client(void)
{
	return lone_client(&t, -1, (uint32_t)getpid());
}

/* What a child does: a packet of one letter into its outbox, for these or (0) for all. */
static void
post(uint32_t sender, char letter, const uint32_t *receivers, uint32_t count)
{
	struct slot *s = segment_slot(t.header, sender);
	struct mail_ring ring = segment_outbox(t.header, sender);
	uint64_t next, head = load_relaxed(&s->outbox_head);
	char text[64];
	int length = snprintf(text, sizeof(text), "\"type\":\"x\",\"x\":\"%c\"}", letter);
	uint32_t size = mail_record_size(count * MAIL_TOKEN + (uint32_t)length);
	struct mail_record *r = mail_reserve(&ring, head,
	    load_relaxed(&segment_mailbox(t.header, sender)->outbox_tail), size, &next);
	unsigned char *at = (unsigned char *)(r + 1);

	cr_assert_not_null(r);
	for (uint32_t i = 0; i < count; i++, at += MAIL_TOKEN)
		cr_assert(token_decode(segment_entry(t.header, receivers[i])->token, at));
	memcpy(at, text, (size_t)length);
	store_relaxed(&r->size, size);
	store_relaxed(&r->kind, count > 0 ? MAIL_UNICAST : MAIL_BROADCAST);
	store_relaxed(&r->count, count);
	store_relaxed(&r->stamp, 0);
	store_relaxed(&r->length, (uint32_t)length);
	store_release(&s->outbox_head, next);
}

/* The letters in an inbox, in order. */
static const char *
inbox_of(uint32_t slot)
{
	static char letters[64];
	struct mail_ring ring = segment_inbox(t.header, slot);
	uint64_t head = load_relaxed(&segment_mailbox(t.header, slot)->inbox_head), tail = 0;
	struct mail_item item;
	size_t n = 0;

	while (mail_peek(&ring, head, tail, &item) == MAIL_ITEM) {
		letters[n++] = item.bytes[item.length - 3];
		tail = item.next;
	}
	letters[n] = '\0';
	return letters;
}

static const char *
log_text(void)
{
	static char letters[64];
	struct mail_ring ring = segment_log(t.header);
	uint64_t head = load_relaxed(&t.header->log_head);
	size_t n = 0;

	for (uint64_t at = 0; at < head; at++)
		if (ring.bytes[at] == '}')
			letters[n++] = ring.bytes[at - 2];
	letters[n] = '\0';
	return letters;
}

/* The journal of a sender as the dead one left it: at its first record, serving target n. */
static void
leave_journal(uint32_t sender, uint32_t n, uint32_t receiver, uint64_t head)
{
	struct mailbox *journal = segment_mailbox(t.header, sender);

	store_relaxed(&journal->work_at, load_relaxed(&journal->outbox_tail));
	store_relaxed(&journal->receiver_head, head);
	if (receiver < MAILBOX_LOG)
		store_relaxed(&journal->receiver_generation,
		    load_relaxed(&segment_entry(t.header, receiver)->generation));
	store_relaxed(&journal->work, (uint64_t)n << 32 | receiver);
}

Test(post, what_a_dead_ticker_had_not_delivered_is_delivered_once, .init = start_ticker)
{
	uint32_t a = add_client(), b = add_client(), r = add_client();

	post(b, 'b', &r, 1);
	leave_journal(b, 0, r, 0);
	lone_succeed(&t);
	cr_assert_str_eq(inbox_of(r), "b");
	cr_assert_str_eq(inbox_of(a), "");
}

Test(post, what_a_dead_ticker_had_delivered_is_not_delivered_again, .init = start_ticker)
{
	uint32_t a = add_client(), b = add_client(), to[2];

	to[0] = add_client();
	to[1] = add_client();
	post(a, 'z', &to[0], 1);
	post_drain(&t, a);
	cr_assert_str_eq(inbox_of(to[0]), "z");
	/* As if that had been b's, and the first of two. */
	post(b, 'b', to, 2);
	leave_journal(b, 0, to[0], 0);
	lone_succeed(&t);
	cr_assert_str_eq(inbox_of(to[0]), "z");
	cr_assert_str_eq(inbox_of(to[1]), "b");
}

/*
 * The successor reads off what the dead one had done from a receiver's head; so
 * others' mail for that receiver must not move it before.
 */
Test(post, others_mail_is_not_taken_for_what_a_dead_ticker_had_delivered, .init = start_ticker)
{
	uint32_t a = add_client(), b = add_client(), r = add_client();

	post(a, 'a', &r, 1);
	post(b, 'b', &r, 1);
	leave_journal(b, 0, r, 0);
	lone_succeed(&t);
	cr_assert_str_eq(inbox_of(r), "ab");
}

Test(post, others_broadcast_is_not_taken_for_what_a_dead_ticker_had_sent, .init = start_ticker)
{
	uint32_t a = add_client(), b = add_client();

	post(a, 'a', NULL, 0);
	post(b, 'b', NULL, 0);
	leave_journal(b, 0, MAILBOX_LOG, 0);
	lone_succeed(&t);
	cr_assert_str_eq(log_text(), "ab");
}
