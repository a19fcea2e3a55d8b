#include "guardian.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../child/child.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "host.h"
#include "latch.h"

#define LATCH_MS 10000 /* for others who begin or end an instance */
#define AGAIN_MS 1000  /* before it is tried again to start a listener */
#define LAST_MS 1000   /* after its client: who kills all of it at once takes no longer */

struct guardian {
	const struct options *options;
	struct segment segment;
	int client; /* pidfd of its process */
};

/* Within ms; -1: for ever. */
static bool
has_ended(int pidfd, int ms)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/*
 * Wait until the ticker in office has closed this connection, on which nothing is
 * said; while there is none, until the next is.  False: nobody has the socket,
 * neither a ticker nor a listener.
 */
static bool
knock(const struct guardian *g)
{
	const struct header *h = g->segment.header;
	struct sockaddr_un address;
	socklen_t length = register_address(&address, g->options->name, h->door);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool answered;
	char byte;

	if (fd < 0)
		return false;
	answered = connect(fd, (struct sockaddr *)&address, length) == 0 &&
		   shutdown(fd, SHUT_WR) == 0 && recv(fd, &byte, 1, 0) == 0;
	close(fd);
	return answered;
}

/* With the latch: is the instance ours still?  One that has ended in order is not. */
static bool
is_ours(const struct guardian *g, int latch)
{
	int fd = segment_open_parts(&g->segment, g->options->name);

	if (fd >= 0) {
		close(fd);
		return true;
	}
	/* Whoever ended it may have been killed half way. */
	if (errno == ENOENT)
		latch_remove(latch, g->options->name);
	else
		close(latch);
	return false;
}

/* See to it that there is a listener.  False: there is nothing to do for one any more. */
static bool
revive(const struct guardian *g)
{
	int latch = latch_take(g->options->name, LATCH_ALONE, LATCH_MS);
	bool revived;

	if (latch >= 0 && !is_ours(g, latch))
		return false;
	/* It may be that another guardian was faster. */
	revived = latch >= 0 && (host_is_there(g->segment.header, g->options->name) ||
				    host_start(g->options) == 0);
	if (latch >= 0)
		close(latch);
	return revived || !has_ended(g->client, AGAIN_MS);
}

static void
await(int client, int ticker)
{
	struct pollfd p[] = {
	    {.fd = client, .events = POLLIN}, {.fd = ticker, .events = POLLIN}};

	(void)poll(p, 2, -1);
}

static void
guard(const struct guardian *g)
{
	bool over = false;

	while (!over) {
		bool alone = has_ended(g->client, 0);
		int ticker;

		if (!knock(g)) {
			over = !revive(g);
			continue;
		}
		/* If it has died since it answered, so be it: then the next one answers. */
		ticker = pidfd_open((pid_t)load_relaxed(&g->segment.header->ticker_pid), 0);
		if (ticker < 0)
			continue;
		if (alone)
			over = !has_ended(ticker, LAST_MS);
		else
			await(g->client, ticker);
		close(ticker);
	}
}

_Noreturn static void
be_guardian(struct guardian *g, pid_t client)
{
	int keep[] = {g->client, g->segment.fd, log_descriptor(), -1};

	child_close_others(keep);
	/* It ends when its client's process has ended, and the instance is in good hands. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	setproctitle("guardian of %d", (int)client);
	guard(g);
	(void)has_ended(g->client, -1);
	_exit(EXIT_FINE);
}

int
guardian_start(const struct options *options, const struct segment *s, int parts)
{
	struct guardian g = {.options = options, .segment = *s};
	pid_t client = getpid(), pid;
	int fd, error;

	g.segment.fd = parts;
	if ((g.client = pidfd_open(client, 0)) < 0)
		return -1;
	if ((pid = fork()) == 0)
		be_guardian(&g, client);
	error = errno;
	close(g.client);
	errno = error;
	fd = pid < 0 ? -1 : pidfd_open(pid, 0);
	return fd;
}
