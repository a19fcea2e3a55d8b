/*
 * Counters that move only when something is wrong: each is made to.  (Those of
 * ordinary life move in all other tests; `make moved` looks whether any was
 * forgotten.)
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shm/segment.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static struct roster r[2];
static struct ws w[2];
static pid_t starter; /* of the server, if not the test itself */

static void
start(const char *const *options)
{
	server_start(&s, options);
	for (int i = 0; i < 2; i++)
		roster_open(&r[i], &w[i], s.port);
	roster_await(&r[0], &w[0], r[1].me, true, 5000);
}

static void
tear_down(void)
{
	server_destroy(&s);
	/* Only now: with it ends the server that it has started, and what that has counted. */
	if (starter > 0) {
		kill(starter, SIGKILL);
		waitpid(starter, NULL, 0);
	}
}

TestSuite(counters, .fini = tear_down);

#define QUICK ((const char *const[]){"--tick", "50", NULL})

static void
await(const char *group, const char *name, int timeout_ms)
{
	cr_assert(server_await_counter(&s, group, name, 1, patience(timeout_ms)),
	    "%s.%s does not move", group, name);
}

static pid_t
ticker(void)
{
	pid_t pid;

	cr_assert_eq(server_processes(&s, "ticker", &pid, 1), 1);
	return pid;
}

/* What the dump tool says of a client. */
static long long
of_client(const char *token, const char *key)
{
	json_t *clients = server_dump(&s, "clients"), *client;
	long long value = -1;
	size_t i;

	json_array_foreach(clients, i,
	    client) if (strcmp(json_string_value(json_object_get(client, "token")), token) == 0)
	    value = json_integer_value(json_object_get(client, key));
	json_decref(clients);
	return value;
}

/* The segment, to be scribbled over as no process of the instance could. */
static struct header *
map(void)
{
	char path[96];
	struct stat status;
	void *at;
	int fd;

	snprintf(path, sizeof(path), "/dev/shm/rosterd.%s", s.name);
	cr_assert_geq(fd = open(path, O_RDWR | O_CLOEXEC), 0);
	cr_assert_eq(fstat(fd, &status), 0);
	at = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	cr_assert_neq(at, MAP_FAILED);
	close(fd);
	return at;
}

Test(counters, ticks_late)
{
	pid_t pid;
	long long before;

	start(QUICK);
	pid = ticker();
	before = server_counter(&s, "ticker", "ticks");
	kill(pid, SIGSTOP);
	/* Several ticks' time, in which nobody says anything. */
	for (long long until = now_ms() + 400; now_ms() < until;)
		free(ws_next(&w[0], (int)(until - now_ms())));
	kill(pid, SIGCONT);
	await("ticker", "ticks_late", 5000);
	cr_assert(server_await_counter(&s, "ticker", "ticks", before + 2, 5000));
}

/* Two listeners share a ticker that has a place for one client. */
Test(counters, full)
{
	struct server other;
	struct ws guest;
	char *answer;

	server_start(&s, (const char *const[]){"--max-clients", "1", NULL});
	ws_open(&guest, s.port);
	server_start(
	    &other, (const char *const[]){"--max-clients", "1", "--name", s.name, NULL});
	answer = ws_http(other.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "%s", answer);
	free(answer);
	await("ticker", "full", 5000);
	kill(other.pid, SIGKILL);
	waitpid(other.pid, NULL, 0);
	unlink(other.log);
}

/* More changes than the ring holds, between two ticks: none is lost. */
Test(counters, ring_overflows, .timeout = 60)
{
	start((const char *const[]){"--tick", "1500", "--max-clients", "16", NULL});
	for (int i = 0; i < 5000; i++)
		roster_set(&w[0], i % 2 == 0 ? "{\"n\":0}" : "{\"n\":1}");
	roster_set(&w[0], "{\"n\":\"last\"}");
	roster_await_property(&r[1], &w[1], r[0].me, "n", "\"last\"", patience(20000));
	await("ticker", "ring_overflows", 5000);
}

Test(counters, lock_recoveries)
{
	start(QUICK);
	store_relaxed(&segment_commons(map())->lock.owner, 0x1234567890abcdefULL);
	await("ticker", "lock_recoveries", 5000);
	/* And it is free: what needs it goes on. */
	roster_set(&w[0], "{\"a\":1}");
	roster_await_property(&r[1], &w[1], r[0].me, "a", "1", 3000);
}

Test(counters, commons_rebuilt_and_commons_closed)
{
	start(QUICK);
	store_relaxed(&segment_commons(map())->lock.owner, 0x1234567890abcdefULL);
	await("ticker", "commons_rebuilt", 5000);
	store_relaxed(&segment_commons(map())->ring.tail, 1000);
	await("ticker", "commons_closed", 5000);
	/* What needs the lock goes on without. */
	roster_set(&w[0], "{\"a\":1}");
	roster_await_property(&r[1], &w[1], r[0].me, "a", "1", 3000);
}

Test(counters, kills_lock_and_lock_waits)
{
	struct header *h;
	uint64_t slot, name;

	start(QUICK);
	h = map();
	slot = (uint64_t)of_client(r[1].me, "slot");
	name = (slot + 1) << 44 | load_relaxed(&segment_entry(h, (uint32_t)slot)->generation)
				      << 16;
	/* Or nobody would believe that it holds it. */
	store_relaxed(&segment_slot(h, (uint32_t)slot)->badge, name);
	store_release(&segment_commons(h)->lock.owner, name);
	roster_set(&w[0], "{\"a\":1}");
	await("ticker", "kills_lock", 5000);
	await("clients", "lock_waits", 5000);
	roster_await(&r[0], &w[0], r[1].me, false, 5000);
	roster_await_property(&r[0], &w[0], r[0].me, "a", "1", 5000);
}

Test(counters, kills_lie)
{
	struct header *h;
	struct slot *slot;

	start(QUICK);
	h = map();
	slot = segment_slot(h, (uint32_t)of_client(r[1].me, "slot"));
	memcpy(slot->small[(load_relaxed(&slot->version) + 1) & 1], "[1]", 3);
	store_relaxed(&slot->length[(load_relaxed(&slot->version) + 1) & 1], 3);
	store_release(&slot->version, load_relaxed(&slot->version) + 1);
	/* Nobody told the ring of it; the full ring's mark has all slots looked at. */
	store_release(&segment_commons(h)->ring.overflow, 1);
	await("ticker", "kills_lie", 5000);
	roster_await(&r[0], &w[0], r[1].me, false, 5000);
}

Test(counters, kills_lost, .timeout = 60)
{
	pid_t child;

	start(QUICK);
	child = (pid_t)of_client(r[1].me, "pid");
	kill(child, SIGSTOP);
	kill(ticker(), SIGKILL);
	await("ticker", "kills_lost", 20000); /* after 10 s, see WATCH_BACK_MS */
	roster_await(&r[0], &w[0], r[1].me, false, 5000);
	await("ticker", "returned", 1000);
}

/* A process that was stopped takes no mail, and others wait for it: not for long. */
Test(counters, kills_stall_and_mail_full, .timeout = 60)
{
	char value[600];

	start((const char *const[]){"--tick", "50", "--max-packet", "1024", NULL});
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	kill((pid_t)of_client(r[1].me, "pid"), SIGSTOP);
	for (int i = 0; i < 60; i++)
		ws_text(&w[0], "{\"to\":\"%s\",\"packet\":{\"type\":\"x\",\"x\":\"%s\"}}",
		    r[1].me, value);
	await("ticker", "mail_full", 5000);
	await("clients", "outbox_waits", 5000);
	await("ticker", "kills_stall", 10000);
	roster_await(&r[0], &w[0], r[1].me, false, 5000);
}

Test(counters, kills_hung, .timeout = 60)
{
	start(QUICK);
	kill((pid_t)of_client(r[1].me, "pid"), SIGSTOP);
	roster_set(&w[0], "{\"a\":1}"); /* a tick to be rung for */
	await("ticker", "kills_hung", 20000);
	roster_await(&r[0], &w[0], r[1].me, false, 5000);
}

/* Every snapshot that there can be is pinned by somebody who does not let go. */
Test(counters, kills_pin, .timeout = 60)
{
	enum { PINS = LAYOUT_GENERATIONS };
	struct roster pinner[PINS];
	struct ws line[PINS];
	struct header *h;

	start(QUICK);
	for (int i = 0; i < PINS; i++)
		roster_open(&pinner[i], &line[i], s.port);
	h = map();
	for (int i = 0; i < PINS; i++)
		kill((pid_t)of_client(pinner[i].me, "pid"), SIGSTOP);
	for (int i = 0; i < PINS; i++) {
		struct slot *slot = segment_slot(h, (uint32_t)of_client(pinner[i].me, "slot"));
		uint64_t before = load_relaxed(&h->current);

		store_relaxed(&slot->pinned, (uint32_t)(before >> 8));
		ws_text(&w[0],
		    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":"
		    "{\"n\":%d}}}",
		    i);
		for (long long until = now_ms() + patience(2000);
		     load_relaxed(&h->current) == before && now_ms() < until;)
			continue;
	}
	await("ticker", "kills_pin", 8000);
}

/* The limit of processes counts for users other than root: be one, with room for four. */
Test(counters, fork_failed, .timeout = 60)
{
	/* Not the last run's, whose dead the kernel may count until somebody buries them. */
	const unsigned user = 40000 + (unsigned)getpid() % 20000;
	struct server *shared =
	    mmap(NULL, sizeof(s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct ws first, second;
	int ready[2];
	char byte;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	cr_assert_eq(pipe(ready), 0);
	if ((starter = fork()) == 0) {
		struct rlimit five = {5, 5};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgroups(0, NULL) < 0 || setgid(user) < 0 ||
		    setrlimit(RLIMIT_NPROC, &five) < 0 || setuid(user) < 0)
			_exit(1);
		server_start(shared, NULL);
		(void)!write(ready[1], "\n", 1);
		pause();
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1, "it does not start");
	s = *shared;
	s.guard = -1; /* the starter's */
	/* The caller, its guard, the listener and the ticker are four. */
	ws_open(&first, s.port);
	ws_connect(&second, s.port);
	await("listener", "fork_failed", 5000);
}
