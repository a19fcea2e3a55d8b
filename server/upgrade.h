/*
 * upgrade.h - the binary that is installed now takes over from the one that runs.
 *
 * The listener executes itself anew: the process stays, and with it its pid,
 * its children and its sockets, in whose queues connections wait meanwhile.
 * So that a broken binary or configuration does not end the service, it is
 * tried first: the new binary is run with --check and must end well.
 */
#ifndef SERVER_UPGRADE_H
#define SERVER_UPGRADE_H

#include <stdbool.h>

struct upgrade {
	int trial; /* readable when it is known how the trial ended; -1: there is none */
};

/* At start: how this program was called.  The arguments must stay where they are. */
void upgrade_remember(char **argv);

void upgrade_prepare(struct upgrade *u);

/* Try the new binary; u->trial is to be watched.  -1 and errno if that cannot be done. */
int upgrade_try(struct upgrade *u);

/* u->trial is readable: its exit code, or -1 if it did not end by itself. */
int upgrade_result(struct upgrade *u);

/* Become the new binary.  Returns only if that fails. */
void upgrade_execute(void);

#endif
