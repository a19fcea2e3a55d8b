/*
 * A child that was taken over while the operator's program decides about its client, or
 * after it: it does not come in without leave, and reserved names are not its to set.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/check.h"
#include "trial.h"

#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}
#define LEAVE "why=\"it came in without leave\""
#define FORGED "why=\"forged reserved properties\""
#define EARLY(order, query, says)                         \
	{                                                 \
		order, FATE_ENDS, says, 8000, query, true \
	}
#define FORGES(order)                                   \
	{                                               \
		order, FATE_ENDS, FORGED, 0, "user=ada" \
	}

static struct stage s;
static char program[4096];

/* Nothing that was forged is told to anybody, nor is anybody there who has no leave. */
static void
see_no_forgery(const json_t *packet)
{
	char *text = json_dumps(packet, JSON_COMPACT);

	CHECK(
	    strstr(text, "mallory") == NULL && strstr(text, "early") == NULL, "told: %s", text);
	free(text);
}

static void
set_up(void)
{
	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	setenv("HOOK_MARK", "86400", 1);
	stage_open(
	    &s, (const char *const[]){"--on-connect", program, "--hook-timeout", "8000", NULL});
	s.crowd.witness = see_no_forgery;
}

TestSuite(hooks, .init = set_up, .timeout = 120);

/* Clients that were ever in the roster, besides the crowd. */
static long long
opened(void)
{
	return server_counter(&s.server, "ticker", "opened") - s.crowd.count;
}

Test(hooks, nobody_comes_in_without_leave)
{
	stage_try_all(
	    &s, (const struct trial[]){EARLY("open-early", "hang", LEAVE),
		    EARLY("serve-early", "hang", LEAVE), EARLY("open-refused", "forbid", LEAVE),
		    EARLY("ask-for-another", "hang", LEAVE), END});
	cr_assert_eq(opened(), 0);
	stage_close(&s);
}

/* The first is no word for its life line; the others have to give that up. */
Test(hooks, a_permit_is_not_a_childs_to_give_or_to_use_again)
{
	stage_try_all(&s,
	    (const struct trial[]){
		EARLY("say-permit", "hang", "why=\"nonsense on its life line\""),
		EARLY("connect-as-spawner", "hang", NULL), EARLY("replay-permit", "hang", NULL),
		EARLY("take-socket", "hang", NULL), END});
	cr_assert_eq(opened(), 0);
	cr_assert_eq(server_counter(&s.server, "ticker", "permitted"), s.crowd.count);
	stage_close(&s);
}

/* That is the slot that becomes free last. */
Test(hooks, a_permit_is_not_for_the_next_client_in_its_slot)
{
	stage_try_all(&s,
	    (const struct trial[]){{"publish-given", FATE_LIVES, "lives", 0, "user=ada", false},
		EARLY("open-early", "hang", LEAVE), END});
	cr_assert_eq(opened(), 1);
	stage_close(&s);
}

/* All of the crowd have a property of their own by then. */
static void
see_nobody_bare(const json_t *packet)
{
	json_t *all = json_object_get(json_object_get(packet, "metadata"), "properties");
	const char *token;
	json_t *one;

	json_object_foreach(all, token, one)
	    CHECK(json_object_size(one) > 0, "%s is seen with nothing", token);
}

Test(hooks, who_hides_what_it_was_given_is_not_seen)
{
	crowd_run(&s.crowd, 2000);
	s.crowd.witness = see_nobody_bare;
	stage_try_all(&s, (const struct trial[]){EARLY("open-bare", "user=ada", FORGED),
			      EARLY("open-restless", "user=ada", NULL), END});
	stage_close(&s);
}

Test(hooks, reserved_properties_that_were_not_given_are_told_to_nobody)
{
	stage_try(&s,
	    &(const struct trial){"publish-given", FATE_LIVES, "lives", 0, "user=ada", false});
	stage_try_all(&s, (const struct trial[]){FORGES("publish-other-user"),
			      FORGES("publish-more"), FORGES("publish-twice"),
			      FORGES("publish-less"), FORGES("publish-nothing"), END});
	cr_assert_eq(server_counter(&s.server, "ticker", "kills_lie"), 5);
	stage_close(&s);
}
