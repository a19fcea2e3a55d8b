/*
 * ws.h - a WebSocket client that can send anything wrong.
 *
 * It knows only what a test tells it: no frame is sent that was not asked for,
 * not even a pong or the answer to a close frame.
 */
#ifndef TESTS_WS_H
#define TESTS_WS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum {
	WS_CONTINUATION = 0,
	WS_TEXT = 1,
	WS_BINARY = 2,
	WS_CLOSE = 8,
	WS_PING = 9,
	WS_PONG = 10
};

/* Flags for ws_frame(): added to the opcode. */
enum {
	WS_FIN = 0x80,
	WS_RSV1 = 0x40,
	WS_RSV2 = 0x20,
	WS_RSV3 = 0x10,
	WS_UNMASKED = 0x100,
	WS_LONG16 = 0x200, /* length in 16 bits though it is short */
	WS_LONG64 = 0x400, /* length in 64 bits though it is short */
};

struct ws {
	int fd;
	struct ssl_st *tls; /* if it is spoken (secure.h) */
	char *in;           /* what was read and not used yet */
	size_t begin, end, room;
	bool ended;   /* the server sends no more */
	bool reset;   /* the connection was reset */
	bool cut;     /* TLS ended without close_notify */
	bool deflate; /* permessage-deflate was agreed on: ws_text() makes use of it */
	int deflated; /* packets that came compressed */
};

/* A header for ws_open_with(). */
#define WS_OFFER_DEFLATE \
	"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"

struct ws_frame {
	bool fin;
	int rsv;
	int opcode;
	size_t length;
	char payload[4]; /* in fact as long as length; NUL-terminated */
};

/* Connect, and nothing more, but for TLS where it is spoken. */
void ws_connect(struct ws *w, int port);

/* The same from an address of 127.0.0.0/8, as "127.0.0.2". */
void ws_connect_from(struct ws *w, int port, const char *source);

/* Connect and do the handshake; fails the test if it is not answered with 101. */
void ws_open(struct ws *w, int port);

/* The same with more header lines, each ending in \r\n. */
void ws_open_with(struct ws *w, int port, const char *headers);

/* The same at another target than "/"; and without a look at the answer. */
void ws_open_at(struct ws *w, int port, const char *target);
void ws_knock(struct ws *w, int port, const char *target, const char *headers);

/* Send bytes as they are. */
void ws_raw(struct ws *w, const void *bytes, size_t length);
void ws_raw_text(struct ws *w, const char *text);

/* Send a frame: opcode and flags.  Nothing is compressed here. */
void ws_frame(struct ws *w, int what, const void *payload, size_t length);

/* Make one in memory; returns its length (payload + 14 at most). */
size_t ws_make(char *out, int what, const void *payload, size_t length);

/* Send one text message. */
void ws_text(struct ws *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The next frame, or NULL after timeout_ms or at the end; the caller frees it. */
struct ws_frame *ws_next(struct ws *w, int timeout_ms);

/* The next text frame as JSON, inflated if need be; pings are skipped.  NULL as above. */
json_t *ws_packet(struct ws *w, int timeout_ms);

/*
 * The next close frame, whatever comes before it: its code (1005 if it has
 * none), with its reason if there is room for one.  -1: none came.
 */
int ws_closed(struct ws *w, int timeout_ms, char reason[128]);

/* Fails the test unless the server closes with this code and a reason that holds text. */
void ws_expect_close(struct ws *w, int code, const char *text);

/* The whole answer to a plain HTTP request, to the end of the connection; to be freed. */
char *ws_http(int port, const char *request);

/* All that comes until the end of the connection as text; to be freed. */
char *ws_rest(struct ws *w, int timeout_ms);

/* Read until the end; true if it came within the time. */
bool ws_await_end(struct ws *w, int timeout_ms);

/* Close the connection: politely (close frame), by FIN, or by RST. */
void ws_close(struct ws *w);
void ws_drop(struct ws *w);
void ws_reset(struct ws *w);

#endif
