/*
 * census.h - the listener's children by pid, and the addresses that they serve.
 *
 * Two hash tables with open addressing, as large as they may ever have to be
 * from the start.  Their memory is not inherited by forks: it costs them
 * nothing, and no child knows who else is there.
 *
 * A place in the table of addresses is kept while somebody from there is
 * served, or something is owed.  Debtors without children are CENSUS_DEBTORS
 * at most; what more of them would owe is forgotten.
 */
#ifndef SERVER_CENSUS_H
#define SERVER_CENSUS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../shm/layout.h"
#include "penalty.h"
#include "source.h"

#define CENSUS_DEBTORS 4096U

struct census_place {
	uint64_t key;
	bool used;
	uint32_t children; /* that were forked and have not ended */
	uint32_t served;   /* of these, with a client in the roster, as of the last look */
	struct penalty penalty;
};

struct census_child {
	pid_t pid;  /* 0: nobody */
	bool known; /* it serves somebody who has an address ... */
	uint64_t key;
};

struct census {
	struct census_child *children;
	struct census_place *places;
	uint32_t children_mask;
	uint32_t places_mask;
	uint32_t running; /* children */
	uint32_t debtors; /* places without children */
	uint64_t looked_ms;
	uint64_t swept_ms;
};

/* 0, or -1 and errno. */
int census_make(struct census *c, uint32_t max_clients);

/* The place of an address, or NULL.  It moves when another one leaves. */
struct census_place *census_find(const struct census *c, const struct source *source);

/* At most max_clients may be there at once. */
void census_enter(struct census *c, const struct source *source, pid_t pid);

/* Is that a child of ours whose client's address is not known?  And now it is. */
bool census_is_unplaced(const struct census *c, pid_t pid);
void census_settle(struct census *c, const struct source *source, pid_t pid);

/*
 * A child has ended, and `owed` ms are held against its address.  False: it is
 * no child of ours.
 */
bool census_leave(struct census *c, pid_t pid, uint32_t owed, uint64_t now_ms);

/* How many children serve whom, as the ticker says; once a second is often enough. */
void census_look(struct census *c, const struct header *h, uint64_t now_ms);

#endif
