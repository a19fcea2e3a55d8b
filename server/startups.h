/*
 * startups.h - START:RATE:FULL, as MaxStartups in sshd_config(5).
 *
 * While START handshakes are going on, RATE percent of all new connections are
 * dropped; with more of them more; with FULL all.
 */
#ifndef SERVER_STARTUPS_H
#define SERVER_STARTUPS_H

#include <stdbool.h>
#include <stdint.h>

struct startups {
	uint32_t start, rate, full;
};

/* NULL is what fits so many clients.  False if the text makes no sense. */
bool startups_parse(struct startups *s, const char *text, uint32_t max_clients);

/* Percent of new connections to drop while so many handshakes are going on. */
uint32_t startups_odds(const struct startups *s, uint32_t going_on);

#endif
