/*
 * faults.h - deaths at a chosen point of a fault build (shm/fault.h).
 *
 * tests/fault/points has a line for each point: its name, the roles in which
 * it is passed, and what has to happen before it is, if the usual traffic does
 * not lead there.
 */
#ifndef TESTS_FAULTS_H
#define TESTS_FAULTS_H

#include <stdbool.h>

#include "../../shm/fault.h"

struct faults {
	struct fault_file *file;
	char path[64];
	bool passed[FAULT_POINTS_MAX][FAULT_ROLES]; /* in this role, by the list */
	char provoked[FAULT_POINTS_MAX][16];        /* by what; empty: by usual traffic */
};

extern const char *const faults_role_names[FAULT_ROLES];

/* Make the file from the list, for all servers that are started from here on. */
void faults_make(struct faults *f);
void faults_free(struct faults *f);

/* Index of a point; fails the test if there is none. */
unsigned faults_find(const struct faults *f, const char *name);

/* Have it happen when the point is passed for the nth time from now on. */
void faults_order(struct faults *f, unsigned order, enum fault_action action, const char *name,
    enum fault_role role, unsigned nth);

/* Nothing is to happen any more. */
void faults_withdraw(struct faults *f, unsigned order);

/* Wait until it has; the pid of the process that it happened to, or 0: not in this time. */
int faults_await(const struct faults *f, unsigned order, int timeout_ms);

#endif
