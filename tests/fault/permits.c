/*
 * Deaths while a client is given leave to come in: between the spawner, the ticker and
 * its child.  It costs one client at most, in front of one that is there, and nobody is
 * seen with other reserved properties than he was given.
 */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/faults.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { ORDER };

static struct faults faults;
static struct server server;
static struct roster witness;
static struct ws seen;

static void
set_up(void)
{
	char program[4096];

	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	setenv("HOOK_MARK", "86400", 1);
	faults_make(&faults);
	server_start(
	    &server, (const char *const[]){"--on-connect", program, "--tick", "100", NULL});
	roster_open(&witness, &seen, server.port);
}

static void
tear_down(void)
{
	server_destroy(&server);
	faults_free(&faults);
}

TestSuite(permits, .init = set_up, .fini = tear_down, .timeout = 60);

static void
order(const char *point, enum fault_role role)
{
	faults_order(&faults, ORDER, FAULT_KILL, point, role, 1);
}

static void
expect_death(const char *point)
{
	cr_assert_neq(
	    faults_await(&faults, ORDER, patience(10000)), 0, "nobody died at %s", point);
}

/* Let in, and seen with what it was given. */
static void
expect_welcome(const char *target)
{
	struct roster r = {0};
	struct ws w;

	ws_open_at(&w, server.port, target);
	cr_assert(roster_next(&r, &w, patience(5000)));
	roster_await_property(&witness, &seen, r.me, "auth.user", "\"ada\"", patience(5000));
	cr_assert_eq(json_object_size(roster_properties(&witness, r.me)), 2);
	ws_drop(&w);
	roster_free(&r);
}

static void
expect_refusal(void)
{
	struct ws w;
	char *answer;

	ws_knock(&w, server.port, "/?user=ada", "");
	answer = ws_rest(&w, patience(10000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "%s", answer);
	free(answer);
	ws_drop(&w);
}

/* Whoever else died has cost nobody else anything. */
static void
finish(long long permitted)
{
	expect_welcome("/?user=ada");
	roster_set(&seen, "{\"n\":1}");
	roster_await_property(&witness, &seen, witness.me, "n", "1", patience(5000));
	cr_assert_not(seen.ended);
	cr_assert_eq(server_counter(&server, "ticker", "kills_lie"), 0);
	cr_assert_eq(server_counter(&server, "ticker", "permitted"), permitted);
	cr_assert_str_empty(
	    faults.file->unlisted.name, "%s is not in the list", faults.file->unlisted.name);
	ws_drop(&seen);
	server_stop(&server);
}

static void
ticker_dies(const char *point, long long permitted)
{
	order(point, FAULT_TICKER);
	expect_welcome("/?user=ada");
	expect_death(point);
	finish(permitted);
}

/* The witness, who was let in twice over if the count came before the death, and the last. */
Test(permits, the_ticker_dies_before_the_permit_counts)
{
	ticker_dies("registry.sealed", 3);
}

Test(permits, the_ticker_dies_when_the_permit_counts)
{
	ticker_dies("registry.permitted", 3);
}

Test(permits, the_ticker_dies_when_it_has_answered)
{
	ticker_dies("reception.permitted", 3);
}

Test(permits, the_ticker_dies_before_the_permitted_client_opens)
{
	ticker_dies("registry.placed", 3);
}

Test(permits, the_ticker_dies_while_the_program_runs)
{
	pid_t ticker;
	struct ws w;

	ws_knock(&w, server.port, "/?slow", "");
	cr_assert(server_await_clients(&server, 2, patience(5000)));
	cr_assert_eq(server_processes(&server, "ticker", &ticker, 1), 1);
	kill(ticker, SIGKILL);
	while (roster_count(&witness) < 2)
		cr_assert(roster_next(&witness, &seen, patience(5000)));
	ws_drop(&w);
	finish(3);
}

Test(permits, the_spawner_dies_when_it_has_told_the_ticker)
{
	order("permits.said", FAULT_SPAWNER);
	expect_refusal();
	expect_death("permits.said");
	/* The ticker may have heard it, or found that whoever said it is dead. */
	finish(server_counter(&server, "ticker", "permitted") + 1);
}

Test(permits, the_spawner_dies_between_verdict_and_registration)
{
	order("permits.heard", FAULT_SPAWNER);
	expect_refusal();
	expect_death("permits.heard");
	finish(3);
}

/* The next client in its slot has to ask for itself. */
Test(permits, the_child_dies_when_it_was_let_in)
{
	struct ws w;
	char *answer;

	order("seat.opening", FAULT_CHILD);
	ws_knock(&w, server.port, "/?user=ada", "");
	expect_death("seat.opening");
	cr_assert(ws_await_end(&w, patience(5000)));
	ws_drop(&w);
	ws_knock(&w, server.port, "/?forbid", "");
	answer = ws_rest(&w, patience(10000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 403 ", 13), 0, "%s", answer);
	free(answer);
	ws_drop(&w);
	finish(3);
}
