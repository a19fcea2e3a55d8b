/*
 * One process dies, or stops, at one instruction: each test is a bug that was,
 * or a case that the random runs meet too seldom.
 */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../../shm/segment.h"
#include "../lib/check.h"
#include "../lib/faults.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { ORDER, ANOTHER };

static struct faults faults;
static struct server server;
static struct segment segment;

static void
start(const char *const *options)
{
	const char *why;

	faults_make(&faults);
	server_start(&server, options);
	cr_assert_eq(segment_open(&segment, server.name, false, &why), 0);
}

static void
stop(void)
{
	server_stop(&server);
	faults_free(&faults);
}

static pid_t
ticker_of(const struct server *s)
{
	pid_t pid = 0;

	cr_assert_eq(server_processes(s, "ticker", &pid, 1), 1);
	return pid;
}

/* Slot of a token; fails the test if nobody has it. */
static uint32_t
slot_of(const char *token)
{
	struct entry_seen seen;

	for (uint32_t slot = 0; slot < segment.header->limits.max_clients; slot++)
		if (segment_look(segment.header, slot, &seen) && seen.state != ENTRY_FREE &&
		    strcmp(seen.token, token) == 0)
			return slot;
	CHECK(false, "no slot has token %s", token);
}

static pid_t
child_of(const char *token)
{
	return (pid_t)load_relaxed(&segment_entry(segment.header, slot_of(token))->pid);
}

static uint32_t
seats(void)
{
	uint32_t count = 0;

	for (uint32_t slot = 0; slot < segment.header->limits.max_clients; slot++)
		count +=
		    load_acquire(&segment_entry(segment.header, slot)->state) != ENTRY_FREE;
	return count;
}

static void
send_number(struct ws *w, const char *to, int n)
{
	ws_text(w, "{\"to\":\"%s\",\"packet\":{\"type\":\"n\",\"n\":%d}}", to, n);
}

/* The next packet from another client; -1: none came. */
static int
next_number(struct roster *r, struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	json_t *packet;

	while ((packet = ws_packet(w, (int)(until - now_ms()))) != NULL) {
		int n = roster_take(r, packet)
			    ? -1
			    : (int)json_number_value(json_object_get(packet, "n"));

		json_decref(packet);
		if (n >= 0)
			return n;
	}
	return -1;
}

/* Look until it is so; false: it did not become so in time. */
#define AWAIT(condition, timeout_ms)                        \
	({                                                  \
		long long until_ = now_ms() + (timeout_ms); \
		while (!(condition) && now_ms() < until_)   \
			poll(NULL, 0, 2);                   \
		(condition);                                \
	})

/*
 * The ticker gives a slot and dies before the child hears of it.  The child asks
 * the next ticker, and that one knows the child of the slot: it must neither be
 * killed for not coming back, nor have two slots.
 */
static void
dies_while_it_gives_a_slot(const char *point)
{
	struct roster first, r;
	struct ws wf, w;

	start(NULL);
	roster_open(&first, &wf, server.port);
	faults_order(&faults, ORDER, FAULT_KILL, point, FAULT_TICKER, 1);
	roster_open(&r, &w, server.port);
	cr_assert_neq(faults_await(&faults, ORDER, 0), 0);
	roster_await(&first, &wf, r.me, true, 2000);
	cr_assert(AWAIT(seats() == 2, 2000), "%u slots are in use", seats());
	/* Children that did not come back are killed by now. */
	cr_assert_not(AWAIT(server_logged(&server, "client-killed") > 0, 4000));
	cr_assert_eq(seats(), 2);
	roster_set(&w, "{\"still\":\"here\"}");
	roster_await_property(&first, &wf, r.me, "still", "\"here\"", 2000);
	stop();
}

Test(deaths, of_the_ticker_before_the_child_is_told_its_slot, .timeout = 60)
{
	dies_while_it_gives_a_slot("registry.claimed");
}

Test(deaths, of_the_ticker_when_the_child_was_told_its_slot, .timeout = 60)
{
	dies_while_it_gives_a_slot("reception.welcomed");
}

/*
 * b's packet is in the journal but not delivered when the ticker dies, and a's
 * waits.  What the successor delivers of a must not look like b's.
 */
Test(deaths, of_the_ticker_in_a_delivery_while_others_wait_to_send, .timeout = 60)
{
	struct roster a, b, c;
	struct ws wa, wb, wc;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_open(&c, &wc, server.port);
	faults_order(&faults, ORDER, FAULT_STALL, "outbox.posted", FAULT_CHILD, 1);
	send_number(&wa, c.me, 1);
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	faults_order(&faults, ANOTHER, FAULT_KILL, "post.journal", FAULT_TICKER, 1);
	send_number(&wb, c.me, 2);
	cr_assert_neq(faults_await(&faults, ANOTHER, 3000), 0);
	cr_assert_eq(next_number(&c, &wc, 3000), 1);
	cr_assert_eq(next_number(&c, &wc, 3000), 2);
	kill(child_of(a.me), SIGKILL);
	stop();
}

/* All that was posted is taken, and nobody is being served. */
static bool
mail_is_done(uint32_t slot)
{
	const struct mailbox *box = segment_mailbox(segment.header, slot);

	return load_acquire(&box->outbox_tail) ==
		   load_acquire(&segment_slot(segment.header, slot)->outbox_head) &&
	       (uint32_t)load_acquire(&box->work) == MAILBOX_NOBODY;
}

/*
 * The ticker has delivered, and dies before its journal says so: the successor sees by the
 * receiver's cursor that it has.  sender_dies: it is the last that a dead child has posted.
 */
static void
dies_after_a_delivery(const char *point, bool to_all, bool sender_dies)
{
	struct roster a, b;
	struct ws wa, wb;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	if (sender_dies)
		faults_order(&faults, ANOTHER, FAULT_STALL, "outbox.posted", FAULT_CHILD, 1);
	else
		faults_order(&faults, ORDER, FAULT_KILL, point, FAULT_TICKER, 1);
	send_number(&wa, to_all ? "*" : b.me, 1);
	if (sender_dies) {
		cr_assert_neq(faults_await(&faults, ANOTHER, 3000), 0);
		faults_order(&faults, ORDER, FAULT_KILL, point, FAULT_TICKER, 1);
		kill(child_of(a.me), SIGKILL);
	}
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	cr_assert_eq(next_number(&b, &wb, 3000), 1);
	if (!sender_dies) {
		send_number(&wa, to_all ? "*" : b.me, 2);
		cr_assert_eq(next_number(&b, &wb, 3000), 2);
		cr_assert(AWAIT(mail_is_done(slot_of(a.me)), 3000), "something is left");
	}
	cr_assert_eq(next_number(&b, &wb, 1000), -1, "it came twice");
	stop();
}

Test(deaths, of_the_ticker_after_a_delivery, .timeout = 60)
{
	dies_after_a_delivery("post.delivered", false, false);
}

Test(deaths, of_the_ticker_after_a_delivery_to_all, .timeout = 60)
{
	dies_after_a_delivery("post.log-published", true, false);
}

Test(deaths, of_the_ticker_after_the_last_delivery_of_a_dead_child, .timeout = 60)
{
	dies_after_a_delivery("post.delivered", false, true);
}

Test(deaths, of_the_ticker_after_the_last_words_of_a_dead_child_to_all, .timeout = 60)
{
	dies_after_a_delivery("post.log-published", true, true);
}

/* While there is no ticker a client opens, sends, and its child is killed. */
Test(deaths, of_a_child_that_no_ticker_ever_saw_open, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;
	const struct slot *slot;

	start(NULL);
	roster_open(&a, &wa, server.port);
	ws_connect(&wb, server.port);
	cr_assert(AWAIT(seats() == 2, 3000));
	kill(server.pid, SIGSTOP);
	kill(ticker_of(&server), SIGKILL);
	ws_raw_text(&wb,
	    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n\r\n");
	send_number(&wb, a.me, 7);
	slot = segment_slot(segment.header, 1);
	cr_assert(AWAIT(load_acquire(&slot->outbox_head) > 0, 3000));
	kill((pid_t)load_relaxed(&segment_entry(segment.header, 1)->pid), SIGKILL);
	kill(server.pid, SIGCONT);
	cr_assert_eq(next_number(&a, &wa, 3000), 7);
	(void)b;
	stop();
}

/* The successor knows by its pid that the child is dead, and takes the lock from it at once. */
Test(deaths, of_a_child_with_the_lock_and_of_the_ticker, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;
	long long died;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_await(&a, &wa, b.me, true, 3000);
	kill(server.pid, SIGSTOP);
	kill(ticker_of(&server), SIGKILL);
	faults_order(&faults, ORDER, FAULT_KILL, "lock.owned", FAULT_CHILD, 1);
	roster_set(&wb, "{\"x\":1}");
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	kill(server.pid, SIGCONT);
	died = now_ms();
	roster_set(&wa, "{\"x\":1}");
	roster_await_property(&a, &wa, a.me, "x", "1", 5000);
	roster_await(&a, &wa, b.me, false, 5000);
	cr_assert_leq(now_ms() - died, patience(2000), "it took %lld ms", now_ms() - died);
	cr_assert_eq(server_counter(&server, "ticker", "lock_recoveries"), 1);
	cr_assert_eq(server_logged(&server, "lock-recovered"), 1);
	stop();
}

/* Last words are on their way to a client that takes them slowly. */
Test(deaths, of_the_ticker_while_a_client_is_closed, .timeout = 60)
{
	enum { PACKETS = 8000 };
	struct roster a, b;
	struct ws wa, wb;
	char text[1024];

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < PACKETS; i++)
		ws_text(&wa, "{\"to\":\"%s\",\"packet\":{\"type\":\"n\",\"n\":\"%s\"}}", b.me,
		    text);
	cr_assert(server_await_log(&server, "code=1013", 1, 5000));
	kill(ticker_of(&server), SIGKILL);
	cr_assert(server_await_log(&server, "segment-adopted", 1, 3000));
	ws_expect_close(&wb, 1013, "");
	cr_assert(AWAIT(seats() == 1, 5000), "%u slots are in use", seats());
	stop();
}

/* Recovery does not become slower because the ticker died before. */
Test(deaths, of_tickers_one_after_the_other, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	for (int i = 1; i <= 8; i++) {
		char object[32], value[16];
		long long died;

		cr_assert(server_await_log(&server, "ticker-ready", i, 5000));
		snprintf(object, sizeof(object), "{\"x\":%d}", i);
		snprintf(value, sizeof(value), "%d", i);
		kill(ticker_of(&server), SIGKILL);
		died = now_ms();
		roster_set(&wa, object);
		roster_await_property(&b, &wb, a.me, "x", value, 10000);
		cr_assert_leq(now_ms() - died, patience(2000), "number %d took %lld ms", i,
		    now_ms() - died);
		/* It lives a while, as tickers do. */
		cr_assert_not(AWAIT(server_processes(&server, "ticker", NULL, 0) != 1, 1200));
	}
	stop();
}

/* Two listeners of one name, and the ticker dies: one of them starts the next, not both. */
Test(deaths, of_the_ticker_of_two_listeners, .timeout = 60)
{
	struct server other;
	struct roster a, b;
	struct ws wa, wb;

	start(NULL);
	server_start(&other, (const char *const[]){"--name", server.name, NULL});
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, other.port);
	roster_await(&a, &wa, b.me, true, 3000);
	for (int i = 0; i < 3; i++) {
		char object[32], value[16];

		kill((pid_t)load_relaxed(&segment.header->ticker_pid), SIGKILL);
		snprintf(object, sizeof(object), "{\"x\":%d}", i);
		snprintf(value, sizeof(value), "%d", i);
		roster_set(&wa, object);
		roster_await_property(&b, &wb, a.me, "x", value, 4000);
		cr_assert(AWAIT(server_processes(&server, "ticker", NULL, 0) +
					server_processes(&other, "ticker", NULL, 0) ==
				    1,
			      3000),
		    "there is not one ticker");
		cr_assert_not(AWAIT(server_processes(&server, "ticker", NULL, 0) +
					    server_processes(&other, "ticker", NULL, 0) !=
					1,
				  3000),
		    "there are two tickers");
		/* Both serve. */
		struct roster r;
		struct ws w;

		roster_open(&r, &w, server.port);
		roster_await(&a, &wa, r.me, true, 3000);
		ws_close(&w);
		roster_open(&r, &w, other.port);
		roster_await(&a, &wa, r.me, true, 3000);
		ws_close(&w);
	}
	kill(other.pid, SIGTERM);
	waitpid(other.pid, NULL, 0);
	server_destroy(&other);
	server_destroy(&server);
	faults_free(&faults);
}

/* A listener that is started when its predecessor and the ticker have just been killed. */
Test(deaths, of_listener_and_ticker_together, .timeout = 120)
{
	struct roster a, b;
	struct ws wa, wb;
	struct server next = {0};
	char address[32];

	start(NULL);
	snprintf(address, sizeof(address), "127.0.0.1:%d", server.port);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	for (int i = 0; i < 20; i++) {
		char object[32], value[16];
		pid_t listener = i == 0 ? server.pid : next.pid;
		pid_t ticker = (pid_t)load_relaxed(&segment.header->ticker_pid);
		long long died = now_ms();

		kill(i % 2 == 0 ? listener : ticker, SIGKILL);
		kill(i % 2 == 0 ? ticker : listener, SIGKILL);
		waitpid(listener, NULL, 0);
		/* The ticker is not our child: the kernel may not be done with it. */
		if (i > 0)
			unlink(next.log);
		server_start(&next,
		    (const char *const[]){"--name", server.name, "--listen", address, NULL});
		snprintf(object, sizeof(object), "{\"x\":%d}", i);
		snprintf(value, sizeof(value), "%d", i);
		roster_set(&wa, object);
		roster_await_property(&b, &wb, a.me, "x", value, 4000);
		cr_assert_leq(
		    now_ms() - died, patience(2000), "it took %lld ms", now_ms() - died);
		cr_assert_eq(server_logged(&next, "client-killed"), 0);
	}
	kill(next.pid, SIGTERM);
	waitpid(next.pid, NULL, 0);
	server_destroy(&next);
	server_destroy(&server);
	faults_free(&faults);
}

/* Entries that the dead one wrote for a snapshot that it did not publish. */
Test(deaths, of_the_ticker_between_remembering_and_publishing, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_await(&a, &wa, b.me, true, 3000);
	faults_order(&faults, ORDER, FAULT_KILL, "render.departed", FAULT_TICKER, 1);
	ws_drop(&wb);
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	roster_await(&a, &wa, b.me, false, 3000);
	uint64_t head = load_relaxed(&segment.header->departed_head);

	for (uint64_t n = 0; n < head; n++)
		for (uint64_t m = 0; m < n; m++)
			cr_assert(memcmp(segment_departed(segment.header, n)->token,
				      segment_departed(segment.header, m)->token,
				      TOKEN_LENGTH) != 0 ||
				      segment_departed(segment.header, m)->opened == UINT32_MAX,
			    "it is remembered twice");
	cr_assert_geq(head, 1);
	stop();
}

/* Stopped in the middle of its work it is not asleep, so no bell is written: still it is found. */
Test(deaths, of_a_child_that_stopped_while_it_was_awake, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;
	long long stopped;

	start((const char *const[]){"--hung", "2000", NULL});
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_await(&a, &wa, b.me, true, 3000);
	faults_order(&faults, ORDER, FAULT_STALL, "slot.text", FAULT_CHILD, 1);
	roster_set(&wb, "{\"x\":1}");
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	stopped = now_ms();
	roster_set(&wa, "{\"x\":1}");
	roster_await(&a, &wa, b.me, false, 6000);
	cr_assert_geq(now_ms() - stopped, 1900, "after %lld ms", now_ms() - stopped);
	cr_assert_eq(server_counter(&server, "ticker", "kills_hung"), 1);
	cr_assert_eq(server_logged(&server, "client-killed"), 1);
	cr_assert(ws_await_end(&wb, 1000), "its client is not closed");
	stop();
}

/* One that is stopped while it sleeps is rung, and does not wake. */
Test(deaths, of_a_child_that_does_not_wake, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;

	start((const char *const[]){"--hung", "1000", NULL});
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_await(&a, &wa, b.me, true, 3000);
	cr_assert(roster_next(&b, &wb, 3000));
	cr_assert(
	    AWAIT(load_acquire(&segment_slot(segment.header, slot_of(b.me))->asleep), 1000));
	kill(child_of(b.me), SIGSTOP);
	/* Nothing is published: nobody rings it, and nobody minds. */
	cr_assert_not(AWAIT(seats() != 2, 2500));
	roster_set(&wa, "{\"x\":1}");
	roster_await(&a, &wa, b.me, false, 4000);
	cr_assert_eq(server_counter(&server, "ticker", "kills_hung"), 1);
	stop();
}

/* Those who work, and those who sleep, are not taken for hung, however short the limit. */
Test(deaths, of_nobody_who_is_well, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;

	start((const char *const[]){"--hung", "300", "--tick", "50", NULL});
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	for (int i = 0; i < 100; i++) {
		char object[32];

		snprintf(object, sizeof(object), "{\"x\":%d}", i);
		roster_set(&wa, object);
		while (roster_next(&b, &wb, 20))
			continue;
		while (roster_next(&a, &wa, 0))
			continue;
	}
	cr_assert_not(AWAIT(seats() != 2, 2000));
	cr_assert_eq(server_logged(&server, "client-killed"), 0);
	stop();
}

/* Alive, but it keeps the lock: the others wait a good second. */
Test(deaths, of_a_child_that_stopped_with_the_lock, .timeout = 60)
{
	struct roster a, b;
	struct ws wa, wb;
	long long stopped;

	start(NULL);
	roster_open(&a, &wa, server.port);
	roster_open(&b, &wb, server.port);
	roster_await(&a, &wa, b.me, true, 3000);
	faults_order(&faults, ORDER, FAULT_STALL, "lock.owned", FAULT_CHILD, 1);
	roster_set(&wb, "{\"x\":1}");
	cr_assert_neq(faults_await(&faults, ORDER, 3000), 0);
	stopped = now_ms();
	roster_set(&wa, "{\"x\":1}");
	roster_await_property(&a, &wa, a.me, "x", "1", 5000);
	cr_assert_leq(
	    now_ms() - stopped, patience(3000), "it took %lld ms", now_ms() - stopped);
	roster_await(&a, &wa, b.me, false, 3000);
	cr_assert_eq(server_counter(&server, "ticker", "kills_lock"), 1);
	cr_assert_eq(server_counter(&server, "ticker", "lock_recoveries"), 1);
	stop();
}
