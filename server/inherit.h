/*
 * inherit.h - what this process was given at its start.
 *
 *	systemd, socket-activate	descriptors from 3 on (sd_listen_fds(3))
 *	inetd, xinetd `wait`		0 listens; 1 and 2 are the same socket
 *	s6-tcpserver-socketbinder	0 listens
 *	inetd, xinetd `nowait`		0 is connected; 1 and 2 are the same socket
 *	tcpserver, s6-*server, tcpsvd	0 is connected; 1 is the same socket
 *	a shell				nothing
 *
 * It is found out by looking (socket(7): SO_TYPE, SO_ACCEPTCONN), not by names
 * of programs.  Where descriptors 1 and 2 are the client's, a single byte there
 * would break the client's connection: so this is called first of all, and it
 * puts /dev/null in their places.
 */
#ifndef SERVER_INHERIT_H
#define SERVER_INHERIT_H

#include <stdbool.h>

#include "../shm/layout.h"

#define INHERIT_MAX 16

enum inherit_kind {
	INHERIT_NOTHING,   /* listen where the options say */
	INHERIT_LISTENING, /* fds listen: accept there; never shut them down, never unlink */
	INHERIT_CONNECTED, /* fds[0] is a client: be its process */
	INHERIT_GONE,      /* it was one, and has left already */
	INHERIT_BAD,       /* descriptors that make no sense; *why says which */
};

struct inherit {
	enum inherit_kind kind;
	int fds[INHERIT_MAX];  /* not 0, 1 or 2: those are taken care of */
	bool tls[INHERIT_MAX]; /* whoever made it calls it "tls" (LISTEN_FDNAMES) */
	unsigned count;
	bool inetd; /* 1 is the socket that 0 is */
	bool mute;  /* 2 was, or there was none: log to syslog */
	const char *why;
	char peer[PEER_LENGTH]; /* INHERIT_CONNECTED: the client's address, for people */
};

void inherit_find(struct inherit *i);

#endif
