#include "latch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/segment.h"

#define PATH_MAX_BYTES (SEGMENT_NAME_MAX + 32)
#define NUDGE_US 100000 /* between looks at the time while flock(2) waits */

static void
make_path(char path[PATH_MAX_BYTES], const char *name)
{
	snprintf(path, PATH_MAX_BYTES, "/dev/shm/rosterd-lock.%s", name);
}

static int
operation(enum latch_mode mode)
{
	return mode == LATCH_SHARED ? LOCK_SH : LOCK_EX;
}

/* flock(2) knows no time limit, so a timer interrupts it. */
static void
on_nudge(int signal)
{
	(void)signal;
}

static int
lock_until(int fd, int how, uint64_t deadline)
{
	struct itimerval nudge = {{0, NUDGE_US}, {0, NUDGE_US}}, quiet = {{0, 0}, {0, 0}};
	struct sigaction before, action = {.sa_handler = on_nudge};
	int result, error;

	if (flock(fd, how | LOCK_NB) == 0)
		return 0;
	if (errno != EWOULDBLOCK || clock_ms() >= deadline)
		return -1;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &nudge, NULL);
	do
		result = flock(fd, how);
	while (result < 0 && errno == EINTR && clock_ms() < deadline);
	error = errno;
	setitimer(ITIMER_REAL, &quiet, NULL);
	sigaction(SIGALRM, &before, NULL);
	errno = error == EINTR ? EAGAIN : error;
	return result;
}

/* Is the file that we have locked still the one that others will open? */
static bool
is_current(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

int
latch_take(const char *name, enum latch_mode mode, int wait_ms)
{
	uint64_t deadline = clock_ms() + (uint64_t)wait_ms;
	char path[PATH_MAX_BYTES];
	int fd, error;

	make_path(path, name);
	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
		if (fd < 0)
			return -1;
		if (lock_until(fd, operation(mode), deadline) < 0)
			break;
		if (is_current(fd, path))
			return fd;
		close(fd);
	}
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

void
latch_remove(int fd, const char *name)
{
	char path[PATH_MAX_BYTES];

	make_path(path, name);
	unlink(path);
	close(fd);
}

void
latch_clear(const char *name)
{
	int fd = latch_take(name, LATCH_ALONE, 0);

	if (fd >= 0)
		latch_remove(fd, name);
}
