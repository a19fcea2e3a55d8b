#include "register.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

socklen_t
register_address(struct sockaddr_un *address, const char *name, uint64_t door)
{
	int length;

	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	length = snprintf(address->sun_path + 1, sizeof(address->sun_path) - 1,
	    "rosterd/%s/%016llx", name, (unsigned long long)door);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
}

int
register_connect(const struct sockaddr_un *address, socklen_t length)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, length) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(REGISTER_FDS_MAX * sizeof(int))];
};

int
register_send(int fd, const struct register_message *m, const int *fds, int count)
{
	struct iovec piece = {(void *)(uintptr_t)m, sizeof(*m)};
	struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
	union control control;

	if (count > 0) {
		struct cmsghdr *c = &control.align;
		size_t size = (size_t)count * sizeof(int);

		memset(&control, 0, sizeof(control));
		message.msg_control = &control;
		message.msg_controllen = CMSG_SPACE(size);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(c), fds, size);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)sizeof(*m) ? 0 : -1;
}

/* Take what descriptors came; those that there is no room for are closed. */
static int
take_fds(struct msghdr *message, int *fds, int count)
{
	int got = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL;
	     c = CMSG_NXTHDR(message, c)) {
		size_t many;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		many = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < many; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (got < count)
				fds[got++] = fd;
			else
				close(fd);
		}
	}
	return got;
}

int
register_receive(int fd, struct register_message *m, int *fds, int count, int *got)
{
	struct iovec piece = {m, sizeof(*m)};
	union control control;
	struct msghdr message = {
	    .msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control),
	};
	ssize_t length;

	*got = 0;
	do
		length = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length <= 0)
		return (int)length;
	*got = take_fds(&message, fds, count);
	if (length != (ssize_t)sizeof(*m) || (message.msg_flags & MSG_TRUNC) != 0) {
		errno = EPROTO;
		return -1;
	}
	m->peer[PEER_LENGTH - 1] = '\0';
	return 1;
}
