/*
 * spawner.h - the process that runs the operator's programs.
 *
 *	spawner.c	its loop: who asks, who tells
 *	jobs.c		programs that run or wait for their turn
 *	permits.c	the ticker is told who may come in
 *	launch.c	how one is started (cgi.c: its environment)
 *	judge.c		what its end means
 *	strays.c	what it has left behind
 *
 * A caged child cannot run anything, and the listener reads no byte of a client;
 * so this is a process of its own.  It is there only if there is a program to
 * run, is started by the listener (hooks.h) and started again when it dies.  What
 * children say may be an intruder's: it is bounded and taken apart, and who its
 * client is is looked up in the directory.
 */
#ifndef SERVER_SPAWNER_H
#define SERVER_SPAWNER_H

#include "../shm/layout.h"
#include "options.h"

struct spawner_start {
	const struct options *options;
	const struct header *header; /* the segment, mapped to be read only */
	int socket;                  /* the listening socket */
	int owner; /* its listener: a byte tells it to retire, the end that there is none */
};

/* Be the spawner, until neither a listener nor a ticker needs it.  Returns an exit code. */
int spawner_run(const struct spawner_start *start);

#endif
