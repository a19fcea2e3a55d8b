/*
 * fault.h - named points between two stores, where a process may be killed.
 *
 * A fault build (FLAVOUR=faults) calls fault_point(), which counts the visit in
 * the file that $ROSTERD_FAULTS names and does what is asked for there: kill or
 * stall this very process at the chosen point, in the chosen role, at the
 * chosen visit.  A product build has nothing here at all.
 *
 * The names are "room.step", the step being the one that was just done, so
 * FAULT("lock.owned") stands right after the store that took the lock.
 * tests/fault/points lists them all; a run that never hits one of them fails.
 */
#ifndef SHM_FAULT_H
#define SHM_FAULT_H

#include <stdint.h>

#include "atomic.h"

/* What a process is; each point is counted, and chosen, for each role by itself. */
enum fault_role { FAULT_LISTENER, FAULT_TICKER, FAULT_CHILD, FAULT_SPAWNER, FAULT_ROLES };

enum fault_action {
	FAULT_NOTHING,
	FAULT_KILL,  /* SIGKILL to oneself */
	FAULT_STALL, /* go no further, but live */
};

#define FAULT_POINTS_MAX 256
#define FAULT_NAME_MAX 32
#define FAULT_ORDERS 4

/* One thing that is to happen; the test writes place and action, in this order, last. */
struct fault_order {
	_Atomic uint32_t action; /* enum fault_action; NOTHING again once it was done */
	_Atomic uint32_t point;  /* index in the file */
	_Atomic uint32_t role;
	_Atomic uint32_t visits; /* left: it is done by the visit that takes this to 0 */
	_Atomic uint32_t pid;    /* of the process that it was done to */
	_Atomic uint32_t done;   /* times */
};

struct fault_entry {
	char name[FAULT_NAME_MAX];
	_Atomic uint64_t visits[FAULT_ROLES];
};

/* The file; made by the test, with the names in it. */
struct fault_file {
	uint32_t count; /* points */
	uint32_t unused;
	struct fault_order orders[FAULT_ORDERS];
	struct fault_entry unlisted; /* a name that is in the program, but not in the file */
	struct fault_entry points[FAULT_POINTS_MAX];
};

#ifdef ROSTERD_FAULTS
void fault_point(const char *name);
void fault_be(enum fault_role role);
#define FAULT(name) fault_point(name)
#define FAULT_ROLE(role) fault_be(role)
#else
#define FAULT(name) ((void)0)
#define FAULT_ROLE(role) ((void)0)
#endif

#endif
