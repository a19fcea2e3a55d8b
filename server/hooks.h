/*
 * hooks.h - the listener's side of the spawner: starts it, starts it again.
 *
 * The socket that children ask on belongs to the listener, as the ticker's does
 * (keeper.h): while there is no spawner they wait in its queue.  Listeners that
 * share an instance share the socket, and each has its own spawner.
 */
#ifndef SERVER_HOOKS_H
#define SERVER_HOOKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../shm/layout.h"
#include "options.h"

struct hooks {
	const struct options *options;
	int socket;          /* listening; -1: there are no hooks */
	int line;            /* to our spawner; -1: there is none */
	pid_t pid;           /* of it */
	uint64_t door;       /* that the socket belongs to */
	uint64_t id;         /* of the segment that our spawner sees */
	uint32_t started;    /* spawners */
	uint64_t restart_ms; /* start the next one; 0: never */
};

/* socket and line are those of the listener before us, or -1. */
void hooks_prepare(struct hooks *h, const struct options *options, int socket, int line);

/* These belong to a segment that was left to its clients: leave them, too. */
void hooks_leave(struct hooks *h);

/*
 * The segment is there, or another one: see to it that there is a spawner for
 * it, if one is wanted.  True if h->line is another one, to be watched.  Waits
 * for a spawner of another listener that has the socket, a few seconds at most.
 */
bool hooks_follow(struct hooks *h, const struct header *header);

/* h->line is readable: the spawner is gone. */
void hooks_lost(struct hooks *h, uint64_t now_ms);

/* Start the next one if it is due; true as above. */
bool hooks_turn(struct hooks *h, const struct header *header, uint64_t now_ms);

/* The listener ends: the spawner does what is left to do and ends, too. */
void hooks_end(struct hooks *h);

#endif
