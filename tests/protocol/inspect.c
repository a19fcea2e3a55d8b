/* What the dump tool's commands show and do, on instances that live or have died. */
#include <criterion/criterion.h>
#include <grp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/image.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/tool.h"
#include "../lib/ws.h"

static struct server s;
static struct roster r[3];
static struct ws w[3];

static void
set_up(void)
{
	server_start(&s, (const char *const[]){"--tick", "50", NULL});
	for (int i = 0; i < 3; i++)
		roster_open(&r[i], &w[i], s.port);
	roster_set(&w[1], "{\"name\":\"Ada\",\"n\":1.10}");
	roster_await_property(&r[0], &w[0], r[1].me, "name", "\"Ada\"", 3000);
}

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(inspect, .init = set_up, .fini = tear_down);

#define ASK(output, ...) TOOL((output), "--name", s.name, __VA_ARGS__)

/* Tokens of the clients in an answer of `clients --json`, in its order. */
static int
tokens_of(const char *output, char tokens[][33], int max)
{
	json_t *list = json_loads(output, 0, NULL), *client;
	size_t i;

	cr_assert(json_is_array(list), "%s", output);
	json_array_foreach(list, i, client) if ((int)i < max)
	    snprintf(tokens[i], 33, "%s", json_string_value(json_object_get(client, "token")));
	i = json_array_size(list);
	json_decref(list);
	return (int)i;
}

Test(inspect, clients_are_sorted)
{
	char *output, tokens[3][33];

	cr_assert_eq(ASK(&output, "clients", "--json", "--sort", "-properties"), 0);
	cr_assert_eq(tokens_of(output, tokens, 3), 3);
	cr_assert_str_eq(tokens[0], r[1].me);
	free(output);
	cr_assert_eq(ASK(&output, "clients", "--json", "--sort", "token"), 0);
	tokens_of(output, tokens, 3);
	cr_assert_lt(strcmp(tokens[0], tokens[1]), 0);
	cr_assert_lt(strcmp(tokens[1], tokens[2]), 0);
	free(output);
	cr_assert_eq(ASK(NULL, "clients", "--sort", "beauty"), 64);
}

Test(inspect, clients_are_filtered)
{
	char *output, tokens[3][33], filter[64];

	cr_assert_eq(ASK(&output, "clients", "--json", "--filter", "properties_set>=1"), 0);
	cr_assert_eq(tokens_of(output, tokens, 3), 1);
	cr_assert_str_eq(tokens[0], r[1].me);
	free(output);
	snprintf(filter, sizeof(filter), "token~%.9s", r[2].me + 5);
	cr_assert_eq(ASK(&output, "clients", "--json", "--filter", filter, "--filter",
			 "state=open", "--filter", "age<3600"),
	    0);
	cr_assert_eq(tokens_of(output, tokens, 3), 1);
	cr_assert_str_eq(tokens[0], r[2].me);
	free(output);
	cr_assert_eq(ASK(&output, "clients", "--json", "--filter", "state!=open"), 0);
	cr_assert_eq(tokens_of(output, tokens, 3), 0);
	free(output);
	cr_assert_eq(ASK(NULL, "clients", "--filter", "age"), 64);
	cr_assert_eq(ASK(NULL, "clients", "--filter", "age=old"), 64);
	cr_assert_eq(ASK(NULL, "clients", "--filter", "token<5"), 64);
}

Test(inspect, lines_of_clients_carry_all_that_people_ask_for)
{
	char *output;

	cr_assert_eq(ASK(&output, "clients", "--long"), 0);
	cr_assert_not_null(strstr(output, " BEHIND "));
	cr_assert_not_null(strstr(output, " PONG "));
	cr_assert_not_null(strstr(output, r[0].me));
	cr_assert_not_null(strstr(output, "{\"name\":\"Ada\",\"n\":1.10}"));
	cr_assert_not_null(strstr(output, "      properties_set "));
	free(output);
}

/* The newest roster is what the client was sent, but for its own token. */
Test(inspect, snapshot_is_what_clients_were_sent)
{
	char *output;
	json_t *snapshot, *metadata;

	cr_assert_eq(ASK(&output, "snapshot", "--json"), 0);
	cr_assert_not_null(strstr(output, "\"n\":1.10"), "digits are kept");
	snapshot = json_loads(output, 0, NULL);
	metadata = json_object_get(json_object_get(snapshot, "metadata"), "metadata");
	cr_assert(json_equal(json_object_get(metadata, "indexes"), r[0].indexes), "%s", output);
	cr_assert(json_equal(json_object_get(metadata, "properties"), r[0].properties));
	cr_assert_eq(json_integer_value(json_object_get(snapshot, "clients")), 3);
	json_decref(snapshot);
	free(output);
}

Test(inspect, layout_adds_up)
{
	char *output, path[96];
	json_t *layout, *parts, *part;
	json_int_t end = 0, used = 0;
	struct stat status;
	size_t i;

	cr_assert_eq(ASK(&output, "layout", "--json"), 0);
	layout = json_loads(output, 0, NULL);
	parts = json_object_get(layout, "parts");
	json_array_foreach(parts, i, part)
	{
		json_int_t at = json_integer_value(json_object_get(part, "at"));

		cr_assert_geq(at, end, "%s overlaps", output);
		end = at + json_integer_value(json_object_get(part, "size"));
		used += json_integer_value(json_object_get(part, "used"));
	}
	snprintf(path, sizeof(path), "/dev/shm/rosterd.%s", s.name);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_leq(end, status.st_size);
	cr_assert_gt(used, 4096);
	cr_assert_leq(used, status.st_blocks * 512);
	json_decref(layout);
	free(output);
}

Test(inspect, check_says_that_a_living_instance_is_sound)
{
	char *output;

	for (int i = 0; i < 20; i++) {
		struct ws guest;
		int code;

		ws_open(&guest, s.port);
		ws_text(&w[0], "{\"to\":\"*\",\"packet\":{\"type\":\"x\",\"x\":%d}}", i);
		code = ASK(&output, "check");
		cr_assert_eq(code, 0, "%s", output);
		free(output);
		ws_drop(&guest);
	}
}

Test(inspect, locks_name_the_holder)
{
	struct image image;
	struct commons *commons;
	struct entry *entry;
	char *output, expected[64];

	image_make(&image);
	cr_assert_eq(TOOL(&output, "--file", image.path, "locks"), 0);
	cr_assert_not_null(strstr(output, "the lock is free"), "%s", output);
	free(output);
	commons =
	    (struct commons *)(void *)((char *)image.header + image.header->layout.commons);
	entry =
	    (struct entry *)(void *)((char *)image.header + image.header->layout.directory) +
	    image.sender;
	commons->lock.owner = (uint64_t)(image.sender + 1) << 44 | entry->generation << 16 | 5;
	cr_assert_eq(TOOL(&output, "--file", image.path, "locks"), 0);
	snprintf(expected, sizeof(expected), "held by slot %u, pid %u, token %.32s",
	    image.sender, entry->pid, entry->token);
	cr_assert_not_null(strstr(output, expected), "%s", output);
	free(output);
	image_remove(&image);
}

/* Changes and follow. */

/* Read from a tool until all of its output holds text; for one tool in a test. */
static void
await_output(struct tool *t, const char *text)
{
	static char seen[1 << 16];
	static size_t length;

	for (long long until = now_ms() + patience(5000); strstr(seen, text) == NULL;) {
		struct pollfd p = {.fd = t->output, .events = POLLIN};
		ssize_t got;

		cr_assert_lt(now_ms(), until, "\"%s\" does not come: %s", text, seen);
		if (poll(&p, 1, 100) <= 0)
			continue;
		got = read(t->output, seen + length, sizeof(seen) - 1 - length);
		cr_assert_gt(got, 0, "it has ended: %s", seen);
		seen[length += (size_t)got] = '\0';
	}
}

Test(inspect, follow_shows_changes_as_they_come)
{
	struct tool tool;

	tool_start(&tool, (const char *const[]){"--name", s.name, "follow", NULL});
	await_output(&tool, "properties");
	ws_close(&w[2]);
	await_output(&tool, "closed");
	await_output(&tool, r[2].me);
	roster_set(&w[0], "{\"late\":true}");
	await_output(&tool, r[0].me);
	kill(tool.pid, SIGTERM);
	waitpid(tool.pid, NULL, 0);
	close(tool.output);
}

Test(inspect, follow_as_json_is_a_line_for_each_change)
{
	char *output, *line, *rest;
	int lines = 0;

	server_kill(&s);
	cr_assert_eq(ASK(&output, "follow", "--json"), 0, "it ends with its instance");
	for (line = strtok_r(output, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest)) {
		json_t *change = json_loads(line, 0, NULL);

		cr_assert_not_null(change, "%s", line);
		cr_assert_not_null(json_object_get(change, "age"));
		json_decref(change);
		lines++;
	}
	cr_assert_eq(lines, 4);
	free(output);
}

/* The flight recorder: who was there, who left and when, after all were killed. */
Test(inspect, a_dead_instance_tells_its_story)
{
	char *output, line[128];

	ws_close(&w[2]);
	roster_await(&r[0], &w[0], r[2].me, false, 3000);
	server_kill(&s);
	cr_assert_eq(ASK(&output, "changes"), 0);
	snprintf(line, sizeof(line), "closed     slot ");
	cr_assert_not_null(strstr(output, line), "%s", output);
	cr_assert_not_null(strstr(strstr(output, line), r[2].me), "%s", output);
	free(output);
	cr_assert_eq(ASK(&output, "stats"), 0);
	cr_assert_not_null(strstr(output, "not running"));
	free(output);
	cr_assert_eq(ASK(&output, "check"), 0, "%s", output);
	free(output);
	cr_assert_eq(ASK(&output, "watch"), 0);
	cr_assert_not_null(strstr(output, "NOT RUNNING"));
	free(output);
	cr_assert_eq(ASK(&output, "snapshot"), 0);
	cr_assert_null(strstr(strstr(output, "metadata"), r[2].me));
	free(output);
}

/* watch. */

Test(inspect, watch_once_shows_rates_and_talkers)
{
	struct tool tool;
	char *output, *talkers;

	/* A packet every few ms, from one client, while it looks. */
	tool_start(&tool,
	    (const char *const[]){"--name", s.name, "watch", "-1", "--interval", "1000", NULL});
	for (struct pollfd p = {.fd = tool.output, .events = POLLIN}; poll(&p, 1, 5) == 0;)
		ws_text(&w[1], "{\"to\":\"%s\",\"packet\":{\"type\":\"x\",\"x\":1}}", r[0].me);
	cr_assert_eq(tool_finish(&tool, &output, 5000), 0);
	cr_assert_not_null(strstr(output, "3 of 4096 clients"), "%s", output);
	cr_assert_not_null(strstr(output, "tick time, all ticks:"));
	cr_assert_not_null(strstr(output, "####"));
	cr_assert_null(strchr(output, '\033'), "no codes for a terminal");
	talkers = strstr(output, "TOP TALKERS");
	cr_assert_not_null(talkers);
	/* The first line below the head names the one that talks. */
	cr_assert_not_null(talkers = strchr(talkers, '\n'));
	*strchr(talkers + 1, '\n') = '\0';
	r[1].me[8] = '\0';
	cr_assert_not_null(strstr(talkers, r[1].me), "%s", talkers);
	free(output);
}

Test(inspect, watch_as_json_has_rates_of_all_that_is_counted)
{
	struct tool tool;
	json_t *look, *rates, *talkers;
	char *output;

	tool_start(&tool, (const char *const[]){
			      "--name", s.name, "watch", "--json", "--interval", "1000", NULL});
	for (struct pollfd p = {.fd = tool.output, .events = POLLIN}; poll(&p, 1, 5) == 0;)
		ws_text(&w[1], "{\"to\":\"%s\",\"packet\":{\"type\":\"x\",\"x\":1}}", r[0].me);
	cr_assert_eq(tool_finish(&tool, &output, 5000), 0);
	cr_assert_not_null(look = json_loads(output, 0, NULL), "%s", output);
	rates = json_object_get(look, "rates");
#define COUNTER_C(name, unit, help) \
	cr_assert(json_is_real(json_object_get(json_object_get(rates, "clients"), #name)));
#define COUNTER_T(name, unit, help) \
	cr_assert(json_is_real(json_object_get(json_object_get(rates, "ticker"), #name)));
#define COUNTER_W(name, unit, help) \
	cr_assert(json_is_real(json_object_get(json_object_get(rates, "listener"), #name)));
#include "../../shm/counters.def"
	cr_assert_gt(
	    json_real_value(json_object_get(json_object_get(rates, "clients"), "relayed")), 0);
	cr_assert_gt(json_real_value(json_object_get(look, "seconds")), 0.9);
	talkers = json_object_get(look, "talkers");
	cr_assert_eq(json_array_size(talkers), 3);
	cr_assert_str_eq(
	    json_string_value(json_object_get(json_array_get(talkers, 0), "token")), r[1].me);
	json_decref(look);
	free(output);
}

/* What stands on a screen since the last look, up to a pattern; NULL: it does not come. */
static const char *
await_screen(int fd, const char *pattern)
{
	static char seen[1 << 18];
	size_t length = 0;

	for (long long until = now_ms() + patience(5000); now_ms() < until;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, 100) <= 0)
			continue;
		if ((got = read(fd, seen + length, sizeof(seen) - 1 - length)) <= 0)
			break;
		seen[length += (size_t)got] = '\0';
		if (strstr(seen, pattern) != NULL)
			return seen;
	}
	return NULL;
}

/* Lines that one screenful has. */
static int
lines_drawn(const char *screen)
{
	const char *home = strstr(screen, "\033[H"), *end;
	int lines = 1;

	cr_assert_not_null(home);
	cr_assert_not_null(end = strstr(home, "\033[J"));
	for (; home < end; home++)
		lines += *home == '\n';
	return lines;
}

Test(inspect, watch_fills_the_screen_follows_its_size_and_ends_with_q)
{
	struct winsize size = {.ws_row = 20, .ws_col = 60};
	const char *path = getenv("ROSTERD_DUMP"), *screen;
	int terminal, status;
	pid_t pid = forkpty(&terminal, NULL, NULL, &size);

	if (pid == 0) {
		execl(path != NULL ? path : "build/rosterd-dump", "rosterd-dump", "--name",
		    s.name, "watch", "--interval", "60000", NULL);
		_exit(127);
	}
	cr_assert_not_null(screen = await_screen(terminal, "\033[J"));
	cr_assert_not_null(strstr(screen, "\033[?1049h"), "another screen");
	cr_assert_leq(lines_drawn(screen), 20);
	size.ws_row = 6;
	ioctl(terminal, TIOCSWINSZ, &size);
	cr_assert_not_null(
	    screen = await_screen(terminal, "\033[J"), "it is drawn again at once");
	cr_assert_eq(lines_drawn(screen), 6);
	cr_assert_eq(write(terminal, "q", 1), 1);
	cr_assert_not_null(await_screen(terminal, "\033[?1049l"), "the old screen is back");
	waitpid(pid, &status, 0);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(terminal);
}

/* kick. */

Test(inspect, kick_closes_a_client_with_1008)
{
	char *output, beginning[9];

	snprintf(beginning, sizeof(beginning), "%.8s", r[1].me);
	cr_assert_eq(ASK(&output, "kick", beginning), 0);
	cr_assert_not_null(strstr(output, r[1].me), "%s", output);
	free(output);
	ws_expect_close(&w[1], 1008, "operator");
	roster_await(&r[0], &w[0], r[1].me, false, 3000);
	cr_assert_eq(server_counter(&s, "ticker", "kicked"), 1);
	cr_assert_eq(server_logged(&s, "client-kicked"), 1);
}

Test(inspect, kick_kills_a_process_if_it_is_told_to)
{
	cr_assert_eq(ASK(NULL, "kick", r[1].me, "--kill"), 0);
	cr_assert(ws_await_end(&w[1], 5000));
	roster_await(&r[0], &w[0], r[1].me, false, 3000);
	cr_assert_eq(server_counter(&s, "ticker", "kills_kick"), 1);
	cr_assert(server_await_counter(&s, "listener", "children_killed", 1, 3000));
}

Test(inspect, kick_says_what_is_wrong)
{
	cr_assert_eq(ASK(NULL, "kick", "00000000000000000000000000000000"), 66);
	cr_assert_eq(ASK(NULL, "kick", "abc"), 64, "too few digits");
	cr_assert_eq(ASK(NULL, "kick"), 64);
	server_kill(&s);
	cr_assert_eq(ASK(NULL, "kick", r[1].me), 75, "nobody is there to do it");
}

/* Other users. */

/* Exit code of the tool as nobody, in that group. */
static int
as_nobody(gid_t group, const char *const *arguments)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		const char *path = getenv("ROSTERD_DUMP");
		const char *argv[12] = {"rosterd-dump", "--name", s.name};
		int count = 3;

		for (; *arguments != NULL; arguments++)
			argv[count++] = *arguments;
		(void)!freopen("/dev/null", "w", stdout);
		(void)!freopen("/dev/null", "w", stderr);
		if (setgroups(1, &group) < 0 || setgid(group) < 0 || setuid(65534) < 0)
			_exit(99);
		execv(
		    path != NULL ? path : "build/rosterd-dump", (char *const *)(uintptr_t)argv);
		_exit(98);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(inspect, members_of_the_group_may_look_and_no_more)
{
	static const gid_t games = 60, others = 65534;
	const char *const clients[] = {"clients", NULL}, *const check[] = {"check", NULL};
	const char *const kick[] = {"kick", r[0].me, NULL};

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	cr_assert_eq(as_nobody(games, clients), 77, "without --group nobody may");
	server_destroy(&s);
	server_start(&s, (const char *const[]){"--group", "games", NULL});
	roster_open(&r[0], &w[0], s.port);
	cr_assert_eq(as_nobody(games, clients), 0);
	cr_assert_eq(as_nobody(games, check), 0);
	cr_assert_eq(as_nobody(others, clients), 77);
	cr_assert_eq(as_nobody(games, kick), 77, "looking is not kicking");
	cr_assert_eq(server_counter(&s, "ticker", "kicked"), 0);
}
