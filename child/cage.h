/*
 * cage.h - what the kernel lets a child do once it reads what its client sends.
 *
 * A child is one of many that share memory, and the only process that touches
 * what a stranger sends.  If it is taken over, the intruder has what is listed
 * in filter.c: to talk to its client, to write its own slot and the commons, to
 * wake the ticker, and to find the next ticker.  The cage has these walls, put
 * up in this order:
 *
 *	descriptors	none but its own (confine.h)
 *	pages		one slot and the commons are mapped writable, all else
 *			from a descriptor that was opened to be read only; and no
 *			descriptor of the segment is left, so nothing more of it
 *			can ever be mapped (seat.h)
 *	user		what --user says, since before the fork
 *	limits		memory, files, processes, descriptors (setrlimit(2))
 *	privileges	none can be gained (PR_SET_NO_NEW_PRIVS)
 *	Landlock	no path, no TCP, no signal (where the kernel has it)
 *	seccomp		a list of calls and of their arguments
 *
 * Whatever can be made once is made before the first fork; a child only
 * switches it on.
 */
#ifndef CHILD_CAGE_H
#define CHILD_CAGE_H

#include "child.h"

/*
 * Make the filter and the Landlock rules.  0; -1 after the log was told why there
 * can be no cage.  In mode SANDBOX_OFF nothing is made.
 */
int cage_prepare(enum child_sandbox mode);

/* A descriptor that has to survive confine_descriptors() until cage_enter(); or -1. */
int cage_descriptor(void);

/*
 * Go in.  There is no way out.  -1 and errno if a wall cannot be put up: then no
 * client may be served.
 */
int cage_enter(const struct child_settings *settings, const struct layout *layout);

#endif
