#include "listener.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "admission.h"
#include "keeper.h"
#include "ports.h"
#include "sockets.h"
#include "spawn.h"

#define DRAIN_MS 10000      /* for clients to go when the server does */
#define RESTART_MIN_MS 50   /* before a ticker is started again ... */
#define RESTART_MAX_MS 2000 /* ... at most, when it dies again and again */
#define ACCEPT_BATCH 64     /* connections before other events get their turn */

enum awaited { SOURCE_SIGNAL, SOURCE_TICKER, SOURCE_SOCKET };

struct listener {
	const struct options *options;
	struct child_settings settings;
	struct keeper keeper;
	struct spawn_counts children;
	struct admission admission;
	struct front *front; /* our page of the segment, mapped writable; or NULL */
	int epoll;
	int signals;
	struct ports ports;
	bool accepting; /* the sockets are watched */
	bool draining;
	uint64_t restart_ms; /* when to start the next ticker; 0: one is there */
	uint64_t restart_wait_ms;
	uint64_t started_ms; /* the last ticker */
	uint64_t drain_until_ms;
};

static void
watch(struct listener *l, int fd, enum awaited source, unsigned number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | number};

	epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e);
}

/* While no ticker is ready connections wait in the kernel's queue. */
static void
accept_or_not(struct listener *l)
{
	bool want = l->keeper.ready && !l->draining;

	if (want == l->accepting)
		return;
	for (unsigned i = 0; i < l->ports.count; i++) {
		if (want)
			watch(l, l->ports.all[i].fd, SOURCE_SOCKET, i);
		else
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->ports.all[i].fd, NULL);
	}
	l->accepting = want;
}

/* The one page that the listener writes. */
static void
map_front(struct listener *l)
{
	const struct header *h = l->keeper.segment.header;

	if (l->front != NULL)
		munmap(l->front, LAYOUT_PAGE);
	l->front = mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, l->keeper.parts,
	    (off_t)h->layout.front);
	if (l->front == MAP_FAILED) {
		l->front = NULL;
		return;
	}
	/* Nobody else's: not the children's either. */
	(void)madvise(l->front, LAYOUT_PAGE, MADV_DONTFORK);
	store_relaxed(&l->front->listener_pid, (uint32_t)getpid());
}

#define COUNT(l, name)                                            \
	do {                                                      \
		if ((l)->front != NULL)                           \
			count_add(&(l)->front->counters.name, 1); \
	} while (0)

static void
show_counts(struct listener *l)
{
	if (l->front == NULL)
		return;
	store_relaxed(&l->front->counters.children_ended, l->children.ended);
	store_relaxed(&l->front->counters.children_killed, l->children.killed);
	store_relaxed(&l->front->counters.penalties, l->children.fined);
	store_relaxed(&l->front->counters.tickers_started, l->keeper.started);
}

/* Answered by the listener itself: no process for a client that cannot be served. */
static void
turn_away(int client, uint32_t retry_s, const char *reason)
{
	char answer[320];
	int length = snprintf(answer, sizeof(answer),
	    "HTTP/1.1 503 Service Unavailable\r\n"
	    "Content-Type: text/plain; charset=utf-8\r\n"
	    "Content-Length: %zu\r\n"
	    "Retry-After: %u\r\n"
	    "Connection: close\r\n\r\n%s",
	    strlen(reason), retry_s, reason);

	/* What it has sent already is read, or closing would reset the connection. */
	char rest[2048];

	(void)recv(client, rest, sizeof(rest), MSG_DONTWAIT);
	(void)send(client, answer, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
	shutdown(client, SHUT_WR);
	(void)recv(client, rest, sizeof(rest), MSG_DONTWAIT);
	close(client);
}

/* May this one come in?  If not, it was answered. */
static bool
admit(struct listener *l, int client, const struct source *source)
{
	struct admission_ruling ruling =
	    admission_ask(&l->admission, source, l->keeper.segment.header);
	const char *reason = NULL;

	switch (ruling.verdict) {
	case ADMISSION_WELCOME: return true;
	case ADMISSION_FULL:
		COUNT(l, refused_full);
		reason = "All places are taken.\n";
		break;
	case ADMISSION_SOURCE:
		COUNT(l, refused_source);
		reason = "There are too many connections from your address.\n";
		break;
	case ADMISSION_PENALTY:
		COUNT(l, refused_penalty);
		reason = "Too many connections from your address were left unfinished.\n";
		break;
	case ADMISSION_EARLY:
		COUNT(l, refused_early);
		reason = "Too many are coming in at once.\n";
		break;
	}
	turn_away(client, ruling.retry_s, reason);
	return false;
}

static void
serve_connection(
    struct listener *l, int client, const struct sockaddr_storage *address, socklen_t length)
{
	struct child_start start = {
	    .settings = &l->settings,
	    .header = l->keeper.segment.header,
	    .parts = l->keeper.parts,
	    .client = client,
	};
	struct source source;
	pid_t pid;

	FAULT("listener.accepted");
	COUNT(l, accepted);
	source_of(address, &source);
	if (!admit(l, client, &source))
		return;
	sockets_name(address, length, start.peer);
	if ((pid = spawn_child(&l->children, &start)) < 0) {
		COUNT(l, fork_failed);
		log_error("fork-failed", "peer=%s errno=\"%s\"", start.peer, strerror(errno));
		turn_away(client, 2, "No process could be started.\n");
		return;
	}
	FAULT("listener.spawned");
	admission_enter(&l->admission, &source, pid);
	close(client);
	FAULT("listener.handed");
}

static void
on_socket(struct listener *l, unsigned number)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		struct sockaddr_storage address = {0};
		socklen_t length = sizeof(address);
		int client = accept4(l->ports.all[number].fd, (struct sockaddr *)&address,
		    &length, SOCK_CLOEXEC);

		if (client < 0) {
			if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
				log_warning("accept-failed", "errno=\"%s\"", strerror(errno));
			return;
		}
		serve_connection(l, client, &address, length);
	}
}

/* One that lived for a while is started again at once, more or less. */
static void
schedule_restart(struct listener *l)
{
	uint64_t now = clock_ms();

	if (now - l->started_ms > 10000)
		l->restart_wait_ms = RESTART_MIN_MS;
	l->restart_ms = now + l->restart_wait_ms;
	l->restart_wait_ms *= 2;
	if (l->restart_wait_ms > RESTART_MAX_MS)
		l->restart_wait_ms = RESTART_MAX_MS;
	accept_or_not(l);
}

static void
on_ticker(struct listener *l)
{
	if (l->keeper.line < 0)
		return;
	switch (keeper_hear(&l->keeper)) {
	case KEEPER_QUIET: return;
	case KEEPER_BAD:
	case KEEPER_READY:
		if (l->keeper.ready)
			map_front(l);
		break;
	case KEEPER_LOST: schedule_restart(l); break;
	}
	accept_or_not(l);
}

static void
restart_ticker(struct listener *l, uint64_t now)
{
	if (l->restart_ms == 0 || now < l->restart_ms || l->draining)
		return;
	l->started_ms = now;
	if (keeper_restart(&l->keeper) == 0) {
		l->restart_ms = 0;
		watch(l, l->keeper.line, SOURCE_TICKER, 0);
		show_counts(l);
	} else {
		l->restart_ms = now + RESTART_MAX_MS;
	}
}

static void
drain(struct listener *l)
{
	if (l->draining)
		return;
	log_info("draining", "children=%u", l->children.running);
	l->draining = true;
	l->drain_until_ms = clock_ms() + DRAIN_MS;
	accept_or_not(l);
	keeper_drain(&l->keeper, 0);
}

static void
on_signal(struct listener *l)
{
	struct signalfd_siginfo info;

	while (read(l->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCHLD:
			if (spawn_reap(&l->children, &l->admission, l->keeper.pid) &&
			    keeper_ended(&l->keeper))
				schedule_restart(l);
			break;
		case SIGTERM:
		case SIGINT: drain(l); break;
		case SIGUSR1:
			log_info("state", "children=%u ticker=%s", l->children.running,
			    l->keeper.ready ? "ready" : "none");
			break;
		default: break;
		}
	}
	show_counts(l);
}

static int
open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void
set_title(const struct listener *l)
{
	char title[256], name[PEER_LENGTH];

	for (unsigned i = 0; i < l->ports.count; i++) {
		sockets_own_name(l->ports.all[i].fd, name);
		log_info("listening", "address=%s", name);
	}
	ports_title(&l->ports, title, sizeof(title));
	setproctitle("listener%s", title);
}

static void
tell_ready(const struct listener *l)
{
	int fd = (int)l->options->ready_fd;

	if (fd == 0)
		return;
	if (write(fd, "\n", 1) < 0)
		log_warning("ready-fd", "fd=%d errno=\"%s\"", fd, strerror(errno));
	close(fd);
}

static int
set_up(struct listener *l, const struct options *options, const struct inherit *given)
{
	memset(l, 0, sizeof(*l));
	l->options = options;
	l->restart_wait_ms = RESTART_MIN_MS;
	l->started_ms = clock_ms();
	options_child(options, &l->settings);
	if ((l->signals = open_signals()) < 0 ||
	    (l->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0 ||
	    admission_make(&l->admission, options) < 0) {
		log_error("setup", "errno=\"%s\"", strerror(errno));
		return EXIT_SYSTEM;
	}
	if (ports_open(&l->ports, options, given) < 0)
		return EXIT_CONFIG;
	keeper_prepare(&l->keeper, options, NULL);
	if (keeper_start(&l->keeper) < 0)
		return EXIT_TRY_AGAIN;
	if (child_prepare(&l->settings) < 0)
		return EXIT_SYSTEM;
	map_front(l);
	show_counts(l);
	watch(l, l->signals, SOURCE_SIGNAL, 0);
	watch(l, l->keeper.line, SOURCE_TICKER, 0);
	accept_or_not(l);
	set_title(l);
	return EXIT_FINE;
}

static int
until_due(const struct listener *l, uint64_t now)
{
	uint64_t due = l->draining ? l->drain_until_ms : l->restart_ms;

	if (due == 0)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

/* Draining is over when the ticker has nobody left, or when it takes too long. */
static bool
is_over(const struct listener *l, uint64_t now)
{
	return l->draining && (l->keeper.line < 0 || now >= l->drain_until_ms);
}

int
listener_run(const struct options *options, const struct inherit *given)
{
	static struct listener listener;
	struct listener *l = &listener;
	int code = set_up(l, options, given);

	if (code != EXIT_FINE)
		return code;
	tell_ready(l);
	while (!is_over(l, clock_ms())) {
		struct epoll_event ready[8];
		int count = epoll_wait(l->epoll, ready, 8, until_due(l, clock_ms()));

		for (int i = 0; i < count; i++) {
			unsigned number = (unsigned)ready[i].data.u64;

			switch ((enum awaited)(ready[i].data.u64 >> 32)) {
			case SOURCE_SIGNAL: on_signal(l); break;
			case SOURCE_TICKER: on_ticker(l); break;
			case SOURCE_SOCKET: on_socket(l, number); break;
			}
		}
		restart_ticker(l, clock_ms());
	}
	ports_close(&l->ports);
	log_info("over", "children=%u", l->children.running);
	return EXIT_FINE;
}
