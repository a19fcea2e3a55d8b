/* A child that was taken over, and what it can write into its own slot. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}

#define PROPERTIES "why=\"nonsense in its properties\""
#define OUTBOX "why=\"nonsense in its outbox\""
#define LIAR(order, where)                 \
	{                                  \
		order, FATE_ENDS, where, 0 \
	}

Test(slots, nonsense_in_properties_is_found_and_told_to_nobody, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){LIAR("publish-no-json", PROPERTIES),
		    LIAR("publish-no-object", PROPERTIES), LIAR("publish-no-utf8", PROPERTIES),
		    LIAR("publish-two", PROPERTIES), LIAR("publish-deep", PROPERTIES),
		    LIAR("publish-long 16385", PROPERTIES),
		    LIAR("publish-long 4294967295", PROPERTIES), END});
	stage_close(&s);
}

Test(slots, properties_that_never_hold_still_delay_nobody, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"publish-restless 2500", FATE_LIVES, NULL, 0});
	stage_close(&s);
}

/* size kind length count: kind 1 is a unicast, 2 is for all. */
Test(slots, nonsense_in_the_outbox_is_found_and_delivered_to_nobody, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s,
	    (const struct trial[]){LIAR("post-forged", OUTBOX), LIAR("post-reserved", OUTBOX),
		LIAR("post-no-json", OUTBOX), LIAR("post-no-utf8", OUTBOX),
		LIAR("post-two", OUTBOX), LIAR("post-numbers 0 2 17 0", OUTBOX),
		LIAR("post-numbers 8 2 17 0", OUTBOX), LIAR("post-numbers 65 2 17 0", OUTBOX),
		LIAR("post-numbers 4294967280 2 17 0", OUTBOX),
		LIAR("post-numbers 64 0 17 0", OUTBOX), LIAR("post-numbers 64 7 17 0", OUTBOX),
		LIAR("post-numbers 64 2 100000 0", OUTBOX),
		LIAR("post-numbers 64 2 4294967295 0", OUTBOX),
		LIAR("post-numbers 64 1 17 4294967295", OUTBOX),
		LIAR("post-numbers 64 1 17 2", OUTBOX), LIAR("post-nowhere 1", OUTBOX),
		LIAR("post-nowhere 1048576000", OUTBOX), LIAR("post-nowhere -16", OUTBOX),
		END});
	cr_assert_eq(server_counter(&s.server, "ticker", "kills_lie"), 18);
	stage_close(&s);
}

/* Its own inbox and its place in the log are all that it can be wrong about. */
Test(slots, cursors_that_cannot_be_harm_nobody, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){{"read-ahead 1500", FATE_LIVES, "done", 0},
			      {"read-behind 1500", FATE_LIVES, "done", 0}, END});
	stage_close(&s);
}

/* Somebody sends more than fits into the log, and one who looks alive never takes it. */
Test(slots, who_does_not_read_what_all_are_sent_is_killed, .timeout = 60)
{
	static struct stage s;
	static char text[60000];
	struct ws w, loud;

	memset(text, 'x', sizeof(text) - 1);
	stage_open(&s, NULL);
	ws_open(&w, s.server.port);
	ws_open(&loud, s.server.port);
	ws_text(&w, "{\"to\":\"server\",\"packet\":{\"type\":\"misbehave\","
		    "\"misbehave\":\"read-nothing 20000\"}}");
	for (int i = 0; i < 40; i++) {
		ws_text(&loud, "{\"to\":\"*\",\"packet\":{\"type\":\"loud\",\"loud\":\"%s\"}}",
		    text);
		crowd_run(&s.crowd, 20);
	}
	crowd_run(&s.crowd, 3000);
	cr_assert(server_await_log(&s.server, "why=\"does not take its mail\"", 1, 5000));
	cr_assert(ws_await_end(&w, 3000));
	ws_drop(&loud);
	crowd_settle(&s.crowd);
	fprintf(stderr, "%-32s %-24s others: worst tick %4lld ms, worst packet %4lld ms\n",
	    "read-nothing", "dies", s.crowd.worst_tick_ms, s.crowd.worst_packet_ms);
	cr_assert_leq(s.crowd.worst_tick_ms, patience(1000));
	stage_close(&s);
}

/* More pins than there are snapshots. */
Test(slots, who_pins_every_snapshot_is_killed, .timeout = 60)
{
	enum { PINS = 12 };
	static struct stage s;
	struct ws w[PINS];

	stage_open(&s, NULL);
	for (int i = 0; i < PINS; i++) {
		ws_open(&w[i], s.server.port);
		ws_text(&w[i], "{\"to\":\"server\",\"packet\":{\"type\":\"misbehave\","
			       "\"misbehave\":\"pin 20000\"}}");
		crowd_run(&s.crowd, 500);
	}
	crowd_run(&s.crowd, 2000);
	crowd_settle(&s.crowd);
	cr_assert(
	    server_await_log(&s.server, "why=\"does not let go of an old snapshot\"", 4, 0));
	fprintf(stderr,
	    "%-32s %d of %d die            others: worst tick %4lld ms, worst packet %4lld "
	    "ms\n",
	    "pin", server_logged(&s.server, "does not let go"), PINS, s.crowd.worst_tick_ms,
	    s.crowd.worst_packet_ms);
	cr_assert_leq(s.crowd.worst_tick_ms, patience(1500));
	stage_close(&s);
}

Test(slots, a_pin_on_a_snapshot_that_there_is_not_harms_nobody)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"pin-future 1500", FATE_LIVES, "done", 0});
	stage_close(&s);
}
