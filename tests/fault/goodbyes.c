/*
 * Deaths while the spawner is told of a client that has left: the operator's program is
 * run for it all the same, and once, for nobody has run it before.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/faults.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { ORDER };

static struct faults faults;
static struct server server;
static char file[64]; /* hook.sh adds a line for each end */

static void
set_up(void)
{
	char program[4096];

	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	snprintf(file, sizeof(file), "/tmp/rosterd-ends-%d", (int)getpid());
	setenv("HOOK_FILE", file, 1);
	faults_make(&faults);
	server_start(
	    &server, (const char *const[]){"--on-close", program, "--tick", "100", NULL});
}

static void
tear_down(void)
{
	server_destroy(&server);
	faults_free(&faults);
	unlink(file);
}

TestSuite(goodbyes, .init = set_up, .fini = tear_down, .timeout = 60);

static int
count_ends(const char *token)
{
	FILE *stream = fopen(file, "r");
	char line[1000];
	int count = 0;

	while (stream != NULL && fgets(line, sizeof(line), stream) != NULL)
		count += strstr(line, token) != NULL;
	if (stream != NULL)
		fclose(stream);
	return count;
}

/* A client comes and leaves, and somebody dies of that; then another one does. */
static void
one_dies(const char *point, enum fault_role role)
{
	struct roster r = {0};
	struct ws w;

	roster_open(&r, &w, server.port);
	faults_order(&faults, ORDER, FAULT_KILL, point, role, 1);
	ws_close(&w);
	cr_assert_neq(
	    faults_await(&faults, ORDER, patience(10000)), 0, "nobody died at %s", point);
	ws_open(&w, server.port);
	ws_close(&w);
	server_stop(&server);
	cr_assert_eq(count_ends(r.me), 1);
	cr_assert_eq(count_ends("token"), 2);
	cr_assert_eq(server_logged(&server, "end-untold"), 0);
	cr_assert_str_empty(
	    faults.file->unlisted.name, "%s is not in the list", faults.file->unlisted.name);
	roster_free(&r);
}

Test(goodbyes, the_ticker_dies_when_it_has_told_an_end)
{
	one_dies("tell.sent", FAULT_TICKER);
}

Test(goodbyes, the_ticker_dies_when_an_end_was_taken)
{
	one_dies("tell.taken", FAULT_TICKER);
}

Test(goodbyes, the_ticker_dies_when_an_end_is_not_owed_any_more)
{
	one_dies("tell.settled", FAULT_TICKER);
}

Test(goodbyes, the_spawner_dies_before_it_says_that_it_has_taken_an_end)
{
	one_dies("spawner.took", FAULT_SPAWNER);
}
