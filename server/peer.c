#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

int
peer_of(int fd, struct peer *peer)
{
	struct ucred credentials;
	socklen_t length = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
		return -1;
	peer->pid = (uint32_t)credentials.pid;
	peer->uid = credentials.uid;
	return 0;
}

bool
peer_is_caged(const struct peer *peer)
{
	struct rlimit processes;

	/* EPERM: it is root's, and children never are if we are not. */
	if (prlimit((pid_t)peer->pid, RLIMIT_NPROC, NULL, &processes) < 0)
		return errno == ESRCH;
	return processes.rlim_max == 0;
}

/* One line of /proc/PID/stat (proc(5)); false if there is no such process. */
struct stat_line {
	char text[1024];
	const char *rest; /* from the end of field 2 on: it may hold anything itself */
};

static bool
read_stat(uint32_t pid, struct stat_line *line)
{
	char path[32];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	length = read(fd, line->text, sizeof(line->text) - 1);
	close(fd);
	line->text[length > 0 ? length : 0] = '\0';
	return (line->rest = strrchr(line->text, ')')) != NULL;
}

/* The field of that number, or NULL. */
static const char *
stat_field(const struct stat_line *line, int number)
{
	const char *at = line->rest;

	for (int field = 2; field < number && at != NULL; field++)
		at = strchr(at + 1, ' ');
	return at != NULL ? at + 1 : NULL;
}

/* A field that counts clock ticks, in ms. */
static uint64_t
stat_ms(const struct stat_line *line, int number)
{
	const char *at = stat_field(line, number);
	unsigned long long ticks = at != NULL ? strtoull(at, NULL, 10) : 0;

	return ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

/* In ms since the machine was started; 0 if it is gone. */
static uint64_t
began_boot_ms(uint32_t pid)
{
	struct stat_line line;

	return read_stat(pid, &line) ? stat_ms(&line, 22) : 0;
}

bool
peer_work(uint32_t pid, struct peer_work *work)
{
	struct stat_line line;
	const char *state;

	if (!read_stat(pid, &line) || (state = stat_field(&line, 3)) == NULL)
		return false;
	work->runnable = *state == 'R' || *state == 'D';
	work->cpu_ms = stat_ms(&line, 14) + stat_ms(&line, 15);
	return true;
}

int
peer_pidfd(int line, uint32_t pid, uint64_t since_boot_ms)
{
	uint64_t began;
	int fd = -1;
	socklen_t length = sizeof(fd);

	if (line >= 0 && getsockopt(line, SOL_SOCKET, SO_PEERPIDFD, &fd, &length) == 0)
		return fd;
	if (line >= 0 && errno != ENOPROTOOPT)
		return -1; /* it is gone */
	if ((fd = pidfd_open((pid_t)pid, 0)) < 0)
		return -1;
	/* A tick of grace: both clocks are cut to their own units. */
	began = began_boot_ms(pid);
	if (began != 0 && began <= since_boot_ms + 10)
		return fd;
	close(fd);
	return -1;
}

void
peer_kill(int pidfd)
{
	(void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}
