#include "admission.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../child/child.h"
#include "../shm/clock.h"

#define RETRY_S 2 /* for those who are told to come again, if nothing better is known */

static void
take_exempt(struct admission *a, const struct options_list *list)
{
	/* A proxy on this machine makes everybody come from here. */
	static const struct options_list usual = {{"127.0.0.0/8", "::1"}, 2};

	if (list->count == 0)
		list = &usual;
	for (unsigned i = 0; i < list->count; i++)
		(void)cidr_parse(list->items[i], &a->exempt[i]);
	a->exempt_count = list->count;
}

int
admission_make(struct admission *a, const struct options *o)
{
	memset(a, 0, sizeof(*a));
	a->max_clients = o->max_clients;
	a->max_per_source = o->max_per_source;
	(void)startups_parse(&a->startups, o->max_startups, o->max_clients);
	take_exempt(a, &o->penalty_exempt);
	return census_make(&a->census, o->max_clients);
}

/*
 * Handshakes that are going on: those that the ticker knows of, and children
 * that have not come to it yet.  After a listener was replaced there are more
 * slots in use than it has children; then the former is all that is known.
 */
static uint32_t
going_on(const struct admission *a, const struct header *h)
{
	uint32_t claimed = load_relaxed(&h->claimed), seated = load_relaxed(&h->seated);
	uint32_t running = a->census.running;

	return claimed + (running > seated ? running - seated : 0);
}

static bool
is_exempt(const struct admission *a, const struct source *source)
{
	for (unsigned i = 0; i < a->exempt_count; i++)
		if (source->known && cidr_holds(&a->exempt[i], &source->address))
			return true;
	return !source->known;
}

/* ms for which somebody from there is shut out. */
static uint32_t
shut_out(struct admission *a, const struct source *source, const struct header *h)
{
	struct census_place *place = census_find(&a->census, source);
	uint64_t now = clock_ms();

	if (place == NULL || penalty_debt(&place->penalty, now) == 0 || is_exempt(a, source))
		return 0;
	if (place->penalty.shut || penalty_debt(&place->penalty, now) > PENALTY_PATIENCE_MS)
		census_look(&a->census, h, now);
	return penalty_wait(&place->penalty, place->served, now);
}

static struct admission_ruling
rule(enum admission_verdict verdict, uint32_t retry_s)
{
	return (struct admission_ruling){verdict, retry_s};
}

/* What is ruled by address. */
static struct admission_ruling
ask_source(struct admission *a, const struct source *source, const struct header *h)
{
	const struct census_place *place = census_find(&a->census, source);
	uint32_t wait_ms;

	if (a->max_per_source != 0 && place != NULL && place->children >= a->max_per_source)
		return rule(ADMISSION_SOURCE, RETRY_S);
	if ((wait_ms = shut_out(a, source, h)) > 0)
		return rule(ADMISSION_PENALTY, wait_ms / 1000 + 1);
	return rule(ADMISSION_WELCOME, 0);
}

struct admission_ruling
admission_ask(struct admission *a, const struct source *source, const struct header *h)
{
	struct admission_ruling ruling;
	uint32_t odds;

	if (a->census.running >= a->max_clients)
		return rule(ADMISSION_FULL, RETRY_S);
	ruling = ask_source(a, source, h);
	if (ruling.verdict != ADMISSION_WELCOME)
		return ruling;
	odds = startups_odds(&a->startups, going_on(a, h));
	if (odds > 0 && arc4random_uniform(100) < odds)
		return rule(ADMISSION_EARLY, RETRY_S);
	return rule(ADMISSION_WELCOME, 0);
}

void
admission_enter(struct admission *a, const struct source *source, pid_t pid)
{
	census_enter(&a->census, source, pid);
}

struct admission_ruling
admission_tell(
    struct admission *a, const struct source *source, pid_t pid, const struct header *h)
{
	struct admission_ruling ruling = rule(ADMISSION_WELCOME, 0);

	if (!census_is_unplaced(&a->census, pid))
		return ruling;
	ruling = ask_source(a, source, h);
	if (ruling.verdict == ADMISSION_WELCOME)
		census_settle(&a->census, source, pid);
	return ruling;
}

static bool
is_crash(int signal)
{
	switch (signal) {
	case SIGSEGV:
	case SIGBUS:
	case SIGILL:
	case SIGFPE:
	case SIGABRT:
	case SIGTRAP:
	case SIGSYS: return true;
	default: return false;
	}
}

static uint32_t
fine(int status)
{
	if (WIFSIGNALED(status))
		return is_crash(WTERMSIG(status)) ? PENALTY_CRASH_MS : 0;
	switch (WEXITSTATUS(status)) {
	case CHILD_UNFINISHED: return PENALTY_UNFINISHED_MS;
	case CHILD_SILENT: return PENALTY_SILENT_MS;
	default: return 0;
	}
}

uint32_t
admission_leave(struct admission *a, pid_t pid, int status)
{
	uint32_t owed = fine(status);

	return census_leave(&a->census, pid, owed, clock_ms()) ? owed : 0;
}
