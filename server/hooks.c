#include "hooks.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../child/child.h"
#include "../shm/clock.h"
#include "../shm/hook.h"
#include "../shm/log.h"
#include "spawner.h"

#define BACKLOG 4096
#define AGAIN_MS 200  /* before a spawner that died is started again */
#define SHARE_MS 3000 /* for another listener's spawner to answer */
#define LOOK_MS 20

void
hooks_prepare(struct hooks *h, const struct options *options, int socket, int line)
{
	memset(h, 0, sizeof(*h));
	h->options = options;
	h->socket = socket;
	h->line = line;
}

static void
close_line(struct hooks *h)
{
	if (h->line >= 0)
		close(h->line);
	h->line = -1;
}

static void
close_socket(struct hooks *h)
{
	if (h->socket >= 0)
		close(h->socket);
	h->socket = -1;
}

void
hooks_leave(struct hooks *h)
{
	close_line(h);
	close_socket(h);
}

static bool
are_wanted(const struct hooks *h)
{
	return h->options->on_connect != NULL || h->options->on_close != NULL;
}

static int
bind_socket(const struct hooks *h)
{
	struct sockaddr_un address;
	socklen_t length = hook_address(&address, h->options->name, h->door);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0 ||
	    (bind(fd, (struct sockaddr *)&address, length) == 0 && listen(fd, BACKLOG) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Ask who has it; -1 and EAGAIN: nobody answers, or nobody is there any more. */
static int
share_socket(const struct hooks *h)
{
	struct hook_message m = {.kind = HOOK_SHARE};
	int line = hook_connect(h->options->name, h->door), passed = -1;
	struct pollfd p = {.fd = line, .events = POLLIN};
	size_t length;

	if (line < 0)
		return -1;
	if (hook_send(line, &m, NULL, 0, -1) == 0 && poll(&p, 1, SHARE_MS) == 1)
		(void)hook_receive(line, &m, NULL, 0, &length, &passed);
	close(line);
	errno = EAGAIN;
	return passed;
}

static int
open_socket(const struct hooks *h)
{
	uint64_t deadline = clock_ms() + SHARE_MS;
	int fd;

	while ((fd = bind_socket(h)) < 0 && errno == EADDRINUSE && (fd = share_socket(h)) < 0 &&
	       clock_ms() < deadline)
		poll(NULL, 0, LOOK_MS);
	return fd;
}

_Noreturn static void
become_spawner(const struct hooks *h, const struct header *header, int owner)
{
	struct spawner_start start = {h->options, header, h->socket, owner};
	int keep[] = {h->socket, owner, -1, -1};

	if (log_descriptor() >= 0)
		keep[2] = log_descriptor();
	child_close_others(keep);
	_exit(spawner_run(&start));
}

static bool
start(struct hooks *h, const struct header *header)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
		return false;
	if ((pid = fork()) == 0)
		become_spawner(h, header, ends[1]);
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return false;
	}
	h->line = ends[0];
	h->pid = pid;
	h->id = header->id;
	h->restart_ms = 0;
	h->started++;
	log_info("spawner-started", "pid=%d number=%u", (int)pid, h->started);
	return true;
}

static bool
start_or_later(struct hooks *h, const struct header *header)
{
	if (h->socket < 0 && (h->socket = open_socket(h)) < 0)
		log_error("no-spawner", "errno=\"%s\"", strerror(errno));
	else if (start(h, header))
		return true;
	h->restart_ms = clock_ms() + AGAIN_MS;
	return false;
}

/* The one that we have does what it has begun; the next one takes its place. */
static void
retire(struct hooks *h)
{
	if (h->line >= 0)
		(void)send(h->line, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close_line(h);
}

bool
hooks_follow(struct hooks *h, const struct header *header)
{
	if (h->line >= 0 && h->id == header->id)
		return false;
	retire(h);
	if (!are_wanted(h) || (h->door != 0 && h->door != header->door))
		close_socket(h);
	h->door = header->door;
	return are_wanted(h) && start_or_later(h, header);
}

void
hooks_lost(struct hooks *h, uint64_t now_ms)
{
	close_line(h);
	if (h->socket < 0) /* it was told to end */
		return;
	h->restart_ms = now_ms + AGAIN_MS;
	log_warning("spawner-ended", "number=%u", h->started);
}

bool
hooks_turn(struct hooks *h, const struct header *header, uint64_t now_ms)
{
	return h->restart_ms != 0 && now_ms >= h->restart_ms && start_or_later(h, header);
}

void
hooks_end(struct hooks *h)
{
	h->restart_ms = 0;
	close_socket(h);
	if (h->line >= 0)
		(void)shutdown(h->line, SHUT_WR);
}
