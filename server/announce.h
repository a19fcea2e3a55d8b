/*
 * announce.h - what whoever started the listener is told.
 *
 *	--ready-fd N		a newline, then the end: s6's notification, and tests
 *	--pidfile FILE		the pid, in a file that is whole whenever it is there
 *	$NOTIFY_SOCKET		READY=1, STATUS=, RELOADING=1, STOPPING=1 and
 *				WATCHDOG=1, as sd_notify(3) describes them
 */
#ifndef SERVER_ANNOUNCE_H
#define SERVER_ANNOUNCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "options.h"

struct announce {
	const struct options *options;
	struct sockaddr_un notify; /* sun_family is 0 if nobody wants to know */
	socklen_t notify_length;
	uint64_t watchdog_ms; /* between signs of life; 0: none are wanted */
	uint64_t next_ms;     /* the next one is due; UINT64_MAX: never */
};

/* Find out who wants to know. */
void announce_open(struct announce *a, const struct options *options);

/* First time: to all of them.  Again (the listener before was ready already): to systemd. */
void announce_ready(struct announce *a, bool again);

void announce_reloading(struct announce *a);
void announce_stopping(struct announce *a);

/* For people, in `systemctl status`. */
void announce_status(struct announce *a, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A sign of life with the state, if one is due; a->next_ms is when the next one is. */
void announce_alive(struct announce *a, uint64_t now_ms, uint32_t clients);

/* The end: the pid file goes. */
void announce_over(struct announce *a);

#endif
