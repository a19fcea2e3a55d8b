/*
 * proxy.h - the header of the PROXY protocol, versions 1 and 2.
 *
 * A proxy that was told to (HAProxy: send-proxy, send-proxy-v2) writes it before
 * the first byte of its client: https://www.haproxy.org/download/2.6/doc/proxy-protocol.txt
 *
 *	PROXY TCP4 203.0.113.7 192.0.2.1 50312 443\r\n		1, at most 107 bytes
 *	\r\n\r\n\0\r\nQUIT\n, version and command, family,	2
 *	    length, addresses, whatever else the proxy knows
 *
 * It is there or it is not, as the operator says: nothing is guessed (section 5).
 */
#ifndef CHILD_PROXY_H
#define CHILD_PROXY_H

#include <stddef.h>

#include "../shm/address.h"

#define PROXY_MAX 4096U /* bytes, with the part of version 2 that is skipped */

enum proxy_result {
	PROXY_PART,  /* all of this belongs to it, and more has to come */
	PROXY_WHOLE, /* *length and *client; ADDRESS_NONE: the proxy speaks for itself, */
		     /* or does not know */
	PROXY_BAD,   /* *why is a sentence */
};

/* Read the header at the beginning of these bytes, whatever follows it. */
enum proxy_result proxy_read(const unsigned char *bytes, size_t there, size_t *length,
    struct address *client, const char **why);

#endif
