/*
 * race.h - hunts for what is read torn.
 *
 * A hunt is some shared memory and workers on it, each of which does its turn as fast
 * as it can until time is up: as threads under ThreadSanitizer, or as processes, so that
 * they are as fast as in the product.  What is written tells by itself whether it is
 * whole; a worker that gets anything else fails the run by CHECK().
 */
#ifndef TESTS_RACE_H
#define TESTS_RACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../shm/atomic.h"
#include "../lib/check.h"

#define RACE_WORKERS_MAX 8

/* One worker: private to it. */
struct worker {
	unsigned number; /* among those of its role */
	unsigned seed;   /* for rand_r(3) */
	uint64_t turns;  /* done before this one */
	uint64_t kept;   /* for the role's use; 0 in the beginning */
	uint64_t also;   /* likewise */
};

/*
 * A role.  turn() does one thing, and says whether it did: false if it had to wait or
 * to throw away what it copied.  A role that never did anything fails the run.
 */
struct role {
	const char *name;
	unsigned workers;
	bool (*turn)(struct worker *w);
};

struct hunt {
	const char *name;
	void (*set_up)(void);
	const struct role *roles; /* the last has no name */
};

extern const struct hunt hunt_slot, hunt_directory, hunt_snapshot, hunt_lock, hunt_closed,
    hunt_mail, hunt_log, hunt_bells;

/* Memory that all workers share; all zero. */
void *race_memory(size_t size);

/* True once time is up: for those who wait for others. */
bool race_is_over(void);

/* Text of that length that tells its key, and whether it is whole. */
void race_fill(char *text, size_t length, uint64_t key);
bool race_whole(const char *text, size_t length, uint64_t key);

#endif
