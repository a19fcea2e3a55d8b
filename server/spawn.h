/*
 * spawn.h - a child for each connection, and what became of it.
 */
#ifndef SERVER_SPAWN_H
#define SERVER_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "../child/child.h"
#include "admission.h"

#define SPAWN_HELPERS_MAX 8

struct spawn_counts {
	uint32_t running; /* children of this listener */
	uint64_t ended;
	uint64_t killed; /* by a signal */
	uint64_t fined;  /* whose end is held against their client's address */
	/* Children that serve no client (hooks.h); 0: none.  Those that are retired are here, too. */
	pid_t helpers[SPAWN_HELPERS_MAX];
};

/*
 * Fork a child for this connection; it has its own copy of the descriptor.  Its
 * pid, or -1 and errno.
 */
pid_t spawn_child(struct spawn_counts *n, const struct child_start *start);

/* This child serves no client: its end is not to be counted. */
void spawn_helper(struct spawn_counts *n, pid_t pid);

/* A guest has no listener to fork it (guest.h): be its child. */
_Noreturn void spawn_become(const struct child_start *start);

/*
 * An instance has the limits that it was begun with: what this process wanted
 * counts only if it is the one who begins it.
 */
void spawn_limit(struct child_settings *settings, const struct header *header);

/*
 * Reap all that have ended, and tell admission; true if `other` was among them,
 * with its *status.
 */
bool spawn_reap(struct spawn_counts *n, struct admission *admission, pid_t other, int *status);

#endif
