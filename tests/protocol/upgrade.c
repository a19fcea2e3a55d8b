/* HUP: the binary that is installed now takes over, and nobody notices. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum {
	CLIENTS = 500,
	WATCHED = 20, /* of them check all that they are told; the others only that they live */
	ARRIVERS = 10, /* processes that connect ... */
	PAUSE_MS = 50, /* ... once in so long each: 200 a second together */
	TICK_MS = 500,
};

static struct server s;
static char folder[64], installed[96];

static const char *
usual(const char *variable, const char *path)
{
	const char *value = getenv(variable);

	return value != NULL && *value != '\0' ? value : path;
}

/* Put a program in the place of the one that runs, as installers do. */
static void
install(const char *program)
{
	char command[512];

	snprintf(command, sizeof(command), "cp %s %s.new && mv %s.new %s", program, installed,
	    installed, installed);
	cr_assert_eq(system(command), 0, "%s", command);
}

static void
set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/test-upgrade-XXXXXX");
	cr_assert_not_null(mkdtemp(folder));
	snprintf(installed, sizeof(installed), "%s/rosterd", folder);
	install(usual("ROSTERD", "build/rosterd"));
	setenv("ROSTERD", installed, 1);
}

static void
tear_down(void)
{
	char command[96];

	server_destroy(&s);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	(void)!system(command);
}

TestSuite(upgrade, .init = set_up, .fini = tear_down, .timeout = 120);

/* Is it a process of the program that is installed now? */
static bool
is_new(pid_t pid)
{
	char link[64], path[160] = "";

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	return readlink(link, path, sizeof(path) - 1) > 0 && strcmp(path, installed) == 0;
}

/* Processes with this title that are of the program that is installed now. */
static int
count_new(const char *title)
{
	pid_t pids[1024];
	int count = server_processes(&s, title, pids, 1024), fresh = 0;

	for (int i = 0; i < count && i < 1024; i++)
		fresh += is_new(pids[i]);
	return fresh;
}

static void
await_new(const char *title)
{
	for (long long until = now_ms() + patience(8000); count_new(title) == 0;
	     poll(NULL, 0, 10))
		cr_assert_lt(now_ms(), until, "no new %s comes", title);
}

/* Those who arrive. */

struct arrivals {
	_Atomic bool over;
	_Atomic int count, worst_ms;
};

_Noreturn static void
arrive(struct arrivals *a, int number)
{
	long long next = now_ms() + number * PAUSE_MS / ARRIVERS;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (!a->over) {
		struct roster r;
		struct ws w;
		long long start;

		while (now_ms() < next)
			poll(NULL, 0, (int)(next - now_ms()));
		/* One that is refused, reset or not answered ends this process with a signal. */
		start = now_ms();
		roster_open(&r, &w, s.port);
		ws_close(&w);
		roster_free(&r);
		if (now_ms() - start > a->worst_ms)
			a->worst_ms = (int)(now_ms() - start);
		a->count++;
		next += PAUSE_MS;
	}
	_exit(0);
}

/* Those who are there. */

static struct roster r[WATCHED];
static struct ws w[CLIENTS];

static void
take_all(struct ws *one)
{
	static char bytes[1 << 16];
	ssize_t got;

	while ((got = recv(one->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		continue;
	cr_assert(got < 0 && errno == EAGAIN, "a client was dropped");
}

/* Live for so long; the longest time that one of them had no tick. */
static long long
live(int clients, int ms)
{
	static int number;
	static long long last[WATCHED];
	long long until = now_ms() + ms, next_set = 0, worst = 0;

	for (int i = 0; i < WATCHED; i++)
		last[i] = now_ms();
	while (now_ms() < until) {
		char object[32];

		if (now_ms() >= next_set) {
			snprintf(object, sizeof(object), "{\"n\":%d}", ++number);
			roster_set(&w[0], object);
			next_set = now_ms() + 100;
		}
		for (int i = 0; i < WATCHED; i++) {
			while (roster_next(&r[i], &w[i], 1)) {
				if (now_ms() - last[i] > worst)
					worst = now_ms() - last[i];
				last[i] = now_ms();
			}
			cr_assert_not(w[i].ended, "a client was dropped");
		}
		for (int i = WATCHED; i < clients; i++)
			take_all(&w[i]);
	}
	return worst;
}

Test(upgrade, nobody_notices_that_the_program_is_replaced)
{
	struct arrivals *a =
	    mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	const int clients = crowd(CLIENTS);
	long long before, worst, start;
	pid_t pids[ARRIVERS];
	int status, came;

	server_start(&s, (const char *const[]){"--ping", "600000", NULL});
	for (int i = 0; i < clients; i++) {
		if (i < WATCHED)
			roster_open(&r[i], &w[i], s.port);
		else
			ws_open(&w[i], s.port);
	}
	for (int i = 0; i < ARRIVERS; i++)
		if ((pids[i] = fork()) == 0)
			arrive(a, i);
	before = live(clients, 4000);
	came = a->count;
	start = now_ms();
	install(usual("ROSTERD_AGAIN", "build/rosterd"));
	cr_assert_eq(count_new(""), 0);
	kill(s.pid, SIGHUP);
	worst = live(clients, 4000);
	await_new("listener");
	await_new("ticker");
	fprintf(stderr,
	    "%d clients, %lld arrivals a second before and %lld while it is replaced "
	    "(the slowest took %d ms); longest time without a tick: %lld and %lld ms\n",
	    clients, came * 1000LL / 4000, (a->count - came) * 1000LL / (now_ms() - start),
	    a->worst_ms, before, worst);
	a->over = true;
	for (int i = 0; i < ARRIVERS; i++) {
		waitpid(pids[i], &status, 0);
		cr_assert(WIFEXITED(status), "somebody was refused");
	}
	cr_assert_eq(kill(s.pid, 0), 0, "it is the same process");
	cr_assert_eq(server_counter(&s, "listener", "fork_failed"), 0);
	/* And whoever of the others was just there. */
	cr_assert_geq(
	    server_counter(&s, "ticker", "returned"), clients, "all know the new one");
	cr_assert_eq(server_logged(&s, "client-killed"), 0);
	/* With a tick missed it would be two periods; on a busy machine, what it was before. */
	cr_assert_lt(worst, before > 2 * TICK_MS ? 2 * before : 2 * TICK_MS, "%lld ms", worst);
}

/* A file of the test's folder, anew. */
static const char *
write_file(const char *name, const char *text, mode_t mode)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

Test(upgrade, with_another_layout_the_old_instance_is_left_to_its_clients)
{
	struct roster a, b, c;
	struct ws wa, wb, wc;
	pid_t ticker;

	server_start(&s, (const char *const[]){"--idle-exit", "2", NULL});
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_await(&a, &wa, b.me, true, 3000);
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	install("build/relaid/rosterd");
	setenv("ROSTERD_DUMP", "build/relaid/rosterd-dump", 1);
	kill(s.pid, SIGHUP);
	await_new("listener");
	await_new("ticker");
	cr_assert_eq(server_logged(&s, "segment-retired"), 1);

	/* Those who come now are by themselves; those who were there go on. */
	roster_open(&c, &wc, s.port);
	cr_assert_eq(roster_count(&c), 1);
	roster_set(&wa, "{\"x\":1}");
	roster_await_property(&b, &wb, a.me, "x", "1", 3000);
	cr_assert_not(roster_has(&b, c.me));
	/* Also without their ticker: they have a listener of their own to start another. */
	kill(ticker, SIGKILL);
	roster_set(&wa, "{\"x\":2}");
	roster_await_property(&b, &wb, a.me, "x", "2", 5000);
	cr_assert_eq(count_new("ticker"), 1);

	/* And when they have left nothing is left of what they had. */
	ws_close(&wa);
	ws_close(&wb);
	cr_assert(server_await_processes(&s, "", 3, patience(10000)));
	cr_assert_eq(count_new(""), 3);
	roster_set(&wc, "{\"x\":3}");
	roster_await_property(&c, &wc, c.me, "x", "3", 3000);
}

/* The version in the metadata that a newcomer is sent. */
static void
check_version(const char *wanted)
{
	struct ws newcomer;
	json_t *packet;

	ws_open(&newcomer, s.port);
	cr_assert_not_null(packet = ws_packet(&newcomer, 3000));
	cr_assert_str_eq(
	    json_string_value(json_object_get(json_object_get(packet, "metadata"), "version")),
	    wanted);
	json_decref(packet);
	ws_close(&newcomer);
}

Test(upgrade, the_configuration_is_read_again_unless_it_is_wrong)
{
	const char *path = write_file("conf", "app-version = first\n", 0600);
	struct roster a;
	struct ws wa;

	server_start(&s, (const char *const[]){"--config", path, NULL});
	roster_open(&a, &wa, s.port);
	check_version("first");
	write_file("conf", "app-version = second\n", 0600);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "ticker-ready", 2, patience(5000)));
	check_version("second");
	write_file("conf", "max-clients = many\n", 0600);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "upgrade-refused", 1, patience(5000)));
	check_version("second");
	roster_set(&wa, "{\"x\":1}");
	roster_await_property(&a, &wa, a.me, "x", "1", 3000);
}

Test(upgrade, a_program_that_does_not_start_is_refused)
{
	struct roster a;
	struct ws wa;

	server_start(&s, NULL);
	roster_open(&a, &wa, s.port);
	install(write_file("broken", "#!/bin/sh\nexit 3\n", 0755));
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "upgrade-refused check=3", 1, patience(5000)));
	unlink(installed);
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "upgrade-refused check=127", 1, patience(5000)));
	check_version("DEV");
	roster_set(&wa, "{\"x\":1}");
	roster_await_property(&a, &wa, a.me, "x", "1", 3000);
}
