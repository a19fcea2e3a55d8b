/*
 * A death at each point of the list in turn, in each role that passes it, among
 * clients that come, go, set properties and send.  Each client is an oracle: what
 * it is told adds up, packets have no gap, and after each death all who live agree
 * about everything.  A point at which nobody could be killed fails the run.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shm/segment.h"
#include "../lib/check.h"
#include "../lib/faults.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { ORDER, ANOTHER };
enum { ACTORS = 6, BURST = 200, LONG = 1500, LARGE = 12000 };

#define HIT_MS 25000           /* for the traffic to lead there */
#define AGREE_MS 2000          /* after a death, for all to agree */
#define PAUSE_MS 150           /* some ticks */
#define LAG_MS 3000            /* for the ring of changes to get full */
#define DEAF_MS 3000           /* for what is not read to fill the kernel's buffers */
#define SCRIBBLE_MS 2000       /* so that the commons are closed ... */
#define SCRIBBLE_EVERY_MS 9000 /* ... and long after that are opened again */
#define GRACE_MS 3500          /* until one that stopped, with or without the lock, is killed */

struct actor {
	bool here;
	struct ws w;
	struct roster r;
	int serial, x; /* x: its property */
	int sent[ACTORS], sent_serial[ACTORS], got[ACTORS], got_serial[ACTORS];
	int said, heard[ACTORS], heard_serial[ACTORS]; /* to all, from each */
};

static const char *const options[] = {"--tick", "50", "--max-clients", "24", "--max-packet",
    "2048", "--hung", "1000", "--trust", "127.0.0.1", NULL};

static struct faults faults;
static struct server server;
static struct segment segment;
static struct actor actors[ACTORS];
static int serial, lost, early; /* early: in their handshakes */
static pid_t paused;
static long long resume_ms, hear_ms;

/* The listener that was to die has died: there is another. */
static void
mend(void)
{
	if (waitpid(server.pid, NULL, WNOHANG) != server.pid)
		return;
	while (!server_again(&server, options))
		waitpid(server.pid, NULL, 0);
}

/* Is the handshake done?  Its answer is read to its end, and not a byte further. */
static bool
shake_hands(struct ws *w, const char *header)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	char text[1024], *end = NULL;
	ssize_t got = 1;

	ws_raw_text(w, "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
		       "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
		       "Sec-WebSocket-Version: 13\r\n");
	ws_raw_text(w, header);
	ws_raw_text(w, "\r\n");
	while (end == NULL && poll(&p, 1, 8000) == 1 &&
	       (got = recv(w->fd, text, sizeof(text) - 1, MSG_PEEK)) > 0) {
		text[got] = '\0';
		end = strstr(text, "\r\n\r\n");
	}
	/* 503 is no loss: while one is stopped those who leave keep their places. */
	early += end == NULL;
	return end != NULL && strncmp(text, "HTTP/1.1 101", 12) == 0 &&
	       recv(w->fd, text, (size_t)(end - text) + 4, 0) > 0;
}

static void
go(struct actor *a)
{
	ws_drop(&a->w);
	roster_free(&a->r);
	a->here = false;
}

static void
take_relayed(struct actor *a, const json_t *packet)
{
	const json_t *one = json_object_get(packet, "one"),
		     *all = json_object_get(packet, "all");
	const json_t *v = one != NULL ? one : all;
	int from = (int)json_number_value(json_array_get(v, 0));
	int who = (int)json_number_value(json_array_get(v, 1));
	int n = (int)json_number_value(json_array_get(v, 2));
	int *got = one != NULL ? &a->got[from] : &a->heard[from];
	int *got_serial = one != NULL ? &a->got_serial[from] : &a->heard_serial[from];

	CHECK(from >= 0 && from < ACTORS && n > 0, "a packet from nowhere");
	if (who < *got_serial)
		return; /* its child was still reading when the next one came */
	if (*got_serial != who) {
		*got_serial = who;
		*got = one != NULL ? 0 : n - 1; /* what was said to all before it came */
	}
	CHECK(n == *got + 1, "packet %d of %d came after %d", n, from, *got);
	*got = n;
}

static void
pump(struct actor *a, int timeout_ms)
{
	json_t *packet;

	while (a->here && (packet = ws_packet(&a->w, timeout_ms)) != NULL) {
		if (!roster_take(&a->r, packet))
			take_relayed(a, packet);
		json_decref(packet);
		timeout_ms = 0;
	}
	if (a->here && a->w.ended) {
		lost++;
		go(a);
	}
}

static void
come(struct actor *a)
{
	mend();
	memset(a, 0, sizeof(*a));
	ws_connect(&a->w, server.port);
	if (a == actors) /* who may become deaf, and then is to be full soon */
		setsockopt(a->w.fd, SOL_SOCKET, SO_RCVBUF, &(int){32768}, sizeof(int));
	if (!shake_hands(&a->w, "")) {
		ws_drop(&a->w);
		return;
	}
	a->here = true;
	a->serial = ++serial;
	for (long long until = now_ms() + 8000; a->here && a->r.ticks == 0;) {
		CHECK(now_ms() < until, "no first metadata");
		pump(a, 100);
	}
}

static void
set(struct actor *a, int times)
{
	char object[32];

	while (times-- > 0) {
		snprintf(object, sizeof(object), "{\"x\":%d}", ++a->x);
		roster_set(&a->w, object);
	}
}

/* Properties that make every tick large. */
static void
grow(struct actor *a)
{
	static char padding[LONG + 1];

	memset(padding, 'p', LONG);
	for (int i = 0; a->here && i < LARGE / LONG; i++)
		ws_text(&a->w,
		    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\","
		    "\"properties\":{\"large%d\":\"%s\"}}}",
		    i, padding);
}

static void
say(struct actor *a, int times)
{
	static char padding[LONG + 1];

	memset(padding, 'p', LONG);
	while (times-- > 0)
		ws_text(&a->w,
		    "{\"to\":\"*\",\"packet\":{\"type\":\"all\",\"all\":[%d,%d,%d,\"%.*s\"]}}",
		    (int)(a - actors), a->serial, ++a->said, times > 0 ? LONG : 0, padding);
}

static void
post(struct actor *a, int to, int times)
{
	static char padding[LONG + 1];
	struct actor *b = &actors[to];

	memset(padding, 'p', LONG);
	if (a->sent_serial[to] != b->serial) {
		a->sent_serial[to] = b->serial;
		a->sent[to] = 0;
	}
	while (b->here && times-- > 0)
		ws_text(&a->w,
		    "{\"to\":\"%s\",\"packet\":{\"type\":\"one\",\"one\":[%d,%d,%d,\"%.*s\"]}}",
		    b->r.me, (int)(a - actors), a->serial, ++a->sent[to],
		    times > 0 ? LONG : rand() % 100, padding);
}

static pid_t
ticker(void)
{
	return (pid_t)load_relaxed(&segment.header->ticker_pid);
}

static pid_t
some_child(void)
{
	for (uint32_t slot = 0; slot < segment.header->limits.max_clients; slot++) {
		struct entry_seen seen;

		if (segment_look(segment.header, slot, &seen) && seen.state == ENTRY_OPEN)
			return (pid_t)seen.pid;
	}
	return 0;
}

/* A child that stands still for some ticks: others have to wait for it, it has to merge. */
static void
resume(void)
{
	if (paused > 0)
		kill(paused, SIGCONT);
	paused = 0;
}

static void
pause_one(void)
{
	if (paused > 0)
		return;
	if ((paused = some_child()) > 0)
		kill(paused, SIGSTOP);
	resume_ms = now_ms() + PAUSE_MS;
}

static void
act(struct actor *a)
{
	int to = rand() % ACTORS;

	switch (rand() % 40) {
	case 0: set(a, BURST); break;
	case 1: post(a, to, 20); break;
	case 2: say(a, 20); break;
	case 3:
		if (now_ms() >= hear_ms)
			go(a);
		break;
	case 4: pause_one(); break;
	default:
		if (rand() % 3 == 0)
			set(a, 1);
		else if (rand() % 2 == 0)
			post(a, to, 1);
		else
			say(a, 1);
	}
}

static void
turn(bool quiet)
{
	if (paused > 0 && now_ms() >= resume_ms)
		resume();
	for (int i = 0; i < ACTORS; i++) {
		struct actor *a = &actors[i];

		if (a == actors && now_ms() < hear_ms)
			continue; /* it is deaf */
		if (!a->here)
			come(a);
		else if (!quiet)
			act(a);
		pump(a, quiet ? 5 : 1);
	}
	mend();
}

static bool
agrees(struct actor *a)
{
	if (!a->here || roster_count(&a->r) != ACTORS)
		return false;
	for (int i = 0; i < ACTORS; i++) {
		const struct actor *b = &actors[i];
		int me = (int)(a - actors);
		const json_t *p = b->here ? roster_properties(&a->r, b->r.me) : NULL;

		if (p == NULL || (int)json_number_value(json_object_get(p, "x")) != b->x)
			return false;
		if (b->sent_serial[me] == a->serial && b->sent[me] > 0 &&
		    (a->got_serial[i] != b->serial || a->got[i] != b->sent[me]))
			return false;
	}
	return true;
}

static bool
all_agree(void)
{
	for (int i = 0; i < ACTORS; i++)
		if (!agrees(&actors[i]))
			return false;
	return true;
}

/* All come to know the same; false: not in this time. */
static bool
settle(int ms)
{
	long long until = now_ms() + ms;

	resume();
	hear_ms = 0;
	do
		turn(true);
	while (!all_agree() && now_ms() < until);
	return all_agree();
}

/* Sets by everybody while the ticker stands still, until the ring of changes is full. */
static void
publish_in_vain(void)
{
	const struct ring *ring = &segment_commons(segment.header)->ring;
	long long until = now_ms() + patience(LAG_MS);

	resume();
	kill(ticker(), SIGSTOP);
	for (int i = 0; load_acquire(&ring->overflow) == 0 && now_ms() < until; i++) {
		struct actor *a = &actors[i % ACTORS];

		if (a->here)
			set(a, 20);
		pump(a, 1);
	}
	kill(ticker(), SIGCONT);
}

static void
scribble(void)
{
	store_release(&segment_commons(segment.header)->lock.owner, UINT64_MAX / 3);
}

static void
come_by_a_proxy(void)
{
	struct ws w;

	mend();
	ws_connect(&w, server.port);
	(void)shake_hands(&w, "X-Forwarded-For: 203.0.113.7\r\n");
	ws_drop(&w);
}

/* Lead there; done again and again, each time a second after the last. */
static void
provoke(const char *what)
{
	if (strcmp(what, "death") == 0 || strcmp(what, "both") == 0)
		kill(ticker(), SIGKILL);
	if (strcmp(what, "both") == 0)
		kill(server.pid, SIGKILL);
	if (strcmp(what, "hang") == 0) {
		pause_one();
		resume_ms = now_ms() + GRACE_MS;
	}
	if (strcmp(what, "holder") == 0)
		faults_order(&faults, ANOTHER, FAULT_STALL, "lock.owned", FAULT_CHILD, 1);
	if (strcmp(what, "corpse") == 0)
		faults_order(&faults, ANOTHER, FAULT_KILL, "lock.owned", FAULT_CHILD, 1);
	if (strcmp(what, "lock") == 0)
		faults_order(&faults, ANOTHER, FAULT_KILL, "lock.owned", FAULT_TICKER, 1);
	if (strcmp(what, "welcome") == 0) {
		faults_order(&faults, ANOTHER, FAULT_KILL, "registry.claimed", FAULT_TICKER, 1);
		go(&actors[1]);
	}
	if (strcmp(what, "stranger") == 0 ||
	    (strcmp(what, "scribbler") == 0 && now_ms() % SCRIBBLE_EVERY_MS < SCRIBBLE_MS))
		scribble();
	if (strcmp(what, "proxy") == 0)
		come_by_a_proxy();
	if (strcmp(what, "lag") == 0)
		publish_in_vain();
	if (strcmp(what, "deaf") == 0) {
		for (int i = 0; i < ACTORS; i++)
			grow(&actors[i]);
		hear_ms = now_ms() + DEAF_MS;
	}
	if (strcmp(what, "drain") == 0)
		kill(server.pid, SIGTERM);
}

static int
interval_ms(const char *what)
{
	if (strcmp(what, "scribbler") == 0)
		return 20;
	if (strcmp(what, "proxy") == 0)
		return 0;
	return strcmp(what, "deaf") == 0 ? DEAF_MS + 500 : GRACE_MS;
}

static bool
die_at(unsigned point, enum fault_role role)
{
	const char *name = faults.file->points[point].name, *what = faults.provoked[point];
	long long until = now_ms() + patience(HIT_MS), next_ms = 0, died_ms;
	bool child_dies = role == FAULT_CHILD || strcmp(what, "hang") == 0 ||
			  strcmp(what, "holder") == 0 || strcmp(what, "corpse") == 0;

	lost = early = 0;
	faults_order(&faults, ORDER, FAULT_KILL, name, role, 1);
	while (faults_await(&faults, ORDER, 0) == 0 && now_ms() < until) {
		if (*what != '\0' && now_ms() >= next_ms) {
			provoke(what);
			next_ms = now_ms() + interval_ms(what);
		}
		turn(false);
	}
	died_ms = now_ms();
	faults_withdraw(&faults, ORDER);
	faults_withdraw(&faults, ANOTHER);
	if (faults_await(&faults, ORDER, 0) == 0)
		return false;
	CHECK(settle(patience(AGREE_MS + (child_dies || *what != '\0' ? GRACE_MS : 0))),
	    "after a death at %s of the %s they do not agree", name, faults_role_names[role]);
	fprintf(stderr, "%-22s %-8s agreed after %4lld ms, %d lost\n", name,
	    faults_role_names[role], now_ms() - died_ms, lost);
	/* Who is in the listener's queue goes with it. */
	if (role != FAULT_LISTENER)
		lost += early;
	CHECK(lost <= child_dies || (child_dies && *what != '\0'),
	    "%d clients paid for a death at %s of the %s", lost, name, faults_role_names[role]);
	return true;
}

/* The one that comes after a TERM to the listener; whoever is left ends all the same. */
static bool
dies_at_the_end(void)
{
	faults_order(&faults, ORDER, FAULT_KILL, "ticker.over", FAULT_TICKER, 1);
	provoke("drain");
	if (faults_await(&faults, ORDER, patience(HIT_MS)) == 0)
		return false;
	CHECK(waitpid(server.pid, NULL, 0) == server.pid, "waitpid: %s", strerror(errno));
	CHECK(server_await_processes(&server, "", 0, patience(5000)), "processes are left");
	return true;
}

/* Each second death of the list, from this one on. */
static void
survive(int first)
{
	const char *only = getenv("ROSTERD_POINT"), *why;
	int never = 0, number = 0;

	srand(1);
	faults_make(&faults);
	server_start(&server, options);
	cr_assert_eq(segment_open(&segment, server.name, true, &why), 0, "%s", why);
	cr_assert(settle(patience(5000)));
	for (unsigned p = 0; p < faults.file->count; p++)
		for (int role = 0; role < FAULT_ROLES; role++) {
			const char *name = faults.file->points[p].name;

			if (!faults.passed[p][role] ||
			    strcmp(faults.provoked[p], "drain") == 0 ||
			    strcmp(faults.provoked[p], "hook") == 0 || number++ % 2 != first ||
			    (only != NULL && strstr(only, name) == NULL))
				continue;
			if (!die_at(p, (enum fault_role)role)) {
				fprintf(stderr, "%-22s %-8s NOBODY DIED\n", name,
				    faults_role_names[role]);
				never++;
			}
		}
	never += only == NULL && !dies_at_the_end();
	for (unsigned p = 0; p < faults.file->count; p++) {
		const struct fault_entry *e = &faults.file->points[p];

		fprintf(stderr, "%-22s passed: listener %llu, ticker %llu, child %llu\n",
		    e->name, (unsigned long long)load_relaxed(&e->visits[FAULT_LISTENER]),
		    (unsigned long long)load_relaxed(&e->visits[FAULT_TICKER]),
		    (unsigned long long)load_relaxed(&e->visits[FAULT_CHILD]));
	}
	cr_assert_str_empty(
	    faults.file->unlisted.name, "%s is not in the list", faults.file->unlisted.name);
	cr_assert_eq(never, 0, "%d points were never hit", never);
	server_destroy(&server);
	faults_free(&faults);
}

/* They wait for the most part, so there are two at once. */
Test(every, first_point_of_the_list_and_each_second_one_is_survived, .timeout = 900)
{
	survive(0);
}

Test(every, second_point_of_the_list_and_each_second_one_is_survived, .timeout = 900)
{
	survive(1);
}
