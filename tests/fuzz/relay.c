/*
 * Packets of a client on their whole way: parsed by its child, posted, checked
 * by the ticker, delivered.  What an honest child posts is never taken for a
 * lie, and arrives once at each receiver, byte for byte.  Packets are divided
 * by a zero byte.
 */
#include <string.h>

#include "../../child/outbox.h"
#include "../../child/packet.h"
#include "../../server/post.h"
#include "../../server/tick.h"
#include "../../shm/text.h"
#include "fuzz.h"
#include "instance.h"

#define OPEN 3U
#define SENDER 0U

struct receiver {
	struct seat seat;
	uint64_t inbox_tail, log_tail;
};

static struct seat sender;
static struct receiver receivers[OPEN];

/* The text that has to come out. */
static void
expect(struct text *out, const struct packet *p)
{
	text_format(out, "{\"from\":\"%.32s\",\"type\":%.*s,%.*s:", sender.token,
	    (int)p->type.length, p->type.at, (int)p->type.length, p->type.at);
	text_add(out, p->value.at, p->value.length);
	text_string(out, "}");
}

static size_t
header_length(const char *frame)
{
	return (frame[1] & 0x7f) == 126 ? 4 : 2;
}

static bool
same(const char *frame, size_t length, const struct text *expected)
{
	size_t header = header_length(frame);

	return length == header + expected->length &&
	       memcmp(frame + header, expected->bytes, expected->length) == 0;
}

static void
check_inbox(struct receiver *r, const struct text *expected, bool wanted)
{
	struct mail_ring ring = segment_inbox(r->seat.header, r->seat.slot);
	uint64_t head = load_relaxed(&r->seat.mailbox->inbox_head);
	struct mail_item item;
	enum mail_found found = mail_peek(&ring, head, r->inbox_tail, &item);

	if (!wanted) {
		FUZZ_CHECK(found == MAIL_NONE, "mail that was for somebody else");
		return;
	}
	FUZZ_CHECK(found == MAIL_ITEM && item.kind == MAIL_FRAME, "it did not come");
	FUZZ_CHECK(same(item.bytes, item.length, expected), "it is not what was sent");
	FUZZ_CHECK(item.next == head, "it came twice");
	r->inbox_tail = head;
	store_release(&r->seat.self->inbox_tail, head);
}

static void
check_log(struct receiver *r, const struct text *expected, bool wanted)
{
	static char frame[INSTANCE_PACKET * 4];
	struct mail_ring ring = segment_log(r->seat.header);
	uint64_t head = load_relaxed(&r->seat.header->log_head);
	size_t length = (size_t)(head - r->log_tail);

	FUZZ_CHECK((length != 0) == wanted, "%zu bytes in the log", length);
	FUZZ_CHECK(length <= sizeof(frame), "more than one packet");
	for (size_t i = 0; i < length; i++)
		frame[i] = ring.bytes[(r->log_tail + i) & (ring.size - 1)];
	if (wanted)
		FUZZ_CHECK(same(frame, length, expected), "it is not what was sent");
	r->log_tail = head;
	store_release(&r->seat.self->log_tail, head);
}

static bool
is_receiver(const struct packet *p, const struct seat *seat)
{
	unsigned char(*tokens)[MAIL_TOKEN] = malloc((p->tokens + 1UL) * MAIL_TOKEN);
	unsigned char own[MAIL_TOKEN];
	uint32_t count = p->tokens > 0 ? packet_receivers(p, tokens) : 0;
	bool found = false;

	memset(own, 0xc0 | (int)seat->slot, sizeof(own));
	for (uint32_t i = 0; i < count; i++)
		found = found || memcmp(tokens[i], own, MAIL_TOKEN) == 0;
	free(tokens);
	return found;
}

static void
relay(struct ticker *t, const char *text, size_t length)
{
	struct text expected = {0};
	struct packet p;
	struct violation v;

	if (length > INSTANCE_PACKET || !packet_parse(text, length, &p, &v) ||
	    !packet_for_clients(&p))
		return;
	FUZZ_CHECK(outbox_post(&sender, &p), "no room though everything was taken");
	outbox_ring(&sender);
	FUZZ_CHECK(post_scan(t, UINT64_MAX), "the outbox is not marked");
	FUZZ_CHECK(instance_kills() == 0, "an honest child is killed");
	expect(&expected, &p);
	for (unsigned i = 0; i < OPEN; i++) {
		check_inbox(
		    &receivers[i], &expected, !p.to_all && is_receiver(&p, &receivers[i].seat));
		check_log(&receivers[i], &expected, p.to_all);
	}
	text_clear(&expected, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ticker *t = instance_reset(OPEN);

	instance_seat(&sender, SENDER);
	memset(receivers, 0, sizeof(receivers));
	for (unsigned i = 0; i < OPEN; i++)
		instance_seat(&receivers[i].seat, i);
	(void)post_scan(t, UINT64_MAX);
	while (in.left > 0) {
		const uint8_t *end = memchr(in.at, '\0', in.left);
		size_t length = end != NULL ? (size_t)(end - in.at) : in.left, got;
		const uint8_t *at = input_bytes(&in, length, &got);
		char *text = input_copy(at, got);

		relay(t, text, got);
		free(text);
		(void)input_byte(&in);
	}
	return 0;
}
