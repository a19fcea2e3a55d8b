/*
 * roll.h - which slot has the client of a token: a hash table with open addressing.
 *
 * Tokens are random bits already, so their first bytes are the hash.
 */
#ifndef SERVER_ROLL_H
#define SERVER_ROLL_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/mail.h"

#define ROLL_NOBODY UINT32_MAX

struct roll_place {
	unsigned char token[MAIL_TOKEN];
	uint32_t slot; /* ROLL_NOBODY: the place is free */
};

struct roll {
	struct roll_place *places;
	uint32_t mask;
};

/* Room for max tokens.  0, or -1 and errno. */
int roll_make(struct roll *r, uint32_t max);

void roll_add(struct roll *r, const unsigned char token[MAIL_TOKEN], uint32_t slot);
void roll_remove(struct roll *r, const unsigned char token[MAIL_TOKEN]);

/* The slot, or ROLL_NOBODY. */
uint32_t roll_find(const struct roll *r, const unsigned char token[MAIL_TOKEN]);

#endif
