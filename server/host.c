#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../child/child.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "instance.h"
#include "listener.h"

#define READY_MS 10000

bool
host_is_there(const struct header *header, const char *name)
{
	struct sockaddr_un address;
	socklen_t length = register_address(&address, name, header->door);
	int fd = register_connect(&address, length);

	/* A full queue is one that somebody is about to empty. */
	if (fd < 0)
		return errno == EAGAIN;
	close(fd);
	return true;
}

/* Nothing of whoever forked it: no signal that he ignores, no directory, no terminal. */
static void
stand_alone(void)
{
	static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM, SIGUSR1, SIGCHLD};
	const struct sched_param none = {0};

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_DFL);
	setsid();
	(void)!chdir("/");
	(void)sched_setscheduler(0, SCHED_OTHER, &none);
}

/* The descriptors to keep, and the log's. */
static void
keep_only(const int *fds, int count)
{
	int keep[8], kept = 0;

	for (int i = 0; i < count; i++)
		keep[kept++] = fds[i];
	if (log_descriptor() >= 0)
		keep[kept++] = log_descriptor();
	keep[kept] = -1;
	child_close_others(keep);
}

_Noreturn static void
be_first(const struct options *options, int ready)
{
	struct options own = *options;
	struct inherit nothing = {.kind = INHERIT_NOTHING};
	struct listener_start start = {.options = &own,
	    .given = &nothing,
	    .revive = host_revive,
	    .host = true,
	    .latched = true};

	keep_only(&ready, 1);
	stand_alone();
	own.ready_fd = (uint32_t)ready;
	_exit(listener_run(&start));
}

int
host_start(const struct options *options)
{
	struct pollfd p;
	int ends[2];
	char byte;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if ((pid = fork()) == 0) {
		if (fork() == 0)
			be_first(options, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid > 0)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	p = (struct pollfd){.fd = ends[0], .events = POLLIN};
	/* If it fails, its end of the pipe is closed, and there is nothing to read. */
	if (pid < 0 || poll(&p, 1, READY_MS) != 1 || read(ends[0], &byte, 1) != 1) {
		log_error("no-host", "why=\"it did not become ready\"");
		close(ends[0]);
		return -1;
	}
	close(ends[0]);
	return 0;
}

void
host_revive(const struct ticker_start *ticker, int segment)
{
	struct options own = *ticker->options;
	struct inherit nothing = {.kind = INHERIT_NOTHING};
	struct instance_bequest bequest = {.registration = ticker->registration,
	    .bell = ticker->bell,
	    .segment = segment,
	    .line = -1};
	struct listener_start start = {.options = &own,
	    .given = &nothing,
	    .revive = host_revive,
	    .host = true,
	    .bequest = &bequest};
	const int keep[] = {ticker->registration, ticker->bell, segment};

	keep_only(keep, 3);
	stand_alone();
	own.ready_fd = 0;
	_exit(listener_run(&start));
}
