/*
 * forwarded.h - who is behind proxies, by what they write into requests.
 *
 *	X-Forwarded-For: 203.0.113.7, 10.0.0.2
 *	Forwarded: for="[2001:db8::1]:4711";proto=https, for=10.0.0.2	(RFC 7239)
 *
 * Each proxy appends who was at the other end of its connection.  So the list is
 * believed from the right, as far as trusted proxies have written it: the client
 * is the rightmost that is not one of them.  What stands to the left of that was
 * said by the client itself.
 */
#ifndef CHILD_FORWARDED_H
#define CHILD_FORWARDED_H

#include "../shm/trust.h"
#include "child.h"
#include "request.h"

/*
 * *client is ADDRESS_NONE if there is no such header, or if it does not say
 * (unknown, _hidden, a name): then the last address that is known counts.
 * Other headers are not looked at.  False if a Forwarded is not one: with a
 * quote that does not end it would hide what stands behind it.
 */
bool forwarded_find(const struct request *r, enum child_header header,
    const struct trust *trust, struct address *client);

#endif
