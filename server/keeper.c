#include "keeper.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "latch.h"
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
	socklen_t length = register_address(&address, k->options->name, k->door);

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
	socklen_t length = register_address(&address, k->options->name, k->door);

	k->registration = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	k->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (k->registration < 0 || k->bell < 0)
		return -1;
	if (bind(k->registration, (struct sockaddr *)&address, length) < 0)
		return -1;
	FAULT("keeper.bound");
	return listen(k->registration, BACKLOG);
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
	    .claim_ms = o->handshake_ms + CLAIM_EXTRA_MS,
	    .door = k->door,
	    .registration = k->registration,
	    .bell = k->bell,
	    .segment = k->parts,
	    .revive = k->revive,
	    .options = o,
	};
	int keep[] = {k->registration, k->bell, -1, -1, -1}, kept = 2;
	sigset_t none;

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

void
keeper_prepare(struct keeper *k, const struct options *options, books_revive *revive)
{
	memset(k, 0, sizeof(*k));
	k->options = options;
	k->revive = revive;
	k->registration = k->bell = k->line = k->parts = k->segment.fd = -1;
}

static void
forget_segment(struct keeper *k)
{
	segment_unmap(&k->segment);
	segment_close_fd(&k->segment);
	if (k->parts >= 0)
		close(k->parts);
	k->parts = -1;
}

static bool
is_as_wanted(const struct keeper *k)
{
	struct limits wanted;

	options_limits(k->options, &wanted);
	return memcmp(&k->segment.header->limits, &wanted, sizeof(wanted)) == 0;
}

/* The segment of that name, if there is one that this build can use. */
static bool
find_segment(struct keeper *k)
{
	const char *name = k->options->name, *why;

	if (segment_open(&k->segment, name, false, &why) < 0) {
		if (errno != ENOENT)
			log_warning("segment-replaced", "why=\"%s\"",
			    why != NULL ? why : strerror(errno));
		return false;
	}
	if ((k->parts = segment_open_parts(&k->segment, name)) >= 0) {
		k->door = k->segment.header->door;
		return true;
	}
	log_warning("segment-replaced", "errno=\"%s\"", strerror(errno));
	forget_segment(k);
	return false;
}

/* A ticker and all that belongs to it; of what was there before, k->segment if it is mapped. */
static int
begin(struct keeper *k)
{
	if (k->segment.header == NULL &&
	    getrandom(&k->door, sizeof(k->door), 0) != (ssize_t)sizeof(k->door))
		return -1;
	if (open_registration(k) < 0) {
		log_error("no-registration", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	if (keeper_restart(k) == 0 && await_ready(k) == 0)
		return 0;
	log_error("no-ticker", "why=\"it did not become ready\"");
	return -1;
}

static int
find_or_begin(struct keeper *k)
{
	if (find_segment(k)) {
		if (connect_line(k) == 0) {
			log_info("ticker-found", "name=%s", k->options->name);
			if (await_ready(k) == 0)
				return 0;
			if (k->line >= 0) {
				log_error(
				    "no-ticker", "why=\"one is there, but does not answer\"");
				return -1;
			}
		}
		/* Nobody there, or it was just about to end. */
		if (!is_as_wanted(k)) {
			log_warning("segment-replaced", "why=\"made with other limits\"");
			forget_segment(k);
		}
	}
	return begin(k);
}

/* Without the latch things work as well, as long as nobody else begins or ends now. */
static int
take_latch(const struct keeper *k)
{
	int latch = latch_take(k->options->name, LATCH_ALONE, READY_MS);

	if (latch < 0)
		log_warning("no-latch", "errno=\"%s\"", strerror(errno));
	return latch;
}

int
keeper_start(struct keeper *k, bool latched)
{
	int latch = latched ? -1 : take_latch(k), result = find_or_begin(k);

	if (latch >= 0)
		close(latch);
	return result;
}

/* Its ticker is told, so that it does not wait for a listener that never comes back. */
static int
retire(struct keeper *k, const struct keeper_bequest *b)
{
	struct register_message m = {.kind = REGISTER_RETIRE};
	int latch, result;

	if (b->line >= 0)
		(void)register_send(b->line, &m, NULL, 0);
	close(k->registration);
	close(k->bell);
	k->registration = k->bell = -1;
	k->pid = 0;
	forget_segment(k);
	latch = take_latch(k);
	result = begin(k);
	if (latch >= 0)
		close(latch);
	return result;
}

int
keeper_take_over(struct keeper *k, const struct keeper_bequest *b, bool *retired)
{
	const char *why = NULL;
	int result = 0;

	k->registration = b->registration;
	k->bell = b->bell;
	k->parts = b->segment;
	k->pid = b->pid;
	k->started = b->started;
	*retired = segment_map_fd(&k->segment, b->segment, &why) < 0 || !is_as_wanted(k);
	if (*retired) {
		log_warning("segment-retired", "why=\"%s\"",
		    k->segment.header != NULL ? "other limits are wanted now" : why);
		result = retire(k, b);
	} else {
		k->door = k->segment.header->door;
		if (connect_line(k) < 0 || await_ready(k) < 0)
			result = keeper_restart(k) == 0 ? await_ready(k) : -1;
	}
	/* Only now: a ticker is never without a listener. */
	if (b->line >= 0)
		close(b->line);
	return result;
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
	forget_segment(k);
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
keeper_hear(struct keeper *k)
{
	struct register_message m;
	int fds[REGISTER_FDS_MAX], got;
	int result = register_receive(k->line, &m, fds, REGISTER_FDS_MAX, &got);

	if (result < 0 && errno == EAGAIN)
		return KEEPER_QUIET;
	if (result <= 0)
		return lose(k);
	if (m.kind != REGISTER_READY || got != REGISTER_FDS_MAX) {
		while (got > 0)
			close(fds[--got]);
		return KEEPER_QUIET;
	}
	if (take_descriptors(k, &m, fds) < 0)
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

static void
tell(struct keeper *k, enum register_kind kind, uint32_t number)
{
	struct register_message m = {.kind = kind, .slot = number};

	if (k->line >= 0 && register_send(k->line, &m, NULL, 0) < 0)
		log_warning("not-told", "kind=%x errno=\"%s\"", kind, strerror(errno));
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
