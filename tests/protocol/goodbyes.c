/*
 * Who has left: the operator's program is told (--on-close), whatever the end
 * was.  hook.sh adds a line for each to a file.
 */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static char program[4096]; /* hook.sh */
static char file[64];      /* what it writes to */

static void
set_up(void)
{
	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	snprintf(file, sizeof(file), "/tmp/rosterd-goodbyes-%d", (int)getpid());
	setenv("HOOK_FILE", file, 1);
}

static void
tear_down(void)
{
	server_destroy(&s);
	unlink(file);
}

TestSuite(goodbyes, .init = set_up, .fini = tear_down, .timeout = 90);

#define START(...)       \
	server_start(&s, \
	    (const char *const[]){"--on-close", program, "--tick", "100", __VA_ARGS__, NULL})

/* The whole file; to be freed. */
static char *
read_told(void)
{
	FILE *stream = fopen(file, "r");
	size_t size = 0;
	char *text = NULL;

	if (stream == NULL || getdelim(&text, &size, '\0', stream) < 0) {
		free(text);
		text = strdup("");
	}
	if (stream != NULL)
		fclose(stream);
	return text;
}

static int
count_told(const char *text)
{
	char *told = read_told();
	int count = 0;

	for (char *at = told; (at = strstr(at, text)) != NULL; at++)
		count++;
	free(told);
	return count;
}

static bool
await_told(const char *text, int times, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (count_told(text) < times) {
		if (now_ms() >= until)
			return false;
		usleep(10000);
	}
	return true;
}

/* What was told of a client with this token, as an object; to be freed. */
static json_t *
end_of(const char *token)
{
	char *told, *line;
	json_t *end;

	cr_assert(await_told(token, 1, patience(8000)), "nothing was told");
	told = read_told();
	line = strstr(told, "{\"token\"");
	cr_assert(line != NULL, "%s", told);
	end = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
	cr_assert(end != NULL, "%s", told);
	cr_assert_str_eq(json_string_value(json_object_get(end, "token")), token);
	free(told);
	return end;
}

static void
check_end(const char *token, int code, const char *properties)
{
	json_t *end = end_of(token);
	json_t *expected = json_loads(properties, JSON_DECODE_ANY, NULL);
	char start[64];

	cr_assert_eq(json_integer_value(json_object_get(end, "code")), code);
	cr_assert(json_equal(json_object_get(end, "properties"), expected), "%s",
	    json_dumps(json_object_get(end, "properties"), JSON_ENCODE_ANY));
	cr_assert_geq(json_number_value(json_object_get(end, "seconds")), 0.3);
	cr_assert_leq(json_number_value(json_object_get(end, "seconds")), 60);
	cr_assert_eq(
	    strncmp(json_string_value(json_object_get(end, "peer")), "127.0.0.1:", 10), 0);
	snprintf(start, sizeof(start), "%d %s 127.0.0.1 {", code, token);
	cr_assert_eq(count_told(start), 1);
	json_decref(expected);
	json_decref(end);
}

/* A client that has been there for a while, and has said two things about itself. */
static void
stay(struct roster *r, struct ws *w)
{
	roster_open(r, w, s.port);
	roster_set(w, "{\"n\":1}");
	roster_await_property(r, w, r->me, "n", "1", patience(5000));
	usleep(300000); /* of which it is told how long it was */
	roster_set(w, "{\"last\":\"words\"}");
}

Test(goodbyes, polite_close_is_told_with_code_and_newest_properties)
{
	struct roster r;
	struct ws w;

	START("--on-connect", program);
	stay(&r, &w);
	ws_close(&w);
	check_end(r.me, 1000, "{\"n\":1,\"last\":\"words\"}");
	cr_assert(server_await_counter(&s, "ticker", "hooks_told", 1, patience(5000)));
	server_stop(&s);
}

Test(goodbyes, child_that_is_killed_is_told)
{
	struct roster r;
	struct ws w;
	pid_t child;

	START(NULL);
	stay(&r, &w);
	roster_await_property(&r, &w, r.me, "last", "\"words\"", patience(5000));
	cr_assert_eq(server_processes(&s, "client", &child, 1), 1);
	kill(child, SIGKILL);
	check_end(r.me, 1006, "{\"n\":1,\"last\":\"words\"}");
	server_stop(&s);
}

Test(goodbyes, bad_input_is_told_and_a_refusal_is_not)
{
	struct roster r;
	struct ws w;

	START("--on-connect", "/bin/true");
	free(ws_http(s.port, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\n"));
	stay(&r, &w);
	ws_frame(&w, WS_FIN | WS_BINARY, "x", 1);
	check_end(r.me, 1003, "{\"n\":1,\"last\":\"words\"}");
	cr_assert_eq(count_told("token"), 1);
	server_stop(&s);
}

Test(goodbyes, properties_that_are_too_long_are_left_out)
{
	static char long_value[80000];
	struct roster r;
	struct ws w;

	memset(long_value, 'x', sizeof(long_value) - 1);
	START("--max-properties", "128k", "--max-packet", "128k");
	stay(&r, &w);
	ws_text(&w,
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":"
	    "{\"long\":\"%s\"}}}",
	    long_value);
	ws_close(&w);
	check_end(r.me, 1000, "null");
	server_stop(&s);
}

/* All of them, each once, though the program is slow and few of it may run. */
Test(goodbyes, a_crowd_that_is_sent_away_is_told_before_the_server_is_gone)
{
	enum { COUNT = 60 };
	static struct ws w[COUNT];

	setenv("HOOK_SLEEP", "0.1", 1);
	START("--hook-jobs", "4");
	for (int i = 0; i < COUNT; i++)
		ws_open(&w[i], s.port);
	server_stop(&s);
	cr_assert_eq(count_told("1001 "), COUNT);
	cr_assert_eq(count_told("{\"token\""), COUNT);
}

Test(goodbyes, client_that_leaves_while_there_is_no_ticker_is_told)
{
	struct roster r;
	struct ws w;
	pid_t ticker, listener;

	START(NULL);
	listener = s.pid;
	stay(&r, &w);
	roster_await_property(&r, &w, r.me, "last", "\"words\"", patience(5000));
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	kill(listener, SIGSTOP);
	kill(ticker, SIGKILL);
	ws_drop(&w);
	cr_assert(server_await_processes(&s, "client", 0, patience(10000)));
	kill(listener, SIGCONT);
	cr_assert(await_told(r.me, 1, patience(8000)));
	cr_assert_eq(count_told("{\"token\""), 1);
	server_stop(&s);
}

Test(goodbyes, spawner_that_is_killed_has_a_successor)
{
	struct roster r;
	struct ws w;
	pid_t spawner;

	START(NULL);
	stay(&r, &w);
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(spawner, SIGKILL);
	/* What it was told before it is dead is lost with it. */
	cr_assert(server_await_log(&s, "spawner-started", 2, patience(5000)));
	ws_close(&w);
	check_end(r.me, 1000, "{\"n\":1,\"last\":\"words\"}");
	server_stop(&s);
}

Test(goodbyes, hangup_loses_no_end)
{
	struct roster r[2];
	struct ws w[2];

	START(NULL);
	stay(&r[0], &w[0]);
	stay(&r[1], &w[1]);
	kill(s.pid, SIGHUP);
	ws_close(&w[0]);
	cr_assert(server_await_log(&s, "spawner-started", 2, patience(10000)));
	cr_assert(await_told(r[0].me, 1, patience(8000)));
	ws_close(&w[1]);
	cr_assert(await_told(r[1].me, 1, patience(8000)));
	cr_assert(server_await_processes(&s, "spawner", 1, patience(8000)));
	server_stop(&s);
	cr_assert_eq(count_told("{\"token\""), 2);
}

/* At the end of its first tick a ticker has connected to the spawner. */
static void
await_two_ticks(struct roster *r, struct ws *w)
{
	roster_set(w, "{\"tick\":1}");
	roster_await_property(r, w, r->me, "tick", "1", patience(5000));
	roster_set(w, "{\"tick\":2}");
	roster_await_property(r, w, r->me, "tick", "2", patience(5000));
}

static void
await_gone(struct roster *r, struct ws *w, const char *token)
{
	while (roster_properties(r, token) != NULL)
		cr_assert(roster_next(r, w, patience(5000)));
}

/* It did not hear what it was told, and does not listen to one that is no ticker any more. */
Test(goodbyes, end_told_to_a_spawner_that_sleeps_is_told_by_the_next_ticker)
{
	struct roster r[2];
	struct ws w[2];
	pid_t spawner, ticker;

	START(NULL);
	stay(&r[0], &w[0]);
	stay(&r[1], &w[1]);
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(spawner, SIGSTOP);
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	kill(ticker, SIGKILL);
	cr_assert(server_await_log(&s, "ticker-ready", 2, patience(5000)));
	await_two_ticks(&r[1], &w[1]);
	ws_close(&w[0]);
	await_gone(&r[1], &w[1], r[0].me);
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	kill(ticker, SIGKILL);
	cr_assert(server_await_log(&s, "ticker-ready", 3, patience(5000)));
	kill(spawner, SIGCONT);
	check_end(r[0].me, 1000, "{\"n\":1,\"last\":\"words\"}");
	ws_close(&w[1]);
	cr_assert(await_told(r[1].me, 1, patience(8000)));
	server_stop(&s);
	cr_assert_eq(count_told("{\"token\""), 2);
}

/* The ticker that is replaced waits for its word, or the next one would tell the next one. */
Test(goodbyes, hangup_waits_for_a_spawner_that_has_not_answered_yet)
{
	struct roster r[2];
	struct ws w[2];
	pid_t spawner;

	START(NULL);
	stay(&r[0], &w[0]);
	stay(&r[1], &w[1]);
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(spawner, SIGSTOP);
	ws_close(&w[0]);
	await_gone(&r[1], &w[1], r[0].me);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "spawner-started", 2, patience(10000)));
	await_two_ticks(&r[1], &w[1]);
	kill(spawner, SIGCONT);
	cr_assert(server_await_log(&s, "ticker-ready", 2, patience(10000)));
	ws_close(&w[1]);
	cr_assert(await_told(r[1].me, 1, patience(8000)));
	server_stop(&s);
	cr_assert_eq(count_told("{\"token\""), 2);
}

/* They go all the time while one ticker and one spawner after the other take over. */
Test(goodbyes, hangups_tell_each_end_once)
{
	enum { COUNT = 120, HANGUPS = 4 };
	static struct roster r[COUNT];
	static struct ws w[COUNT];

	START("--hook-jobs", "2");
	for (int i = 0; i < COUNT; i++)
		roster_open(&r[i], &w[i], s.port);
	for (int i = 0; i < COUNT; i++) {
		if (i % (COUNT / HANGUPS) == 0) {
			cr_assert(server_await_log(
			    &s, "spawner-started", 1 + i / (COUNT / HANGUPS), patience(10000)));
			kill(s.pid, SIGHUP);
		}
		ws_close(&w[i]);
		usleep(10000); /* an end at each moment of that, not all in one */
	}
	cr_assert(await_told("{\"token\"", COUNT, patience(20000)));
	server_stop(&s);
	cr_assert_eq(count_told("{\"token\""), COUNT);
	for (int i = 0; i < COUNT; i++)
		cr_assert(await_told(r[i].me, 1, 0), "%s was not told", r[i].me);
	cr_assert_eq(server_logged(&s, "end-untold"), 0);
}

static void
configure(const char *path, const char *text)
{
	FILE *stream = fopen(path, "w");

	fprintf(stream, "tick = 100\n%s%s\n", *text != '\0' ? "on-close = " : "", text);
	fclose(stream);
}

static void
hang_up(const char *path, const char *text, int tickers)
{
	configure(path, text);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "ticker-ready", tickers, patience(10000)));
}

/* Whose end is to be told is decided by what is wanted when he leaves. */
Test(goodbyes, hangup_brings_in_a_program_and_takes_it_away)
{
	struct roster r[3];
	struct ws w[3];
	char path[64];

	snprintf(path, sizeof(path), "/tmp/rosterd-goodbyes-%d.conf", (int)getpid());
	configure(path, "");
	server_start(&s, (const char *const[]){"--config", path, NULL});
	for (int i = 0; i < 3; i++)
		roster_open(&r[i], &w[i], s.port);
	ws_close(&w[0]);
	cr_assert(server_await_clients(&s, 2, patience(5000)));
	hang_up(path, program, 2);
	ws_close(&w[1]);
	cr_assert(await_told(r[1].me, 1, patience(8000)));
	hang_up(path, "", 3);
	ws_close(&w[2]);
	cr_assert(server_await_clients(&s, 0, patience(5000)));
	unlink(path);
	server_stop(&s);
	cr_assert_eq(count_told("{\"token\""), 1);
	cr_assert_eq(server_logged(&s, "end-untold"), 0);
}

/* A program that hangs holds up nobody. */
Test(goodbyes, program_that_hangs_is_killed)
{
	struct roster r;
	struct ws w;

	setenv("HOOK_SLEEP", "86400", 1);
	START("--hook-timeout", "300");
	stay(&r, &w);
	ws_close(&w);
	cr_assert(server_await_log(&s, "hook-failed hook=on-close", 1, patience(5000)));
	cr_assert_eq(server_logged(&s, "it took too long"), 1);
	server_stop(&s);
}

/* Neither the program nor anybody who would run it: the slot is not kept for ever. */
Test(goodbyes, end_that_nobody_takes_is_given_up)
{
	struct roster r, other;
	struct ws w, rest;
	pid_t spawner;

	START(NULL);
	stay(&r, &w);
	stay(&other, &rest); /* without a client the ticker would go, with its counters */
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	kill(spawner, SIGKILL);
	cr_assert(server_await_processes(&s, "spawner", 0, patience(5000)));
	ws_close(&w);
	cr_assert(server_await_counter(&s, "ticker", "hooks_untold", 1, patience(20000)));
	cr_assert_eq(server_counter(&s, "ticker", "kills_hung"), 0);
	cr_assert(server_await_clients(&s, 1, patience(5000)));
	cr_assert_eq(count_told("token"), 0);
}

/* The same if there is one that never says a word; when it wakes it is of use again. */
Test(goodbyes, end_that_a_spawner_says_nothing_about_is_given_up)
{
	struct roster r[2];
	struct ws w[2];
	pid_t spawner;

	START(NULL);
	stay(&r[0], &w[0]);
	stay(&r[1], &w[1]);
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(spawner, SIGSTOP);
	ws_close(&w[0]);
	cr_assert(server_await_counter(&s, "ticker", "hooks_untold", 1, patience(20000)));
	cr_assert_eq(server_counter(&s, "ticker", "kills_hung"), 0);
	cr_assert_eq(server_counter(&s, "ticker", "hooks_told"), 0);
	kill(spawner, SIGCONT);
	ws_close(&w[1]);
	cr_assert(await_told(r[1].me, 1, patience(8000)));
	cr_assert(server_await_counter(&s, "ticker", "hooks_told", 1, patience(5000)));
	server_stop(&s);
}
