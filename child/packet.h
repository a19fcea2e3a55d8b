/*
 * packet.h - a client's packet: JSON in, meaning out.
 *
 *	{"to": TO, "packet": {"type": TYPE, TYPE: VALUE}}
 *
 * All spans lead into the client's text.
 */
#ifndef CHILD_PACKET_H
#define CHILD_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shm/span.h"
#include "../shm/mail.h"
#include "frames.h"

struct packet {
	bool to_server;
	bool to_all;
	struct span to;     /* what "to" was */
	uint32_t tokens;    /* names in it that may be tokens, with duplicates */
	uint32_t strangers; /* names in it that cannot be */
	struct span type;   /* a string, with its quotes */
	struct span value;  /* "{}" if the packet has no key of that type */
};

/* False and *v if the text is not a packet that may be sent. */
bool packet_parse(const char *text, size_t length, struct packet *p, struct violation *v);

/* Is it for other clients? */
bool packet_for_clients(const struct packet *p);

/* Does the server understand it, if it is for the server? */
bool packet_sets_properties(const struct packet *p);

/*
 * The receivers that it names, in binary, each once; there is room for p->tokens
 * of them.  A name that is not a token (32 lower-case hex digits) names nobody.
 */
uint32_t packet_receivers(const struct packet *p, unsigned char (*tokens)[MAIL_TOKEN]);

#endif
