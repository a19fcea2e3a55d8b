#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "ticker.h"

#define BACKLOG 4096
#define READY_MS 10000 /* for a ticker to answer at start */
#define CLAIM_EXTRA_MS \
	15000 /* a child ends its handshake itself; this is for one that does not */

/* Connect to the registration socket and say that we are a listener. */
static int
connect_line(struct keeper *k)
{
	struct register_message m = {.kind = REGISTER_LISTENER};
	struct sockaddr_un address;
	socklen_t length = register_address(&address, geteuid(), k->options->name);

	k->line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (k->line < 0)
		return -1;
	if (connect(k->line, (struct sockaddr *)&address, length) == 0 &&
	    register_send(k->line, &m, NULL, 0) == 0)
		return 0;
	close(k->line);
	k->line = -1;
	return -1;
}

static int
open_registration(struct keeper *k)
{
	struct sockaddr_un address;
	socklen_t length = register_address(&address, geteuid(), k->options->name);

	k->registration = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	k->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->registration < 0 || k->bell < 0)
		return -1;
	if (bind(k->registration, (struct sockaddr *)&address, length) < 0)
		return -1;
	FAULT("keeper.bound");
	return listen(k->registration, BACKLOG);
}

/* In the fork: everything of the listener's goes but the two descriptors. */
_Noreturn static void
become_ticker(const struct keeper *k)
{
	const struct options *o = k->options;
	struct ticker_start start = {
	    .name = o->name,
	    .version = o->app_version,
	    .tick_ms = o->tick_ms,
	    .claim_ms = o->handshake_ms + CLAIM_EXTRA_MS,
	    .registration = k->registration,
	    .bell = k->bell,
	};
	const int keep[] = {k->registration, k->bell, log_descriptor(), -1};
	sigset_t none;

	child_close_others(keep);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	options_limits(o, &start.limits);
	_exit(ticker_run(&start));
}

int
keeper_restart(struct keeper *k)
{
	pid_t pid = fork();

	if (pid < 0) {
		log_error("no-ticker", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	if (pid == 0)
		become_ticker(k);
	FAULT("keeper.forked");
	k->pid = pid;
	k->started++;
	log_info("ticker-started", "pid=%d number=%u", (int)pid, k->started);
	return connect_line(k);
}

/* Wait for READY at start, when there is nothing else to do. */
static int
await_ready(struct keeper *k)
{
	struct pollfd p = {.fd = k->line, .events = POLLIN};

	while (poll(&p, 1, READY_MS) > 0) {
		switch (keeper_hear(k)) {
		case KEEPER_READY: return 0;
		case KEEPER_QUIET: continue;
		default: return -1;
		}
	}
	return -1;
}

int
keeper_start(struct keeper *k, const struct options *options)
{
	memset(k, 0, sizeof(*k));
	k->options = options;
	k->registration = k->bell = k->line = k->parts = k->segment.fd = -1;
	if (connect_line(k) == 0) {
		log_info("ticker-found", "name=%s", options->name);
		if (await_ready(k) == 0)
			return 0;
		if (k->line >= 0) {
			log_error("no-ticker", "why=\"one is there, but does not answer\"");
			return -1;
		}
	}
	/* Nobody there, or it was just about to end. */
	if (open_registration(k) < 0) {
		log_error("no-registration", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	if (keeper_restart(k) == 0 && await_ready(k) == 0)
		return 0;
	log_error("no-ticker", "why=\"it did not become ready\"");
	return -1;
}

/* Two descriptors come with READY; those that we have already are the same ones. */
static void
take_descriptors(struct keeper *k, const int *fds, int got)
{
	if (got == 2 && k->registration < 0) {
		k->bell = fds[0];
		k->registration = fds[1];
		return;
	}
	for (int i = 0; i < got; i++)
		close(fds[i]);
}

static int
map_segment(struct keeper *k, uint64_t id)
{
	const char *why = NULL;

	if (k->segment.header != NULL && k->segment.header->id == id)
		return 0;
	segment_unmap(&k->segment);
	segment_close_fd(&k->segment);
	if (k->parts >= 0)
		close(k->parts);
	k->parts = -1;
	if (segment_open(&k->segment, k->options->name, false, &why) < 0) {
		log_error("no-segment", "why=\"%s\"", why != NULL ? why : strerror(errno));
		return -1;
	}
	if ((k->parts = segment_open_parts(&k->segment, k->options->name)) < 0) {
		log_error("no-segment", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	return 0;
}

static enum keeper_event
lose(struct keeper *k)
{
	close(k->line);
	k->line = -1;
	k->ready = false;
	return KEEPER_LOST;
}

enum keeper_event
keeper_hear(struct keeper *k)
{
	struct register_message m;
	int fds[2], got, result = register_receive(k->line, &m, fds, 2, &got);

	if (result < 0 && errno == EAGAIN)
		return KEEPER_QUIET;
	if (result <= 0)
		return lose(k);
	take_descriptors(k, fds, got);
	if (m.kind != REGISTER_READY)
		return KEEPER_QUIET;
	if (map_segment(k, m.segment) < 0)
		return KEEPER_BAD;
	FAULT("keeper.mapped");
	k->ready = true;
	return KEEPER_READY;
}

bool
keeper_ended(struct keeper *k)
{
	k->pid = 0;
	if (k->line < 0)
		return false;
	lose(k);
	return true;
}

void
keeper_drain(struct keeper *k)
{
	struct register_message m = {.kind = REGISTER_DRAIN};

	if (k->line >= 0 && register_send(k->line, &m, NULL, 0) < 0)
		log_warning("drain-failed", "errno=\"%s\"", strerror(errno));
}
