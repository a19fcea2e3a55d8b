/* Mail from outboxes that a child has filled with nonsense. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../server/post.h"
#include "../../server/registry.h"
#include "../../server/tick.h"

static struct ticker t;

/* A ticker and a client in its last slot, behind which the segment ends. */
static uint32_t
start_ticker(void)
{
	static const struct limits small = {1, 1024, 1024};
	char name[32], peer[PEER_LENGTH] = "127.0.0.1:1";
	uint32_t slot;

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&t.segment, name, &small, 0600), 0);
	segment_unlink(name);
	t.header = t.segment.header;
	t.commons = segment_commons(t.header);
	t.max_clients = small.max_clients;
	cr_assert_eq(books_make(&t), 0);
	cr_assert_eq(tick_make(&t), 0);
	cr_assert_eq(post_make(&t), 0);
	lock_make(&t.commons->lock);
	lock_introduce(&t.user, &t.commons->lock, LOCK_TICKER, 1);
	t.free_slots[t.free_count++] = 0;
	/* No process has this number, so none is killed. */
	slot = registry_claim(&t, -1, -1, peer, 0);
	registry_open(&t, slot);
	return slot;
}

/* Found by tests/fuzz/outbox: the ticker read over the end of the ring, and died of it. */
Test(hostile, a_head_between_two_places_leaves_the_tail_on_one)
{
	uint32_t slot = start_ticker();
	struct slot *s = books_slot(&t, slot);

	store_relaxed(&s->outbox_head, t.header->layout.outbox_size - 1);
	books_mark_outbox(&t, slot);
	cr_assert(post_scan(&t, UINT64_MAX));
	cr_assert_eq(load_relaxed(&t.header->counters.kills_lie), 1);
	cr_assert_eq(load_relaxed(&books_mailbox(&t, slot)->outbox_tail) % MAIL_ALIGN, 0);
	/* It is not dead yet, and goes on. */
	store_relaxed(&s->outbox_head, t.header->layout.outbox_size);
	post_drain(&t, slot);
	store_relaxed(&s->outbox_head, t.header->layout.outbox_size + 16);
	post_drain(&t, slot);
}
