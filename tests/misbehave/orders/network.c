/* Sockets: its own, its client's, and others. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "orders.h"

typedef const long numbers[ORDERS_NUMBERS];

/* Where it would like to connect: a port of this machine. */
static struct sockaddr_in
elsewhere(numbers n)
{
	return (struct sockaddr_in){.sin_family = AF_INET,
	    .sin_port = htons((uint16_t)n[0]),
	    .sin_addr = {htonl(INADDR_LOOPBACK)}};
}

static void
socket_tcp(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, socket(AF_INET, SOCK_STREAM, 0));
}

static void
socket_stream(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, socket(AF_UNIX, SOCK_STREAM, 0));
}

static void
socket_pair(struct child *c, numbers n)
{
	int pair[2];

	(void)n;
	orders_answer_result(c, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
}

static void
disconnect_client(struct child *c, numbers n)
{
	const struct sockaddr none = {.sa_family = AF_UNSPEC};

	(void)n;
	orders_answer_result(c, connect(c->in.fd, &none, sizeof(none)));
}

static void
connect_client(struct child *c, numbers n)
{
	struct sockaddr_in to = elsewhere(n);

	orders_answer_result(c, connect(c->in.fd, (struct sockaddr *)&to, sizeof(to)));
}

/* A message that connects at the same time. */
static void
send_elsewhere(struct child *c, numbers n)
{
	struct sockaddr_in to = elsewhere(n);
	char hello[] = "hello";
	struct iovec piece = {hello, 5};
	struct msghdr m = {
	    .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &piece, .msg_iovlen = 1};

	orders_answer_result(c, sendmsg(c->in.fd, &m, MSG_FASTOPEN | MSG_NOSIGNAL));
}

static void
send_to(struct child *c, numbers n)
{
	struct sockaddr_in to = elsewhere(n);

	orders_answer_result(
	    c, sendto(c->in.fd, "hello", 5, MSG_NOSIGNAL, (struct sockaddr *)&to, sizeof(to)));
}

/* The log may be a socket, and all have the same. */
static void
shut_log(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, shutdown(STDERR_FILENO, SHUT_RDWR));
}

/* The client's socket where the life line was: there one may connect. */

static void
move_by_dup2(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, dup2(c->in.fd, SEAT_LINE));
}

static void
move_by_dup3(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, dup3(c->in.fd, SEAT_LINE, 0));
}

static void
move_by_dup(struct child *c, numbers n)
{
	(void)n;
	close(SEAT_LINE);
	orders_answer_result(c, dup(c->in.fd));
}

static void
move_by_fcntl(struct child *c, numbers n)
{
	(void)n;
	close(SEAT_LINE);
	orders_answer_result(c, fcntl(c->in.fd, F_DUPFD, SEAT_LINE));
}

static void
accept_on_line(struct child *c, numbers n)
{
	(void)n;
	close(SEAT_LINE);
	orders_answer_result(c, accept(c->in.fd, NULL, NULL));
}

static void
bind_line(struct child *c, numbers n)
{
	const struct sockaddr_un name = {.sun_family = AF_UNIX};

	(void)n;
	orders_answer_result(
	    c, bind(SEAT_LINE, (const struct sockaddr *)&name, sizeof(sa_family_t)));
}

/* A second line to the ticker, beside the first. */
static void
second_line(struct child *c, numbers n)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)n;
	if (fd < 0)
		orders_answer_result(c, fd);
	else
		orders_answer_result(c,
		    connect(fd, (struct sockaddr *)&c->seat.address, c->seat.address_length));
}

/* All descriptors that it can get. */
static void
exhaust_descriptors(struct child *c, numbers n)
{
	int count = 0, fds[1024];

	(void)n;
	while (count < 1024 && (fds[count] = socket(AF_UNIX,
				    SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) >= 0)
		count++;
	orders_answer(c, "%d descriptors", count);
	while (count > 0)
		close(fds[--count]);
}

const struct order orders_network[] = {
    {"socket-tcp", socket_tcp},
    {"socket-stream", socket_stream},
    {"socket-pair", socket_pair},
    {"disconnect-client", disconnect_client},
    {"connect-client", connect_client},
    {"send-elsewhere", send_elsewhere},
    {"send-to", send_to},
    {"shut-log", shut_log},
    {"move-by-dup2", move_by_dup2},
    {"move-by-dup3", move_by_dup3},
    {"move-by-dup", move_by_dup},
    {"move-by-fcntl", move_by_fcntl},
    {"accept-on-line", accept_on_line},
    {"bind-line", bind_line},
    {"second-line", second_line},
    {"exhaust-descriptors", exhaust_descriptors},
    {NULL, NULL},
};
