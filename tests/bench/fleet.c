#include "fleet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "clock.h"
#include "intake.h"

#define EVENTS 1024

static _Noreturn void
fail(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

void
fleet_make(struct fleet *f, const struct load *l)
{
	memset(f, 0, sizeof(*f));
	f->load = *l;
	f->count = l->clients;
	f->piece = INTAKE_SIZE;
	f->clients = calloc(l->clients, sizeof(*f->clients));
	f->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (f->clients == NULL || f->epoll < 0)
		fail("setup");
	for (uint32_t i = 0; i < f->count; i++) {
		f->clients[i].fd = -1;
		f->clients[i].number = i;
	}
}

static void
watch(struct fleet *f, struct client *c, int operation, uint32_t events)
{
	struct epoll_event e = {.events = events, .data.u32 = c->number};

	if (epoll_ctl(f->epoll, operation, c->fd, &e) < 0)
		fail("epoll_ctl");
}

/* One of 60,000 loopback addresses, each with its own ports. */
static void
choose_source(int fd, uint32_t number)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	int yes = 1;

	from.sin_addr.s_addr = htonl(0x7f010001U + number % 60000U);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	if (bind(fd, (const struct sockaddr *)&from, sizeof(from)) < 0)
		fail("bind");
}

static void
ask(struct fleet *f, struct client *c)
{
	char request[256];
	int length = snprintf(request, sizeof(request),
	    "GET / HTTP/1.1\r\nHost: 127.0.0.1:%u\r\nUpgrade: websocket\r\n"
	    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	    "Sec-WebSocket-Version: 13\r\n%s\r\n",
	    f->load.port,
	    f->load.deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");

	if (send(c->fd, request, (size_t)length, MSG_DONTWAIT) != length) {
		f->bad++;
		fleet_close(f, c);
		return;
	}
	c->state = CLIENT_ASKED;
}

void
fleet_connect(struct fleet *f, struct client *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->load.port)};
	int yes = 1;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		fail("socket");
	if (f->sources)
		choose_source(c->fd, c->number);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	c->begun_ns = clock_ns();
	c->state = CLIENT_CONNECTING;
	if (connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) < 0 &&
	    errno != EINPROGRESS)
		fail("connect");
	watch(f, c, EPOLL_CTL_ADD, EPOLLOUT);
}

void
fleet_close(struct fleet *f, struct client *c)
{
	if (c->fd < 0)
		return;
	close(c->fd);
	c->fd = -1;
	free(c->keep);
	c->keep = NULL;
	c->kept = 0;
	c->left = 0;
	c->state = CLIENT_CLOSED;
	f->closed++;
	if (f->on_closed != NULL)
		f->on_closed(f, c);
}

static void
handle(struct fleet *f, struct client *c, uint32_t events)
{
	int error = 0;
	socklen_t size = sizeof(error);

	if (c->state == CLIENT_CONNECTING && (events & (EPOLLOUT | EPOLLERR)) != 0) {
		getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
		if (error != 0) {
			f->bad++;
			fleet_close(f, c);
			return;
		}
		ask(f, c);
		if (c->state == CLIENT_ASKED)
			watch(f, c, EPOLL_CTL_MOD, EPOLLIN);
		return;
	}
	intake_read(f, c);
}

bool
fleet_turn(struct fleet *f, int wait_ms)
{
	static struct epoll_event ready[EVENTS];
	int count = epoll_wait(f->epoll, ready, EVENTS, wait_ms);

	f->now = clock_ns();
	for (int i = 0; i < count; i++) {
		struct client *c = &f->clients[ready[i].data.u32];

		if (c->fd >= 0)
			handle(f, c, ready[i].events);
	}
	return count > 0;
}

/* As a client does that was told to come back. */
static void
connect_again(struct fleet *f, uint32_t begun)
{
	for (uint32_t i = 0; i < begun && f->closed > 0; i++) {
		struct client *c = &f->clients[i];

		if (c->state != CLIENT_CLOSED || c->knows_token || f->refused >= f->count)
			continue;
		f->refused++;
		f->closed--;
		f->bad -= f->bad > 0; /* the answer was no 101 */
		fleet_connect(f, c);
	}
}

void
fleet_connect_all(struct fleet *f, uint32_t flight)
{
	uint32_t begun = 0;

	while (f->known < f->count) {
		while (begun < f->count && begun - f->known < flight)
			fleet_connect(f, &f->clients[begun++]);
		if (f->closed > 0)
			connect_again(f, begun);
		if (!fleet_turn(f, 20000) || f->closed > f->count / 2) {
			fprintf(stderr, "load: %u of %u clients connected, %u closed\n",
			    f->known, f->count, f->closed);
			exit(1);
		}
	}
}

void
fleet_until_quiet(struct fleet *f, uint32_t ms)
{
	f->heard_ns = clock_ns();
	for (;;) {
		uint64_t passed = (clock_ns() - f->heard_ns) / 1000000;

		if (passed >= ms)
			return;
		fleet_turn(f, (int)(ms - passed));
	}
}

void
fleet_for(struct fleet *f, uint32_t ms)
{
	uint64_t begun = clock_ns();

	for (;;) {
		uint64_t passed = (clock_ns() - begun) / 1000000;

		if (passed >= ms)
			return;
		fleet_turn(f, (int)(ms - passed));
	}
}

void
fleet_send(struct fleet *f, struct client *c, const void *bytes, size_t length)
{
	if (c->fd >= 0 && send(c->fd, bytes, length, MSG_DONTWAIT) != (ssize_t)length)
		f->bad++;
}

size_t
fleet_frame(char *out, const char *text, size_t length)
{
	size_t at = 0;

	out[at++] = (char)0x81;
	if (length < 126) {
		out[at++] = (char)(0x80 | length);
	} else {
		out[at++] = (char)(0x80 | 126);
		out[at++] = (char)(length >> 8);
		out[at++] = (char)length;
	}
	memset(out + at, 0, 4);
	at += 4;
	memcpy(out + at, text, length);
	return at + length;
}

/* As browsers do it: whoever negotiated it compresses even what is short. */
static void
say_deflated(struct fleet *f, struct client *c, const char *text, size_t length)
{
	z_stream z = {0};
	char frame[2200];
	unsigned char bytes[2100];
	size_t used;

	if (deflateInit2(&z, 5, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		fail("deflateInit2");
	z.next_in = (unsigned char *)(uintptr_t)text;
	z.avail_in = (unsigned)length;
	z.next_out = bytes;
	z.avail_out = sizeof(bytes);
	(void)deflate(&z, Z_SYNC_FLUSH);
	/* The last four bytes are not sent (RFC 7692, 7.2.1). */
	used = fleet_frame(frame, (const char *)bytes, sizeof(bytes) - z.avail_out - 4);
	frame[0] = (char)0xc1;
	deflateEnd(&z);
	fleet_send(f, c, frame, used);
}

static void
say(struct fleet *f, struct client *c, const char *text, size_t length)
{
	char frame[2100];

	if (f->load.deflate)
		say_deflated(f, c, text, length);
	else
		fleet_send(f, c, frame, fleet_frame(frame, text, length));
}

void
fleet_set_property(struct fleet *f, struct client *c, uint32_t size, uint32_t number)
{
	static const char *const names[] = {"Ada", "Grace", "Edsger", "Barbara", "Donald"};
	char text[2048];
	int length;

	if (size > 1024)
		size = 1024;
	/* The number, and x up to the size. */
	length = snprintf(text, sizeof(text),
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":{");
	if (f->load.people) {
		length += snprintf(text + length, sizeof(text) - (size_t)length,
		    "\"name\":\"%s %u\",\"colour\":\"#%06x\",\"x\":%u,\"y\":%u}}}",
		    names[c->number % 5], c->number, c->number * 2654435761U >> 8,
		    (c->number * 7919U + number * 13U) % 1920U,
		    (c->number * 104729U + number * 7U) % 1080U);
		say(f, c, text, (size_t)length);
		return;
	}
	length += snprintf(text + length, sizeof(text) - (size_t)length, "\"p\":\"");
	length += snprintf(text + length, sizeof(text) - (size_t)length, "%010u", number);
	while (size-- > 10)
		text[length++] = 'x';
	length += snprintf(text + length, sizeof(text) - (size_t)length, "\"}}}");
	say(f, c, text, (size_t)length);
}

void
fleet_close_all(struct fleet *f)
{
	f->on_closed = NULL;
	for (uint32_t i = 0; i < f->count; i++)
		fleet_close(f, &f->clients[i]);
}

void
fleet_deafen(struct fleet *f, struct client *c, bool deaf)
{
	c->deaf = deaf;
	watch(f, c, EPOLL_CTL_MOD, deaf ? 0 : EPOLLIN);
}

void
fleet_read_whole(struct fleet *f)
{
	f->whole = true;
	for (uint32_t i = 0; i < f->count; i++)
		f->clients[i].passed = 0;
}

bool
fleet_agrees(struct fleet *f)
{
	if (intake_count(f) != f->count)
		return false;
	for (uint32_t i = 1; i < f->count; i++)
		if (f->clients[i].sum != f->clients[0].sum)
			return false;
	return true;
}
