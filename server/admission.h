/*
 * admission.h - who is let in.
 *
 * The listener asks before it forks, and tells when a child was forked and how
 * it ended.  It learns what clients do from that alone: no byte that one sent is
 * looked at.
 *
 *	all places are taken			--max-clients
 *	too many from this address		--max-per-source
 *	this address owes something		penalty.h
 *	too many handshakes are going on	--max-startups, by chance
 *
 * The last is what keeps a house from being filled with connections that say
 * nothing (startups.h): somebody gets in sooner or later, however many others
 * come and never speak.
 */
#ifndef SERVER_ADMISSION_H
#define SERVER_ADMISSION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../shm/layout.h"
#include "census.h"
#include "options.h"
#include "source.h"
#include "startups.h"

struct admission {
	uint32_t max_clients;
	uint32_t max_per_source; /* 0: no limit */
	struct startups startups;
	struct cidr exempt[OPTIONS_LIST_MAX];
	unsigned exempt_count;
	struct census census;
};

enum admission_verdict {
	ADMISSION_WELCOME,
	ADMISSION_FULL,
	ADMISSION_SOURCE,
	ADMISSION_PENALTY,
	ADMISSION_EARLY,
};

struct admission_ruling {
	enum admission_verdict verdict;
	uint32_t retry_s; /* when it may be worth while to come again */
};

/* The options were checked.  0, or -1 and errno. */
int admission_make(struct admission *a, const struct options *options);

/* May somebody from there come in now?  h is the header of the instance's segment. */
struct admission_ruling
admission_ask(struct admission *a, const struct source *source, const struct header *h);

/* A child was forked for somebody from there. */
void admission_enter(struct admission *a, const struct source *source, pid_t pid);

/*
 * The address of a client behind a trusted proxy, which a child of ours has told:
 * may it stay?  What was ruled by address when it came could not be.  A child that
 * is asked about twice is counted once.
 */
struct admission_ruling admission_tell(
    struct admission *a, const struct source *source, pid_t pid, const struct header *h);

/*
 * A process has ended, with this status (waitpid(2)).  The ms that are held
 * against its client's address.
 */
uint32_t admission_leave(struct admission *a, pid_t pid, int status);

#endif
