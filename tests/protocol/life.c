/* "Life of a connection": each test is a bullet of it. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static const char *const quick_ping[] = {"--ping", "300", NULL};

Test(life, token_is_128_random_bits_as_32_lower_case_hex_digits)
{
	struct server s;
	struct roster r[20];
	struct ws w[20];

	server_start(&s, NULL);
	for (int i = 0; i < 20; i++) {
		int different = 0;

		roster_open(&r[i], &w[i], s.port);
		cr_assert_eq(strlen(r[i].me), 32);
		cr_assert_eq(strspn(r[i].me, "0123456789abcdef"), 32);
		for (int j = 0; j < i; j++)
			for (int k = 0; k < 32; k++)
				different += r[i].me[k] != r[j].me[k];
		/* 30 of 32 digits differ on average; half of that is out of reach of chance. */
		cr_assert(i == 0 || different / i > 15, "tokens look alike");
	}
	server_stop(&s);
}

Test(life, token_exists_once_the_handshake_is_complete_and_not_before)
{
	struct server s;
	struct roster r;
	struct ws w, silent, half;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	ws_connect(&silent, s.port);
	ws_connect(&half, s.port);
	ws_raw_text(&half, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n");
	free(ws_http(s.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
	free(ws_http(s.port, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
			     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\r\n"));
	/* A tick for the client itself, and then none for the four others. */
	cr_assert(roster_next(&r, &w, 2000));
	cr_assert_not(roster_next(&r, &w, 1200), "something was told about a failed handshake");
	cr_assert_eq(roster_count(&r), 1);
	server_stop(&s);
}

Test(life, first_metadata_comes_at_once_with_the_client_itself_in_it)
{
	struct server s;
	struct roster r, r2;
	struct ws w, w2;
	long long start;

	server_start(&s, (const char *const[]){"--tick", "5000", NULL});
	roster_open(&r, &w, s.port);
	start = now_ms();
	roster_open(&r2, &w2, s.port);
	cr_assert_lt(now_ms() - start, 2000, "it waited for the tick");
	cr_assert(roster_has(&r2, r2.me));
	cr_assert_eq(json_object_size(roster_properties(&r2, r2.me)), 0);
	server_stop(&s);
}

Test(life, first_metadata_is_the_newest_snapshot)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	roster_set(&wa, "{\"k\":1}");
	roster_await_property(&a, &wa, a.me, "k", "1", 3000);
	roster_open(&b, &wb, s.port);
	cr_assert(roster_has(&b, a.me));
	cr_assert_eq(json_number_value(json_object_get(roster_properties(&b, a.me), "k")), 1);
	server_stop(&s);
}

Test(life, a_change_arrives_within_a_second)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 1000);
	for (int i = 0; i < 5; i++) {
		char object[32], value[16];
		long long start = now_ms();

		snprintf(object, sizeof(object), "{\"n\":%d}", i);
		snprintf(value, sizeof(value), "%d", i);
		roster_set(&wb, object);
		roster_await_property(&a, &wa, b.me, "n", value, 5000);
		cr_assert_leq(now_ms() - start, 1000);
	}
	server_stop(&s);
}

Test(life, changes_come_before_metadata_and_nothing_comes_without_a_change)
{
	struct server s;
	struct roster r;
	struct ws w;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	/* roster_next() fails the test if metadata comes without changes before it. */
	cr_assert(roster_next(&r, &w, 2000));
	cr_assert_null(ws_packet(&w, 1700), "a packet though nothing has changed");
	server_stop(&s);
}

Test(life, ping_every_period_to_idle_and_busy_clients)
{
	struct server s;
	struct ws idle, busy;
	int pings[2] = {0, 0};
	long long until;

	server_start(&s, quick_ping);
	ws_open(&idle, s.port);
	ws_open(&busy, s.port);
	until = now_ms() + 1650;
	while (now_ms() < until) {
		struct ws *each[] = {&idle, &busy};

		ws_text(&busy, "{\"to\":\"server\",\"packet\":{\"type\":\"noise\"}}");
		for (int i = 0; i < 2; i++) {
			struct ws_frame *f = ws_next(each[i], 20);

			if (f != NULL && f->opcode == WS_PING) {
				pings[i]++;
				ws_frame(each[i], WS_FIN | WS_PONG, f->payload, f->length);
			}
			free(f);
		}
	}
	for (int i = 0; i < 2; i++)
		cr_assert(pings[i] >= 4 && pings[i] <= 6, "%d pings in 1650 ms, one every 300",
		    pings[i]);
	server_stop(&s);
}

Test(life, ping_period_is_20_seconds_unless_told_otherwise)
{
	struct server s;
	struct ws w;
	struct ws_frame *f;
	long long start = now_ms();

	server_start(&s, NULL);
	ws_open(&w, s.port);
	while ((f = ws_next(&w, 25000)) != NULL && f->opcode != WS_PING)
		free(f);
	cr_assert_not_null(f, "no ping");
	cr_assert(now_ms() - start > 19500 && now_ms() - start < 22000, "ping after %lld ms",
	    now_ms() - start);
	free(f);
	server_stop(&s);
}

Test(life, client_that_answers_no_ping_for_two_periods_is_closed)
{
	struct server s;
	struct roster r;
	struct ws mute, w;
	long long start;

	server_start(&s, quick_ping);
	start = now_ms();
	ws_open(&mute, s.port);
	ws_expect_close(&mute, 1008, "pings");
	cr_assert(now_ms() - start >= 600 && now_ms() - start < 1500, "after %lld ms",
	    now_ms() - start);
	roster_open(&r, &w, s.port);
	cr_assert(roster_next(&r, &w, 2000));
	cr_assert_eq(roster_count(&r), 1);
	server_stop(&s);
}

/* Each way to end, as the others see it. */

static void
check_vanishes(void (*end)(struct ws *w))
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;
	long long start;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 2000);
	start = now_ms();
	end(&wb);
	roster_await(&a, &wa, b.me, false, 3000);
	cr_assert_leq(now_ms() - start, 1000);
	cr_assert(roster_changed(&a, "closed", b.me));
	server_stop(&s);
}

static void
end_by_close_frame(struct ws *w)
{
	/* The frame alone: the connection stays until the server ends it. */
	ws_frame(w, WS_FIN | WS_CLOSE, "\x03\xe8", 2);
}

Test(life, ends_with_a_close_frame)
{
	check_vanishes(end_by_close_frame);
}

Test(life, ends_with_fin)
{
	check_vanishes(ws_drop);
}

Test(life, ends_with_rst)
{
	check_vanishes(ws_reset);
}

Test(life, ends_with_the_death_of_its_process)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;
	pid_t pids[4];
	long long start;
	json_t *clients, *client;
	size_t i;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 2000);
	clients = server_dump(&s, "clients");
	pids[0] = 0;
	json_array_foreach(clients, i, client)
	{
		if (strcmp(json_string_value(json_object_get(client, "token")), b.me) == 0)
			pids[0] = (pid_t)json_integer_value(json_object_get(client, "pid"));
	}
	cr_assert_gt(pids[0], 1);
	start = now_ms();
	kill(pids[0], SIGKILL);
	roster_await(&a, &wa, b.me, false, 3000);
	cr_assert_leq(now_ms() - start, 1000);
	cr_assert(roster_changed(&a, "closed", b.me));
	cr_assert(ws_await_end(&wb, 2000));
	server_stop(&s);
}

Test(life, ends_for_all_with_1001_when_the_server_goes_down)
{
	struct server s;
	struct ws w[5];

	server_start(&s, NULL);
	for (int i = 0; i < 5; i++)
		ws_open(&w[i], s.port);
	kill(s.pid, SIGTERM);
	for (int i = 0; i < 5; i++)
		ws_expect_close(&w[i], 1001, "going down");
	server_stop(&s);
}
