#include "spawner.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/copy.h"
#include "../shm/fault.h"
#include "../shm/hook.h"
#include "../shm/log.h"
#include "../shm/segment.h"
#include "jobs.h"
#include "peer.h"
#include "permits.h"

#define LINES_MAX 65536 /* descriptors that may be lines */
#define ACCEPT_BATCH 64
#define EVENTS 64

enum tag { TAG_SOCKET, TAG_OWNER, TAG_SIGNAL, TAG_LINE, TAG_TICKER, TAG_OUT, TAG_ERR };

enum line_kind {
	LINE_NONE,
	LINE_SILENT, /* it has not said what it is */
	LINE_ASKED,  /* a child that waits for its answer */
	LINE_TICKER,
};

static struct {
	const struct options *options;
	const struct header *header;
	int epoll;
	int socket; /* -1: it is another's */
	int owner;  /* -1: it is gone */
	int signals;
	bool deaf;      /* no descriptor was left for one that wants to connect */
	bool stuffed;   /* the ticker is not read: too many wait */
	uint32_t lines; /* in use */
	int ticker;     /* -1: it has told nothing yet */
	unsigned char kinds[LINES_MAX];     /* enum line_kind by descriptor */
	uint64_t taken[LAYOUT_CLIENTS_MAX]; /* generation of the last end by slot */
	char text[HOOK_CLOSED_MAX];         /* of the message that is being read */
} self;

static void
watch(int fd, enum tag tag, uint32_t number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)tag << 32 | number};

	(void)epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &e);
}

static void
watch_job(int fd, enum jobs_pipe pipe, uint32_t place)
{
	watch(fd, pipe == JOBS_OUT ? TAG_OUT : TAG_ERR, place);
}

static void
watch_permit(int fd)
{
	watch(fd, TAG_TICKER, (uint32_t)fd);
}

/* The socket goes on: another spawner has it, too. */
static void
retire(void)
{
	if (self.socket >= 0)
		close(self.socket);
	self.socket = -1;
}

static void
drop_line(int fd)
{
	if (self.kinds[fd] == LINE_ASKED) {
		jobs_forget(fd);
		permits_forget(fd);
	}
	if (fd == self.ticker)
		self.ticker = -1;
	self.kinds[fd] = LINE_NONE;
	self.lines--;
	close(fd);
	if (self.deaf && self.socket >= 0)
		watch(self.socket, TAG_SOCKET, 0);
	self.deaf = false;
}

static void
accept_lines(int most)
{
	for (int i = 0; i < most && self.socket >= 0; i++) {
		int fd = accept4(self.socket, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct peer peer;

		if (fd < 0 && (errno == EMFILE || errno == ENFILE) && self.lines > 0) {
			(void)epoll_ctl(self.epoll, EPOLL_CTL_DEL, self.socket, NULL);
			self.deaf = true;
		}
		if (fd < 0)
			return;
		/* Others may connect as well (the name is for all), but they are not heard. */
		if (fd >= LINES_MAX || peer_of(fd, &peer) < 0 ||
		    (peer.uid != geteuid() && peer.uid != 0)) {
			close(fd);
			continue;
		}
		self.kinds[fd] = LINE_SILENT;
		self.lines++;
		watch(fd, TAG_LINE, (uint32_t)fd);
	}
}

/*
 * Is it the child that has this slot, and is its client still at the door?  The
 * pid is the kernel's word, all else the ticker's.
 */
static bool
is_at_the_door(int fd, const struct hook_message *m, struct hook_message *client)
{
	const struct header *h = self.header;
	const struct entry *e;
	struct peer peer;

	if (m->segment != h->id || m->slot >= h->limits.max_clients || peer_of(fd, &peer) < 0)
		return false;
	e = segment_entry((struct header *)(uintptr_t)h, m->slot);
	*client = *m;
	copy_unsure(client->token, e->token, TOKEN_LENGTH);
	copy_unsure(client->peer, segment_client(e), PEER_LENGTH);
	client->peer[PEER_LENGTH - 1] = '\0';
	fence_acquire();
	return load_relaxed(&e->pid) == peer.pid &&
	       load_relaxed(&e->generation) == m->generation &&
	       load_acquire(&e->state) == ENTRY_CLAIMED;
}

static bool
ask(int fd, const struct hook_message *m, size_t length)
{
	struct hook_message client;

	if (self.kinds[fd] != LINE_SILENT || length > HOOK_ASK_MAX ||
	    self.options->on_connect == NULL || !is_at_the_door(fd, m, &client))
		return false;
	self.kinds[fd] = LINE_ASKED;
	if (!jobs_ask(fd, &client, m->peer, self.text, length))
		return hook_answer(fd, m, HOOK_BUSY, NULL, 0) == 0;
	return true;
}

/* While too many wait the ticker is not read; it keeps what it has to say. */
static void
stuff_or_not(void)
{
	struct epoll_event e = {.data.u64 = (uint64_t)TAG_LINE << 32 | (uint32_t)self.ticker};
	bool stuffed = !jobs_have_room();

	if (self.ticker < 0 || stuffed == self.stuffed)
		return;
	self.stuffed = stuffed;
	e.events = stuffed ? 0 : EPOLLIN;
	(void)epoll_ctl(self.epoll, EPOLL_CTL_MOD, self.ticker, &e);
}

/*
 * An end that comes again, from a ticker that did not hear that we have it or from
 * its successor, is taken once.
 */
static bool
take_end(int fd, const struct hook_message *m, size_t length)
{
	struct hook_message taken = {.kind = HOOK_TAKEN,
	    .slot = m->slot,
	    .segment = m->segment,
	    .generation = m->generation};

	if (m->segment != self.header->id || m->slot >= LAYOUT_CLIENTS_MAX)
		return false;
	if (m->generation > self.taken[m->slot]) {
		if (self.options->on_close != NULL && !jobs_closed(m, self.text, length))
			return false;
		self.taken[m->slot] = m->generation;
	}
	FAULT("spawner.took");
	return hook_send(fd, &taken, NULL, 0, -1) == 0;
}

static bool
tell(int fd, const struct hook_message *m, size_t length)
{
	struct peer peer;

	if (self.kinds[fd] != LINE_TICKER &&
	    (peer_of(fd, &peer) < 0 || peer.pid != load_relaxed(&self.header->ticker_pid)))
		return false;
	self.kinds[fd] = LINE_TICKER;
	if (self.ticker != fd) {
		self.ticker = fd;
		self.stuffed = false;
	}
	return m->kind != HOOK_CLOSED || take_end(fd, m, length);
}

static bool
share(int fd)
{
	struct hook_message m = {.kind = HOOK_SOCKET};
	struct peer peer;

	if (self.kinds[fd] != LINE_SILENT || self.socket < 0 || peer_of(fd, &peer) < 0 ||
	    peer_is_caged(&peer))
		return false;
	(void)hook_send(fd, &m, NULL, 0, self.socket);
	/* It has a spawner of its own; without a listener of ours we are not needed. */
	if (self.owner < 0)
		retire();
	return false;
}

static bool
obey(int fd, const struct hook_message *m, size_t length)
{
	switch (m->kind) {
	case HOOK_ASK: return ask(fd, m, length);
	case HOOK_TICKER:
	case HOOK_CLOSED: return tell(fd, m, length);
	case HOOK_SHARE: return share(fd);
	default: return false;
	}
}

/* True if there was a message, and may be another. */
static bool
hear_line(int fd)
{
	struct hook_message m;
	size_t length = 0;
	int result;

	if (self.kinds[fd] == LINE_NONE)
		return false;
	result = hook_receive(fd, &m, self.text, sizeof(self.text), &length, NULL);
	if (result < 0 && errno == EAGAIN)
		return false;
	if (result == 1 && obey(fd, &m, length))
		return true;
	drop_line(fd);
	return false;
}

/*
 * What it has told until now is taken, if there is room.  For the rest, which it can
 * tell us no more, it finds another spawner when our side is closed.
 */
static void
leave_ticker(void)
{
	if (self.ticker >= 0)
		(void)shutdown(self.ticker, SHUT_RD);
	while (self.ticker >= 0 && jobs_have_room() && hear_line(self.ticker))
		continue;
	if (self.ticker >= 0)
		drop_line(self.ticker);
}

static void
hear_owner(void)
{
	char byte;
	ssize_t got = recv(self.owner, &byte, 1, MSG_DONTWAIT);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got == 1) {
		leave_ticker();
		retire();
	}
	close(self.owner);
	self.owner = -1;
}

/* Without a listener nobody comes any more, but the ticker may have ends to tell. */
static void
stay_or_retire(void)
{
	if (self.owner >= 0 || self.ticker >= 0 || self.socket < 0)
		return;
	accept_lines(LINES_MAX);
	retire();
}

static void
hear_signal(void)
{
	struct signalfd_siginfo info;

	while (read(self.signals, &info, sizeof(info)) > 0)
		continue;
	jobs_reap();
}

static void
dispatch(enum tag tag, uint32_t number)
{
	switch (tag) {
	case TAG_SOCKET: accept_lines(ACCEPT_BATCH); break;
	case TAG_OWNER:
		if (self.owner >= 0)
			hear_owner();
		break;
	case TAG_SIGNAL: hear_signal(); break;
	case TAG_LINE: (void)hear_line((int)number); break;
	case TAG_TICKER: permits_hear((int)number); break;
	case TAG_OUT: jobs_read(number, JOBS_OUT); break;
	case TAG_ERR: jobs_read(number, JOBS_ERR); break;
	}
}

static bool
is_over(void)
{
	return self.socket < 0 && self.lines == 0 && jobs_are_done();
}

static void
loop(void)
{
	while (!is_over()) {
		struct epoll_event ready[EVENTS];
		int count = epoll_wait(self.epoll, ready, EVENTS, jobs_until(clock_ms()));

		for (int i = 0; i < count; i++)
			dispatch(
			    (enum tag)(ready[i].data.u64 >> 32), (uint32_t)ready[i].data.u64);
		jobs_turn(clock_ms());
		stuff_or_not();
		stay_or_retire();
	}
}

/* A descriptor for each child at the door. */
static void
raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int
set_up(const struct spawner_start *start)
{
	sigset_t set;

	self.options = start->options;
	self.header = start->header;
	self.socket = start->socket;
	self.owner = start->owner;
	self.ticker = -1;
	raise_descriptors();
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
	self.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	self.epoll = epoll_create1(EPOLL_CLOEXEC);
	permits_make(start->options, start->header, watch_permit);
	if (self.signals < 0 || self.epoll < 0 || jobs_make(start->options, watch_job) < 0 ||
	    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		return -1;
	watch(self.signals, TAG_SIGNAL, 0);
	watch(self.socket, TAG_SOCKET, 0);
	watch(self.owner, TAG_OWNER, 0);
	return 0;
}

int
spawner_run(const struct spawner_start *start)
{
	FAULT_ROLE(FAULT_SPAWNER);
	setproctitle("spawner");
	/* It ends when its listener says so, not by a signal to all. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (set_up(start) < 0) {
		log_error("spawner-setup", "errno=\"%s\"", strerror(errno));
		return EXIT_SYSTEM;
	}
	loop();
	return EXIT_FINE;
}
