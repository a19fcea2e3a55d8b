/*
 * misbehave.h - a child that does what it should not, because its client says so.
 *
 * For the tests of the cage and of what the ticker puts up with: a build with
 * FLAVOUR=misbehave takes orders in packets to the server,
 *
 *	{"to":"server","packet":{"type":"misbehave","misbehave":"ORDER NUMBER..."}}
 *
 * as if its client had taken it over, or behind an exclamation mark in the query of
 * its request, while it is decided about it.  The orders are in tests/misbehave/orders.
 * A product build has nothing here at all.
 */
#ifndef CHILD_MISBEHAVE_H
#define CHILD_MISBEHAVE_H

#include "state.h"

#ifdef ROSTERD_MISBEHAVE
/* Is the message an order?  Then it was obeyed, as far as the child outlived it. */
bool misbehave(struct child *c, const char *bytes, size_t length);

/* The same for a request that the operator's program was asked about. */
void misbehave_early(struct child *c, struct span query);
#else
#define misbehave(c, bytes, length) false
#define misbehave_early(c, query) ((void)0)
#endif

#endif
