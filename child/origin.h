/*
 * origin.h - pages of which origins may connect (RFC 6454; RFC 6455, 10.2).
 *
 * A browser says with each handshake which page makes it, and no page can change
 * that.  Without a look at it, any page on the web could connect in the name of
 * whoever has it open, to a server that only they can reach.
 *
 * A list has commas between its items:
 *
 *	self			the host that the request itself names: the usual case
 *	https://example.org	that origin; the scheme's own port may be left out
 *	null			pages without an origin: files, sandboxed frames
 *	*			every page
 *
 * A port that is the scheme's own is no difference, nor is the case of letters.
 */
#ifndef CHILD_ORIGIN_H
#define CHILD_ORIGIN_H

#include <stdbool.h>

#include "../shm/span.h"

/* May a page of this origin connect to this host?  They are the values of the headers. */
bool origin_allowed(const char *list, struct span origin, struct span host);

/* Is each item one of the above?  A slip would lock out without a word why. */
bool origin_list_good(const char *list);

#endif
