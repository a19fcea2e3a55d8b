/*
 * source.h - where a connection comes from, as far as limits care.
 *
 * One IPv4 address, or a /64 prefix of IPv6, which is what one subscriber has
 * (RFC 6177).  Who comes by a Unix socket has no address: nobody is limited there.
 */
#ifndef SERVER_SOURCE_H
#define SERVER_SOURCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../shm/cidr.h"

struct source {
	bool known;          /* it has an address */
	struct cidr address; /* as a network of one */
	uint64_t key;        /* the same for all that count as one */
};

void source_of(const struct sockaddr_storage *address, struct source *source);

/* The same for the name of a peer (cidr_of_peer). */
void source_of_peer(const char *peer, struct source *source);

#endif
