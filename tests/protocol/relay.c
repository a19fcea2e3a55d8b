/* "Relay": each test is a sentence of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define CLIENTS 3

static struct server s;
static struct roster r[CLIENTS];
static struct ws w[CLIENTS];

/* Three clients that know each other, and a tick that does not come again. */
static void
set_up(void)
{
	server_start(&s, (const char *const[]){"--tick", "100", NULL});
	for (int i = 0; i < CLIENTS; i++)
		roster_open(&r[i], &w[i], s.port);
	for (int i = 0; i < CLIENTS; i++)
		while (roster_count(&r[i]) < CLIENTS)
			cr_assert(roster_next(&r[i], &w[i], 3000));
}

static void
tear_down(void)
{
	server_stop(&s);
}

TestSuite(relay, .init = set_up, .fini = tear_down);

/* The next packet of another client as text, to be freed; NULL if there is none in time. */
static char *
next_text(int i, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	struct ws_frame *f;

	while ((f = ws_next(&w[i], (int)(until - now_ms()))) != NULL) {
		char *text = NULL;

		if (f->opcode == WS_TEXT &&
		    strncmp(f->payload, "{\"from\":\"server\"", 16) != 0)
			text = strdup(f->payload);
		free(f);
		if (text != NULL)
			return text;
	}
	return NULL;
}

static void
expect(int i, const char *sender, const char *rest)
{
	char *text = next_text(i, 3000), *expected;

	cr_assert(asprintf(&expected, "{\"from\":\"%s\",%s", sender, rest) > 0);
	cr_assert_not_null(text, "client %d got nothing", i);
	cr_assert_str_eq(text, expected);
	free(text);
	free(expected);
}

/* Nothing but a marker that comes behind all that could have come before it. */
static void
expect_nothing_before_marker(int i)
{
	ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"marker\",\"marker\":%d}}",
	    r[i].me, i);
	char rest[64];

	snprintf(rest, sizeof(rest), "\"type\":\"marker\",\"marker\":%d}", i);
	expect(i, r[0].me, rest);
}

Test(relay, to_a_token)
{
	ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"t\",\"t\":[1,2]}}", r[1].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":[1,2]}");
	expect_nothing_before_marker(2);
	expect_nothing_before_marker(0);
}

Test(relay, to_oneself)
{
	ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"t\",\"t\":1}}", r[0].me);
	expect(0, r[0].me, "\"type\":\"t\",\"t\":1}");
}

Test(relay, to_everybody_the_sender_included)
{
	ws_text(&w[1], "{\"to\":\"*\",\"packet\":{\"type\":\"t\",\"t\":null}}");
	for (int i = 0; i < CLIENTS; i++)
		expect(i, r[1].me, "\"type\":\"t\",\"t\":null}");
}

Test(relay, to_an_array_of_tokens)
{
	ws_text(&w[0], "{\"to\":[\"%s\",\"%s\"],\"packet\":{\"type\":\"t\",\"t\":1}}", r[1].me,
	    r[2].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":1}");
	expect(2, r[0].me, "\"type\":\"t\",\"t\":1}");
	expect_nothing_before_marker(0);
}

Test(relay, to_an_array_with_everybody_in_it)
{
	ws_text(&w[0], "{\"to\":[\"%s\",\"*\"],\"packet\":{\"type\":\"t\",\"t\":1}}", r[1].me);
	for (int i = 0; i < CLIENTS; i++)
		expect(i, r[0].me, "\"type\":\"t\",\"t\":1}");
	expect_nothing_before_marker(1);
}

Test(relay, to_an_empty_array_is_to_nobody)
{
	ws_text(&w[0], "{\"to\":[],\"packet\":{\"type\":\"t\",\"t\":1}}");
	expect_nothing_before_marker(0);
	expect_nothing_before_marker(1);
}

Test(relay, each_receiver_gets_it_once_however_often_it_is_named)
{
	ws_text(&w[0], "{\"to\":[\"%s\",\"%s\",\"%s\"],\"packet\":{\"type\":\"t\",\"t\":1}}",
	    r[1].me, r[2].me, r[1].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":1}");
	expect(2, r[0].me, "\"type\":\"t\",\"t\":1}");
	expect_nothing_before_marker(1);
}

Test(relay, a_token_written_with_escapes_is_the_same_token)
{
	ws_text(&w[0], "{\"to\":\"\\u00%02x%s\",\"packet\":{\"type\":\"t\",\"t\":1}}",
	    r[1].me[0], r[1].me + 1);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":1}");
}

Test(relay, server_beside_others_takes_its_part_and_they_get_theirs)
{
	ws_text(&w[0],
	    "{\"to\":[\"server\",\"%s\"],\"packet\":{\"type\":\"properties\","
	    "\"properties\":{\"p\":7}}}",
	    r[1].me);
	expect(1, r[0].me, "\"type\":\"properties\",\"properties\":{\"p\":7}}");
	roster_await_property(&r[2], &w[2], r[0].me, "p", "7", 3000);
}

Test(relay, three_keys_and_no_others)
{
	ws_text(&w[0],
	    "{\"to\":\"%s\",\"packet\":{\"extra\":1,\"t\":2,\"type\":\"t\",\"from\":"
	    "\"me\"},\"more\":3}",
	    r[1].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":2}");
}

Test(relay, value_is_byte_for_byte_as_it_was_sent)
{
	static const char value[] = "{ \"n\" : [ 12345678901234567890,1.10 , 1e400 "
				    "],\"s\":\"\\u0041\\/\xf0\x9f\x98\x80\" }";

	ws_text(&w[0], "{\"to\":\"%s\", \"packet\" : {\"type\" : \"a\\u0062\" ,\"ab\":  %s  }}",
	    r[1].me, value);
	char rest[256];

	snprintf(rest, sizeof(rest), "\"type\":\"a\\u0062\",\"a\\u0062\":%s}", value);
	expect(1, r[0].me, rest);
}

Test(relay, without_a_key_of_its_type_the_value_is_an_empty_object)
{
	ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"t\"}}", r[1].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":{}}");
}

Test(relay, empty_type_is_a_type)
{
	ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"\",\"\":1}}", r[1].me);
	expect(1, r[0].me, "\"type\":\"\",\"\":1}");
}

/* Unicast and broadcast mixed: each receiver sees what is for it in the order of sending. */
Test(relay, order_of_one_sender_holds_over_unicast_and_broadcast)
{
	enum { PACKETS = 3000 };
	int next[CLIENTS] = {0};
	char *all = NULL;
	size_t length = 0;

	for (int n = 0; n < PACKETS; n++) {
		char text[256], frame[300];
		const char *to = n % 3 == 0 ? "*" : r[n % 3].me;
		int size = snprintf(text, sizeof(text),
		    "{\"to\":\"%s\",\"packet\":{\"type\":\"n\",\"n\":%d}}", to, n);
		size_t made = ws_make(frame, WS_FIN | WS_TEXT, text, (size_t)size);

		all = realloc(all, length + made);
		memcpy(all + length, frame, made);
		length += made;
	}
	ws_raw(&w[0], all, length);
	for (int n = 0; n < PACKETS; n++) {
		for (int i = 0; i < CLIENTS; i++) {
			char rest[64];

			if (n % 3 != 0 && n % 3 != i)
				continue;
			snprintf(rest, sizeof(rest), "\"type\":\"n\",\"n\":%d}", n);
			expect(i, r[0].me, rest);
			next[i]++;
		}
	}
	cr_assert_eq(next[0], PACKETS / 3);
	free(all);
}

Test(relay, receiver_that_is_not_connected_is_skipped_and_counted)
{
	long long before = server_counter(&s, "ticker", "mail_unknown");

	ws_text(&w[0],
	    "{\"to\":[\"00112233445566778899aabbccddeeff\",\"%s\",\"nobody\"],\"packet\":"
	    "{\"type\":\"t\",\"t\":1}}",
	    r[1].me);
	expect(1, r[0].me, "\"type\":\"t\",\"t\":1}");
	cr_assert_eq(server_counter(&s, "ticker", "mail_unknown"), before + 2);
}

/* Whoever has seen a token may send to it, and whoever is there gets what is for all. */
Test(relay, a_token_can_be_sent_to_as_soon_as_its_client_knows_it)
{
	for (int n = 0; n < 300; n++) {
		struct roster rn;
		struct ws wn;
		int got = 0;

		roster_open(&rn, &wn, s.port);
		ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"one\"}}", rn.me);
		ws_text(&w[0], "{\"to\":\"*\",\"packet\":{\"type\":\"all\"}}");
		while (got < 2) {
			json_t *packet = ws_packet(&wn, 3000);

			cr_assert_not_null(packet, "round %d: %d of 2 packets came", n, got);
			if (!roster_take(&rn, packet))
				cr_assert_str_eq(
				    json_string_value(json_object_get(packet, "type")),
				    got++ == 0 ? "one" : "all");
			json_decref(packet);
		}
		ws_reset(&wn);
		roster_free(&rn);
	}
}

Test(relay, other_types_to_the_server_are_ignored_and_counted)
{
	ws_text(&w[0], "{\"to\":\"server\",\"packet\":{\"type\":\"t\",\"t\":1}}");
	ws_text(&w[0], "{\"to\":\"server\",\"packet\":{\"type\":\"metadata\"}}");
	expect_nothing_before_marker(0);
	cr_assert_eq(server_counter(&s, "clients", "ignored"), 2);
}

static void
check_reserved(const char *type)
{
	char reason[64];

	snprintf(reason, sizeof(reason), "type \"%s\" is reserved", type);
	ws_text(&w[0], "{\"to\":\"*\",\"packet\":{\"x\":1,\"type\":\"%s\"}}", type);
	ws_expect_close(&w[0], 1008, reason);
	ws_text(
	    &w[1], "{\"to\":[\"server\",\"%s\"],\"packet\":{\"type\":\"%s\"}}", r[2].me, type);
	ws_expect_close(&w[1], 1008, reason);
	cr_assert_null(next_text(2, 300));
}

Test(relay, metadata_may_not_be_relayed)
{
	check_reserved("metadata");
}

Test(relay, changes_may_not_be_relayed)
{
	check_reserved("changes");
}

Test(relay, from_may_not_be_relayed)
{
	check_reserved("from");
}

Test(relay, type_may_not_be_relayed)
{
	check_reserved("type");
}

Test(relay, a_reserved_type_with_escapes_is_reserved)
{
	ws_text(&w[0], "{\"to\":\"*\",\"packet\":{\"type\":\"\\u0066rom\",\"from\":1}}");
	ws_expect_close(&w[0], 1008, "type \"from\" is reserved");
}

/* 64 KiB to all three and back, many times: every ring wraps. */
Test(relay, large_packets)
{
	static char value[60001], *expected;

	memset(value, 'x', 60000);
	cr_assert(asprintf(&expected, "\"type\":\"t\",\"t\":\"%s\"}", value) > 0);
	for (int n = 0; n < 40; n++) {
		ws_text(&w[n % 3], "{\"to\":\"%s\",\"packet\":{\"type\":\"t\",\"t\":\"%s\"}}",
		    n % 2 == 0 ? "*" : r[(n + 1) % 3].me, value);
		for (int i = 0; i < CLIENTS; i++)
			if (n % 2 == 0 || i == (n + 1) % 3)
				expect(i, r[n % 3].me, expected);
	}
	free(expected);
}

/*
 * A client that does not read fills its own process's memory and nobody else's,
 * and is closed with 1013 over the limit.  The others get everything.
 */
Test(relay, slow_client_is_closed_with_1013_and_nobody_else_notices)
{
	static char value[1001];
	char rest[1100], reason[128];
	long long start = now_ms();
	bool closed = false;

	memset(value, 'y', 1000);
	for (int n = 0; n < 20000 && !closed; n++) {
		ws_text(&w[0], "{\"to\":\"*\",\"packet\":{\"type\":\"t\",\"t\":\"%s%d\"}}",
		    value, n);
		snprintf(rest, sizeof(rest), "\"type\":\"t\",\"t\":\"%s%d\"}", value, n);
		expect(0, r[0].me, rest);
		expect(1, r[0].me, rest);
		if (n % 500 == 0)
			closed = server_logged(&s, "backlog over its limit") > 0;
	}
	cr_assert(closed, "it was never closed");
	cr_assert_lt(now_ms() - start, 60000);
	cr_assert_eq(ws_closed(&w[2], 8000, reason), 1013);
	cr_assert_not_null(strstr(reason, "too slow"));
}
