/* A child that was taken over, and its sockets. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "trial.h"

#define DIES(order)                            \
	{                                      \
		order, FATE_ENDS, BY_FILTER, 0 \
	}
#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}

/* A port that listens, to see whether anybody gets through. */
static int
open_port(int *port)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	cr_assert_eq(bind(fd, (struct sockaddr *)&address, length), 0);
	cr_assert_eq(listen(fd, 8), 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

Test(network, cannot_be_reached, .timeout = 120)
{
	static struct stage s;
	char connect_order[64], send_order[64], send_to_order[64];
	int port, fd = open_port(&port);
	struct pollfd p = {.fd = fd, .events = POLLIN};

	snprintf(connect_order, sizeof(connect_order), "connect-client %d", port);
	snprintf(send_order, sizeof(send_order), "send-elsewhere %d", port);
	snprintf(send_to_order, sizeof(send_to_order), "send-to %d", port);
	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){DIES("socket-tcp"), DIES("socket-stream"),
		    DIES("socket-pair"), DIES("disconnect-client"), DIES(connect_order),
		    DIES(send_order), DIES(send_to_order), DIES("shut-log"), END});
	cr_assert_eq(poll(&p, 1, 0), 0, "somebody has connected");
	close(fd);
	stage_close(&s);
}

/* Who closes the line to get at its number may be killed for that before it is for the call. */
Test(network, the_clients_socket_cannot_take_the_place_of_the_life_line, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){DIES("move-by-dup2"), DIES("move-by-dup3"),
		    {"move-by-dup", FATE_ENDS, NULL, 0}, {"move-by-fcntl", FATE_ENDS, NULL, 0},
		    {"accept-on-line", FATE_ENDS, NULL, 0}, DIES("bind-line"),
		    DIES("second-line"), END});
	stage_close(&s);
}
