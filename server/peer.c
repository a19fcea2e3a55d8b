#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
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

/* Field 22 of /proc/PID/stat, in ms since the machine was started; 0 if it is gone. */
static uint64_t
began_boot_ms(uint32_t pid)
{
	char path[32], line[1024], *at;
	unsigned long long ticks = 0;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	if (length <= 0)
		return 0;
	line[length] = '\0';
	/* The name in field 2 may hold anything; fields are counted after its end. */
	if ((at = strrchr(line, ')')) == NULL)
		return 0;
	for (int field = 2; field < 22 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at != NULL)
		ticks = strtoull(at + 1, NULL, 10);
	return ticks * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
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
