/*
 * listener.h - accepts connections, has them served, and keeps the ticker going.
 */
#ifndef SERVER_LISTENER_H
#define SERVER_LISTENER_H

#include "books.h"
#include "inherit.h"
#include "options.h"

struct handover;
struct instance_bequest;

struct listener_start {
	const struct options *options;
	const struct inherit *given; /* sockets; or nothing, then those that the options want */
	books_revive *revive;        /* for the ticker, if this listener dies */
	bool host;                   /* no sockets at all (host.h) */
	bool latched;                /* whoever waits for it holds the latch (latch.h) */
	const struct instance_bequest *bequest; /* what a dead one left; or NULL */
	const struct handover *handover; /* this process was the listener before; or NULL */
};

/* Be the listener until a signal or --idle-exit says otherwise.  Returns an exit code. */
int listener_run(const struct listener_start *start);

#endif
