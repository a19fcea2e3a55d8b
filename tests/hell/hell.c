#include "hell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/check.h"

#define TICK_MS 1000 /* the protocol's promise */
#define GONE_MS 12000
#define AWAIT_MS 60000

void
hell_open(struct hell *h, const char *const *options)
{
	memset(h, 0, sizeof(*h));
	server_start(&h->server, options);
	crowd_open(&h->crowd, h->server.port, HELL_CROWD);
	crowd_run(&h->crowd, 100);
	crowd_measure(&h->crowd);
}

void
hell_begin(struct hell *h, hell_attack *attack, int attackers)
{
	for (int i = 0; i < attackers; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0, "fork: %s", strerror(errno));
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			signal(SIGABRT, SIG_DFL);
			attack(h);
			_exit(0);
		}
		h->attackers[h->attacker_count++] = pid;
	}
}

void
hell_calm(struct hell *h)
{
	crowd_settle(&h->crowd);
	crowd_measure(&h->crowd);
}

void
hell_live(struct hell *h, int ms)
{
	crowd_run(&h->crowd, ms);
}

/* Has it ended?  If so, it was content. */
static bool
has_ended(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, WNOHANG) != pid)
		return false;
	CHECK(
	    WIFEXITED(status) && WEXITSTATUS(status) == 0, "an attacker ended with %x", status);
	return true;
}

void
hell_await(struct hell *h, int keep)
{
	long long until = now_ms() + AWAIT_MS;

	while (h->attacker_count > keep) {
		CHECK(now_ms() < until, "an attacker does not come to an end");
		if (has_ended(h->attackers[h->attacker_count - 1]))
			h->attacker_count--;
		else
			crowd_run(&h->crowd, 10);
	}
}

static void
end_attackers(struct hell *h)
{
	while (h->attacker_count > 0) {
		pid_t pid = h->attackers[--h->attacker_count];

		if (has_ended(pid))
			continue;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/* Of those who came nothing is left, and those who were there are there. */
static void
await_peace(struct hell *h)
{
	long long until = now_ms() + patience(GONE_MS);

	while (!crowd_alone(&h->crowd) ||
	       server_processes(&h->server, "client", NULL, 0) != HELL_CROWD) {
		CHECK(now_ms() < until, "the attackers are still there");
		crowd_run(&h->crowd, 20);
	}
}

void
hell_stop(struct hell *h)
{
	end_attackers(h);
	crowd_settle(&h->crowd);
	h->worst_tick = h->crowd.worst_tick_ms;
	h->worst_packet = h->crowd.worst_packet_ms;
	h->over = true;
}

void
hell_end(struct hell *h, const char *attack)
{
	json_t *clients;

	if (!h->over)
		hell_stop(h);
	fprintf(stderr, "%-44s others: worst tick %4lld ms, worst packet %4lld ms\n", attack,
	    h->worst_tick, h->worst_packet);
	await_peace(h);
	clients = server_dump(&h->server, "clients");
	CHECK(json_array_size(clients) == HELL_CROWD, "%zu slots are in use",
	    json_array_size(clients));
	json_decref(clients);
	CHECK(server_logged(&h->server, "ticker-ended") == 0, "the ticker has died");
	CHECK(h->worst_tick <= patience(TICK_MS), "a tick came after %lld ms", h->worst_tick);
	server_stop(&h->server);
}

_Noreturn void
hell_flood(struct ws *w, const char *bytes, size_t length)
{
	size_t many = length < 65536 ? 65536 / length : 1;
	char *all = malloc(many * length);

	for (size_t i = 0; i < many; i++)
		memcpy(all + i * length, bytes, length);
	for (;;) {
		struct pollfd p = {.fd = w->fd, .events = POLLOUT | POLLIN};
		char drain[65536];

		if (poll(&p, 1, -1) < 0)
			continue;
		if ((p.revents & POLLIN) != 0 &&
		    recv(w->fd, drain, sizeof(drain), MSG_DONTWAIT) == 0)
			_exit(0);
		/* Whole blocks only, or frames would be cut. */
		if ((p.revents & POLLOUT) != 0)
			ws_raw(w, all, many * length);
	}
}

const char *
hell_frame(size_t *length, const char *format, ...)
{
	static char frame[1 << 22];
	va_list arguments;
	char *text;
	int size;

	va_start(arguments, format);
	size = vasprintf(&text, format, arguments);
	va_end(arguments);
	CHECK(size >= 0 && (size_t)size + 14 < sizeof(frame), "too long");
	*length = ws_make(frame, WS_FIN | WS_TEXT, text, (size_t)size);
	free(text);
	return frame;
}

long
hell_own_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = 0, n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "Private_Dirty: %ld", &n) == 1 ||
		    sscanf(line, "Private_Clean: %ld", &n) == 1)
			kib += n;
	fclose(file);
	return kib;
}

pid_t
hell_child_of(const struct hell *h, const struct ws *w, char token[33])
{
	struct sockaddr_in own;
	socklen_t size = sizeof(own);
	json_t *clients = server_dump(&h->server, "clients"), *client;
	char peer[64];
	pid_t pid = 0;
	size_t i;

	getsockname(w->fd, (struct sockaddr *)&own, &size);
	snprintf(peer, sizeof(peer), "%s:%d", inet_ntoa(own.sin_addr), ntohs(own.sin_port));
	json_array_foreach(clients, i, client)
	{
		if (strcmp(json_string_value(json_object_get(client, "peer")), peer) != 0)
			continue;
		pid = (pid_t)json_integer_value(json_object_get(client, "pid"));
		snprintf(token, 33, "%s", json_string_value(json_object_get(client, "token")));
	}
	json_decref(clients);
	CHECK(pid != 0, "nobody serves %s", peer);
	return pid;
}
