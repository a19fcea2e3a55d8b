/* A child that was taken over, and what it shares with all others. */
#include <criterion/criterion.h>

#include "trial.h"

#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}

Test(commons, who_holds_the_lock_and_does_nothing_is_killed, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){
		    {"hold-spinning", FATE_ENDS, "held the lock for too long", 3500},
		    {"hold-asleep", FATE_ENDS, "held the lock for too long", 3500}, END});
	stage_close(&s);
}

Test(commons, a_lock_that_is_held_without_end_is_done_without, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"hold-alive 4000", FATE_LIVES, "done", 6000});
	stage_close(&s);
}

/* Nobody is killed for what somebody else has written over the lock. */
Test(commons, nobody_is_blamed_for_a_lock_that_he_does_not_hold, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(
	    &s, &(const struct trial){"hold-for-somebody 4000", FATE_LIVES, "done", 6000});
	cr_assert_eq(server_logged(&s.server, "client-killed"), 0);
	stage_close(&s);
}

Test(commons, are_made_anew_when_they_were_scribbled_over, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){{"scribble-once", FATE_LIVES, "done", 0},
			      {"fill-with-ones", FATE_LIVES, "done", 0},
			      {"erase", FATE_LIVES, "done", 0}, END});
	cr_assert_geq(server_counter(&s.server, "ticker", "commons_rebuilt"), 2);
	cr_assert_geq(server_logged(&s.server, "commons-rebuilt"), 1);
	stage_close(&s);
}

Test(commons, are_made_anew_again_and_again, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"scribble-alive 4000", FATE_LIVES, "done", 6000});
	cr_assert_geq(server_counter(&s.server, "ticker", "commons_rebuilt"), 2);
	stage_close(&s);
}

Test(commons, who_scribbles_for_ever_is_killed, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"scribble-for-ever", FATE_ENDS,
			  "why=\"does not wake when it is rung\"", 14000});
	stage_close(&s);
}

Test(commons, hints_that_are_wrong_cost_nobody_anything, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){{"fill-ring", FATE_LIVES, "done", 0},
			      {"erase-hints 3000", FATE_LIVES, "done", 5000},
			      {"raise-hints 3000", FATE_LIVES, "done", 5000}, END});
	stage_close(&s);
}
