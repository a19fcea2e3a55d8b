/*
 * cidr.h - networks: 10.0.0.0/8, 2001:db8::/32, or an address alone (RFC 4632, 3.1).
 *
 * An IPv4 address in IPv6 clothes (::ffff:10.0.0.7, as a dual-stack socket tells
 * it) is the IPv4 address.
 */
#ifndef SHM_CIDR_H
#define SHM_CIDR_H

#include <stdbool.h>

struct cidr {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;           /* of these 128 */
};

/* False if that is no network; bits behind the prefix may be set. */
bool cidr_parse(const char *text, struct cidr *network);

/*
 * The address in a peer's name (10.0.0.7:51312, [::1]:51312, without a port, or
 * with a scope), as a network of one.  False if there is none: a Unix socket.
 */
bool cidr_of_peer(const char *peer, struct cidr *address);

bool cidr_holds(const struct cidr *network, const struct cidr *address);

/* 127.0.0.0/8 or ::1. */
bool cidr_is_loopback(const struct cidr *address);

#endif
