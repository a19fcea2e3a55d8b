/*
 * amend.h - the text of the next snapshot from the one before it.
 *
 * While nobody comes or leaves, a tick changes some clients' properties and
 * nothing else.  Then all text between them is copied in long runs, and the work
 * is what has changed and one copy, not a walk over everybody.
 *
 * For that render.c leaves behind where each client's entry ends (t->ends, by
 * place in t->order) and each client's place (rank).  Both are private to this
 * ticker: its successor renders in full once.
 */
#ifndef SERVER_AMEND_H
#define SERVER_AMEND_H

#include "../shm/snapshot.h"
#include "books.h"

/* Can it be done?  If so t->fresh, the clients that have changed, is sorted by rank. */
bool amend_possible(struct ticker *t);

/* The newest snapshot, from which text is taken. */
void amend_base(const struct ticker *t, struct snapshot *base);

/* How long the people part will be. */
uint64_t amend_people_length(const struct ticker *t, const struct snapshot *base);

/* Write the people part; the return is its end.  t->ends follows. */
char *amend_people(struct ticker *t, const struct snapshot *base, char *at);

/* Write the rows. */
void amend_rows(
    const struct ticker *t, const struct snapshot *base, struct row *rows, uint32_t number);

#endif
