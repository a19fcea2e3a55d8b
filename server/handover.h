/*
 * handover.h - what a listener leaves to the binary that it becomes (upgrade.h).
 *
 * Descriptors stay open and their numbers, with all else, stand in one
 * variable of the environment, $ROSTERD_HANDOVER, line by line.  It counts only
 * for the process whose pid it names.  Lines that are not known are skipped, so
 * that a later build can say more.
 *
 * If the new binary makes segments of another layout, or other limits are
 * wanted now, the old segment is retired: its clients and its ticker go on
 * with it until the last of them has left, and a new one is begun for those who
 * come from now on.
 */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

#include <stdbool.h>

#include "instance.h"
#include "ports.h"
#include "spawn.h"

struct handover {
	struct instance_bequest bequest;
	struct ports ports;
	struct spawn_counts children;
	int hooks; /* sockets of hooks.h; -1: there are none */
	int spawner;
	bool host; /* as in listening.h */
	bool inetd;
	bool syslog; /* where its lines went */
};

/* Read it; false if there is none.  All its descriptors are closed on exec again. */
bool handover_take(struct handover *h);

/* Write it, and let its descriptors pass.  0, or -1 and errno. */
int handover_leave(const struct handover *h);

/* The other binary could not be executed: as if nothing had been. */
void handover_undo(const struct handover *h);

#endif
