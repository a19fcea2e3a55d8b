#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/log.h"

#define TAKEN_MS 500 /* for an address that is taken to become free */
#define LOOK_MS 20

static int
bad_address(const char *text)
{
	log_error("bad-address", "listen=\"%s\" want=\"ADDR:PORT, [V6ADDR]:PORT or unix:PATH\"",
	    text);
	return -1;
}

static int
parse_unix(const char *path, struct sockaddr_storage *out, socklen_t *length)
{
	struct sockaddr_un *un = (struct sockaddr_un *)out;

	if (*path == '\0' || strlen(path) >= sizeof(un->sun_path) || strchr(path, '\n') != NULL)
		return -1;
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, path);
	*length = sizeof(*un);
	return 0;
}

static int
parse_inet(const char *host, uint16_t port, struct sockaddr_storage *out, socklen_t *length)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port);
		*length = sizeof(*in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(port);
		*length = sizeof(*in6);
		return 0;
	}
	return -1;
}

const char *
sockets_path(const char *address)
{
	return strncmp(address, "unix:", 5) == 0 ? address + 5 : NULL;
}

static int
parse(const char *text, struct sockaddr_storage *out, socklen_t *length)
{
	const char *colon = strrchr(text, ':');
	char host[64], *end;
	unsigned long port;
	size_t size;

	memset(out, 0, sizeof(*out));
	if (sockets_path(text) != NULL)
		return parse_unix(sockets_path(text), out, length);
	if (colon == NULL || colon[1] < '0' || colon[1] > '9')
		return -1;
	port = strtoul(colon + 1, &end, 10);
	size = (size_t)(colon - text);
	if (*end != '\0' || port > 65535 || size == 0 || size >= sizeof(host))
		return -1;
	memcpy(host, text, size);
	host[size] = '\0';
	if (host[0] == '[' && host[size - 1] == ']') {
		host[size - 1] = '\0';
		memmove(host, host + 1, size - 1);
	}
	return parse_inet(host, (uint16_t)port, out, length);
}

/* A socket file that nobody listens on is in the way; one that is in use is not ours. */
static void
clear_stale(const struct sockaddr_storage *address, socklen_t length)
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	struct stat status;
	int fd;

	if (address->ss_family != AF_UNIX || stat(un->sun_path, &status) < 0 ||
	    !S_ISSOCK(status.st_mode))
		return;
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) < 0)
		return;
	if (connect(fd, (const struct sockaddr *)address, length) < 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static void
set_options(int fd, int family)
{
	int yes = 1;

	if (family == AF_UNIX)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	/* [::] and 0.0.0.0 are asked for one by one. */
	if (family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes));
}

/* The file of a Unix socket has its permissions from the first moment on. */
static int
bind_with_mode(int fd, const struct sockaddr_storage *address, socklen_t length, mode_t mode)
{
	mode_t before = umask(~mode & 0777);
	int result = bind(fd, (const struct sockaddr *)address, length);

	umask(before);
	return result;
}

/*
 * The listener before us may have been killed just after it forked: for an
 * instant that child still has its sockets.
 */
static int
take_address(int fd, const struct sockaddr_storage *address, socklen_t length, mode_t mode)
{
	uint64_t deadline = clock_ms() + TAKEN_MS;

	while (
	    bind_with_mode(fd, address, length, mode) < 0 || listen(fd, SOCKETS_BACKLOG) < 0) {
		if (errno != EADDRINUSE || clock_ms() >= deadline)
			return -1;
		poll(NULL, 0, LOOK_MS);
	}
	return 0;
}

int
sockets_listen(const char *text, mode_t mode)
{
	struct sockaddr_storage address;
	socklen_t length = 0;
	int fd;

	if (parse(text, &address, &length) < 0)
		return bad_address(text);
	clear_stale(&address, length);
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0) {
		set_options(fd, address.ss_family);
		if (take_address(fd, &address, length, mode) == 0)
			return fd;
	}
	log_error("cannot-listen", "listen=\"%s\" errno=\"%s\"", text, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

void
sockets_name(const struct sockaddr_storage *address, socklen_t length, char name[PEER_LENGTH])
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	const struct sockaddr_un *un = (const struct sockaddr_un *)address;
	char host[INET6_ADDRSTRLEN];

	memset(name, 0, PEER_LENGTH);
	if (address->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(name, PEER_LENGTH, "%s:%u", host, ntohs(in->sin_port));
	} else if (address->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		/* Where one socket serves both, as inetd's may. */
		inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, sizeof(host));
		snprintf(name, PEER_LENGTH, "%s:%u", host, ntohs(in6->sin6_port));
	} else if (address->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(name, PEER_LENGTH, "[%s]:%u", host, ntohs(in6->sin6_port));
	} else if (length > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0] != '\0') {
		snprintf(name, PEER_LENGTH, "unix:%.*s", (int)(PEER_LENGTH - 6), un->sun_path);
	} else {
		snprintf(name, PEER_LENGTH, "unix");
	}
}

void
sockets_own_name(int fd, char name[PEER_LENGTH])
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	(void)getsockname(fd, (struct sockaddr *)&address, &length);
	sockets_name(&address, length, name);
}
