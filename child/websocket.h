/*
 * websocket.h - libwebsockets as an engine: bytes in, events and bytes out.
 *
 * The engine makes the handshake's answer, unmasks, joins fragments, answers
 * pings and speaks the closing handshake.  It never touches the client's
 * socket: the descriptor that it was given is a socket that is connected to
 * nothing, and the two functions by which libwebsockets 4.1.6 reads and writes
 * a plain socket, recv(2) and send(2), are defined in websocket.c, where they
 * serve that descriptor from memory (and all others as ever).  This is symbol
 * interposition as ld.so(8) and the static linker do it for every program that
 * defines a function of the C library, so it holds for both ways to link.
 *
 * What that buys: frames are checked before the engine sees them (frames.h), all
 * output goes through one queue, so the engine's control frames never cut into
 * a frame that is being sent from shared memory, and neither poll loop, timers
 * nor descriptors of the library exist in a child.  And as the connection in
 * the engine has no client yet when it is made, it is made once, before the
 * fork, and inherited.
 *
 * One engine a process.
 */
#ifndef CHILD_WEBSOCKET_H
#define CHILD_WEBSOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct websocket_events {
	/* The handshake is answered; messages may come. */
	void (*opened)(void *user);
	/* A piece of a message; first and last tell where it begins and ends. */
	void (*data)(void *user, const char *bytes, size_t length, bool first, bool last);
	/* The client wants to close, or its answer to our close frame: code 0 is none. */
	void (*closing)(void *user, uint16_t code, const char *reason, size_t length);
	/* Bytes for the client's socket. */
	void (*output)(void *user, const void *bytes, size_t length);
	/* The engine is done with this connection. */
	void (*ended)(void *user);
};

/* Names of subprotocols that the engine speaks, the usual one first; NULL-terminated. */
extern const char *const websocket_subprotocols[];

/* Make the engine, before the fork.  0, or -1. */
int websocket_prepare(void);

/* In the child: from now on events are reported to user. */
void websocket_start(const struct websocket_events *events, void *user);

/* Put an extension into the answer to the handshake; the text is not copied. */
void websocket_extend(const char *extension);

/* The descriptor that the engine has; it must stay open. */
int websocket_descriptor(void);

/* The subprotocol is `echo` (echo builds only): data comes back. */
bool websocket_is_echo(void);

/* Give it the request, then whole frames or pieces of one frame (frames_walk). */
void websocket_feed(const void *bytes, size_t length);

/* Let it write what it has to: pongs, its part of a closing handshake. */
void websocket_let_write(void);

/* Begin the closing handshake, with a code and a reason of at most 123 bytes. */
void websocket_close(uint16_t code, const char *reason);

#endif
