/* "changes" and "metadata": each test is a sentence of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

/* A tick that is long enough to do several things between two of them. */
static const char *const slow_tick[] = {"--tick", "1000", NULL};

/* Wait for the tick that tells of a change made just now: the next one is far away then. */
static void
sync_tick(struct roster *r, struct ws *w)
{
	static int serial;
	char object[32], value[16];

	snprintf(value, sizeof(value), "%d", ++serial);
	snprintf(object, sizeof(object), "{\"sync\":%d}", serial);
	roster_set(w, object);
	roster_await_property(r, w, r->me, "sync", value, 5000);
}

Test(changes, own_token_appears_in_opened_once)
{
	struct server s;
	struct roster r;
	struct ws w;
	int times = 0;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	for (int i = 0; i < 4; i++) {
		char object[32];

		snprintf(object, sizeof(object), "{\"i\":%d}", i);
		roster_set(&w, object);
		cr_assert(roster_next(&r, &w, 2000));
		times += roster_changed(&r, "opened", r.me);
	}
	cr_assert_eq(times, 1);
	server_stop(&s);
}

Test(changes, names_who_opened_closed_and_changed)
{
	struct server s;
	struct roster a, b, c;
	struct ws wa, wb, wc;

	server_start(&s, slow_tick);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 3000);
	sync_tick(&a, &wa);
	roster_open(&c, &wc, s.port);
	roster_set(&wa, "{\"x\":1}");
	ws_close(&wb);
	roster_await(&a, &wa, c.me, true, 3000);
	cr_assert(roster_changed(&a, "opened", c.me));
	cr_assert(roster_changed(&a, "closed", b.me));
	cr_assert(roster_changed(&a, "properties", a.me));
	cr_assert_not(roster_changed(&a, "properties", b.me));
	cr_assert_not(roster_changed(&a, "properties", c.me));
	server_stop(&s);
}

Test(changes, token_that_came_and_went_between_two_ticks_is_in_none)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;

	server_start(&s, slow_tick);
	roster_open(&a, &wa, s.port);
	cr_assert(roster_next(&a, &wa, 3000));
	sync_tick(&a, &wa);
	roster_open(&b, &wb, s.port);
	roster_set(&wb, "{\"x\":1}");
	ws_close(&wb);
	cr_assert(server_await_counter(&s, "ticker", "closed", 1, 3000));
	roster_set(&wa, "{\"y\":1}");
	cr_assert(roster_next(&a, &wa, 3000));
	cr_assert_not(roster_changed(&a, "opened", b.me));
	cr_assert_not(roster_changed(&a, "closed", b.me));
	cr_assert_not(roster_changed(&a, "properties", b.me));
	server_stop(&s);
}

Test(changes, token_that_changed_and_left_is_in_closed_only)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;

	server_start(&s, slow_tick);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 3000);
	sync_tick(&a, &wa);
	roster_set(&wb, "{\"x\":1}");
	ws_close(&wb);
	roster_await(&a, &wa, b.me, false, 3000);
	cr_assert(roster_changed(&a, "closed", b.me));
	cr_assert_not(roster_changed(&a, "properties", b.me));
	server_stop(&s);
}

Test(changes, setting_a_property_to_the_value_it_has_is_no_change)
{
	struct server s;
	struct roster r;
	struct ws w;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	roster_set(&w, "{\"x\":[1,{\"y\":\"z\"}]}");
	roster_await_property(&r, &w, r.me, "x", "[1,{\"y\":\"z\"}]", 3000);
	roster_set(&w, "{\"x\":[1,{\"y\":\"z\"}]}");
	roster_set(&w, "{ \"x\" : [ 1 , { \"y\" : \"z\" } ] }");
	roster_set(&w, "{\"nothing\":null}");
	roster_set(&w, "{}");
	cr_assert_null(ws_packet(&w, 1500), "a tick without a change");
	server_stop(&s);
}

Test(changes, a_change_that_is_taken_back_before_the_tick_is_none)
{
	struct server s;
	struct roster r;
	struct ws w;

	server_start(&s, slow_tick);
	roster_open(&r, &w, s.port);
	roster_set(&w, "{\"x\":1}");
	roster_await_property(&r, &w, r.me, "x", "1", 3000);
	sync_tick(&r, &w);
	roster_set(&w, "{\"x\":2}");
	roster_set(&w, "{\"x\":1}");
	cr_assert_null(ws_packet(&w, 2500), "a tick without a change");
	server_stop(&s);
}

/*
 * A client that does not read gets one merged changes and the newest metadata
 * when it reads again.  Everybody's properties are so long that its socket is
 * full after a tick or two.
 */
Test(changes, slow_client_gets_merged_changes_and_the_newest_metadata, .timeout = 120)
{
	enum { CROWD = 60, ROUNDS = 24 };
	const char *const options[] = {"--tick", "100", "--ping", "600000", NULL};
	const int rounds = 4 + crowd(ROUNDS - 4);
	char object[16100];
	struct server s;
	struct roster slow, r[CROWD];
	struct ws ws, w[CROWD], late;
	struct roster rl;
	long long merged;

	if (getenv("ROSTERD_SLOW") != NULL)
		cr_skip_test("a crowd that small fits into the buffers of sockets");
	server_start(&s, options);
	roster_open(&slow, &ws, s.port);
	for (int i = 0; i < CROWD; i++)
		roster_open(&r[i], &w[i], s.port);
	for (int round = 0; round < rounds; round++) {
		for (int i = 0; i < CROWD; i++) {
			int length = snprintf(
			    object, sizeof(object), "{\"round\":%d,\"text\":\"", round);

			memset(object + length, 'a' + round, 15900);
			snprintf(object + length + 15900,
			    sizeof(object) - 15900 - (size_t)length, "\"}");
			roster_set(&w[i], object);
		}
		snprintf(object, sizeof(object), "%d", round);
		for (int i = 0; i < CROWD; i++)
			roster_await_property(
			    &r[i], &w[i], r[CROWD - 1].me, "round", object, patience(20000));
	}
	/* While it is behind: one leaves, one comes, one comes and goes. */
	ws_close(&w[0]);
	roster_open(&rl, &late, s.port);
	ws_close(&late);
	roster_open(&rl, &late, s.port);
	roster_await(&r[1], &w[1], rl.me, true, 20000);
	roster_await(&r[1], &w[1], r[0].me, false, 20000);
	/* roster_take() checks that the differences are exact whatever was left out. */
	while (!roster_has(&slow, rl.me) || roster_has(&slow, r[0].me))
		cr_assert(roster_next(&slow, &ws, 20000));
	cr_assert_lt(slow.ticks, rounds, "nothing was left out: %d ticks", slow.ticks);
	merged = server_counter(&s, "clients", "ticks_merged");
	cr_assert_gt(merged, 0);
	server_stop(&s);
}

Test(metadata, indexes_are_in_order_of_connection)
{
	struct server s;
	struct roster r[8];
	struct ws w[8];

	server_start(&s, (const char *const[]){"--tick", "50", NULL});
	for (int i = 0; i < 8; i++) {
		roster_open(&r[i], &w[i], s.port);
		if (i > 0)
			roster_await(&r[0], &w[0], r[i].me, true, 3000);
	}
	ws_close(&w[3]);
	roster_await(&r[0], &w[0], r[3].me, false, 3000);
	roster_open(&r[3], &w[3], s.port);
	roster_await(&r[0], &w[0], r[3].me, true, 3000);
	for (int i = 0, at = 0; i < 8; i++) {
		if (i == 3)
			continue;
		cr_assert_str_eq(
		    json_string_value(json_array_get(r[0].indexes, (size_t)at++)), r[i].me);
	}
	cr_assert_str_eq(json_string_value(json_array_get(r[0].indexes, 7)), r[3].me);
	server_stop(&s);
}

Test(metadata, everybody_has_an_entry_and_it_is_empty_if_nothing_was_set)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 3000);
	cr_assert_eq(json_object_size(a.properties), 2);
	cr_assert_eq(json_object_size(roster_properties(&a, b.me)), 0);
	cr_assert(json_is_object(roster_properties(&a, b.me)));
	server_stop(&s);
}

static void
check_version(const char *const *options, const char *version)
{
	struct server s;
	struct ws w;
	json_t *packet, *metadata;

	server_start(&s, options);
	ws_open(&w, s.port);
	packet = ws_packet(&w, 3000);
	metadata = json_object_get(packet, "metadata");
	cr_assert_str_eq(json_string_value(json_object_get(metadata, "version")), version);
	json_decref(packet);
	server_stop(&s);
}

Test(metadata, version_is_dev)
{
	check_version(NULL, "DEV");
}

Test(metadata, version_is_what_the_operator_says)
{
	check_version((const char *const[]){"--app-version", "1.0 \"quoted\" \xc3\xa4", NULL},
	    "1.0 \"quoted\" \xc3\xa4");
}

/* Exactly the text of the protocol: order of members, no white space. */
Test(metadata, text_of_both_packets)
{
	struct server s;
	struct ws w;
	struct ws_frame *f;
	char expected[512], token[33];

	server_start(&s, NULL);
	ws_open(&w, s.port);
	f = ws_next(&w, 3000);
	cr_assert_eq(sscanf(f->payload,
			 "{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":"
			 "{\"index\":\"%32[0-9a-f]\"",
			 token),
	    1);
	snprintf(expected, sizeof(expected),
	    "{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":{\"index\":\"%s\","
	    "\"indexes\":[\"%s\"],\"properties\":{\"%s\":{}},\"version\":\"DEV\"}}",
	    token, token, token);
	cr_assert_str_eq(f->payload, expected);
	f = ws_next(&w, 3000);
	snprintf(expected, sizeof(expected),
	    "{\"from\":\"server\",\"type\":\"changes\",\"changes\":{\"opened\":[\"%s\"],"
	    "\"closed\":[],\"properties\":[]}}",
	    token);
	cr_assert_str_eq(f->payload, expected);
	f = ws_next(&w, 3000);
	cr_assert(strncmp(f->payload, "{\"from\":\"server\",\"type\":\"metadata\"", 34) == 0);
	server_stop(&s);
}
