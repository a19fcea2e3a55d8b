/*
 * keeper.h - the listener's side of the ticker: starts it, hears it, starts it again.
 *
 * The socket that children register on and the ticker's doorbell belong to the
 * listener; each ticker inherits them.  So while there is no ticker, children
 * that connect wait in the socket's queue, and none is refused.
 * How it comes to them is told in instance.h.
 */
#ifndef SERVER_KEEPER_H
#define SERVER_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../shm/register.h"
#include "../shm/segment.h"
#include "books.h"
#include "options.h"

struct keeper {
	const struct options *options;
	books_revive *revive; /* for the ticker, if this listener dies; or NULL */
	uint64_t door;        /* names the registration socket */
	int registration;     /* listening socket */
	int bell;
	int line;               /* connection to the ticker; -1: there is none */
	bool ready;             /* the ticker said so, and its segment is mapped */
	pid_t pid;              /* of the ticker if it is our child, else 0 */
	unsigned started;       /* tickers */
	struct segment segment; /* mapped to be read only */
	int parts;              /* descriptor of the segment for children, to map their parts */
};

/* First of all. */
void keeper_prepare(struct keeper *k, const struct options *options, books_revive *revive);

/* Connect to the registration socket and say that we are a listener.  0, or -1 and errno. */
int keeper_connect(struct keeper *k);

/*
 * Wait for the ticker to be ready, at start, when there is nothing else to do.  One
 * that is no child of ours may be given as a pidfd: then it is not waited for when it
 * is dead; or -1.
 */
bool keeper_await(struct keeper *k, int ticker, uint64_t deadline_ms);

/* The segment is not the one that is wanted. */
void keeper_forget(struct keeper *k);

enum keeper_event {
	KEEPER_QUIET, /* nothing */
	KEEPER_TOLD,  /* *m: a child of ours knows its client's address now: keeper_answer() */
	KEEPER_READY, /* the segment is mapped: children can be started */
	KEEPER_LOST,  /* the ticker is gone: keeper_restart(), if one is wanted */
	KEEPER_BAD,   /* it is there, but its segment cannot be used; it was said why */
};

/* k->line is readable. */
enum keeper_event keeper_hear(struct keeper *k, struct register_message *m);

/* May the client come in whose address was told?  retry_s is for one that may not. */
void keeper_answer(
    struct keeper *k, const struct register_message *told, bool pass, uint32_t retry_s);

/*
 * The ticker that we started is dead; status is what waitpid(2) says.  Its
 * connection need not tell: if it died before it accepted, the connection waits
 * in the queue of a socket that we hold ourselves.  False: there is another one,
 * or this was known.
 */
bool keeper_ended(struct keeper *k, int status);

/* Start the next ticker and connect to it.  0, or -1: try again later. */
int keeper_restart(struct keeper *k);

/* Ask it to send all clients away, spread over so many ms, and end. */
void keeper_drain(struct keeper *k, uint32_t spread_ms);

/* Tell it that this listener goes: it ends if it has neither a client nor another listener. */
void keeper_leave(struct keeper *k);

/*
 * Ask it to end right after its next tick without a word to anybody, so that
 * the next one (keeper_restart() after KEEPER_LOST) has the time until the
 * tick after that.
 */
void keeper_replace(struct keeper *k);

#endif
