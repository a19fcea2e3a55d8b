/*
 * Ticks that are compressed once, for those who negotiated it (server/deflate.h).
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/crowd.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define COMPRESS "--compress", "5"

static struct server s;

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(compress, .fini = tear_down, .timeout = 120);

static long long
counter(const char *group, const char *name)
{
	return server_counter(&s, group, name);
}

Test(compress, off_unless_asked_for)
{
	struct ws w;

	server_start(&s, NULL);
	ws_open_with(&w, s.port, WS_OFFER_DEFLATE);
	cr_assert_not(w.deflate);
	ws_frame(&w, WS_FIN | WS_RSV1 | WS_TEXT, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	ws_expect_close(&w, 1002, "reserved bits");
}

enum { PEOPLE = 12 };

static struct roster r[PEOPLE];
static struct ws w[PEOPLE];

/* Every other one takes compressed messages, and all have properties. */
static void
open_people(const char *const *options)
{
	server_start(&s, options);
	for (int i = 0; i < PEOPLE; i++)
		roster_open_with(&r[i], &w[i], s.port, i % 2 == 1 ? WS_OFFER_DEFLATE : "");
	for (int i = 0; i < PEOPLE; i++)
		roster_set(&w[i], "{\"name\":\"Ada\",\"colour\":\"#80ff20\",\"x\":1,\"n\":1}");
}

static void
await_all(const char *value)
{
	for (int i = 0; i < PEOPLE; i++)
		for (int j = 0; j < PEOPLE; j++)
			roster_await_property(
			    &r[i], &w[i], r[j].me, "n", value, patience(8000));
}

Test(compress, who_negotiated_gets_it_and_the_others_do_not)
{
	long long plain = 0;

	open_people((const char *const[]){"--tick", "50", COMPRESS, NULL});
	await_all("1");
	for (int i = 0; i < PEOPLE; i++) {
		cr_assert_eq(w[i].deflate, i % 2 == 1);
		if (i % 2 == 1)
			cr_assert_gt(w[i].deflated, 0, "%d got nothing compressed", i);
	}
	/* The ring of counters: text on the one side, what it came to on the other. */
	plain = counter("ticker", "deflate_in_bytes");
	cr_assert_gt(plain, 0);
	cr_assert_lt(counter("ticker", "deflate_out_bytes"), plain * 2 / 3);
	cr_assert_gt(counter("ticker", "deflate_out_bytes"), 0);
	cr_assert_gt(counter("ticker", "tick_deflate_us"), 0);
	cr_assert_gt(counter("clients", "ticks_deflated"), 0);
	cr_assert_lt(counter("clients", "ticks_deflated"), counter("clients", "ticks"));
	cr_assert_eq(counter("clients", "inflated_packets"), PEOPLE / 2);
	cr_assert_gt(counter("clients", "inflated_bytes"), PEOPLE / 2 * 100);
	server_stop(&s);
}

/* As nobody is there who wants it. */
Test(compress, nothing_is_compressed_for_nobody)
{
	long long before;

	open_people((const char *const[]){"--tick", "50", COMPRESS, NULL});
	await_all("1");
	for (int i = 1; i < PEOPLE; i += 2)
		ws_close(&w[i]);
	for (int i = 1; i < PEOPLE; i += 2)
		roster_await(&r[0], &w[0], r[i].me, false, patience(5000));
	before = counter("ticker", "deflate_in_bytes");
	cr_assert_gt(before, 0);
	roster_set(&w[2], "{\"n\":2}");
	roster_await_property(&r[0], &w[0], r[2].me, "n", "2", patience(5000));
	cr_assert_eq(counter("ticker", "deflate_in_bytes"), before);
	server_stop(&s);
}

/* The next ticker knows from the slots who wants it. */
Test(compress, death_of_the_ticker_changes_nothing)
{
	pid_t ticker;
	int before;

	open_people((const char *const[]){"--tick", "50", COMPRESS, NULL});
	await_all("1");
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	kill(ticker, SIGKILL);
	before = w[1].deflated;
	for (int i = 0; i < PEOPLE; i++)
		roster_set(&w[i], "{\"n\":2}");
	await_all("2");
	cr_assert_gt(w[1].deflated, before, "the next ticker does not compress");
	server_stop(&s);
}

/* All sorts of packets in both directions, each checked, with a ticker that dies. */
Test(compress, a_crowd_of_both_kinds)
{
	static struct crowd c;
	pid_t ticker;

	server_start(&s, (const char *const[]){"--tick", "50", COMPRESS, NULL});
	crowd_open_mixed(&c, s.port, PEOPLE, WS_OFFER_DEFLATE);
	crowd_run(&c, 1500);
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	kill(ticker, SIGKILL);
	crowd_run(&c, 1500);
	crowd_settle(&c);
	for (int i = 1; i < PEOPLE; i += 2)
		cr_assert_gt(c.members[i].w.deflated, 10);
	server_stop(&s);
}

/*
 * A client that does not read has several ticks put together for it: private text,
 * and behind it the shared one, compressed.  roster_take() checks that they add up.
 */
Test(compress, slow_client_gets_merged_changes_and_compressed_metadata)
{
	enum { TEXT = 200000, ROUNDS = 100 };
	static char object[TEXT + 100];
	struct roster slow, busy;
	struct ws ws, wb;

	server_start(&s, (const char *const[]){"--tick", "50", "--max-packet", "1m",
			     "--max-properties", "256k", COMPRESS, NULL});
	roster_open(&busy, &wb, s.port);
	roster_open_with(&slow, &ws, s.port, WS_OFFER_DEFLATE);
	roster_await(&busy, &wb, slow.me, true, patience(5000));
	for (int round = 0; round < ROUNDS; round++) {
		int length = snprintf(object, sizeof(object), "{\"n\":%d,\"text\":\"", round);

		/* Digits of chance do not compress to less than half: 10 MB come together. */
		for (int i = 0; i < TEXT; i++)
			object[length++] = "0123456789abcdef"[rand() % 16];
		strcpy(object + length, "\"}");
		roster_set(&wb, object);
		snprintf(object, sizeof(object), "%d", round);
		roster_await_property(&busy, &wb, busy.me, "n", object, patience(8000));
	}
	while (!json_equal(slow.properties, busy.properties))
		cr_assert(roster_next(&slow, &ws, patience(5000)));
	cr_assert_gt(counter("clients", "ticks_merged"), 0, "it was never too slow");
	cr_assert_gt(ws.deflated, 10);
	server_stop(&s);
}
