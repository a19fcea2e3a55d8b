#include "confine.h"

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What the C library has registered: its size is no less, whatever part of it is in use. */
#define RSEQ_SIZE_MIN 32U

static int nowhere = -1; /* /dev/null */

/* The lowest number in keep that is at least from; -1 if there is none. */
static int
next_kept(const int *keep, int from)
{
	int lowest = INT_MAX;

	for (; *keep >= 0; keep++)
		if (*keep >= from && *keep < lowest)
			lowest = *keep;
	return lowest == INT_MAX ? -1 : lowest;
}

void
confine_descriptors(const int *keep)
{
	int from = 3, kept;

	while ((kept = next_kept(keep, from)) >= 0) {
		if (kept > from)
			close_range((unsigned)from, (unsigned)kept - 1, 0);
		from = kept + 1;
	}
	close_range((unsigned)from, UINT_MAX, 0);
}

int
confine_lift(int fd)
{
	int lifted = fcntl(fd, F_DUPFD_CLOEXEC, CONFINE_FLOOR);

	close(fd);
	return lifted;
}

int
confine_aside(int fd)
{
	return fd >= 0 && fd < CONFINE_FLOOR ? confine_lift(fd) : fd;
}

int
confine_client(int fd)
{
	int moved = dup2(fd, CONFINE_CLIENT);

	close(fd);
	return moved;
}

int
confine_prepare(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	nowhere = fd < 0 ? -1 : confine_lift(fd);
	return nowhere < 0 ? -1 : 0;
}

int
confine_nowhere(void)
{
	return nowhere;
}

void
confine_standard(void)
{
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	if (fcntl(STDERR_FILENO, F_GETFD) < 0)
		dup2(nowhere, STDERR_FILENO);
	close(nowhere);
}

void
confine_schedule(void)
{
	const struct sched_param none = {0};

	/* Where it is not allowed, things are only slower. */
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}

void
confine_rseq(void)
{
	char *self = __builtin_thread_pointer();
	unsigned size = __rseq_size > RSEQ_SIZE_MIN ? __rseq_size : RSEQ_SIZE_MIN;

	/* Where it is not allowed, things are only slower. */
	(void)syscall(SYS_rseq, self + __rseq_offset, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}
