/* Lies in its own slot, which it may write as it likes. */
#include <string.h>

#include "../../../child/outbox.h"
#include "../../../shm/clock.h"
#include "../../../shm/mail.h"
#include "../../../shm/snapshot.h"
#include "orders.h"

typedef const long numbers[ORDERS_NUMBERS];

/* Properties. */

/* Make whatever lies in the next buffer current, as if it were good. */
static void
flip(struct child *c)
{
	struct seat *s = &c->seat;

	(void)lock_take(&s->user, LOCK_NAP_MS, NULL);
	slot_flip(s->self);
	(void)ring_append(&s->commons->ring, s->commons->changes, s->header->layout.ring_count,
	    s->slot, s->generation, CHANGE_PROPERTIES);
	(void)lock_release(&s->user);
}

static void
publish(struct child *c, const char *text, size_t length)
{
	slot_write(c->seat.self, c->seat.header->layout.buffer_size, text, (uint32_t)length);
	flip(c);
}

static void
publish_no_json(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"a\":", 5);
}

static void
publish_no_object(struct child *c, numbers n)
{
	(void)n;
	publish(c, "[1,2,3]", 7);
}

static void
publish_no_utf8(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"a\":\"\xff\"}", 9);
}

/* What would end the object of all and begin something else. */
static void
publish_two(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{}},\"version\":{}", 16);
}

static void
publish_deep(struct child *c, numbers n)
{
	static char text[8192] = "{\"a\":";
	size_t half = (sizeof(text) - 6) / 2;

	(void)n;
	memset(text + 5, '[', half);
	memset(text + 5 + half, ']', half);
	text[5 + 2 * half] = '}';
	publish(c, text, 6 + 2 * half);
}

/* numbers[0] is the length that it claims. */
static void
publish_long(struct child *c, numbers n)
{
	struct slot *s = c->seat.self;

	store_relaxed(&s->length[(load_relaxed(&s->version) + 1) & 1], (uint32_t)n[0]);
	flip(c);
}

/* Again and again, so that nobody can copy one version whole; for numbers[0] ms. */
static void
publish_restless(struct child *c, numbers n)
{
	uint64_t until = clock_ms() + (uint64_t)n[0];

	publish(c, "{\"a\":1}", 7);
	publish(c, "{\"a\":2}", 7);
	while (clock_ms() < until)
		for (int i = 0; i < 1000; i++)
			store_release(
			    &c->seat.self->version, load_relaxed(&c->seat.self->version) + 1);
	orders_answer(c, "done");
}

/* The outbox. */

static struct mail_record *
place(struct child *c, uint32_t size, uint64_t *next)
{
	struct mail_ring ring = segment_own_outbox(c->seat.header, c->seat.self);

	return mail_reserve(&ring, load_relaxed(&c->seat.self->outbox_head),
	    load_acquire(&c->seat.mailbox->outbox_tail), size, next);
}

/* A record for all that holds this text, but for what is written over it. */
static struct mail_record *
write_record(struct child *c, const char *text, uint64_t *next)
{
	uint32_t length = (uint32_t)strlen(text);
	struct mail_record *r = place(c, mail_record_size(length), next);

	store_relaxed(&r->size, mail_record_size(length));
	store_relaxed(&r->kind, MAIL_BROADCAST);
	store_relaxed(&r->length, length);
	store_relaxed(&r->count, 0);
	store_relaxed(&r->stamp, 0);
	memcpy(r + 1, text, length);
	return r;
}

static void
post(struct child *c, uint64_t head)
{
	store_release(&c->seat.self->outbox_head, head);
	outbox_ring(&c->seat);
}

#define GOOD "\"type\":\"x\",\"x\":1}"

static void
post_text(struct child *c, const char *text)
{
	uint64_t next;

	(void)write_record(c, text, &next);
	post(c, next);
}

/* In the name of somebody else, by a second "from". */
static void
post_forged(struct child *c, numbers n)
{
	(void)n;
	post_text(c, "\"from\":\"00000000000000000000000000000000\",\"type\":\"x\",\"x\":1}");
}

/* In the name of the server. */
static void
post_reserved(struct child *c, numbers n)
{
	(void)n;
	post_text(c, "\"type\":\"metadata\",\"metadata\":{}}");
}

static void
post_no_json(struct child *c, numbers n)
{
	(void)n;
	post_text(c, "\"type\":\"x\",\"x\":1");
}

static void
post_no_utf8(struct child *c, numbers n)
{
	(void)n;
	post_text(c, "\"type\":\"x\",\"x\":\"\xc3(\"}");
}

/* A frame in the frame. */
static void
post_two(struct child *c, numbers n)
{
	(void)n;
	post_text(c, "\"type\":\"x\",\"x\":1}\x81\x02{}");
}

/* The numbers are what stands in the record: size, kind, length, count. */
static void
post_numbers(struct child *c, numbers n)
{
	uint64_t next;
	struct mail_record *r = write_record(c, GOOD, &next);

	store_relaxed(&r->size, (uint32_t)n[0]);
	store_relaxed(&r->kind, (uint32_t)n[1]);
	store_relaxed(&r->length, (uint32_t)n[2]);
	store_relaxed(&r->count, (uint32_t)n[3]);
	post(c, next);
}

/* The head moves by numbers[0], whatever lies there. */
static void
post_nowhere(struct child *c, numbers n)
{
	post(c, load_relaxed(&c->seat.self->outbox_head) + (uint64_t)n[0]);
}

/* Cursors and pins; the child shows a heartbeat meanwhile, for numbers[0] ms. */

static void
pretend_for(struct child *c, long ms)
{
	uint64_t until = clock_ms() + (uint64_t)ms;

	while (clock_ms() < until)
		orders_pretend(c, 20);
	orders_answer(c, "done");
}

/* It has read what was never written ... */
static void
read_ahead(struct child *c, numbers n)
{
	struct slot *s = c->seat.self;

	store_release(&s->inbox_tail, load_relaxed(&s->inbox_tail) + (1U << 30));
	store_release(&s->log_tail, load_relaxed(&s->log_tail) + (1U << 30));
	pretend_for(c, n[0]);
}

/* ... or goes back ... */
static void
read_behind(struct child *c, numbers n)
{
	struct slot *s = c->seat.self;

	store_release(&s->inbox_tail, load_relaxed(&s->inbox_tail) - (1U << 30));
	store_release(&s->log_tail, load_relaxed(&s->log_tail) - (1U << 30));
	pretend_for(c, n[0]);
}

/* ... or reads no more at all. */
static void
read_nothing(struct child *c, numbers n)
{
	pretend_for(c, n[0]);
}

static void
pin(struct child *c, numbers n)
{
	struct snapshot view;

	snapshot_pin(c->seat.header, c->seat.self, &view);
	pretend_for(c, n[0]);
}

/* A snapshot that there is not. */
static void
pin_future(struct child *c, numbers n)
{
	store_release(&c->seat.self->pinned, snapshot_newest(c->seat.header) + 1000);
	pretend_for(c, n[0]);
}

const struct order orders_slot[] = {
    {"publish-no-json", publish_no_json},
    {"publish-no-object", publish_no_object},
    {"publish-no-utf8", publish_no_utf8},
    {"publish-two", publish_two},
    {"publish-deep", publish_deep},
    {"publish-long", publish_long},
    {"publish-restless", publish_restless},
    {"post-forged", post_forged},
    {"post-reserved", post_reserved},
    {"post-no-json", post_no_json},
    {"post-no-utf8", post_no_utf8},
    {"post-two", post_two},
    {"post-numbers", post_numbers},
    {"post-nowhere", post_nowhere},
    {"read-ahead", read_ahead},
    {"read-behind", read_behind},
    {"read-nothing", read_nothing},
    {"pin", pin},
    {"pin-future", pin_future},
    {NULL, NULL},
};
