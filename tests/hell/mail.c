/* Clients that do not take what is for them, and those who send it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "../lib/check.h"
#include "hell.h"

#define BACKLOG_KIB 256
#define BOUND_KIB (4 * BACKLOG_KIB + 1024) /* the backlog as it grows, and all else */

/* A client with little room in its socket, that never reads. */
static void
open_deaf(struct ws *w, int port)
{
	int small = 4096;

	ws_open(w, port);
	setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
}

/* Ticks are never queued up, so a client may be deaf and cost its process little. */
Test(mail, a_client_that_never_reads_its_ticks, .timeout = 60)
{
	static struct hell h;
	struct roster r = {0};
	char token[33];
	struct ws w;
	pid_t child;
	long kib;

	hell_open(&h, NULL);
	open_deaf(&w, h.server.port);
	child = hell_child_of(&h, &w, token);
	hell_calm(&h);
	hell_live(&h, 4000);
	kib = hell_own_kib(child);
	hell_stop(&h);
	fprintf(stderr, "never reading ticks: its process has %ld KiB\n", kib);
	cr_assert_lt(kib, BOUND_KIB);
	/* It begins to read: whatever it missed is told at once, and adds up. */
	while (r.ticks < 4)
		cr_assert(roster_next(&r, &w, 5000));
	cr_assert_eq(roster_count(&r), HELL_CROWD + 1);
	ws_drop(&w);
	hell_end(&h, "never reading, ticks");
}

static char victim[33];

static void
send_to_victim(const struct hell *h)
{
	static char value[1000];
	const char *frame;
	size_t length;
	struct ws w;

	memset(value, 'v', sizeof(value) - 1);
	frame = hell_frame(&length,
	    "{\"to\":\"%s\",\"packet\":{\"type\":\"storm\",\"storm\":\"%s\"}}", victim, value);
	ws_open(&w, h->server.port);
	hell_flood(&w, frame, length);
}

/* Over its backlog it is closed, with 1013, and its senders never waited for it. */
Test(mail, a_client_that_never_reads_its_mail, .timeout = 60)
{
	static struct hell h;
	long long until = now_ms() + patience(10000);
	long most = 0;
	struct ws w;
	pid_t child;

	hell_open(&h, (const char *const[]){"--backlog", "256k", NULL});
	open_deaf(&w, h.server.port);
	child = hell_child_of(&h, &w, victim);
	hell_calm(&h);
	hell_begin(&h, send_to_victim, 2);
	while (server_logged(&h.server, "code=1013") == 0) {
		long kib = server_processes(&h.server, "client", NULL, 0) > HELL_CROWD
			       ? hell_own_kib(child)
			       : 0;

		most = kib > most ? kib : most;
		cr_assert_lt(now_ms(), until, "it is not closed");
		hell_live(&h, 20);
	}
	fprintf(stderr, "never reading mail: its process had %ld KiB at most\n", most);
	cr_assert_lt(most, BOUND_KIB);
	cr_assert_geq(server_logged(&h.server, "backlog over its limit"), 1);
	ws_drop(&w);
	hell_end(&h, "never reading, mail");
}

/* All at one client that reads as fast as it can: it is slowed down, nobody else is. */
static struct ws reader;

static void
read_as_victim(const struct hell *h)
{
	static char bytes[1 << 20];

	(void)h;
	while (recv(reader.fd, bytes, sizeof(bytes), 0) > 0)
		continue;
}

Test(mail, relay_storms_to_one_victim, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	ws_open(&reader, h.server.port);
	(void)hell_child_of(&h, &reader, victim);
	hell_calm(&h);
	hell_begin(&h, read_as_victim, 1);
	hell_begin(&h, send_to_victim, 4);
	hell_live(&h, 3000);
	ws_drop(&reader);
	hell_end(&h, "relay storms to one victim");
}

static void
send_to_all(const struct hell *h)
{
	static char value[60000];
	const char *frame;
	size_t length;
	struct ws w;

	memset(value, 'v', sizeof(value) - 1);
	frame = hell_frame(
	    &length, "{\"to\":[],\"packet\":{\"type\":\"storm\",\"storm\":\"%s\"}}", value);
	ws_open(&w, h->server.port);
	hell_flood(&w, frame, length);
}

/* Packets as large as may be, for nobody: all that is to be done is to look at them. */
Test(mail, large_packets_for_nobody, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	hell_begin(&h, send_to_all, 4);
	hell_live(&h, 2500);
	hell_end(&h, "large packets for nobody");
}
