#include "ws.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "deflate.h"
#include "secure.h"
#include "server.h"

#define HANDSHAKE                                                                \
	"GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\n"        \
	"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" \
	"Sec-WebSocket-Version: 13\r\n%s\r\n"
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" /* RFC 6455, 1.3 */

#define SEND_MS 20000

void
ws_connect(struct ws *w, int port)
{
	ws_connect_from(w, port, "127.0.0.1");
}

void
ws_connect_from(struct ws *w, int port, const char *source)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_port = htons((uint16_t)port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(source)};
	int yes = 1;

	memset(w, 0, sizeof(*w));
	w->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(w->fd >= 0, "socket: %s", strerror(errno));
	/* No port is chosen before there is another end: or they run out (ip(7)). */
	setsockopt(w->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	CHECK(bind(w->fd, (struct sockaddr *)&own, sizeof(own)) == 0, "bind: %s",
	    strerror(errno));
	CHECK(connect(w->fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect: %s",
	    strerror(errno));
	setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	if (secure_is_spoken())
		w->tls = secure_connect(w->fd);
}

/* Wait for fd and read behind what is there; false at the end or when time is up. */
static bool
fill(struct ws *w, long long until)
{
	struct pollfd p = {.fd = w->fd, .events = POLLIN};
	long long left = until - now_ms();
	ssize_t got;

	if (w->ended)
		return false;
	if ((w->tls == NULL || !secure_is_waiting(w->tls)) &&
	    poll(&p, 1, left > 0 ? (int)left : 0) <= 0)
		return false;
	if (w->begin > 0) {
		memmove(w->in, w->in + w->begin, w->end - w->begin);
		w->end -= w->begin;
		w->begin = 0;
	}
	if (w->room - w->end < 65536) {
		w->room = (w->room + 65536) * 2;
		w->in = realloc(w->in, w->room);
		CHECK(w->in != NULL, "no memory");
	}
	got = w->tls == NULL
		  ? recv(w->fd, w->in + w->end, w->room - w->end, 0)
		  : secure_receive(w->tls, w->in + w->end, w->room - w->end, &w->cut);
	if (got < 0 && errno == ECONNRESET)
		w->reset = true;
	if (got <= 0) {
		w->ended = true;
		return false;
	}
	w->end += (size_t)got;
	return true;
}

static void
read_answer(struct ws *w)
{
	long long until = now_ms() + 10000;
	char *end;

	while (w->in == NULL ||
	       (end = memmem(w->in + w->begin, w->end - w->begin, "\r\n\r\n", 4)) == NULL)
		CHECK(fill(w, until), "no whole answer to the handshake: %.*s",
		    (int)(w->end - w->begin), w->in + w->begin);
	*end = '\0';
	CHECK(strncmp(w->in + w->begin, "HTTP/1.1 101 ", 13) == 0, "the answer is: %s",
	    w->in + w->begin);
	CHECK(strstr(w->in + w->begin, ACCEPT) != NULL, "wrong Sec-WebSocket-Accept: %s",
	    w->in + w->begin);
	w->deflate = strstr(w->in + w->begin, "permessage-deflate") != NULL;
	w->begin = (size_t)(end - w->in) + 4;
}

void
ws_knock(struct ws *w, int port, const char *target, const char *headers)
{
	char request[4096];

	ws_connect(w, port);
	snprintf(request, sizeof(request), HANDSHAKE, target, port, headers);
	ws_raw_text(w, request);
}

void
ws_open_with(struct ws *w, int port, const char *headers)
{
	ws_knock(w, port, "/", headers);
	read_answer(w);
}

void
ws_open_at(struct ws *w, int port, const char *target)
{
	ws_knock(w, port, target, "");
	read_answer(w);
}

void
ws_open(struct ws *w, int port)
{
	ws_open_with(w, port, "");
}

void
ws_raw(struct ws *w, const void *bytes, size_t length)
{
	const char *at = bytes;
	long long until = now_ms() + SEND_MS;

	while (length > 0) {
		ssize_t sent = w->tls == NULL
				   ? send(w->fd, at, length, MSG_NOSIGNAL | MSG_DONTWAIT)
				   : secure_send(w->tls, at, length);
		struct pollfd p = {.fd = w->fd, .events = POLLOUT};

		if (sent > 0) {
			at += sent;
			length -= (size_t)sent;
			continue;
		}
		if (errno == EPIPE || errno == ECONNRESET)
			return;
		CHECK(now_ms() < until, "the server does not read");
		poll(&p, 1, 100);
	}
}

void
ws_raw_text(struct ws *w, const char *text)
{
	ws_raw(w, text, strlen(text));
}

size_t
ws_make(char *out, int what, const void *payload, size_t length)
{
	static const unsigned char mask[4] = {0x37, 0xfa, 0x21, 0x3d};
	unsigned char *at = (unsigned char *)out;
	bool masked = (what & WS_UNMASKED) == 0;
	const unsigned char *from = payload;
	int bytes = 0;

	*at++ = (unsigned char)what;
	if (length > 65535 || (what & WS_LONG64) != 0)
		bytes = 8;
	else if (length > 125 || (what & WS_LONG16) != 0)
		bytes = 2;
	*at++ = (unsigned char)((masked ? 0x80 : 0) | (bytes == 8      ? 127
							  : bytes == 2 ? 126
								       : (int)length));
	for (int i = bytes - 1; i >= 0; i--)
		*at++ = (unsigned char)((uint64_t)length >> (8 * i));
	if (masked) {
		memcpy(at, mask, 4);
		at += 4;
	}
	for (size_t i = 0; i < length; i++)
		*at++ = (unsigned char)(from[i] ^ (masked ? mask[i % 4] : 0));
	return (size_t)(at - (unsigned char *)out);
}

void
ws_frame(struct ws *w, int what, const void *payload, size_t length)
{
	char *bytes = malloc(length + 14);

	CHECK(bytes != NULL, "no memory");
	ws_raw(w, bytes, ws_make(bytes, what, payload, length));
	free(bytes);
}

void
ws_text(struct ws *w, const char *format, ...)
{
	va_list arguments;
	char *text;
	int length;

	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	CHECK(length >= 0, "no memory");
	if (w->deflate) {
		size_t size;
		char *payload = deflate_payload(text, (size_t)length, &size);

		ws_frame(w, WS_FIN | WS_RSV1 | WS_TEXT, payload, size);
		free(payload);
	} else {
		ws_frame(w, WS_FIN | WS_TEXT, text, (size_t)length);
	}
	free(text);
}

/* Length of the header at the beginning, and of the payload; 0 if it is not all there. */
static size_t
header_length(const struct ws *w, uint64_t *payload)
{
	const unsigned char *at = (const unsigned char *)w->in + w->begin;
	size_t there = w->end - w->begin;
	int bytes;

	if (there < 2)
		return 0;
	CHECK((at[1] & 0x80) == 0, "the server masks its frames");
	bytes = (at[1] & 0x7f) == 127 ? 8 : (at[1] & 0x7f) == 126 ? 2 : 0;
	if (there < 2 + (size_t)bytes)
		return 0;
	*payload = bytes == 0 ? at[1] & 0x7f : 0;
	for (int i = 0; i < bytes; i++)
		*payload = *payload << 8 | at[2 + i];
	return 2 + (size_t)bytes;
}

struct ws_frame *
ws_next(struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	struct ws_frame *frame;
	uint64_t payload = 0;
	size_t header;
	unsigned char first;

	while (
	    (header = header_length(w, &payload)) == 0 || w->end - w->begin < header + payload)
		if (!fill(w, until))
			return NULL;
	frame = malloc(sizeof(*frame) + payload + 1);
	CHECK(frame != NULL, "no memory");
	first = (unsigned char)w->in[w->begin];
	frame->fin = (first & 0x80) != 0;
	frame->rsv = first & 0x70;
	frame->opcode = first & 0x0f;
	frame->length = payload;
	memcpy(frame->payload, w->in + w->begin + header, payload);
	frame->payload[payload] = '\0';
	w->begin += header + payload;
	return frame;
}

/* A text frame as JSON; the frame is freed. */
static json_t *
read_packet(struct ws *w, struct ws_frame *frame)
{
	size_t length = frame->length;
	char *inflated = NULL;
	const char *text = frame->payload;
	json_error_t error;
	json_t *packet;

	CHECK(frame->fin, "a packet is not one frame");
	CHECK(frame->rsv == 0 || (frame->rsv == WS_RSV1 && w->deflate),
	    "reserved bits in a packet: %d", frame->rsv);
	if (frame->rsv != 0) {
		text = inflated = inflate_payload(frame->payload, frame->length, &length);
		w->deflated++;
	}
	packet = json_loadb(text, length, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
	CHECK(packet != NULL, "a packet is not JSON: %s: %s", error.text, text);
	free(inflated);
	free(frame);
	return packet;
}

json_t *
ws_packet(struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	struct ws_frame *frame;

	while ((frame = ws_next(w, (int)(until - now_ms()))) != NULL) {
		if (frame->opcode != WS_TEXT) {
			bool closed = frame->opcode == WS_CLOSE;

			free(frame);
			if (closed)
				return NULL;
			continue;
		}
		return read_packet(w, frame);
	}
	return NULL;
}

int
ws_closed(struct ws *w, int timeout_ms, char reason[128])
{
	long long until = now_ms() + timeout_ms;
	struct ws_frame *frame;

	while ((frame = ws_next(w, (int)(until - now_ms()))) != NULL) {
		int code = 1005;

		if (frame->opcode != WS_CLOSE) {
			free(frame);
			continue;
		}
		CHECK(frame->length <= 125, "a close frame of %zu bytes", frame->length);
		if (frame->length >= 2)
			code = (unsigned char)frame->payload[0] << 8 |
			       (unsigned char)frame->payload[1];
		if (reason != NULL)
			snprintf(
			    reason, 128, "%s", frame->length > 2 ? frame->payload + 2 : "");
		free(frame);
		return code;
	}
	return -1;
}

void
ws_expect_close(struct ws *w, int code, const char *text)
{
	char reason[128] = "";
	int got = ws_closed(w, 8000, reason);

	CHECK(got == code, "closed with %d (%s) instead of %d", got, reason, code);
	CHECK(strstr(reason, text) != NULL, "the reason \"%s\" does not say \"%s\"", reason,
	    text);
	CHECK(ws_await_end(w, 5000), "the server does not end the connection");
	CHECK(!w->reset, "the connection was reset");
}

char *
ws_rest(struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (fill(w, until))
		continue;
	CHECK(w->ended, "the server does not end the connection");
	CHECK(!w->reset, "the connection was reset");
	return strndup(w->in != NULL ? w->in + w->begin : "", w->end - w->begin);
}

char *
ws_http(int port, const char *request)
{
	struct ws w;
	char *answer;

	ws_connect(&w, port);
	ws_raw_text(&w, request);
	answer = ws_rest(&w, 10000);
	ws_drop(&w);
	return answer;
}

bool
ws_await_end(struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	do
		w->begin = w->end = 0;
	while (fill(w, until));
	return w->ended;
}

void
ws_drop(struct ws *w)
{
	if (w->tls != NULL)
		SSL_free(w->tls);
	close(w->fd);
	free(w->in);
	memset(w, 0, sizeof(*w));
	w->fd = -1;
}

void
ws_close(struct ws *w)
{
	ws_frame(w, WS_FIN | WS_CLOSE, "\x03\xe8", 2);
	ws_await_end(w, 5000);
	ws_drop(w);
}

void
ws_reset(struct ws *w)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	ws_drop(w);
}
