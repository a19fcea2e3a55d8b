/*
 * kills CHILDREN TICKERS LISTENERS SECONDS - SIGKILL at random times under load.
 *
 * A crowd (lib/crowd.h) lives through it and is the oracle: what each of it is told adds up,
 * and packets come once and in order.  Victims come, set properties, send to all, go, and
 * are killed.  Of each of these the crowd must hear, and what came of it must have no gap.
 * In the end all is as it was in the beginning: slots, processes, descriptors, memory.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../shm/segment.h"
#include "../lib/check.h"
#include "../lib/crowd.h"
#include "../lib/server.h"

enum { CROWD = 8, VICTIMS = 40, AWAITED_MAX = 4096 };

#define ACT_MS 60 /* between two deeds of a victim, on average */
#define HEARD_MS \
	2000 /* from a death, of whomever, until all have heard of those who are gone */
#define SETTLE_MS 15000
#define ANON_KB 512    /* what the private memory of a process may vary by */
#define SHARED_KB 8192 /* rings that have gone round: see grown() */

struct victim {
	struct ws w; /* fd -1: not connected */
	int serial, sent;
	long long next_ms;
};

/* Somebody was killed, and his token is to go from everybody's roster. */
struct awaited {
	char token[TOKEN_LENGTH + 1];
	long long died_ms;
};

struct kind {
	const char *name;
	int wanted, done;
	long long every_ms_1000, next_ms; /* a thousandth of ms each */
};

struct state {
	long anon_kb[2], descriptors[2]; /* of listener and ticker */
	long shared_kb;
};

static struct server server;
static struct segment segment;
static struct crowd people;
static struct victim victims[VICTIMS];
static struct awaited awaited[AWAITED_MAX];
static int awaited_count;
static struct {
	int serial, n;
} heard[CROWD_MAX][VICTIMS];
static long long packets, recovered_ms, worst_heard_ms;
static int serials, left;

/* Numbers of a victim's packets go up by one, whoever dies. */
static void
hear_victim(int receiver, const json_t *packet)
{
	const json_t *v = json_object_get(packet, "v");
	int place = (int)json_number_value(json_array_get(v, 0));
	int serial = (int)json_number_value(json_array_get(v, 1));
	int n = (int)json_number_value(json_array_get(v, 2));

	CHECK(place >= 0 && place < VICTIMS && n > 0, "a packet from nowhere");
	if (serial < heard[receiver][place].serial)
		return; /* its child was still reading when the next one came */
	if (heard[receiver][place].serial != serial) {
		heard[receiver][place].serial = serial;
		heard[receiver][place].n = 0;
	}
	CHECK(n == heard[receiver][place].n + 1, "packet %d of victim %d came after %d", n,
	    place, heard[receiver][place].n);
	heard[receiver][place].n = n;
	packets++;
}

static void
come(struct victim *v)
{
	ws_connect(&v->w, server.port);
	ws_raw_text(&v->w,
	    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n\r\n");
	v->serial = ++serials;
	v->sent = 0;
}

static void
go(struct victim *v)
{
	if (rand() % 2 == 0)
		ws_drop(&v->w);
	else
		ws_reset(&v->w);
	left++;
}

/* It does not wait for its handshake: so it may die there, too. */
static void
act(struct victim *v)
{
	if (v->w.fd >= 0 && ws_await_end(&v->w, 0))
		ws_drop(&v->w);
	if (now_ms() < v->next_ms)
		return;
	v->next_ms = now_ms() + rand() % (2 * ACT_MS);
	if (v->w.fd < 0)
		come(v);
	else if (rand() % 100 == 0)
		go(v);
	else if (rand() % 2 == 0)
		ws_text(&v->w,
		    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\","
		    "\"properties\":{\"x\":%d}}}",
		    rand());
	else
		ws_text(&v->w, "{\"to\":\"*\",\"packet\":{\"type\":\"v\",\"v\":[%d,%d,%d]}}",
		    (int)(v - victims), v->serial, ++v->sent);
}

static bool
is_one_of_us(const char *token)
{
	for (int i = 0; i < people.count; i++)
		if (strcmp(people.members[i].r.me, token) == 0)
			return true;
	return false;
}

static pid_t
ticker(void)
{
	return (pid_t)load_relaxed(&segment.header->ticker_pid);
}

static bool
kill_child(void)
{
	uint32_t max = segment.header->limits.max_clients, first = (uint32_t)rand() % max;

	for (uint32_t i = 0; i < max; i++) {
		struct entry_seen seen;

		if (!segment_look(segment.header, (first + i) % max, &seen) ||
		    (seen.state != ENTRY_OPEN && seen.state != ENTRY_CLAIMED) ||
		    is_one_of_us(seen.token))
			continue;
		if (kill((pid_t)seen.pid, SIGKILL) < 0)
			continue;
		CHECK(awaited_count < AWAITED_MAX, "nobody hears of the dead");
		if (seen.state == ENTRY_OPEN) {
			struct awaited *a = &awaited[awaited_count++];

			memcpy(a->token, seen.token, sizeof(a->token));
			a->died_ms = now_ms();
		}
		return true;
	}
	return false;
}

/* The one that was killed last has a successor before this is done again. */
static bool
kill_ticker(void)
{
	static pid_t last;

	if (ticker() == last || ticker() == 0)
		return false;
	last = ticker();
	CHECK(kill(last, SIGKILL) == 0, "no ticker: %s", strerror(errno));
	recovered_ms = now_ms();
	return true;
}

static bool
kill_listener(void)
{
	CHECK(kill(server.pid, SIGKILL) == 0 && waitpid(server.pid, NULL, 0) == server.pid,
	    "no listener: %s", strerror(errno));
	CHECK(server_again(&server, NULL), "the next listener ended");
	recovered_ms = now_ms();
	return true;
}

/* We are the reaper of those whose listener died. */
static void
reap(void)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		CHECK(pid != server.pid, "the listener ended");
}

/* Forget those of whom everybody has heard. */
static void
look(void)
{
	for (int i = awaited_count; i-- > 0;) {
		struct awaited *a = &awaited[i];
		long long since = a->died_ms > recovered_ms ? a->died_ms : recovered_ms;
		bool known = false;

		for (int k = 0; k < people.count && !known; k++)
			known = roster_has(&people.members[k].r, a->token);
		if (now_ms() - since > worst_heard_ms)
			worst_heard_ms = now_ms() - since;
		CHECK(!known || now_ms() - since < patience(HEARD_MS),
		    "%s has been dead for %lld ms", a->token, now_ms() - a->died_ms);
		if (!known)
			*a = awaited[--awaited_count];
	}
}

static void
turn(void)
{
	crowd_run(&people, 5);
	for (int i = 0; i < VICTIMS; i++)
		act(&victims[i]);
	look();
	reap();
}

/* Do it, if it is time, and choose the next time: on average every_ms from now. */
static void
strike(struct kind *k, bool (*deed)(void))
{
	while (k->done < k->wanted && now_ms() * 1000 >= k->next_ms && deed()) {
		k->done++;
		k->next_ms += 1 + rand() % (2 * k->every_ms_1000);
	}
}

static void
plan(struct kind *k, int seconds)
{
	k->every_ms_1000 = seconds * 1000000LL / (k->wanted + 1) + 1;
	k->next_ms = now_ms() * 1000 + k->every_ms_1000;
}

static void
everybody_goes(void)
{
	long long until = now_ms() + patience(SETTLE_MS);

	for (int i = 0; i < VICTIMS; i++)
		if (victims[i].w.fd >= 0)
			ws_drop(&victims[i].w);
	while (!crowd_alone(&people)) {
		CHECK(now_ms() < until, "somebody is still in the roster");
		crowd_run(&people, 20);
	}
	crowd_settle(&people);
	look();
	CHECK(server_await_clients(&server, CROWD, SETTLE_MS), "slots are not free");
	CHECK(server_await_processes(&server, "client", CROWD, SETTLE_MS), "clients are left");
	CHECK(server_await_processes(&server, "ticker", 1, SETTLE_MS), "not one ticker");
	CHECK(server_await_processes(&server, "listener", 1, SETTLE_MS), "not one listener");
	reap();
}

static long
anonymous_kb(pid_t pid)
{
	char path[64], line[128];
	long kb = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	CHECK((file = fopen(path, "r")) != NULL, "%s: %s", path, strerror(errno));
	while (kb < 0 && fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "RssAnon: %ld", &kb);
	fclose(file);
	return kb;
}

static struct state
measure(void)
{
	pid_t pids[2] = {server.pid, ticker()};
	struct state now;
	struct stat s;

	for (int i = 0; i < 2; i++) {
		now.anon_kb[i] = anonymous_kb(pids[i]);
		now.descriptors[i] = server_descriptors(pids[i]);
	}
	CHECK(fstat(segment.fd, &s) == 0, "fstat: %s", strerror(errno));
	now.shared_kb = (long)s.st_blocks / 2;
	return now;
}

/* Rings of mail and changes have a size, and are full of memory once they went round. */
static void
compare(const struct state *was, const struct state *is)
{
	static const char *const names[2] = {"listener", "ticker"};

	for (int i = 0; i < 2; i++) {
		printf(
		    "kills: %s: private memory %ld kB, then %ld; descriptors %ld, then %ld\n",
		    names[i], was->anon_kb[i], is->anon_kb[i], was->descriptors[i],
		    is->descriptors[i]);
		CHECK(is->descriptors[i] == was->descriptors[i], "descriptors leak");
		CHECK(is->anon_kb[i] <= was->anon_kb[i] + ANON_KB, "memory leaks");
	}
	printf("kills: segment %ld kB, then %ld\n", was->shared_kb, is->shared_kb);
	CHECK(is->shared_kb <= was->shared_kb + SHARED_KB, "pages of the segment leak");
}

int
main(int argc, char **argv)
{
	struct kind children = {.name = "children"}, tickers = {.name = "tickers"},
		    listeners = {.name = "listeners"};
	const char *why, *given = getenv("ROSTERD_SEED");
	unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
	long long began, until;
	struct state was, is;

	CHECK(argc == 5, "usage: kills CHILDREN TICKERS LISTENERS SECONDS");
	children.wanted = atoi(argv[1]);
	tickers.wanted = atoi(argv[2]);
	listeners.wanted = atoi(argv[3]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("kills: ROSTERD_SEED=%u\n", seed);
	srand(seed);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	for (int i = 0; i < VICTIMS; i++)
		victims[i].w.fd = -1;
	server_start(&server, NULL);
	CHECK(segment_open(&segment, server.name, false, &why) == 0, "%s", why);
	crowd_open(&people, server.port, CROWD);
	people.stranger = hear_victim;

	/* What is compared in the end has been through the same. */
	until = now_ms() + 2000;
	kill_ticker();
	kill_listener();
	while (now_ms() < until)
		turn();
	everybody_goes();
	was = measure();

	crowd_measure(&people);
	worst_heard_ms = packets = left = 0;
	began = now_ms();
	plan(&children, atoi(argv[4]));
	plan(&tickers, atoi(argv[4]));
	plan(&listeners, atoi(argv[4]));
	until = began + patience(atoi(argv[4]) * 4000 + 60000);
	while (now_ms() < began + atoi(argv[4]) * 1000LL || children.done < children.wanted ||
	       tickers.done < tickers.wanted || listeners.done < listeners.wanted) {
		CHECK(now_ms() < until, "%d, %d, %d kills, and time is up", children.done,
		    tickers.done, listeners.done);
		strike(&children, kill_child);
		strike(&tickers, kill_ticker);
		strike(&listeners, kill_listener);
		turn();
	}
	everybody_goes();
	json_decref(server_dump(&server, "check"));
	is = measure();
	printf("kills: %d children, %d tickers, %d listeners in %lld s; %d clients came, %d "
	       "left by "
	       "themselves\n",
	    children.done, tickers.done, listeners.done, (now_ms() - began) / 1000, serials,
	    left);
	printf(
	    "kills: %d survivors: %lld packets of victims and their own in order; worst: death "
	    "heard of %lld ms, tick %lld ms, packet %lld ms\n",
	    CROWD, packets, worst_heard_ms, people.worst_tick_ms, people.worst_packet_ms);
	compare(&was, &is);
	for (int i = 0; i < CROWD; i++)
		ws_drop(&people.members[i].w);
	server_stop(&server);
	/* Those of dead listeners have become ours: all come to their end, or the alarm ends us. */
	alarm(10);
	while (waitpid(-1, NULL, 0) > 0)
		continue;
	return 0;
}
