/* A child's outbox, and what keeps the child awake. */
#include <criterion/criterion.h>
#include <string.h>
#include <unistd.h>

#include "../../child/outbox.h"
#include "../../child/serve.h"
#include "../../child/state.h"

static struct child child;
static struct packet packet;

/* A child that serves, in a segment where nobody else is. */
static void
start_child(void)
{
	static const struct limits small = {4, 1024, 1024};
	static const char text[] = "{\"to\":\"*\",\"packet\":{\"type\":\"x\",\"x\":1}}";
	struct seat *s = &child.seat;
	struct segment segment;
	struct violation v;
	char name[32];

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&segment, name, &small, 0600), 0);
	segment_unlink(name);
	s->header = segment.header;
	s->entry = segment_entry(s->header, 0);
	s->mailbox = segment_mailbox(s->header, 0);
	s->commons = segment_commons(s->header);
	s->self = segment_slot(s->header, 0);
	child.phase = PHASE_SERVING;
	cr_assert(packet_parse(text, sizeof(text) - 1, &packet, &v));
}

Test(outbox, takes_packets_until_it_is_full_and_again_when_there_is_room, .init = start_child)
{
	struct seat *s = &child.seat;
	int posted = 0;

	while (outbox_post(s, &packet))
		posted++;
	cr_assert_gt(posted, 10);
	cr_assert_eq(s->self->crowded, 1);
	store_release(&s->mailbox->outbox_tail, load_relaxed(&s->self->outbox_head));
	cr_assert(outbox_post(s, &packet));
	cr_assert_eq(s->self->crowded, 0);
}

/*
 * The ticker makes room after the child has looked for it in vain and before it
 * dozes: nobody rings it then, so it must not sleep.
 */
Test(outbox, room_that_was_made_before_the_child_dozed_keeps_it_awake, .init = start_child)
{
	struct seat *s = &child.seat;

	while (outbox_post(s, &packet))
		continue;
	child.waiting = SESSION_WAIT_ROOM;
	cr_assert_not(serve_pending(&child), "there is no room: it may sleep");
	store_release(&s->mailbox->outbox_tail, 64);
	cr_assert(serve_pending(&child), "it would sleep over the room that it waits for");
}
