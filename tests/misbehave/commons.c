/* A child that was taken over, and what it shares with all others. */
#include <criterion/criterion.h>
#include <unistd.h>

#include "trial.h"

#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}
#define TOUCHED "why=\"touched the closed commons\""

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

/* By a name that it does not have on its badge, and with a heartbeat. */
Test(commons, who_writes_a_name_into_the_lock_again_and_again_is_killed, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"hold-alive 20000", FATE_ENDS, TOUCHED, 6000});
	stage_close(&s);
}

/* Nobody is killed for what somebody else has written over the lock. */
Test(commons, nobody_is_blamed_for_a_lock_that_he_does_not_hold, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(
	    &s, &(const struct trial){"hold-for-somebody 20000", FATE_ENDS, TOUCHED, 6000});
	cr_assert_eq(server_logged(&s.server, "client-killed"), 1);
	stage_close(&s);
}

/* It is nobody's fault if somebody has it often: the others do without. */
Test(commons, a_lock_that_is_hardly_ever_free_is_done_without, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"hold-again 5000", FATE_LIVES, "done", 8000});
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
	cr_assert_eq(server_logged(&s.server, "client-killed"), 0);
	stage_close(&s);
}

Test(commons, who_scribbles_again_and_again_is_killed, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){{"scribble-alive 20000", FATE_ENDS, TOUCHED, 6000},
		    {"scribble-for-ever", FATE_ENDS, TOUCHED, 6000}, END});
	cr_assert_geq(server_counter(&s.server, "ticker", "commons_closed"), 1);
	cr_assert_eq(server_counter(&s.server, "ticker", "kills_commons"), 2);
	cr_assert_eq(server_logged(&s.server, "client-killed"), 2);
	/* Nobody does any more: they are opened again, and the next change goes through them. */
	while (server_logged(&s.server, "commons-opened") == 0)
		crowd_run(&s.crowd, 100);
	crowd_settle(&s.crowd);
	stage_close(&s);
}

/* As the other user that all of them are, one may look into the other. */
Test(commons, who_spoils_them_is_found_by_a_ticker_without_root_too, .timeout = 60)
{
	static struct stage s;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	stage_open(&s, (const char *const[]){"--user", "nobody", NULL});
	stage_try(&s, &(const struct trial){"scribble-alive 20000", FATE_ENDS, TOUCHED, 6000});
	stage_close(&s);
}

Test(commons, who_never_leaves_them_is_killed, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"scribble-inside 20000", FATE_ENDS,
			  "why=\"does not leave the closed commons\"", 6000});
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
