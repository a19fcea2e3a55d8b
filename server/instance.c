#include "instance.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/pidfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "latch.h"
#include "sockets.h"

#define READY_MS 10000 /* for a ticker to answer at start */
#define LOOK_MS 20     /* between looks at what the kernel is about to do */

/* A socket of the name that children know, or of a new one if there are none. */
static int
open_registration(struct keeper *k)
{
	struct sockaddr_un address;
	socklen_t length;
	int fd;

	if (k->segment.header == NULL &&
	    getrandom(&k->door, sizeof(k->door), 0) != (ssize_t)sizeof(k->door))
		return -1;
	length = register_address(&address, k->options->name, k->door);
	if (k->bell < 0 && (k->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0)
		return -1;
	if ((fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, length) < 0 ||
	    listen(fd, SOCKETS_BACKLOG) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	k->registration = fd;
	FAULT("keeper.bound");
	return 0;
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
	keeper_forget(k);
	return false;
}

/* A ticker, when all that belongs to it is there; one that dies is followed by the next. */
static int
begin(struct keeper *k, uint64_t deadline)
{
	do {
		if (keeper_restart(k) == 0 && keeper_await(k, -1, deadline))
			return 0;
		poll(NULL, 0, LOOK_MS);
	} while (clock_ms() < deadline);
	log_error("no-ticker", "why=\"it did not become ready\"");
	return -1;
}

/* Is there a ticker, and does it answer?  k->line >= 0: there is one, but it does not. */
static bool
find_ticker(struct keeper *k, uint64_t deadline)
{
	if (keeper_connect(k) < 0)
		return false;
	log_info("ticker-found", "name=%s", k->options->name);
	return keeper_await(k, -1, deadline);
}

/*
 * Whoever was killed an instant ago may still have the name of the socket, or
 * the connections in its queue: the kernel is not done with it.  So look again.
 */
static int
find_or_begin(struct keeper *k)
{
	uint64_t deadline = clock_ms() + READY_MS;
	bool found = find_segment(k);

	do {
		if (found && find_ticker(k, deadline))
			return 0;
		if (k->line >= 0) {
			log_error("no-ticker", "why=\"one is there, but does not answer\"");
			return -1;
		}
		if (found && !is_as_wanted(k)) {
			log_warning("segment-replaced", "why=\"made with other limits\"");
			keeper_forget(k);
			found = false;
		}
		if (open_registration(k) == 0)
			return begin(k, deadline);
		poll(NULL, 0, LOOK_MS);
	} while (clock_ms() < deadline);
	log_error("no-registration", "errno=\"%s\"", strerror(errno));
	return -1;
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
instance_find(struct keeper *k, bool latched)
{
	int latch = latched ? -1 : take_latch(k), result = find_or_begin(k);

	if (latch >= 0)
		close(latch);
	return result;
}

bool
instance_goes_by(const struct header *header, const struct options *options)
{
	const char *reserved = options_reserved(options);

	return strcmp(header->reserved, reserved != NULL ? reserved : "") == 0;
}

/* Its ticker is told, so that it does not wait for a listener that never comes back. */
static int
retire(struct keeper *k, const struct instance_bequest *b)
{
	struct register_message m = {.kind = REGISTER_RETIRE};
	int latch, result;

	if (b->line >= 0)
		(void)register_send(b->line, &m, NULL, 0);
	close(k->registration);
	close(k->bell);
	k->registration = k->bell = -1;
	k->pid = 0;
	keeper_forget(k);
	latch = take_latch(k);
	result = open_registration(k) == 0 ? begin(k, clock_ms() + READY_MS) : -1;
	if (latch >= 0)
		close(latch);
	return result;
}

/*
 * Does the ticker answer whose bequest we have?  It may have been killed right after
 * the listener before us: then our connection stays in the queue of a socket that is
 * our own, and says nothing.
 */
static bool
answers(struct keeper *k)
{
	int ticker;
	bool ready;

	if (keeper_connect(k) < 0)
		return false;
	ticker = pidfd_open((pid_t)load_relaxed(&k->segment.header->ticker_pid), 0);
	ready = ticker >= 0 && keeper_await(k, ticker, clock_ms() + READY_MS);
	if (ticker >= 0)
		close(ticker);
	return ready;
}

int
instance_take_over(struct keeper *k, const struct instance_bequest *b, bool *retired)
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
		if (!answers(k))
			result = begin(k, clock_ms() + READY_MS);
	}
	/* Only now: a ticker is never without a listener. */
	if (b->line >= 0)
		close(b->line);
	return result;
}
