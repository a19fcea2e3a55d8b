#include "hook.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "register.h"

socklen_t
hook_address(struct sockaddr_un *address, const char *name, uint64_t door)
{
	static const char end[] = "/hooks";
	socklen_t length = register_address(address, name, door);

	memcpy((char *)address + length, end, sizeof(end) - 1);
	return length + (socklen_t)sizeof(end) - 1;
}

int
hook_connect(const char *name, uint64_t door)
{
	struct sockaddr_un address;
	socklen_t length = hook_address(&address, name, door);

	return register_connect(&address, length);
}

union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

int
hook_send(int fd, const struct hook_message *m, const char *text, size_t length, int passed)
{
	struct iovec pieces[] = {
	    {(void *)(uintptr_t)m, sizeof(*m)}, {(void *)(uintptr_t)text, length}};
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = length > 0 ? 2 : 1};
	union control control = {.bytes = {0}};

	if (passed >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &passed, sizeof(int));
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -1 : 0;
}

int
hook_receive(
    int fd, struct hook_message *m, char *text, size_t size, size_t *length, int *passed)
{
	struct iovec pieces[] = {{m, sizeof(*m)}, {text, size}};
	union control control;
	struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
	ssize_t got;

	if (passed != NULL) {
		*passed = -1;
		message.msg_control = &control;
		message.msg_controllen = sizeof(control);
	}
	do
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	while (got < 0 && errno == EINTR);
	if (got <= 0)
		return (int)got;
	if (passed != NULL && message.msg_controllen >= CMSG_LEN(sizeof(int)) &&
	    control.align.cmsg_level == SOL_SOCKET && control.align.cmsg_type == SCM_RIGHTS)
		memcpy(passed, CMSG_DATA(&control.align), sizeof(int));
	if ((size_t)got < sizeof(*m) || (message.msg_flags & MSG_TRUNC) != 0) {
		errno = EPROTO;
		return -1;
	}
	*length = (size_t)got - sizeof(*m);
	m->peer[PEER_LENGTH - 1] = '\0';
	return 1;
}

int
hook_answer(int fd, const struct hook_message *asked, enum hook_verdict verdict,
    const char *text, size_t length)
{
	struct hook_message m = {.kind = HOOK_ANSWER,
	    .slot = asked->slot,
	    .segment = asked->segment,
	    .generation = asked->generation,
	    .verdict = verdict};

	return hook_send(fd, &m, text, length, -1);
}
