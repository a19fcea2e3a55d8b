#include "inherit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "sockets.h"

#define FIRST_FD 3 /* of sd_listen_fds(3) */

/* A descriptor that was not open would become somebody else's file. */
static void
fill_gaps(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
}

static void
put_null(int at)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	dup2(fd, at);
	close(fd);
}

static int
option_of(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) == 0 ? value : -1;
}

static bool
is_same_socket(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && S_ISSOCK(x.st_mode) &&
	       x.st_ino == y.st_ino && x.st_dev == y.st_dev;
}

static const char *
variable(const char *name)
{
	const char *text = getenv(name);

	return text != NULL && *text != '\0' ? text : NULL;
}

/* The address that whoever accepted the connection says; what it says must be one. */
static bool
told_peer(const char *host_variable, const char *port_variable, char peer[PEER_LENGTH])
{
	struct sockaddr_storage address = {0};
	struct sockaddr_in *in = (struct sockaddr_in *)&address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
	const char *host = variable(host_variable), *port = variable(port_variable);
	char *end;
	unsigned long number;

	if (host == NULL || port == NULL)
		return false;
	number = strtoul(port, &end, 10);
	if (*end != '\0' || number > 65535)
		return false;
	if (inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)number);
		sockets_name(&address, sizeof(*in), peer);
		return true;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)number);
		sockets_name(&address, sizeof(*in6), peer);
		return true;
	}
	return false;
}

/*
 * The kernel knows best; but of a Unix socket it only knows that it is one, and
 * behind that may be a terminator of TLS that knows more.
 */
static bool
find_peer(struct inherit *i)
{
	struct sockaddr_storage address = {0};
	socklen_t length = sizeof(address);

	if (getpeername(i->fds[0], (struct sockaddr *)&address, &length) < 0)
		return false;
	if (address.ss_family != AF_UNIX ||
	    (!told_peer("TCPREMOTEIP", "TCPREMOTEPORT", i->peer) &&
		!told_peer("REMOTE_ADDR", "REMOTE_PORT", i->peer)))
		sockets_name(&address, length, i->peer);
	return true;
}

/*
 * A pair of sockets without names is how some programs make pipes.  It is a
 * client only if its environment says so (UCSPI: PROTO).
 */
static bool
is_pipe(int fd)
{
	struct sockaddr_un address = {0};
	socklen_t length = sizeof(address);

	return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
	       address.sun_family == AF_UNIX &&
	       length <= offsetof(struct sockaddr_un, sun_path) && variable("PROTO") == NULL &&
	       variable("REMOTE_ADDR") == NULL;
}

/* What the first descriptor is, all are. */
static void
judge(struct inherit *i)
{
	int listening = option_of(i->fds[0], SO_ACCEPTCONN);

	for (unsigned n = 0; n < i->count; n++) {
		if (option_of(i->fds[n], SO_TYPE) != SOCK_STREAM) {
			i->kind = INHERIT_BAD;
			i->why = "not a stream socket";
			return;
		}
		if (option_of(i->fds[n], SO_ACCEPTCONN) != listening ||
		    (listening != 1 && i->count > 1)) {
			i->kind = INHERIT_BAD;
			i->why = "a client, and other sockets besides";
			return;
		}
		fcntl(i->fds[n], F_SETFD, FD_CLOEXEC);
	}
	if (listening == 1)
		i->kind = INHERIT_LISTENING;
	else
		i->kind = find_peer(i) ? INHERIT_CONNECTED : INHERIT_GONE;
}

/* A name for each, with colons between them. */
static void
take_names(struct inherit *i, const char *names)
{
	for (unsigned n = 0; names != NULL && n < INHERIT_MAX; n++) {
		size_t length = strcspn(names, ":");

		i->tls[n] = length == 3 && strncmp(names, "tls", 3) == 0;
		names = names[length] == ':' ? names + length + 1 : NULL;
	}
}

static bool
take_listen_fds(struct inherit *i)
{
	const char *pid = variable("LISTEN_PID"), *count = variable("LISTEN_FDS");
	bool ours = pid != NULL && count != NULL && atol(pid) == (long)getpid();
	int n = ours ? atoi(count) : 0;

	if (ours)
		take_names(i, variable("LISTEN_FDNAMES"));
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (n < 1)
		return false;
	if (n > INHERIT_MAX) {
		i->kind = INHERIT_BAD;
		i->why = "too many sockets";
		return true;
	}
	for (int fd = FIRST_FD; fd < FIRST_FD + n; fd++)
		i->fds[i->count++] = fd;
	judge(i);
	return true;
}

/* From 0 to a place of its own, where nobody takes it for an input. */
static void
take_stdin(struct inherit *i)
{
	i->inetd = is_same_socket(STDIN_FILENO, STDOUT_FILENO);
	i->fds[0] = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, FIRST_FD);
	i->count = 1;
	judge(i);
}

/* Nothing may ever be written to a socket that serves a client, or may accept one. */
static void
silence(struct inherit *i)
{
	for (unsigned n = 0; n < i->count; n++) {
		if (is_same_socket(i->fds[n], STDERR_FILENO)) {
			put_null(STDERR_FILENO);
			i->mute = true;
		}
		if (is_same_socket(i->fds[n], STDOUT_FILENO))
			put_null(STDOUT_FILENO);
		if (is_same_socket(i->fds[n], STDIN_FILENO))
			put_null(STDIN_FILENO);
	}
}

void
inherit_find(struct inherit *i)
{
	memset(i, 0, sizeof(*i));
	i->mute = fcntl(STDERR_FILENO, F_GETFD) < 0;
	fill_gaps();
	if (!take_listen_fds(i) && option_of(STDIN_FILENO, SO_TYPE) == SOCK_STREAM &&
	    !is_pipe(STDIN_FILENO))
		take_stdin(i);
	silence(i);
}
