#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/hook.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "ticker.h"

#define LOOK_MS 20 /* between looks at whether the ticker that was started lives */
#define CLAIM_EXTRA_MS \
	15000 /* a child ends its handshake itself; this is for one that does not */

int
keeper_connect(struct keeper *k)
{
	struct register_message m = {.kind = REGISTER_LISTENER};
	struct sockaddr_un address;
	socklen_t length = register_address(&address, k->options->name, k->door);

	if ((k->line = register_connect(&address, length)) < 0)
		return -1;
	if (register_send(k->line, &m, NULL, 0) == 0)
		return 0;
	close(k->line);
	k->line = -1;
	return -1;
}

/* In the fork: everything of the listener's goes but these descriptors. */
_Noreturn static void
become_ticker(const struct keeper *k)
{
	const struct options *o = k->options;
	struct ticker_start start = {
	    .name = o->name,
	    .version = o->app_version,
	    .group = o->group,
	    .tick_ms = o->tick_ms,
	    .claim_ms = o->handshake_ms + CLAIM_EXTRA_MS +
			(o->on_connect != NULL ? o->hook_ms + HOOK_QUEUE_MS : 0),
	    .tell_ends = o->on_close != NULL,
	    .reserved = options_reserved(o),
	    .door = k->door,
	    .hung_ms = o->hung_ms,
	    .compress = o->compress,
	    .registration = k->registration,
	    .bell = k->bell,
	    .segment = k->parts,
	    .revive = k->revive,
	    .options = o,
	};
	int keep[] = {k->registration, k->bell, -1, -1, -1}, kept = 2;
	sigset_t none;

	options_trust(o, &start.trust);
	if (log_descriptor() >= 0)
		keep[kept++] = log_descriptor();
	if (k->parts >= 0)
		keep[kept] = k->parts;
	child_close_others(keep);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (k->segment.header != NULL)
		start.limits = k->segment.header->limits;
	else
		options_limits(o, &start.limits);
	_exit(ticker_run(&start));
}

static int
fork_ticker(struct keeper *k)
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
	return 0;
}

int
keeper_restart(struct keeper *k)
{
	if (k->pid == 0 && fork_ticker(k) < 0)
		return -1;
	return k->line >= 0 ? 0 : keeper_connect(k);
}

static bool
ticker_has_ended(struct keeper *k)
{
	int status;

	if (k->pid == 0 || waitpid(k->pid, &status, WNOHANG) != k->pid)
		return false;
	log_warning("ticker-ended", "pid=%d status=%d", (int)k->pid, status);
	return keeper_ended(k, status);
}

bool
keeper_await(struct keeper *k, int ticker, uint64_t deadline)
{
	struct register_message m;

	while (k->line >= 0 && !ticker_has_ended(k) && clock_ms() < deadline) {
		struct pollfd p[] = {
		    {.fd = k->line, .events = POLLIN}, {.fd = ticker, .events = POLLIN}};

		if (poll(p, 2, LOOK_MS) <= 0)
			continue;
		if (p[0].revents == 0)
			return false;
		switch (keeper_hear(k, &m)) {
		case KEEPER_READY: return true;
		case KEEPER_BAD: return false;
		default: break;
		}
	}
	return false;
}

void
keeper_prepare(struct keeper *k, const struct options *options, books_revive *revive)
{
	memset(k, 0, sizeof(*k));
	k->options = options;
	k->revive = revive;
	k->registration = k->bell = k->line = k->parts = k->segment.fd = -1;
}

void
keeper_forget(struct keeper *k)
{
	segment_unmap(&k->segment);
	segment_close_fd(&k->segment);
	if (k->parts >= 0)
		close(k->parts);
	k->parts = -1;
}

/*
 * With READY come the bell, the registration socket and the segment; those that
 * we have already are the same ones.
 */
static int
take_descriptors(struct keeper *k, const struct register_message *m, int *fds)
{
	bool known = k->segment.header != NULL && k->segment.header->id == m->segment;
	const char *why = NULL;

	if (k->registration < 0) {
		k->bell = fds[0];
		k->registration = fds[1];
	} else {
		close(fds[0]);
		close(fds[1]);
	}
	if (known) {
		close(fds[2]);
		return 0;
	}
	keeper_forget(k);
	if (segment_map_fd(&k->segment, fds[2], &why) < 0) {
		log_error("no-segment", "why=\"%s\"", why != NULL ? why : strerror(errno));
		close(fds[2]);
		return -1;
	}
	k->parts = fds[2];
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
keeper_hear(struct keeper *k, struct register_message *m)
{
	int fds[REGISTER_FDS_MAX], got;
	int result = register_receive(k->line, m, fds, REGISTER_FDS_MAX, &got);

	if (result < 0 && errno == EAGAIN)
		return KEEPER_QUIET;
	if (result <= 0)
		return lose(k);
	if (m->kind == REGISTER_TOLD && got == 0)
		return KEEPER_TOLD;
	if (m->kind != REGISTER_READY || got != REGISTER_FDS_MAX) {
		while (got > 0)
			close(fds[--got]);
		return KEEPER_QUIET;
	}
	if (take_descriptors(k, m, fds) < 0)
		return KEEPER_BAD;
	FAULT("keeper.mapped");
	k->ready = true;
	return KEEPER_READY;
}

bool
keeper_ended(struct keeper *k, int status)
{
	k->pid = 0;
	/* Another one is in office and answers us; or it is dying, and the next will. */
	if (WIFEXITED(status) && WEXITSTATUS(status) == EXIT_TRY_AGAIN)
		return !k->ready;
	if (k->line < 0)
		return false;
	lose(k);
	return true;
}

static void
tell(struct keeper *k, enum register_kind kind, uint32_t number)
{
	struct register_message m = {.kind = kind, .slot = number};

	if (k->line >= 0 && register_send(k->line, &m, NULL, 0) < 0)
		log_warning("not-told", "kind=%x errno=\"%s\"", kind, strerror(errno));
}

void
keeper_answer(
    struct keeper *k, const struct register_message *told, bool pass, uint32_t retry_s)
{
	struct register_message m = *told;

	m.kind = pass ? REGISTER_PASS : REGISTER_DENY;
	m.retry_s = retry_s;
	if (k->line >= 0 && register_send(k->line, &m, NULL, 0) < 0)
		log_warning("not-told", "kind=%x errno=\"%s\"", m.kind, strerror(errno));
}

void
keeper_drain(struct keeper *k, uint32_t spread_ms)
{
	tell(k, REGISTER_DRAIN, spread_ms);
}

void
keeper_leave(struct keeper *k)
{
	tell(k, REGISTER_LEAVE, 0);
}

void
keeper_replace(struct keeper *k)
{
	tell(k, REGISTER_YIELD, 0);
}
