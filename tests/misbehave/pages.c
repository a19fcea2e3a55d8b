/* A child that was taken over, and pages that are not its own. */
#include <criterion/criterion.h>

#include "trial.h"

Test(pages, a_write_to_any_part_but_its_slot_and_the_commons_is_death, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){
			      {"write-own-slot", FATE_LIVES, "done", 0},
			      {"write-header", FATE_ENDS, BY_PAGES, 0},
			      {"write-front", FATE_ENDS, BY_PAGES, 0},
			      {"write-directory", FATE_ENDS, BY_PAGES, 0},
			      {"write-mailbox", FATE_ENDS, BY_PAGES, 0},
			      {"write-departed", FATE_ENDS, BY_PAGES, 0},
			      {"write-log", FATE_ENDS, BY_PAGES, 0},
			      {"write-arena", FATE_ENDS, BY_PAGES, 0},
			      {"write-inbox", FATE_ENDS, BY_PAGES, 0},
			      {"write-text", FATE_ENDS, BY_PAGES, 0},
			      {"write-other-inbox", FATE_ENDS, BY_PAGES, 0},
			      {"write-other-slot", FATE_ENDS, BY_PAGES, 0},
			      {"write-before-slot", FATE_ENDS, BY_PAGES, 0},
			      {"write-behind-slot", FATE_ENDS, BY_PAGES, 0},
			      {"write-before-commons", FATE_ENDS, BY_PAGES, 0},
			      {"write-behind-commons", FATE_ENDS, BY_PAGES, 0},
			      {NULL, FATE_ENDS, NULL, 0},
			  });
	stage_close(&s);
}

/* The ways to more of the segment than one has; where a number is told no, it lives on. */
Test(pages, no_call_gets_it_more_of_the_segment, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){
			      {"unprotect", FATE_ENDS, BY_FILTER, 0},
			      {"grow-slot", FATE_LIVES, "ENOMEM", 0},
			      {"copy-slot", FATE_LIVES, "ENOMEM", 0},
			      {"shift-slot", FATE_ENDS, BY_FILTER, 0},
			      {"map-over", FATE_ENDS, BY_FILTER, 0},
			      {"map-code", FATE_ENDS, BY_FILTER, 0},
			      {"map-huge", FATE_ENDS, BY_FILTER, 0},
			      {"map-shared", FATE_ENDS, BY_FILTER, 0},
			      {"open-segment", FATE_ENDS, BY_FILTER, 0},
			      {"open-memory", FATE_ENDS, BY_FILTER, 0},
			      {"write-ticker", FATE_ENDS, BY_FILTER, 0},
			      {NULL, FATE_ENDS, NULL, 0},
			  });
	stage_close(&s);
}

/* What is mapped to be read was opened to be read: the pages need no filter. */
Test(pages, cannot_be_made_writable_even_without_a_cage)
{
	static struct stage s;

	stage_open(&s, (const char *const[]){"--sandbox", "off", NULL});
	stage_try(&s, &(const struct trial){"unprotect", FATE_LIVES, "EACCES", 0});
	stage_close(&s);
}

Test(pages, memory_without_end_is_refused_to_the_one_who_wants_it, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){
			      {"exhaust-memory", FATE_LIVES, "MiB", 8000},
			      {"exhaust-stack", FATE_ENDS, BY_PAGES, 0},
			      {"exhaust-descriptors", FATE_LIVES, "descriptors", 0},
			      {NULL, FATE_ENDS, NULL, 0},
			  });
	stage_close(&s);
}
