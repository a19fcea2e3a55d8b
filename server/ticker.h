/*
 * ticker.h - the process that owns the truth: slots, tokens, ticks, mail.
 *
 *	ticker.c	its loop
 *	adopt.c		what a ticker before this one has left
 *	reception.c	its sockets: registrations, life lines, listeners
 *	tick.c		every half second: what has changed, who gets told
 *	watch.c		who holds the lock too long, hangs, does not let go
 *	guard.c		that there is a listener where no supervisor sees to it
 *	drain.c		all are sent away
 *	departure.c	how a client leaves
 *	tell.c		that it has left, for the operator's program
 *	reading.c	what it says about itself
 *	seal.c		which of it is not its own to say
 *	post.c		mail from outboxes to inboxes and the log (parcel.c: a packet)
 *	registry.c	how a client comes
 *	render.c	the roster as text, into a snapshot
 *	deflate.c	the same compressed, for clients that take it so
 *	kill.c		the end of a child that did what it should not
 *	bells.c		who is woken
 *	books.c		the lists that all of these keep (books.h: all its memory)
 *	events.c	what it waits for
 *
 * from top to bottom: each uses those below it.
 */
#ifndef SERVER_TICKER_H
#define SERVER_TICKER_H

#include "books.h"

/* Be the ticker, until there is nothing left to do.  Returns an exit code. */
int ticker_run(const struct ticker_start *start);

#endif
