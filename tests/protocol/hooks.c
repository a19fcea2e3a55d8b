/*
 * Who may come in: the operator's program decides (--on-connect), and whatever
 * becomes of it costs the one client that it was asked about.  hook.sh does what
 * a client's query says.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static char program[4096]; /* hook.sh */
static char mark[32];      /* seconds that a hook sleeps that is not to end by itself */

static void
set_up(void)
{
	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	snprintf(mark, sizeof(mark), "86400.%d", (int)getpid());
	setenv("HOOK_MARK", mark, 1);
}

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(hooks, .init = set_up, .fini = tear_down, .timeout = 60);

static void
start(const char *timeout_ms)
{
	server_start(&s, (const char *const[]){"--on-connect", program, "--hook-timeout",
			     timeout_ms, "--tick", "100", NULL});
}

/* Processes that have an argument of that text. */
static int
count_processes(const char *argument)
{
	DIR *directory = opendir("/proc");
	struct dirent *entry;
	int count = 0;

	while ((entry = readdir(directory)) != NULL) {
		char path[300], line[256] = "";
		int fd;
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/%s/cmdline", entry->d_name);
		if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
			continue;
		length = read(fd, line, sizeof(line));
		close(fd);
		count += length > 0 &&
			 memmem(line, (size_t)length, argument, strlen(argument)) != NULL;
	}
	closedir(directory);
	return count;
}

static bool
await_processes(bool some, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while ((count_processes(mark) > 0) != some) {
		if (now_ms() >= until)
			return false;
		usleep(10000);
	}
	return true;
}

#define REQUEST                                                    \
	"GET /%s HTTP/1.1\r\nHost: localhost\r\n"                  \
	"Upgrade: websocket\r\nConnection: Upgrade\r\n"            \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"          \
	"Sec-WebSocket-Version: 13\r\nCookie: a=1\r\nProxy: x\r\n" \
	"X-Secret: x\r\nCookie: b=2\r\n\r\n"

/* Ask to be let in with that query. */
static void
knock(struct ws *w, const char *query)
{
	char request[1024];

	ws_connect(w, s.port);
	snprintf(request, sizeof(request), REQUEST, query);
	ws_raw_text(w, request);
}

/* Read the answer up to its end; it has to begin so. */
static void
expect(struct ws *w, const char *status)
{
	char line[4096] = "";
	size_t got = 0;

	while (got < sizeof(line) - 1 && memmem(line, got, "\r\n\r\n", 4) == NULL &&
	       recv(w->fd, line + got, 1, 0) == 1)
		got++;
	cr_assert_eq(
	    strncmp(line, status, strlen(status)), 0, "%s instead of %s", line, status);
}

/* Be let in with that query. */
static void
enter(struct roster *r, struct ws *w, const char *query)
{
	memset(r, 0, sizeof(*r));
	knock(w, query);
	expect(w, "HTTP/1.1 101 ");
	cr_assert(roster_next(r, w, patience(5000)));
}

/* The whole answer of one that is refused; to be freed. */
static char *
refused(const char *query)
{
	struct ws w;
	char *answer;

	knock(&w, query);
	answer = ws_rest(&w, patience(20000));
	ws_drop(&w);
	return answer;
}

static void
expect_refusal(const char *query, const char *status, const char *text)
{
	char *answer = refused(query);

	cr_assert_eq(strncmp(answer, status, strlen(status)), 0, "?%s: %s", query, answer);
	cr_assert(strstr(answer, text) != NULL, "?%s: %s", query, answer);
	free(answer);
}

Test(hooks, who_is_admitted_has_properties_that_others_see)
{
	struct roster a, b;
	struct ws wa, wb;

	start("5000");
	enter(&a, &wa, "");
	enter(&b, &wb, "?user=ada");
	roster_await_property(&a, &wa, b.me, "auth.user", "\"ada\"", patience(5000));
	cr_assert_eq(json_object_size(roster_properties(&a, b.me)), 2);
	cr_assert_eq(json_object_size(roster_properties(&a, a.me)), 0);
	roster_set(&wb, "{\"name\":\"Ada\",\"author\":1}");
	roster_await_property(&a, &wa, b.me, "name", "\"Ada\"", patience(5000));
	roster_await_property(&a, &wa, b.me, "auth.user", "\"ada\"", patience(5000));
	cr_assert_eq(server_counter(&s, "clients", "hooks_admitted"), 2);
	server_stop(&s);
}

Test(hooks, reserved_names_are_not_the_clients_to_set_or_delete)
{
	static const char *const tries[] = {"{\"auth.user\":\"eve\"}", "{\"auth.user\":null}",
	    "{\"x\":1,\"\\u0061uth.new\":1}", "{\"auth.\":1}"};
	struct roster a, b;
	struct ws wa, wb;

	start("5000");
	enter(&a, &wa, "");
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++) {
		enter(&b, &wb, "?user=ada");
		roster_await_property(&a, &wa, b.me, "auth.user", "\"ada\"", patience(5000));
		roster_set(&wb, tries[i]);
		ws_expect_close(&wb, 1008, "\"auth.\"");
		ws_drop(&wb);
	}
	server_stop(&s);
}

Test(hooks, without_a_hook_no_name_is_reserved)
{
	struct roster r;
	struct ws w;

	server_start(&s, NULL);
	roster_open(&r, &w, s.port);
	roster_set(&w, "{\"auth.user\":1}");
	roster_await_property(&r, &w, r.me, "auth.user", "1", patience(5000));
	server_stop(&s);
}

Test(hooks, refusals_have_a_status_and_the_hooks_reason)
{
	start("5000");
	expect_refusal("?forbid", "HTTP/1.1 403 Forbidden\r\n", "\nNo 'such' luck'.\n");
	expect_refusal("?who", "HTTP/1.1 401 Unauthorized\r\n", "\nShow a ticket.\n");
	expect_refusal(
	    "?who", "HTTP/1.1 401 ", "\r\nWWW-Authenticate: Bearer realm=\"test\"\r\n");
	expect_refusal(
	    "?stranger", "HTTP/1.1 401 ", "\r\nWWW-Authenticate: Basic realm=\"rosterd\"\r\n");
	cr_assert(
	    server_await_log(&s, "status=403 reason=\"No 'such' luck'.\"", 1, patience(5000)));
	cr_assert(server_await_counter(&s, "clients", "hooks_refused", 4, patience(5000)));
	cr_assert_eq(server_logged(&s, "hook-failed"), 0);
	server_stop(&s);
}

Test(hooks, hook_is_told_who_asks_for_what_and_nothing_else)
{
	struct sockaddr_in own;
	socklen_t length = sizeof(own);
	struct roster r;
	struct ws w;
	char expected[256];

	setenv("ROSTERD_TICK", "100", 1);
	start("5000");
	enter(&r, &w, "a%20b?told");
	getsockname(w.fd, (struct sockaddr *)&own, &length);
	snprintf(expected, sizeof(expected), "\"GET|/a%%20b?told|/a b|127.0.0.1|a=1; b=2||%d\"",
	    s.port);
	roster_await_property(&r, &w, r.me, "auth.told", expected, patience(5000));
	snprintf(expected, sizeof(expected), "\"%d\"", ntohs(own.sin_port));
	roster_await_property(&r, &w, r.me, "auth.port", expected, patience(5000));
	snprintf(expected, sizeof(expected), "\"%s\"", r.me);
	roster_await_property(&r, &w, r.me, "auth.token", expected, patience(5000));
	server_stop(&s);
}

/* It costs the client that it was about, and nobody else. */
static void
check_fault(const char *query, const char *why)
{
	struct roster r;
	struct ws w;

	expect_refusal(query, "HTTP/1.1 503 ", "\r\nRetry-After: ");
	cr_assert(server_await_log(&s, why, 1, patience(5000)), "?%s: no \"%s\"", query, why);
	enter(&r, &w, "?user=after");
	ws_close(&w);
}

Test(hooks, hook_that_fails_costs_one_client)
{
	static const struct {
		const char *query, *why;
	} faults[] = {{"?hang", "it took too long"}, {"?crash", "it died of a signal"},
	    {"?flood", "its output is too long"},
	    {"?errors", "it wrote too much to its standard error"},
	    {"?cut", "its output is no JSON"}, {"?list", "its output is no JSON object"},
	    {"?free", "does not begin with the reserved prefix"},
	    {"?code", "it ended with another code"}};
	int count = sizeof(faults) / sizeof(faults[0]);
	struct roster r;
	struct ws w;

	start("1500");
	enter(&r, &w, "?user=before");
	for (int i = 0; i < count; i++)
		check_fault(faults[i].query, faults[i].why);
	roster_set(&w, "{\"n\":1}");
	roster_await_property(&r, &w, r.me, "n", "1", patience(5000));
	cr_assert(await_processes(false, patience(5000)), "a hook is left behind");
	cr_assert(server_await_counter(&s, "clients", "hooks_failed", count, patience(5000)));
	cr_assert_eq(server_counter(&s, "clients", "hooks_failed"), count);
	cr_assert_eq(server_processes(&s, "spawner", NULL, 0), 1);
	server_stop(&s);
}

Test(hooks, what_a_hook_leaves_behind_is_killed)
{
	struct roster r;
	struct ws w;

	start("5000");
	for (int i = 0; i < 5; i++) {
		enter(&r, &w, "?leave");
		cr_assert(await_processes(false, patience(5000)), "it goes on");
		ws_drop(&w);
	}
	server_stop(&s);
}

Test(hooks, hook_ends_when_its_client_leaves)
{
	struct ws w;

	start("60000");
	for (int i = 0; i < 3; i++) {
		knock(&w, "?hang");
		cr_assert(await_processes(true, patience(5000)));
		switch (i) {
		case 0: ws_drop(&w); break;
		case 1: ws_reset(&w); break;
		default: shutdown(w.fd, SHUT_WR); break;
		}
		cr_assert(await_processes(false, patience(5000)), "nobody waits for it");
	}
	cr_assert(server_await_clients(&s, 0, patience(5000)));
	cr_assert_eq(server_logged(&s, "hook-failed"), 0);
	server_stop(&s);
}

Test(hooks, spawner_that_is_killed_has_a_successor)
{
	struct roster a, b;
	struct ws wa, wb, waiting;
	pid_t spawner;
	char *answer;

	start("60000");
	enter(&a, &wa, "?user=ada");
	knock(&waiting, "?wait");
	cr_assert(await_processes(true, patience(5000)));
	cr_assert_eq(server_processes(&s, "spawner", &spawner, 1), 1);
	kill(spawner, SIGKILL);
	answer = ws_rest(&waiting, patience(5000));
	cr_assert_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "%s", answer);
	/* Whether or not the next one is there yet. */
	enter(&b, &wb, "?user=bob");
	roster_await_property(&a, &wa, b.me, "auth.user", "\"bob\"", patience(5000));
	cr_assert_eq(server_counter(&s, "listener", "hooks_spawners"), 2);
	cr_assert(await_processes(false, patience(5000)), "a hook outlives its spawner");
	server_stop(&s);
}

Test(hooks, a_hundred_come_at_once_and_the_hook_is_slow)
{
	enum { COUNT = 100 };
	static struct ws w[COUNT];
	struct roster r;
	struct ws seen;

	start("20000");
	enter(&r, &seen, "");
	for (int i = 0; i < COUNT; i++)
		knock(&w[i], "?slow");
	for (int i = 0; i < COUNT; i++)
		expect(&w[i], "HTTP/1.1 101 ");
	while (roster_count(&r) < COUNT + 1)
		cr_assert(roster_next(&r, &seen, patience(5000)));
	server_stop(&s);
}

/* A file for --config that names this program. */
static void
configure(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	fprintf(file, "%s%s\ntick = 100\n", *text != '\0' ? "on-connect = " : "", text);
	fclose(file);
}

Test(hooks, hangup_makes_another_program_decide)
{
	char path[64];
	struct roster r;
	struct ws w;

	snprintf(path, sizeof(path), "/tmp/rosterd-hooks-%d.conf", (int)getpid());
	configure(path, program);
	server_start(&s, (const char *const[]){"--config", path, NULL});
	enter(&r, &w, "?user=ada");
	configure(path, "/bin/false");
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "spawner-started", 2, patience(10000)));
	expect_refusal("?user=bob", "HTTP/1.1 403 ", "not admitted");
	configure(path, "/nowhere");
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "upgrade-refused", 1, patience(10000)));
	expect_refusal("?user=bob", "HTTP/1.1 403 ", "not admitted");
	roster_set(&w, "{\"n\":1}");
	roster_await_property(&r, &w, r.me, "n", "1", patience(5000));
	cr_assert(server_await_processes(&s, "spawner", 1, patience(5000)));
	unlink(path);
	server_stop(&s);
}

Test(hooks, listener_that_is_killed_leaves_hooks_to_the_next)
{
	struct server next;
	struct roster a, b;
	struct ws wa, wb;

	start("5000");
	enter(&a, &wa, "?user=ada");
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	server_start(&next, (const char *const[]){"--name", s.name, "--on-connect", program,
				"--tick", "100", NULL});
	s.port = next.port;
	enter(&b, &wb, "?user=bob");
	roster_await_property(&a, &wa, b.me, "auth.user", "\"bob\"", patience(5000));
	memcpy(next.name, s.name, sizeof(next.name));
	server_stop(&next);
}

/* The listener has become another one, and so has the ticker. */
static void
hang_up(const char *path, const char *text, int tickers)
{
	configure(path, text);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "ticker-ready", tickers, patience(10000)));
}

/* Be let in without being asked, with these properties. */
static void
enter_freely(struct roster *r, struct ws *w, const char *properties)
{
	roster_open(r, w, s.port);
	roster_set(w, properties);
	roster_await_property(r, w, r->me, "n", "1", patience(5000));
}

Test(hooks, who_has_reserved_names_leaves_when_a_program_is_to_decide)
{
	struct roster a, b, c, d;
	struct ws wa, wb, wc, wd;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/rosterd-hooks-%d.conf", (int)getpid());
	configure(path, "");
	server_start(&s, (const char *const[]){"--config", path, NULL});
	enter_freely(&a, &wa, "{\"n\":1,\"auth.user\":\"eve\"}");
	enter_freely(&b, &wb, "{\"n\":1}");
	hang_up(path, program, 2);
	cr_assert(ws_await_end(&wa, patience(5000)));
	enter(&c, &wc, "?user=ada");
	roster_await_property(&b, &wb, c.me, "auth.user", "\"ada\"", patience(5000));
	cr_assert_null(roster_properties(&b, a.me));
	/* What is nobody's is everybody's, and means nothing if it is somebody's again. */
	hang_up(path, "", 3);
	enter_freely(&d, &wd, "{\"n\":1,\"auth.user\":\"eve\"}");
	roster_await_property(&b, &wb, d.me, "auth.user", "\"eve\"", patience(5000));
	hang_up(path, program, 4);
	cr_assert(ws_await_end(&wd, patience(5000)));
	cr_assert(ws_await_end(&wc, patience(5000)));
	roster_set(&wb, "{\"n\":2}");
	roster_await_property(&b, &wb, b.me, "n", "2", patience(5000));
	cr_assert_eq(roster_count(&b), 1);
	unlink(path);
	server_stop(&s);
}

Test(hooks, listener_with_other_rules_has_a_ticker_that_goes_by_them)
{
	struct server next;
	struct roster a, b;
	struct ws wa, wb;

	start("5000");
	enter(&a, &wa, "?user=ada");
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	server_start(&next, (const char *const[]){"--name", s.name, "--tick", "100", NULL});
	s.port = next.port;
	enter_freely(&b, &wb, "{\"n\":1,\"auth.user\":\"eve\"}");
	roster_await_property(&a, &wa, b.me, "auth.user", "\"eve\"", patience(5000));
	memcpy(next.name, s.name, sizeof(next.name));
	server_stop(&next);
}
