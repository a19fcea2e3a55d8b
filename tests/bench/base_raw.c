/*
 * base_raw.c - the floor: a bare loop that writes the same bytes to N sockets.
 *
 * It makes a handshake of a constant, sends the packets that a roster of N clients
 * would send when one of them has changed, and takes whatever a client says for
 * such a change.  No WebSocket, no JSON, no state: less than this no server can do.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CLIENTS_MAX 65536
#define EVENTS 1024

#define ANSWER                                                       \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" \
	"Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

static struct peer {
	int fd; /* 0: nobody */
	bool asked;
	size_t sent; /* bytes of the tick; all: there is nothing to do */
} peers[CLIENTS_MAX];

static int loop, listener, timer;
static uint32_t highest, open_count;
static bool changed;
static char *tick;
static size_t tick_length, tick_room;
static int value_size = 50;

static void
watch(int fd, int operation, uint32_t events, uint32_t number)
{
	struct epoll_event e = {.events = events, .data.u32 = number};

	epoll_ctl(loop, operation, fd, &e);
}

/* ---- The bytes. */

static void
put(const char *format, unsigned number)
{
	tick_length += (size_t)snprintf(tick + tick_length, 256, format, number);
}

/* Behind what is there: a frame for the text from start on, header and all. */
static void
frame(size_t start)
{
	unsigned char header[10] = {0x81};
	size_t length = tick_length - start, size = 2;

	if (length < 126) {
		header[1] = (unsigned char)length;
	} else if (length < 65536) {
		header[1] = 126;
		header[2] = (unsigned char)(length >> 8);
		header[3] = (unsigned char)length;
		size = 4;
	} else {
		header[1] = 127;
		for (int i = 0; i < 8; i++)
			header[2 + i] = (unsigned char)((uint64_t)length >> (56 - 8 * i));
		size = 10;
	}
	memmove(tick + start + size, tick + start, length);
	memcpy(tick + start, header, size);
	tick_length += size;
}

static void
metadata(uint32_t clients)
{
	size_t start = tick_length;

	put("{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":{\"index\":\"%032x\","
	    "\"indexes\":[",
	    0);
	for (uint32_t i = 0; i < clients; i++)
		put(i > 0 ? ",\"%032x\"" : "\"%032x\"", i);
	put("],\"properties\":{", 0);
	for (uint32_t i = 0; i < clients; i++) {
		put(i > 0 ? ",\"%032x\":{\"p\":\"" : "\"%032x\":{\"p\":\"", i);
		memset(tick + tick_length, 'x', (size_t)value_size);
		tick_length += (size_t)value_size;
		put("\"}", 0);
	}
	put("},\"version\":\"DEV\"}}", 0);
	frame(start);
}

static void
render(uint32_t clients)
{
	size_t most = 4096 + clients * (128 + (size_t)value_size);

	if (most > tick_room && (tick = realloc(tick, tick_room = most)) == NULL)
		abort();
	tick_length = 0;
	put("{\"from\":\"server\",\"type\":\"changes\",\"changes\":{\"opened\":[],\"closed\":[]"
	    ","
	    "\"properties\":[\"%032x\"]}}",
	    0);
	frame(0);
	metadata(clients);
}

/* ---- The loop. */

static void
leave(struct peer *p)
{
	close(p->fd);
	p->fd = 0;
	open_count -= p->asked;
}

static void
write_tick(struct peer *p)
{
	bool was_waiting = p->sent > 0;
	ssize_t sent =
	    send(p->fd, tick + p->sent, tick_length - p->sent, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (sent < 0 && errno != EAGAIN) {
		leave(p);
		return;
	}
	p->sent += sent > 0 ? (size_t)sent : 0;
	if (p->sent < tick_length)
		watch(p->fd, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT, (uint32_t)(p - peers));
	else if (was_waiting)
		watch(p->fd, EPOLL_CTL_MOD, EPOLLIN, (uint32_t)(p - peers));
}

static bool
busy(void)
{
	for (uint32_t i = 0; i < highest; i++)
		if (peers[i].fd > 0 && peers[i].asked && peers[i].sent < tick_length)
			return true;
	return false;
}

static void
on_timer(void)
{
	uint64_t times;

	if (read(timer, &times, sizeof(times)) < 0 || !changed || busy())
		return;
	changed = false;
	render(open_count);
	for (uint32_t i = 0; i < highest; i++)
		if (peers[i].fd > 0 && peers[i].asked)
			peers[i].sent = 0;
	for (uint32_t i = 0; i < highest; i++)
		if (peers[i].fd > 0 && peers[i].asked)
			write_tick(&peers[i]);
}

static void
on_listener(void)
{
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		if (fd >= CLIENTS_MAX) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		peers[fd] = (struct peer){.fd = fd, .sent = SIZE_MAX};
		if ((uint32_t)fd >= highest)
			highest = (uint32_t)fd + 1;
		watch(fd, EPOLL_CTL_ADD, EPOLLIN, (uint32_t)fd);
	}
}

/* The request comes in one piece, on loopback; the first metadata goes with the answer. */
static void
greet(struct peer *p)
{
	static char first[4096];
	static size_t length;

	if (length == 0) {
		render(0);
		length = sizeof(ANSWER) - 1;
		memcpy(first, ANSWER, length);
		tick_length = 0;
		metadata(0);
		memcpy(first + length, tick, tick_length);
		length += tick_length;
	}
	if (send(p->fd, first, length, MSG_NOSIGNAL) != (ssize_t)length) {
		leave(p);
		return;
	}
	p->asked = true;
	open_count++;
	changed = true;
}

static void
on_peer(struct peer *p, uint32_t events)
{
	static char rest[65536];

	if (p->fd == 0)
		return;
	if ((events & EPOLLOUT) != 0)
		write_tick(p);
	if (p->fd == 0 || (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) == 0)
		return;
	if (recv(p->fd, rest, sizeof(rest), MSG_DONTWAIT) <= 0)
		leave(p);
	else if (!p->asked)
		greet(p);
	else
		changed = true;
}

static void
set_up(long tick_ms)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	struct itimerspec period = {
	    .it_interval = {tick_ms / 1000, tick_ms % 1000 * 1000000},
	    .it_value = {tick_ms / 1000, tick_ms % 1000 * 1000000},
	};
	struct rlimit limit;
	socklen_t size = sizeof(at);

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loop = epoll_create1(EPOLL_CLOEXEC);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (bind(listener, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    listen(listener, 4096) < 0 || timerfd_settime(timer, 0, &period, NULL) < 0)
		exit(71);
	watch(listener, EPOLL_CTL_ADD, EPOLLIN, (uint32_t)listener);
	watch(timer, EPOLL_CTL_ADD, EPOLLIN, (uint32_t)timer);
	getsockname(listener, (struct sockaddr *)&at, &size);
	fprintf(stderr, "listening address=127.0.0.1:%u\n", ntohs(at.sin_port));
}

int
main(int argc, char **argv)
{
	static struct epoll_event ready[EVENTS];

	if (argc > 2)
		value_size = atoi(argv[2]);
	set_up(argc > 1 ? atol(argv[1]) : 500);
	for (;;) {
		int count = epoll_wait(loop, ready, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			int fd = (int)ready[i].data.u32;

			if (fd == listener)
				on_listener();
			else if (fd == timer)
				on_timer();
			else
				on_peer(&peers[fd], ready[i].events);
		}
	}
}
