/* rosterd-dump, on an instance that lives and on one that does not. */
#include <criterion/criterion.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "../lib/roster.h"
#include "../lib/server.h"
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
	roster_set(&w[1], "{\"name\":\"Ada\",\"n\":[1,2]}");
	roster_await_property(&r[0], &w[0], r[1].me, "name", "\"Ada\"", 3000);
}

static void
tear_down(void)
{
	server_destroy(&s);
}

TestSuite(dump, .init = set_up, .fini = tear_down);

static const json_t *
find(const json_t *clients, const char *token)
{
	json_t *client;
	size_t i;

	json_array_foreach(clients, i,
	    client) if (strcmp(json_string_value(json_object_get(client, "token")), token) ==
			0) return client;
	return NULL;
}

static void
check_clients(void)
{
	json_t *clients = server_dump(&s, "clients");
	json_t *expected = json_loads("{\"name\":\"Ada\",\"n\":[1,2]}", 0, NULL);

	cr_assert_eq(json_array_size(clients), 3);
	for (int i = 0; i < 3; i++) {
		const json_t *client = find(clients, r[i].me);

		cr_assert_not_null(client, "a client is missing");
		cr_assert_str_eq(json_string_value(json_object_get(client, "state")), "open");
	}
	cr_assert(json_equal(json_object_get(find(clients, r[1].me), "properties"), expected));
	json_decref(expected);
	json_decref(clients);
}

Test(dump, clients_of_a_living_instance)
{
	check_clients();
}

Test(dump, clients_of_a_dead_instance)
{
	server_kill(&s);
	check_clients();
}

Test(dump, clients_of_a_copy)
{
	char command[512];
	FILE *pipe;
	json_t *clients;

	snprintf(command, sizeof(command),
	    "cp --sparse=always /dev/shm/rosterd.%s /tmp/%s.image && "
	    "%s --json --file /tmp/%s.image clients; rm /tmp/%s.image",
	    s.name, s.name,
	    getenv("ROSTERD_DUMP") != NULL ? getenv("ROSTERD_DUMP") : "build/rosterd-dump",
	    s.name, s.name);
	pipe = popen(command, "r");
	clients = json_loadf(pipe, 0, NULL);
	pclose(pipe);
	cr_assert_eq(json_array_size(clients), 3);
	json_decref(clients);
}

/* Cut out as rosterd-dump(1) says it. */
Test(dump, clients_of_a_core, .timeout = 60)
{
	static const char recipe[] =
	    "cd $(mktemp -d) && trap 'rm -r $PWD' EXIT && exec 2>log && "
	    "gcore -o core %d >&2 && "
	    "set -- $(gdb -batch -ex 'info proc mappings' /proc/%d/exe core.%d | "
	    "grep /dev/shm/rosterd) && "
	    "gdb -batch -ex \"dump binary memory IMAGE $1 $2\" /proc/%d/exe core.%d >&2 && "
	    "%s --json --file IMAGE clients";
	const char *tool = getenv("ROSTERD_DUMP");
	char path[PATH_MAX], command[sizeof(recipe) + PATH_MAX];
	json_t *clients;
	pid_t pid;
	FILE *pipe;

	if (getenv("ROSTERD_SLOW") != NULL)
		cr_skip_test("a sanitizer's memory is too large for a core");
	server_destroy(&s);
	server_start(&s, (const char *const[]){"--max-clients", "16", NULL});
	roster_open(&r[0], &w[0], s.port);
	cr_assert_eq(server_processes(&s, "ticker", &pid, 1), 1);
	cr_assert_not_null(realpath(tool != NULL ? tool : "build/rosterd-dump", path));
	snprintf(command, sizeof(command), recipe, pid, pid, pid, pid, pid, path);
	pipe = popen(command, "r");
	clients = json_loadf(pipe, 0, NULL);
	cr_assert_eq(pclose(pipe), 0);
	cr_assert_eq(json_array_size(clients), 1);
	cr_assert_not_null(find(clients, r[0].me));
	json_decref(clients);
}

Test(dump, changes_in_order)
{
	json_t *changes, *change;
	int opened = 0, set = 0, closed = 0;
	json_int_t place = -1;
	size_t i;

	ws_close(&w[2]);
	cr_assert(server_await_counter(&s, "ticker", "closed", 1, 3000));
	changes = server_dump(&s, "changes");
	json_array_foreach(changes, i, change)
	{
		const char *kind = json_string_value(json_object_get(change, "kind"));

		cr_assert_gt(json_integer_value(json_object_get(change, "place")), place);
		place = json_integer_value(json_object_get(change, "place"));
		opened += strcmp(kind, "opened") == 0;
		set += strcmp(kind, "properties") == 0;
		closed += strcmp(kind, "closed") == 0;
	}
	cr_assert_eq(opened, 3);
	cr_assert_eq(set, 1);
	cr_assert_eq(closed, 1);
	json_decref(changes);
}

Test(dump, stats_hold_every_counter)
{
	json_t *stats = server_dump(&s, "stats"),
	       *counters = json_object_get(stats, "counters"),
	       *times = json_object_get(stats, "histograms");

#define COUNTER_C(name, unit, help) \
	cr_assert_not_null(json_object_get(json_object_get(counters, "clients"), #name));
#define COUNTER_T(name, unit, help) \
	cr_assert_not_null(json_object_get(json_object_get(counters, "ticker"), #name));
#define COUNTER_W(name, unit, help) \
	cr_assert_not_null(json_object_get(json_object_get(counters, "listener"), #name));
#define HISTOGRAM_C(name, help) \
	cr_assert_not_null(json_object_get(json_object_get(times, "clients"), #name));
#define HISTOGRAM_T(name, help) \
	cr_assert_not_null(json_object_get(json_object_get(times, "ticker"), #name));
#define GAUGE(name, unit, help) \
	cr_assert_not_null(json_object_get(json_object_get(stats, "gauges"), #name));
#include "../../shm/counters.def"
	cr_assert_eq(server_counter(&s, "ticker", "opened"), 3);
	cr_assert_eq(server_counter(&s, "listener", "accepted"), 3);
	json_decref(stats);
}

Test(dump, counters_of_clients_outlive_them)
{
	long long before = server_counter(&s, "clients", "properties_set");

	ws_close(&w[1]);
	cr_assert(server_await_processes(&s, "client", 2, 3000));
	cr_assert_eq(before, 1);
	cr_assert_eq(server_counter(&s, "clients", "properties_set"), 1);
}

static int
exit_of(const char *arguments)
{
	char command[256];

	snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1",
	    getenv("ROSTERD_DUMP") != NULL ? getenv("ROSTERD_DUMP") : "build/rosterd-dump",
	    arguments);
	return WEXITSTATUS(system(command));
}

Test(dump, says_by_its_exit_code_what_is_wrong)
{
	cr_assert_eq(exit_of("--name no-such-instance"), 66);
	cr_assert_eq(exit_of("--name ../etc"), 64);
	cr_assert_eq(exit_of("--file /etc/passwd"), 65);
	cr_assert_eq(exit_of("nonsense"), 64);
	cr_assert_eq(exit_of("--nonsense"), 64);
	cr_assert_eq(exit_of("--help"), 0);
}
