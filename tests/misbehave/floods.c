/* A child that was taken over, and does too much, or nothing. */
#include <criterion/criterion.h>

#include "trial.h"

#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}
#define LINE "why=\"nonsense on its life line\""
#define HUNG "why=\"does not wake when it is rung\""

Test(floods, who_spins_is_killed_after_a_while, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"spin", FATE_ENDS, HUNG, 14000});
	stage_close(&s);
}

Test(floods, who_does_not_wake_is_killed_after_a_while, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"sleep", FATE_ENDS, HUNG, 14000});
	stage_close(&s);
}

Test(floods, nonsense_on_the_life_line_is_death, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){{"say-child 5000", FATE_ENDS, LINE, 0},
		    {"say-drain 5000", FATE_ENDS, LINE, 0}, {"say-half", FATE_ENDS, LINE, 0},
		    {"say-open 5000", FATE_ENDS, LINE, 0},
		    {"say-descriptors", FATE_LIVES, "done", 0}, END});
	stage_close(&s);
}

/* Whose client is in the roster may not say whose address it has, though its peer is trusted. */
Test(floods, a_lie_about_the_clients_address_is_death, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, (const char *const[]){"--trust", "127.0.0.1", NULL});
	stage_try_all(&s, (const struct trial[]){{"say-told", FATE_ENDS, LINE, 0},
			      {"say-pass 5000", FATE_ENDS, LINE, 0}, END});
	cr_assert_eq(server_counter(&s.server, "ticker", "told"), 0);
	stage_close(&s);
}

Test(floods, of_connections_to_the_ticker_are_death, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){{"connect-silent 5000", FATE_ENDS, NULL, 0},
			      {"connect-garbage 5000", FATE_ENDS, NULL, 0},
			      {"connect-as-child 5000", FATE_ENDS, NULL, 0},
			      {"connect-as-listener 5000", FATE_ENDS, NULL, 0},
			      {"connect-as-operator 5000", FATE_ENDS, NULL, 0},
			      {"connect-as-somebody 5000", FATE_ENDS, NULL, 0}, END});
	stage_close(&s);
}

Test(floods, of_rings_delay_nobody, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){{"ring 3000", FATE_LIVES, "done", 5000},
			      {"jam-bell 3000", FATE_LIVES, "done", 5000}, END});
	stage_close(&s);
}

Test(floods, of_packets_delay_nobody, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"post-to-nobody 3000", FATE_LIVES, "done", 5000});
	stage_close(&s);
}

Test(floods, of_lines_on_the_log_delay_nobody, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try(&s, &(const struct trial){"log 1000", FATE_LIVES, "done", 3000});
	stage_close(&s);
}
