/*
 * check.h - what has to hold in a segment, whatever instruction its processes
 * were killed at.
 *
 * A rule has a name, which `rosterd-dump check` prints with each place where it
 * does not hold.  Rules are about what the headers of the parts promise: each
 * follows the order of stores that is told there, so a segment whose processes
 * were killed breaks none.  In one that lives, looks at several words are not of
 * one instant: there only what is found again and again counts.
 */
#ifndef SHM_CHECK_H
#define SHM_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "dump.h"

#define CHECK_FINDINGS_MAX 256 /* more are only counted */

struct finding {
	const char *rule;
	uint64_t where; /* slot, place in a ring, number: as the rule has it */
	char text[160];
};

struct check {
	const struct header *header;
	uint64_t now_boot_ms;
	struct finding findings[CHECK_FINDINGS_MAX];
	unsigned count; /* of those that are kept */
	uint64_t findings_total;
};

/* The rule does not hold there. */
void check_add(struct check *c, const char *rule, uint64_t where, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The parts, each with its rules. */
void check_header(struct check *c);
void check_directory(struct check *c);
void check_slots(struct check *c);
void check_mail(struct check *c);
void check_commons(struct check *c);
void check_snapshot(struct check *c);

/* TOKEN_LENGTH lower-case hex digits? */
bool check_token(const char *digits);

/* Is the slot a client's? */
bool check_in_use(const struct header *h, uint32_t slot);

#endif
