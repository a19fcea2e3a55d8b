/*
 * address.h - the address of somebody at the other end, as a number and as text.
 *
 *	203.0.113.7:50312   203.0.113.7   [2001:db8::1]:443   2001:db8::1   unix
 *
 * The port may be unknown: not all who tell an address tell it.  An IPv4 address
 * in IPv6 clothes is the IPv4 address, as in cidr.h.
 */
#ifndef SHM_ADDRESS_H
#define SHM_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cidr.h"
#include "layout.h"

enum address_kind {
	ADDRESS_NONE, /* nobody said */
	ADDRESS_INET,
	ADDRESS_UNIX, /* of this or another machine: nothing more is known */
};

struct address {
	enum address_kind kind;
	struct cidr host; /* as a network of one */
	bool has_port;
	uint16_t port;
};

/* From its bytes, 4 or 16 of them. */
struct address address_inet(const unsigned char *bytes, size_t size, uint16_t port);

/*
 * From text; an IPv6 address may stand in brackets, and has to before a port.
 * False if it is anything else, a name or a scope included.
 */
bool address_parse(const char *text, size_t length, struct address *address);

/* As above; NUL-terminated, and zero behind that.  address_parse() takes it. */
void address_write(const struct address *address, char text[PEER_LENGTH]);

#endif
