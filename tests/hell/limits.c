/* Addresses from which too much comes, and rates. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/check.h"
#include "hell.h"

#define REQUEST                                                                         \
	"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"

/* Ask to be served; what is answered first.  The connection stays if it is 101. */
static const char *
ask(struct ws *w, const struct server *s, const char *source)
{
	static char answer[1024];
	ssize_t got;

	ws_connect_from(w, s->port, source);
	ws_raw_text(w, REQUEST);
	EXPECT(poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, 10000) == 1);
	got = recv(w->fd, answer, sizeof(answer) - 1, 0);
	answer[got > 0 ? got : 0] = '\0';
	return answer;
}

static bool
is_in(struct ws *w, const struct server *s, const char *source)
{
	return strncmp(ask(w, s, source), "HTTP/1.1 101 ", 13) == 0;
}

/* Seconds after which it is told to come again; 0: it was let in, and dropped. */
static int
told_to_retry(const struct server *s, const char *source)
{
	struct ws w;
	const char *answer = ask(&w, s, source), *after = strstr(answer, "Retry-After: ");
	int seconds = 0;

	if (strncmp(answer, "HTTP/1.1 101 ", 13) != 0) {
		CHECK(strncmp(answer, "HTTP/1.1 503 ", 13) == 0 && after != NULL, "%s", answer);
		seconds = atoi(after + strlen("Retry-After: "));
	}
	ws_drop(&w);
	return seconds;
}

static void
await_counter(const struct hell *h, const char *name, long long least)
{
	CHECK(server_await_counter(&h->server, "listener", name, least, patience(15000)),
	    "%s stays under %lld", name, least);
}

static void
fill_the_house(const struct hell *h)
{
	struct ws w[5];

	for (int i = 0; i < 5; i++)
		EXPECT(is_in(&w[i], &h->server, "127.0.0.1"));
	for (int i = 0; i < 100; i++)
		EXPECT(told_to_retry(&h->server, "127.0.0.1") > 0);
	EXPECT(server_counter(&h->server, "listener", "refused_full") >= 100);
	ws_close(&w[0]);
	await_counter(h, "children_ended", 1);
	EXPECT(is_in(&w[0], &h->server, "127.0.0.1"));
	for (int i = 0; i < 5; i++)
		ws_drop(&w[i]);
}

Test(limits, more_clients_than_there_are_places, .timeout = 120)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--max-clients", "25", NULL});
	hell_begin(&h, fill_the_house, 1);
	hell_await(&h, 0);
	hell_end(&h, "more clients than places");
}

static void
use_up_an_address(const struct hell *h)
{
	struct ws w[25], other;

	for (int i = 0; i < 25; i++)
		EXPECT(is_in(&w[i], &h->server, "127.0.0.2"));
	EXPECT(told_to_retry(&h->server, "127.0.0.2") > 0);
	EXPECT(is_in(&other, &h->server, "127.0.0.3"));
	EXPECT(server_counter(&h->server, "listener", "refused_source") == 1);
	/* The count is taken back when the child is reaped. */
	ws_close(&w[0]);
	await_counter(h, "children_ended", 1);
	EXPECT(is_in(&w[0], &h->server, "127.0.0.2"));
	EXPECT(told_to_retry(&h->server, "127.0.0.2") > 0);
	for (int i = 0; i < 25; i++)
		ws_drop(&w[i]);
	ws_drop(&other);
}

Test(limits, more_clients_than_an_address_may_have, .timeout = 120)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--max-per-source", "25", NULL});
	hell_begin(&h, use_up_an_address, 1);
	hell_await(&h, 0);
	hell_end(&h, "more clients than an address may have");
}

/* Connect, perhaps speak, and go, as fast as it goes. */
static void
storm(const struct hell *h)
{
	for (int i = 0;; i++) {
		struct ws w;

		ws_connect_from(&w, h->server.port, "127.0.0.2");
		if (i % 2 == 0)
			ws_raw_text(&w, REQUEST);
		if (i % 4 == 0)
			poll(&(struct pollfd){.fd = w.fd, .events = POLLIN}, 1, 1000);
		if (i % 3 == 0)
			ws_reset(&w);
		else
			ws_drop(&w);
	}
}

Test(floods, connect_storms_from_one_address, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--max-per-source", "30", NULL});
	hell_begin(&h, storm, 3);
	hell_live(&h, 3000);
	hell_stop(&h);
	fprintf(stderr, "connect storm: %lld connections, %lld of them refused\n",
	    server_counter(&h.server, "listener", "accepted"),
	    server_counter(&h.server, "listener", "refused_source"));
	hell_end(&h, "connect storm from one address");
}

/* Nobody is exempt here but the crowd. */
#define PENALTIES "--penalty-exempt", "127.0.0.1", "--handshake", "300"

static void
run_up_debts(const struct hell *h)
{
	struct ws w[12];

	ws_connect_from(&w[0], h->server.port, "127.0.0.2");
	ws_raw_text(&w[0], "GET / HT");
	await_counter(h, "penalties", 1);
	CHECK(told_to_retry(&h->server, "127.0.0.2") == 0, "once is forgiven");
	ws_connect_from(&w[1], h->server.port, "127.0.0.2");
	ws_raw_text(&w[1], "GET / HT");
	await_counter(h, "penalties", 2);
	EXPECT(told_to_retry(&h->server, "127.0.0.2") >= 10);
	EXPECT(told_to_retry(&h->server, "127.0.0.3") == 0);
	/* Those who say nothing at all may be browsers: it takes more of them. */
	for (int i = 2; i < 12; i++)
		ws_connect_from(&w[i], h->server.port, "127.0.0.4");
	await_counter(h, "penalties", 12);
	EXPECT(told_to_retry(&h->server, "127.0.0.4") >= 10);
	/* And those who only look whether somebody is there owe nothing. */
	for (int i = 0; i < 50; i++) {
		struct ws look;

		ws_connect_from(&look, h->server.port, "127.0.0.5");
		ws_drop(&look);
	}
	EXPECT(told_to_retry(&h->server, "127.0.0.5") == 0);
	EXPECT(server_counter(&h->server, "listener", "refused_penalty") >= 2);
	for (int i = 0; i < 12; i++)
		ws_drop(&w[i]);
}

Test(limits, addresses_that_leave_handshakes_unfinished_are_shut_out, .timeout = 120)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){PENALTIES, NULL});
	hell_begin(&h, run_up_debts, 1);
	hell_await(&h, 0);
	hell_end(&h, "penalty for unfinished handshakes");
}

static void
crash(const struct hell *h)
{
	char token[33];
	struct ws w;
	int seconds;

	EXPECT(is_in(&w, &h->server, "127.0.0.2"));
	kill(hell_child_of(h, &w, token), SIGSEGV);
	await_counter(h, "penalties", 1);
	seconds = told_to_retry(&h->server, "127.0.0.2");
	CHECK(seconds > 80 && seconds <= 91, "%d seconds", seconds);
	EXPECT(told_to_retry(&h->server, "127.0.0.3") == 0);
	EXPECT(told_to_retry(&h->server, "127.0.0.1") == 0);
	ws_drop(&w);
}

Test(limits, addresses_whose_children_crash_are_shut_out, .timeout = 120)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){PENALTIES, NULL});
	hell_begin(&h, crash, 1);
	hell_await(&h, 0);
	hell_end(&h, "penalty for a crash");
}

/* Rates. */

static long
cpu_ticks(pid_t pid)
{
	char path[64], line[512] = "";
	unsigned long user = 0, system = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "r");
	(void)!fgets(line, sizeof(line), file);
	fclose(file);
	sscanf(strrchr(line, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
	    &user, &system);
	return (long)(user + system);
}

/*
 * 150 packets at once at 50 a second and a burst of one second: 50 come at once,
 * the rest as it may, in order and all of them; meanwhile ticks and pings go on.
 */
Test(limits, a_client_over_its_rate_is_not_read_and_loses_nothing, .timeout = 60)
{
	enum { PACKETS = 150 };
	static struct hell h;
	struct roster r;
	struct ws w;
	char token[33];
	long long start, last = 0;
	int next = 0, early = 0, pings = 0;
	pid_t child;
	long before;

	hell_open(&h,
	    (const char *const[]){"--rate", "50", "--rate-burst", "1", "--ping", "800", NULL});
	roster_open(&r, &w, h.server.port);
	child = hell_child_of(&h, &w, token);
	hell_calm(&h);
	start = now_ms();
	before = cpu_ticks(child);
	for (int i = 0; i < PACKETS; i++)
		ws_text(&w, "{\"to\":\"%s\",\"packet\":{\"type\":\"n\",\"n\":%d}}", token, i);
	while (next < PACKETS) {
		struct ws_frame *frame;

		cr_assert_lt(now_ms() - start, patience(8000), "%d of them came", next);
		hell_live(&h, 5);
		while ((frame = ws_next(&w, 0)) != NULL) {
			json_t *packet = json_loadb(frame->payload, frame->length, 0, NULL);

			cr_assert_neq(frame->opcode, WS_CLOSE);
			pings += frame->opcode == WS_PING;
			/* What the crowd says to all comes, too. */
			if (frame->opcode == WS_TEXT && !roster_take(&r, packet) &&
			    json_object_get(packet, "n") != NULL) {
				cr_assert_eq(
				    json_integer_value(json_object_get(packet, "n")), next++);
				early += now_ms() - start < 500;
				last = now_ms();
			}
			json_decref(packet);
			free(frame);
		}
	}
	fprintf(stderr,
	    "over its rate: %d packets in 500 ms, the last after %lld ms, %ld ms of CPU\n",
	    early, last - start, (cpu_ticks(child) - before) * 10);
	cr_assert(early >= 40 && early <= 85, "%d packets in the first 500 ms", early);
	cr_assert_geq(last - start, 1700);
	cr_assert_geq(pings, 1);
	cr_assert_geq(r.ticks, 3);
	cr_assert_lt((cpu_ticks(child) - before) * 10, 300, "it does not sleep");
	hell_stop(&h);
	cr_assert_geq(server_counter(&h.server, "clients", "rate_waits"), 1);
	ws_drop(&w);
	hell_end(&h, "over its rate");
}

static void
flood_bytes(const struct hell *h)
{
	static char value[20000];
	const char *frame;
	size_t length;
	struct ws w;

	memset(value, 'v', sizeof(value) - 1);
	frame = hell_frame(
	    &length, "{\"to\":\"*\",\"packet\":{\"type\":\"b\",\"b\":\"%s\"}}", value);
	ws_open(&w, h->server.port);
	hell_flood(&w, frame, length);
}

/* Broadcasts that would be gigabytes for everybody are a trickle. */
Test(floods, floods_to_all_are_held_to_their_rate, .timeout = 60)
{
	static struct hell h;
	long long received;

	hell_open(&h, (const char *const[]){"--rate-bytes", "32k", "--rate-burst", "1", NULL});
	hell_begin(&h, flood_bytes, 2);
	hell_live(&h, 3000);
	hell_stop(&h);
	received = server_counter(&h.server, "clients", "received_bytes");
	fprintf(stderr, "floods to all: %lld KiB were read\n", received / 1024);
	cr_assert_lt(received, 2 * (3 + 2) * 32768 + (1 << 20));
	cr_assert_geq(server_counter(&h.server, "clients", "rate_waits"), 2);
	hell_end(&h, "floods to all at a limited rate");
}
