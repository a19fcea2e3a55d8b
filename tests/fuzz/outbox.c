/*
 * A child that puts anything into its outbox, and lies about where it stands.
 * The others get whole frames from it under its own token or none, in rings
 * that hang together, and it is the only one that is killed.
 */
#include <string.h>

#include "../../server/bells.h"
#include "../../server/departure.h"
#include "../../server/post.h"
#include "../../shm/rules.h"
#include "../../shm/scan.h"
#include "../../shm/span.h"
#include "fuzz.h"
#include "instance.h"

#define OPEN 3U /* the liar in slot 0, an honest client in 1, one in 2 that does not read */
#define LIAR 0U
#define HONEST 1U
#define LAZY 2U

static const char *
own_head(char head[64])
{
	char token[TOKEN_LENGTH];

	instance_token(LIAR, token);
	snprintf(head, 64, "{\"from\":\"%.32s\",", token);
	return head;
}

/* One WebSocket frame at the front of these bytes; its length with the header. */
static size_t
check_frame(const char *bytes, size_t there)
{
	const unsigned char *at = (const unsigned char *)bytes;
	size_t header = 2, length;
	struct scan_error error;
	char head[64];

	FUZZ_CHECK(there >= 2 && at[0] == 0x81 && at[1] < 127, "no frame header");
	length = at[1];
	if (length == 126) {
		FUZZ_CHECK(there >= 4, "half a frame header");
		length = (size_t)at[2] << 8 | at[3];
		header = 4;
	}
	FUZZ_CHECK(there >= header + length, "half a frame");
	FUZZ_CHECK(scan_check(bytes + header, length, &error) == 0, "not JSON: %s", error.what);
	FUZZ_CHECK(length > 43 && memcmp(bytes + header, own_head(head), strlen(head)) == 0,
	    "from somebody else");
	return header + length;
}

/* What the honest client would send on: frames, each whole. */
static void
read_inbox(struct ticker *t)
{
	struct mail_ring inbox = segment_inbox(t->header, HONEST);
	uint64_t head = load_acquire(&books_mailbox(t, HONEST)->inbox_head);
	struct slot *s = books_slot(t, HONEST);
	uint64_t tail = load_relaxed(&s->inbox_tail);
	struct mail_item item;
	enum mail_found found;

	while ((found = mail_peek(&inbox, head, tail, &item)) == MAIL_ITEM) {
		FUZZ_CHECK(item.kind == MAIL_FRAME && item.length <= item.size, "no frame");
		FUZZ_CHECK(
		    check_frame(item.bytes, item.length) == item.length, "no whole frame");
		FUZZ_CHECK(item.stamp <= load_relaxed(&t->header->log_head), "from the future");
		tail = item.next;
	}
	FUZZ_CHECK(found == MAIL_NONE, "the honest client's inbox is broken");
	store_release(&s->inbox_tail, tail);
}

/* The log from where the honest client stands, though it wraps anywhere. */
static void
read_log(struct ticker *t)
{
	static char text[1 << 16];
	struct mail_ring log = segment_log(t->header);
	uint64_t head = load_relaxed(&t->header->log_head);
	struct slot *s = books_slot(t, HONEST);
	uint64_t tail = load_relaxed(&s->log_tail);
	size_t length = (size_t)(head - tail), at = 0;

	FUZZ_CHECK(head - tail <= log.size && log.size <= sizeof(text), "the log ran away");
	for (size_t i = 0; i < length; i++)
		text[i] = log.bytes[(tail + i) & (log.size - 1)];
	while (at < length)
		at += check_frame(text + at, length - at);
	store_release(&s->log_tail, head);
}

static void
put_bytes(const struct mail_ring *ring, uint64_t at, const void *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++)
		ring->bytes[(at + i) & (ring->size - 1)] = ((const char *)bytes)[i];
}

/* Receivers of a record: clients that are there, or anybody. */
static uint64_t
put_tokens(const struct mail_ring *ring, uint64_t at, struct input *in, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		unsigned char token[MAIL_TOKEN];
		uint8_t who = input_byte(in);

		memset(token, who < OPEN ? 0xc0 | who : who, MAIL_TOKEN);
		put_bytes(ring, at, token, MAIL_TOKEN);
		at += MAIL_TOKEN;
	}
	return at;
}

/* A record that is right but for what `wrong` says. */
static uint64_t
put_record(const struct mail_ring *ring, uint64_t head, struct input *in)
{
	struct mail_record r = {0};
	uint8_t wrong = input_byte(in), kind = input_byte(in);
	unsigned count = (wrong & 1) != 0 ? input_number(in, 4) : input_byte(in) % 4U;
	size_t length;
	uint64_t at;
	const uint8_t *text;

	at = put_tokens(ring, head + sizeof(r), in, count < 8 ? count : 8);
	text =
	    input_bytes(in, (wrong & 2) != 0 ? input_number(in, 2) : input_byte(in), &length);
	put_bytes(ring, at, text, length);
	at += length;
	r.count = count;
	r.kind = (wrong & 4) != 0 ? kind : kind % 2U + 1U;
	r.length = (wrong & 8) != 0 ? input_number(in, 4) : (uint32_t)length;
	r.size =
	    (wrong & 16) != 0 ? input_number(in, 4) : (uint32_t)((at - head + 15) / 16 * 16);
	r.stamp = (wrong & 32) != 0 ? input_number(in, 4) : 0;
	put_bytes(ring, head, &r, sizeof(r));
	return head + (at - head + 15) / 16 * 16;
}

/* Places that a child may write: its own slot, and the commons. */
static void
lie(struct ticker *t, struct input *in)
{
	struct slot *s = books_slot(t, LIAR);

	store_relaxed(&s->inbox_tail, input_number(in, 4) * 0x100000001ULL);
	store_relaxed(&s->log_tail, input_number(in, 4) * 0x100000001ULL);
	store_relaxed(&s->crowded, input_byte(in));
	store_relaxed(&s->asleep, input_byte(in));
	store_relaxed(&s->pinned, input_byte(in));
	store_relaxed(&t->commons->dirty[0], input_number(in, 4));
}

static void
carry(struct ticker *t)
{
	books_mark_outbox(t, LIAR);
	post_scan(t, UINT64_MAX);
	post_retry(t);
	departure_retry(t);
	bells_flush(t);
	instance_check();
}

static void
do_step(struct ticker *t, struct input *in)
{
	struct mail_ring ring = segment_outbox(t->header, LIAR);
	struct slot *s = books_slot(t, LIAR);
	uint64_t head = load_relaxed(&s->outbox_head);

	switch (input_byte(in) % 6) {
	case 0:
	case 1: store_relaxed(&s->outbox_head, put_record(&ring, head, in)); break;
	case 2: store_relaxed(&s->outbox_head, head + input_number(in, 2) - 32768); break;
	case 3: lie(t, in); break;
	case 4:
		read_inbox(t);
		read_log(t);
		break;
	default: carry(t); break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ticker *t = instance_reset(OPEN);
	uint64_t start = 16ULL * input_byte(&in) * 64;

	/* Rings are used for long: somewhere in the middle, before or after an end. */
	store_relaxed(&books_slot(t, LIAR)->outbox_head, start);
	store_relaxed(&books_mailbox(t, LIAR)->outbox_tail, start);
	while (in.left > 0)
		do_step(t, &in);
	carry(t);
	read_inbox(t);
	read_log(t);
	FUZZ_CHECK(
	    instance_kills() <= 1 && !t->clients[HONEST].doomed, "the honest one is killed");
	FUZZ_CHECK(!t->clients[LAZY].doomed, "the lazy one is killed for nothing");
	departure_leave(t, LIAR);
	instance_check();
	return 0;
}
