/*
 * rules.h - what a packet for other clients may be.
 *
 * The child holds its client to it, and the ticker holds the child to it.
 */
#ifndef SHM_RULES_H
#define SHM_RULES_H

#include "span.h"

/*
 * A type may be this long, with its quotes: it goes out twice, and the rings are
 * made for packets that are hardly longer than those that came in.
 */
#define RULES_TYPE_MAX 1024U

/*
 * The type if it is one of those that may not be relayed, else NULL: they would
 * pass for the server's own packets, or forge the sender.
 */
const char *rules_reserved(struct span type);

#endif
