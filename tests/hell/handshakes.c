/* Clients that never come to be served. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/check.h"
#include "hell.h"

#define HALF "GET / HTTP/1.1\r\nHost: here\r\nUpgrade: webso"
#define REQUEST                                                                         \
	"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

static void
expect_status(struct ws *w, const char *status)
{
	char *answer = ws_rest(w, patience(9000));

	CHECK(strncmp(answer, status, strlen(status)) == 0, "the answer is: %s", answer);
	free(answer);
	ws_drop(w);
}

static void
send_half_and_wait(const struct hell *h)
{
	enum { MANY = 25 };
	static struct ws w[MANY];

	for (int i = 0; i < MANY; i++) {
		ws_connect(&w[i], h->server.port);
		ws_raw_text(&w[i], HALF);
	}
	for (int i = 0; i < MANY; i++)
		expect_status(&w[i], "HTTP/1.1 408 ");
}

Test(handshakes, handshakes_that_are_never_finished, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--handshake", "1000", NULL});
	hell_begin(&h, send_half_and_wait, 4);
	hell_await(&h, 0);
	hell_end(&h, "never finishing handshake");
}

static void
say_nothing(const struct hell *h)
{
	enum { MANY = 25 };
	static struct ws w[MANY];

	for (int i = 0; i < MANY; i++)
		ws_connect(&w[i], h->server.port);
	for (int i = 0; i < MANY; i++)
		expect_status(&w[i], "HTTP/1.1 408 ");
}

Test(handshakes, connections_that_say_nothing, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--handshake", "1000", NULL});
	hell_begin(&h, say_nothing, 4);
	hell_await(&h, 0);
	hell_end(&h, "connections that say nothing");
}

/* A byte now and then does not move the deadline. */
static void
send_byte_by_byte(const struct hell *h)
{
	long long start = now_ms();
	const char *at = HALF;
	struct ws w;

	ws_connect(&w, h->server.port);
	while (poll(&(struct pollfd){.fd = w.fd, .events = POLLIN}, 1, 100) == 0)
		ws_raw(&w, *at != '\0' ? at++ : "x", 1);
	CHECK(now_ms() - start < patience(3000), "it was given %lld ms", now_ms() - start);
	expect_status(&w, "HTTP/1.1 408 ");
}

Test(handshakes, one_byte_at_a_time, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--handshake", "1500", NULL});
	hell_begin(&h, send_byte_by_byte, 8);
	hell_await(&h, 0);
	hell_end(&h, "one byte at a time");
}

static void
send_large_heads(const struct hell *h)
{
	static char head[65536];

	memset(head, 'a', sizeof(head));
	for (int i = 0; i < 100; i++) {
		struct ws w;

		ws_connect(&w, h->server.port);
		ws_raw_text(&w, "GET / HTTP/1.1\r\nHost: here\r\nX-Large: ");
		ws_raw(&w, head, sizeof(head));
		ws_raw_text(&w, "\r\n\r\n");
		expect_status(&w, "HTTP/1.1 431 ");
	}
}

Test(handshakes, header_of_64_kib, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	hell_begin(&h, send_large_heads, 2);
	hell_await(&h, 0);
	hell_end(&h, "header of 64 KiB");
}

/* Whoever closes its half is gone, before and after the handshake. */
static void
close_one_half(const struct hell *h)
{
	for (int i = 0; i < 50; i++) {
		struct ws w;

		ws_connect(&w, h->server.port);
		ws_raw_text(&w, i % 2 == 0 ? HALF : REQUEST);
		shutdown(w.fd, SHUT_WR);
		CHECK(ws_await_end(&w, patience(3000)), "the other half stays open");
		ws_drop(&w);
	}
}

/* One that has vanished without a word: nothing answers the pings. */
static void
vanish(const struct hell *h)
{
	struct ws w;

	ws_open(&w, h->server.port);
	CHECK(ws_closed(&w, patience(4000), NULL) == 1008, "it was not closed");
	ws_drop(&w);
}

Test(handshakes, connections_that_are_half_open, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	hell_begin(&h, close_one_half, 4);
	hell_await(&h, 0);
	hell_end(&h, "half-closed connections");
}

Test(handshakes, clients_that_have_vanished, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--ping", "700", NULL});
	hell_begin(&h, vanish, 8);
	hell_await(&h, 0);
	hell_end(&h, "clients that have vanished");
}

/* Some hundreds a second, for ever: 64 and 150 are what the house begins and ceases to take. */
static void
hold_slots(const struct hell *h)
{
	enum { MANY = 400 };
	static struct ws w[MANY];

	for (int i = 0;; i = (i + 1) % MANY) {
		if (w[i].in != NULL || w[i].fd > 0)
			ws_drop(&w[i]);
		ws_connect(&w[i], h->server.port);
		ws_raw_text(&w[i], HALF);
		poll(NULL, 0, 6);
	}
}

static bool
try_to_come_in(const struct hell *h)
{
	struct ws w;
	char first[16] = "";
	bool in;

	ws_connect(&w, h->server.port);
	ws_raw_text(&w, REQUEST);
	in = poll(&(struct pollfd){.fd = w.fd, .events = POLLIN}, 1, patience(5000)) == 1 &&
	     recv(w.fd, first, 12, 0) == 12 && strcmp(first, "HTTP/1.1 101") == 0;
	ws_drop(&w);
	return in;
}

/* The slots cannot be held hostage: somebody who has something to say gets in. */
static void
come_in_ten_times(const struct hell *h)
{
	long long start = now_ms(), last, worst = 0;
	int tries = 0;

	for (int i = 0; i < 10; i++) {
		last = now_ms();
		while (!try_to_come_in(h)) {
			tries++;
			CHECK(now_ms() - last < patience(30000), "the house is full");
			poll(NULL, 0, 5);
		}
		if (now_ms() - last > worst)
			worst = now_ms() - last;
	}
	fprintf(stderr, "a full house: in after %lld ms, %lld at worst, %d refusals\n",
	    (now_ms() - start) / 10, worst, tries);
}

Test(handshakes, slots_are_not_held_hostage_by_half_open_handshakes, .timeout = 120)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--max-clients", "300", NULL});
	hell_begin(&h, hold_slots, 2);
	hell_live(&h, 1500);
	hell_begin(&h, come_in_ten_times, 1);
	hell_await(&h, 2);
	hell_stop(&h);
	cr_assert_gt(server_counter(&h.server, "listener", "refused_early"), 0);
	cr_assert_eq(server_counter(&h.server, "listener", "refused_full"), 0);
	hell_end(&h, "a house full of half-open handshakes");
}
