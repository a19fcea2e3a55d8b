/*
 * trust.h - who is believed about the client behind it: --trust.
 *
 * Networks (cidr.h), and `unix` for whoever can open a Unix socket of ours.
 */
#ifndef SHM_TRUST_H
#define SHM_TRUST_H

#include <stdbool.h>

#include "address.h"

#define TRUST_MAX 64 /* networks */

struct trust {
	struct cidr networks[TRUST_MAX];
	unsigned count;
	bool unix_sockets;
};

/* Add what a list with commas names; false if one of it is no network, or there are too many. */
bool trust_add(struct trust *trust, const char *list);

/* Is this the address of a proxy?  ADDRESS_UNIX never is: it may be another machine's. */
bool trust_holds(const struct trust *trust, const struct address *address);

/* The same for the other end of one of our own sockets, by its name: 10.0.0.7:51312, unix:PATH. */
bool trust_peer(const struct trust *trust, const char *peer);

#endif
