/* The pages for operators, of a real instance. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;

static void
set_up(void)
{
	server_start(&s, (const char *const[]){"--tick", "50", NULL});
}

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(status, .init = set_up, .fini = tear_down);

static char *
get(const char *path)
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	return ws_http(s.port, request);
}

static const char *
body(const char *answer)
{
	const char *at = strstr(answer, "\r\n\r\n");

	cr_assert_not_null(at, "%s", answer);
	return at + 4;
}

static bool
has_status(const char *answer, int status)
{
	char line[32];

	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	return strncmp(answer, line, strlen(line)) == 0;
}

/* A connection whose child has its seat, so that its answer needs nobody any more. */
static void
connect_seated(struct ws *w)
{
	ws_connect(w, s.port);
	cr_assert(server_await_counter(&s, "ticker", "claimed", 1, 5000));
}

static char *
ask(struct ws *w, const char *path)
{
	char request[256];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
	ws_raw_text(w, request);
	return ws_rest(w, 5000);
}

static pid_t
ticker(void)
{
	pid_t pid;

	cr_assert_eq(server_processes(&s, "ticker", &pid, 1), 1);
	return pid;
}

static void
await_gauge(const char *name, long long value)
{
	for (long long until = now_ms() + patience(10000);;) {
		json_t *stats = server_dump(&s, "stats");
		json_t *gauges = json_object_get(stats, "gauges");
		long long is = json_integer_value(json_object_get(gauges, name));

		json_decref(stats);
		if (is == value)
			return;
		cr_assert_lt(now_ms(), until, "%s stays %lld", name, is);
	}
}

Test(status, healthz_says_that_all_is_well)
{
	char *answer = get("/healthz");

	cr_assert(has_status(answer, 200), "%s", answer);
	cr_assert_eq(strncmp(body(answer), "status=ok tick_age_ms=", 22), 0, "%s", answer);
	free(answer);
	answer = ws_http(s.port, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert(has_status(answer, 200), "%s", answer);
	cr_assert_str_empty(body(answer));
	free(answer);
}

Test(status, healthz_says_that_the_ticker_does_not_tick)
{
	pid_t pid = ticker();
	struct ws w;
	char *answer;

	connect_seated(&w);
	kill(pid, SIGSTOP);
	await_gauge("up", 0);
	answer = ask(&w, "/healthz");
	kill(pid, SIGCONT);
	cr_assert(has_status(answer, 503), "%s", answer);
	cr_assert_not_null(strstr(answer, "status=late"), "%s", answer);
	free(answer);
}

/* Nobody can be seated then, and who asks is told so in the end. */
Test(status, healthz_fails_when_the_ticker_hangs, .timeout = 60)
{
	pid_t pid = ticker();
	char *answer;

	kill(pid, SIGSTOP);
	answer = get("/healthz");
	kill(pid, SIGCONT);
	cr_assert(has_status(answer, 503), "%s", answer);
	free(answer);
}

Test(status, healthz_says_that_there_is_no_ticker)
{
	pid_t pid = ticker();
	struct pollfd dead;
	struct ws w;
	char *answer;

	connect_seated(&w);
	kill(s.pid, SIGSTOP); /* or it would start another one */
	kill(pid, SIGKILL);
	/* Only when it is a zombie its end of our child's life line is closed. */
	dead = (struct pollfd){.fd = pidfd_open(pid, 0), .events = POLLIN};
	cr_assert_eq(poll(&dead, 1, patience(5000)), 1);
	close(dead.fd);
	answer = ask(&w, "/healthz");
	kill(s.pid, SIGCONT);
	cr_assert(has_status(answer, 503), "%s", answer);
	cr_assert_not_null(strstr(answer, "status=no-ticker"), "%s", answer);
	free(answer);
}

/* Names of the samples, in order. */
static void
sample_names(const char *text, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
		if (*at != '#')
			used += (size_t)snprintf(
			    out + used, size - used, "%.*s\n", (int)strcspn(at, " \n"), at);
}

static char *
output_of(const char *command)
{
	static char text[1 << 20];
	FILE *pipe = popen(command, "r");
	size_t length = fread(text, 1, sizeof(text) - 1, pipe);

	text[length] = '\0';
	pclose(pipe);
	return text;
}

Test(status, metrics_are_what_the_dump_tool_says)
{
	static char here[1 << 16], there[1 << 16];
	char command[256], *answer = get("/metrics");

	cr_assert(has_status(answer, 200), "%s", answer);
	cr_assert_not_null(
	    strstr(answer, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
	snprintf(command, sizeof(command), "%s --name %s stats --prometheus",
	    getenv("ROSTERD_DUMP") != NULL ? getenv("ROSTERD_DUMP") : "build/rosterd-dump",
	    s.name);
	sample_names(body(answer), here, sizeof(here));
	sample_names(output_of(command), there, sizeof(there));
	cr_assert_str_eq(here, there);
	cr_assert_not_null(strstr(here, "rosterd_up\n"));
	cr_assert_not_null(strstr(here, "rosterd_client_sent_bytes_total\n"));
	free(answer);
}

Test(status, promtool_accepts_metrics)
{
	char command[256];

	snprintf(command, sizeof(command),
	    "curl -s http://127.0.0.1:%d/metrics | promtool check metrics 2>&1", s.port);
	cr_assert_str_empty(output_of(command));
	snprintf(command, sizeof(command),
	    "curl -s http://127.0.0.1:%d/metrics | promtool check metrics >/dev/null 2>&1; "
	    "echo $?",
	    s.port);
	cr_assert_str_eq(output_of(command), "0\n");
}

Test(status, clients_json_shows_everybody)
{
	struct roster r[3];
	struct ws w[3];
	char *answer;
	json_t *list, *client;
	int open = 0, named = 0;
	size_t i;

	for (int n = 0; n < 3; n++)
		roster_open(&r[n], &w[n], s.port);
	roster_set(&w[1], "{\"name\":\"Ada\",\"n\":1.10}");
	roster_await_property(&r[0], &w[0], r[1].me, "name", "\"Ada\"", 3000);
	answer = get("/clients.json");
	cr_assert(has_status(answer, 200), "%s", answer);
	cr_assert_not_null(strstr(answer, "\"n\":1.10"), "digits are kept");
	list = json_loads(body(answer), 0, NULL);
	cr_assert(json_is_array(list), "%s", answer);
	json_array_foreach(list, i, client)
	{
		const char *state = json_string_value(json_object_get(client, "state"));
		const char *token = json_string_value(json_object_get(client, "token"));

		open += strcmp(state, "open") == 0;
		named += strcmp(token, r[1].me) == 0;
	}
	/* And the child that answers, which has no token for others. */
	cr_assert_eq(json_array_size(list), 4);
	cr_assert_eq(open, 3);
	cr_assert_eq(named, 1);
	json_decref(list);
	free(answer);
}

Test(status, a_proxy_is_refused)
{
	char *answer = ws_http(s.port, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n"
				       "X-Forwarded-For: 192.0.2.1\r\n\r\n");

	cr_assert(has_status(answer, 403), "%s", answer);
	cr_assert_null(strstr(answer, "rosterd_up"));
	free(answer);
}

/* Fifty at once, while clients come and go: each answer is whole. */
Test(status, answers_are_whole_while_the_roster_changes)
{
	for (int i = 0; i < 50; i++) {
		struct ws w;
		char *answer;
		json_t *list;

		ws_open(&w, s.port);
		roster_set(&w, "{\"a\":[1,2,3]}");
		answer = get("/clients.json");
		list = json_loads(body(answer), 0, NULL);
		cr_assert(json_is_array(list), "%s", answer);
		json_decref(list);
		free(answer);
		ws_drop(&w);
	}
}
