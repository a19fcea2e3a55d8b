/* What the operator's program has not given it: leave to come in, and reserved properties. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../child/outbox.h"
#include "../../../shm/clock.h"
#include "orders.h"

#define SHOW_MS 1500     /* of life, if it is not killed */
#define PATIENCE_MS 5000 /* for an answer of the spawner */

typedef const long numbers[ORDERS_NUMBERS];

static void
show(struct child *c)
{
	for (uint64_t until = clock_ms() + SHOW_MS; clock_ms() < until;)
		orders_pretend(c, 20);
	orders_answer(c, "lives");
}

/* Early orders: nobody has decided yet. */

static void
open_early(struct child *c, numbers n)
{
	(void)n;
	seat_open(&c->seat);
	show(c);
}

/* Without a word: whoever sees its state takes it for open (registry.h). */
static void
serve_early(struct child *c, numbers n)
{
	static char text[] = "{\"to\":\"*\",\"packet\":{\"type\":\"early\",\"early\":1}}";
	struct violation v;

	(void)n;
	store_release(&c->seat.self->state, SLOT_SERVING);
	(void)session_packet(&c->session, &c->seat, text, sizeof(text) - 1, &v);
	outbox_ring(&c->seat);
	show(c);
}

/* The answer to a question on c->ask.line; false: there is none. */
static bool
hear_answer(struct child *c, enum hook_verdict *verdict, struct text *text)
{
	enum ask_result result = ASK_QUIET;

	for (uint64_t until = clock_ms() + PATIENCE_MS;
	     result == ASK_QUIET && clock_ms() < until;) {
		orders_pretend(c, 20);
		result = ask_hear(&c->ask, verdict, text);
	}
	return result == ASK_ANSWERED;
}

/* It was answered no, and comes in all the same. */
static void
open_refused(struct child *c, numbers n)
{
	enum hook_verdict verdict = HOOK_ADMITTED;
	struct text text = {0};

	if (hear_answer(c, &verdict, &text) && verdict == HOOK_FORBIDDEN)
		open_early(c, n);
	orders_answer(c, "was not refused");
}

/* It was let in, and does not say with what. */
static void
open_bare(struct child *c, numbers n)
{
	enum hook_verdict verdict = HOOK_FAULT;
	struct text text = {0};

	if (hear_answer(c, &verdict, &text) && verdict == HOOK_ADMITTED && text.length > 0)
		open_early(c, n);
	orders_answer(c, "was not let in");
}

/* The same, while nobody can read what it says. */
static void
open_restless(struct child *c, numbers n)
{
	enum hook_verdict verdict = HOOK_FAULT;
	struct text text = {0};
	uint64_t until;

	(void)n;
	if (!hear_answer(c, &verdict, &text) || verdict != HOOK_ADMITTED)
		orders_answer(c, "was not let in");
	seat_open(&c->seat);
	for (until = clock_ms() + SHOW_MS; clock_ms() < until;)
		for (int i = 0; i < 1000; i++)
			store_release(
			    &c->seat.self->version, load_relaxed(&c->seat.self->version) + 1);
	orders_answer(c, "lives");
}

/* Its question is about somebody else who is at the door, or was. */
static void
ask_for_another(struct child *c, numbers n)
{
	uint32_t other = orders_other_slot(c);
	struct hook_message m = {.kind = HOOK_ASK,
	    .slot = other,
	    .segment = c->seat.header->id,
	    .generation = load_relaxed(&segment_entry(c->seat.header, other)->generation)};
	enum hook_verdict verdict = HOOK_ADMITTED;
	struct text text = {0};

	(void)hook_send(c->ask.line, &m, "/\0", 3, -1);
	if (hear_answer(c, &verdict, &text))
		orders_answer(c, "was answered");
	open_early(c, n);
}

/* The socket on which all others ask. */
static void
take_socket(struct child *c, numbers n)
{
	struct hook_message m = {.kind = HOOK_SHARE};
	struct sockaddr_un address;
	socklen_t length = hook_address(&address, c->settings->name, c->seat.header->door);
	char text[256];
	size_t got;
	int passed = -1, line;

	(void)n;
	close(SEAT_LINE);
	line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(line, (struct sockaddr *)&address, length) == 0 &&
	    hook_send(line, &m, NULL, 0, -1) == 0)
		for (uint64_t until = clock_ms() + SHOW_MS; clock_ms() < until && passed < 0;) {
			(void)hook_receive(line, &m, text, sizeof(text), &got, &passed);
			orders_pretend(c, 20);
		}
	orders_answer(c, passed >= 0 ? "has the socket" : "has nothing");
}

/* The permit itself, as the spawner gives it. */

static struct register_message
permit(const struct child *c)
{
	struct register_message m = {.kind = REGISTER_PERMIT,
	    .slot = c->seat.slot,
	    .segment = c->seat.header->id,
	    .generation = c->seat.generation};

	snprintf(m.peer, sizeof(m.peer), "%s", c->settings->reserved);
	return m;
}

static void
say_permit(struct child *c, numbers n)
{
	struct register_message m = permit(c);

	(void)register_send(c->seat.line, &m, NULL, 0);
	open_early(c, n);
}

/* On a line of its own.  Nothing but its life line may be connected, so that goes first. */
static void
connect_with(struct child *c, const struct register_message *m)
{
	close(SEAT_LINE);
	c->seat.line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(
		c->seat.line, (struct sockaddr *)&c->seat.address, c->seat.address_length) == 0)
		(void)register_send(c->seat.line, m, NULL, 0);
}

static void
connect_as_spawner(struct child *c, numbers n)
{
	struct register_message m = permit(c);

	(void)n;
	connect_with(c, &m);
	show(c);
}

/* What stands in the directory about somebody who was let in: for its own slot. */
static void
replay_permit(struct child *c, numbers n)
{
	const struct entry *other = segment_entry(c->seat.header, orders_other_slot(c));
	struct register_message m = permit(c);

	(void)n;
	memcpy(m.seal, other->seal, SEAL_LENGTH);
	connect_with(c, &m);
	show(c);
}

/* Late orders: it was let in as ada, with {"auth.user":"ada","auth.level":1.10}. */

static void
publish(struct child *c, const char *text)
{
	slot_write(
	    c->seat.self, c->seat.header->layout.buffer_size, text, (uint32_t)strlen(text));
	slot_flip(c->seat.self);
	show(c);
}

/* The same in other words, and what is its own to say. */
static void
publish_given(struct child *c, numbers n)
{
	(void)n;
	publish(
	    c, "{ \"\\u0061uth.user\": \"ada\",\"x\":1, \"auth.level\" :1.10,\"author\":2}");
}

static void
publish_other_user(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"auth.user\":\"mallory\",\"auth.level\":1.10}");
}

static void
publish_more(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"auth.user\":\"ada\",\"auth.level\":1.10,\"\\u0061uth.mallory\":true}");
}

/* The last one counts. */
static void
publish_twice(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"auth.user\":\"ada\",\"auth.level\":1.10,\"auth.user\":\"mallory\"}");
}

static void
publish_less(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"auth.user\":\"ada\",\"mallory\":1}");
}

/* As if it had never said anything. */
static void
publish_nothing(struct child *c, numbers n)
{
	(void)n;
	publish(c, "{\"mallory\":1}");
}

const struct order orders_hooks[] = {
    {"open-early", open_early},
    {"serve-early", serve_early},
    {"open-refused", open_refused},
    {"open-bare", open_bare},
    {"open-restless", open_restless},
    {"ask-for-another", ask_for_another},
    {"take-socket", take_socket},
    {"say-permit", say_permit},
    {"connect-as-spawner", connect_as_spawner},
    {"replay-permit", replay_permit},
    {"publish-given", publish_given},
    {"publish-other-user", publish_other_user},
    {"publish-more", publish_more},
    {"publish-twice", publish_twice},
    {"publish-less", publish_less},
    {"publish-nothing", publish_nothing},
    {NULL, NULL},
};
