/*
 * keeper.h - the listener's side of the ticker: finds it, starts it, starts it again.
 *
 * The socket that children register on and the ticker's doorbell belong to the
 * listener; each ticker inherits them.  So while there is no ticker, children
 * that connect wait in the socket's queue, and none is refused.
 *
 * A listener that is started while a ticker runs (its own listener was killed,
 * or there is another one with the same --name) asks it for both.
 */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include <stdbool.h>
#include <sys/types.h>

#include "../shm/segment.h"
#include "options.h"

struct keeper {
	const struct options *options;
	int registration; /* listening socket */
	int bell;
	int line;               /* connection to the ticker; -1: there is none */
	bool ready;             /* the ticker said so, and its segment is mapped */
	pid_t pid;              /* of the ticker if it is our child, else 0 */
	unsigned started;       /* tickers */
	struct segment segment; /* mapped to be read only */
	int parts;              /* descriptor of the segment for children, to map their parts */
};

/* Find a ticker or start one.  0; -1 after it was said what is wrong. */
int keeper_start(struct keeper *k, const struct options *options);

enum keeper_event {
	KEEPER_QUIET, /* nothing */
	KEEPER_READY, /* the segment is mapped: children can be started */
	KEEPER_LOST,  /* the ticker is gone: keeper_restart(), if one is wanted */
	KEEPER_BAD,   /* it is there, but its segment cannot be used; it was said why */
};

/* k->line is readable. */
enum keeper_event keeper_hear(struct keeper *k);

/*
 * The ticker that we started is dead.  Its connection need not tell: if it died
 * before it accepted, the connection waits in the queue of a socket that we
 * hold ourselves.  False: this was known.
 */
bool keeper_ended(struct keeper *k);

/* Start the next ticker.  0, or -1: try again later. */
int keeper_restart(struct keeper *k);

/* Ask it to send all clients away and end. */
void keeper_drain(struct keeper *k);

#endif
