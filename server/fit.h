/*
 * fit.h - how many clients the system lets us have.
 *
 * A process for each client meets limits early that others never see.  They
 * are looked at for --check, and at start, so that they are known before the
 * first client is refused.
 */
#ifndef SERVER_FIT_H
#define SERVER_FIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"

#define FIT_MAX 16
#define FIT_NAME 128
#define FIT_NO_LIMIT UINT64_MAX
#define FIT_CHILD 1
#define FIT_GUEST 2 /* and its guardian (guardian.h) */

/* Where it is looked for; tests have a system of their own. */
struct fit_system {
	const char *root; /* before /proc and /sys */
	uid_t user;       /* whose processes count against nproc */
	bool unbound;     /* ... but not if the kernel lets this user have more */
	uint64_t nproc;   /* RLIMIT_NPROC, soft: nobody raises it */
	uint64_t nofile;  /* RLIMIT_NOFILE, hard: the ticker raises it */
	uint64_t present; /* clients that are there and count as taken */
	unsigned each;    /* processes of each client: FIT_CHILD or FIT_GUEST */
};

struct fit_limit {
	char name[FIT_NAME];
	uint64_t is;
	uint64_t needs;   /* for --max-clients; more than is: too low */
	uint64_t clients; /* that fit; FIT_NO_LIMIT where it is only slower if it is low */
};

struct fit {
	struct fit_limit limits[FIT_MAX];
	unsigned count;
	uint64_t clients; /* that fit into all of them, and into --max-clients */
};

/* The system that we are in, with so many clients of ours already. */
void fit_here(struct fit_system *system, uint64_t present, unsigned each);

/* Look at all limits.  Those that cannot be read, or limit nothing, are left out. */
void fit_look(struct fit *f, const struct fit_system *system, const struct options *o);

/* Those of this system on stdout, as comments of a file for --config. */
void fit_print(const struct options *o);

/* To the log, if less fits than --max-clients says; so many clients of ours are there already. */
void fit_log(const struct options *o, uint64_t present, unsigned each);

#endif
