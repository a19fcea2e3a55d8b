/* Too much of everything, and nothing at all. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../child/outbox.h"
#include "../../../shm/clock.h"
#include "../../../shm/log.h"
#include "orders.h"

typedef const long numbers[ORDERS_NUMBERS];

static bool
go_on(struct child *c, uint64_t until_ms)
{
	orders_pretend(c, 0);
	return clock_ms() < until_ms;
}

static uint64_t
end_of(numbers n)
{
	return clock_ms() + (uint64_t)n[0];
}

/* Nothing. */

static void
spin(struct child *c, numbers n)
{
	_Atomic uint64_t turns = 0;

	(void)c;
	(void)n;
	for (;;)
		count_add(&turns, 1);
}

static void
sleep_for_ever(struct child *c, numbers n)
{
	(void)c;
	(void)n;
	orders_sleep();
}

/* The life line; until it is killed, or for numbers[0] ms. */

static struct register_message
introduction(const struct child *c, enum register_kind kind)
{
	struct register_message m = {.kind = kind,
	    .slot = c->seat.slot,
	    .segment = c->seat.header->id,
	    .generation = c->seat.generation};

	memcpy(m.token, c->seat.token, TOKEN_LENGTH);
	return m;
}

static void
say_on(struct child *c, enum register_kind kind, numbers n)
{
	struct register_message m = introduction(c, kind);
	uint64_t until = end_of(n);

	while (go_on(c, until))
		(void)register_send(c->seat.line, &m, NULL, 0);
	orders_answer(c, "done");
}

static void
say_open(struct child *c, numbers n)
{
	say_on(c, REGISTER_OPEN, n);
}

static void
say_child(struct child *c, numbers n)
{
	say_on(c, REGISTER_CHILD, n);
}

/* Its client is somebody else, it says. */
static void
say_told(struct child *c, numbers n)
{
	struct register_message m = introduction(c, REGISTER_TOLD);

	m.slot = c->seat.parent;
	snprintf(m.peer, sizeof(m.peer), "203.0.113.7");
	(void)register_send(c->seat.line, &m, NULL, 0);
	sleep_for_ever(c, n);
}

/* What a listener answers to that. */
static void
say_pass(struct child *c, numbers n)
{
	say_on(c, REGISTER_PASS, n);
}

static void
say_drain(struct child *c, numbers n)
{
	say_on(c, REGISTER_DRAIN, n);
}

static void
say_half(struct child *c, numbers n)
{
	char half[] = "half";
	struct iovec piece = {half, 4};
	struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1};

	(void)n;
	(void)sendmsg(c->seat.line, &m, MSG_NOSIGNAL);
	sleep_for_ever(c, n);
}

/* With descriptors that nobody wants. */
static void
say_descriptors(struct child *c, numbers n)
{
	struct register_message m = introduction(c, REGISTER_OPEN);
	const int fds[] = {c->in.fd, c->in.fd};

	(void)n;
	orders_answer_result(c, register_send(c->seat.line, &m, fds, 2));
}

/* New lines to the ticker, one after the other: each has to be closed before the next. */

static void
connect_again(struct child *c, const struct register_message *m)
{
	int fd;

	close(SEAT_LINE);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(fd, (struct sockaddr *)&c->seat.address, c->seat.address_length) == 0 &&
	    m != NULL)
		(void)register_send(fd, m, NULL, 0);
}

static void
connect_silent(struct child *c, numbers n)
{
	for (uint64_t until = end_of(n); go_on(c, until);)
		connect_again(c, NULL);
}

static void
connect_as(struct child *c, struct register_message m, numbers n)
{
	for (uint64_t until = end_of(n); go_on(c, until);)
		connect_again(c, &m);
}

static void
connect_garbage(struct child *c, numbers n)
{
	connect_as(c, introduction(c, (enum register_kind)0x12345678), n);
}

static void
connect_as_child(struct child *c, numbers n)
{
	connect_as(c, introduction(c, REGISTER_CHILD), n);
}

static void
connect_as_listener(struct child *c, numbers n)
{
	connect_as(c, introduction(c, REGISTER_LISTENER), n);
}

/* To have somebody else's process killed, as rosterd-dump may. */
static void
connect_as_operator(struct child *c, numbers n)
{
	struct register_message m = introduction(c, REGISTER_KILL);

	memcpy(
	    m.token, segment_entry(c->seat.header, orders_other_slot(c))->token, TOKEN_LENGTH);
	connect_as(c, m, n);
}

/* All that the directory says of somebody else. */
static void
connect_as_somebody(struct child *c, numbers n)
{
	struct register_message m = introduction(c, REGISTER_RETURN);
	const struct entry *e;

	m.slot = orders_other_slot(c);
	e = segment_entry(c->seat.header, m.slot);
	m.generation = load_relaxed(&e->generation);
	memcpy(m.token, e->token, TOKEN_LENGTH);
	connect_as(c, m, n);
}

/* The ticker's bell. */

static void
ring(struct child *c, numbers n)
{
	uint64_t one = 1;

	for (uint64_t until = end_of(n); go_on(c, until);)
		for (int i = 0; i < 100; i++)
			if (write(c->seat.ticker_bell, &one, sizeof(one)) < 0)
				break;
	orders_answer(c, "done");
}

/* Its counter is full: nobody else can ring. */
static void
jam_bell(struct child *c, numbers n)
{
	uint64_t many;

	for (uint64_t until = end_of(n); go_on(c, until);)
		for (many = UINT64_MAX - 1; many > 0; many /= 2)
			(void)!write(c->seat.ticker_bell, &many, sizeof(many));
	orders_answer(c, "done");
}

/* Mail. */

/* Whole records that fill a ring without rest, each for a token that nobody has. */
#define RECORD 128U
#define TEXT "\"type\":\"x\",\"x\":1}"

static void
fill_outbox(const struct mail_ring *ring)
{
	for (uint64_t at = 0; at < ring->size; at += RECORD) {
		struct mail_record *r = (struct mail_record *)(void *)(ring->bytes + at);

		store_relaxed(&r->size, RECORD);
		store_relaxed(&r->kind, MAIL_UNICAST);
		store_relaxed(&r->length, (uint32_t)sizeof(TEXT) - 1);
		store_relaxed(&r->count, 1);
		store_relaxed(&r->stamp, 0);
		memset(r + 1, 0, MAIL_TOKEN);
		memcpy((char *)(r + 1) + MAIL_TOKEN, TEXT, sizeof(TEXT) - 1);
	}
}

/* They are there again as soon as they are taken, at the cost of one store; for numbers[0] ms. */
static void
post_to_nobody(struct child *c, numbers n)
{
	struct mail_ring ring = segment_own_outbox(c->seat.header, c->seat.self);
	const _Atomic uint64_t *tail = &c->seat.mailbox->outbox_tail;

	/* Nobody has posted yet: the ring begins at its beginning. */
	fill_outbox(&ring);
	for (uint64_t until = end_of(n); go_on(c, until);) {
		store_release(&c->seat.self->outbox_head, load_acquire(tail) + ring.size);
		outbox_ring(&c->seat);
	}
	orders_answer(c, "done");
}

/* The log. */
static void
log_on(struct child *c, numbers n)
{
	for (uint64_t until = end_of(n); go_on(c, until);)
		log_info("noise", "x=%d", 1);
	orders_answer(c, "done");
}

const struct order orders_flood[] = {
    {"spin", spin},
    {"sleep", sleep_for_ever},
    {"say-open", say_open},
    {"say-child", say_child},
    {"say-drain", say_drain},
    {"say-told", say_told},
    {"say-pass", say_pass},
    {"say-half", say_half},
    {"say-descriptors", say_descriptors},
    {"connect-silent", connect_silent},
    {"connect-garbage", connect_garbage},
    {"connect-as-child", connect_as_child},
    {"connect-as-listener", connect_as_listener},
    {"connect-as-operator", connect_as_operator},
    {"connect-as-somebody", connect_as_somebody},
    {"ring", ring},
    {"jam-bell", jam_bell},
    {"post-to-nobody", post_to_nobody},
    {"log", log_on},
    {NULL, NULL},
};
