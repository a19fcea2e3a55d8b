/*
 * seat.h - a child's place in the instance: its life line to the ticker, and
 * the parts of the segment that are its own.
 */
#ifndef CHILD_SEAT_H
#define CHILD_SEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/lock.h"
#include "../shm/register.h"
#include "../shm/segment.h"
#include "child.h"

/*
 * The life line's number, the same in every child and each time: it is the only
 * one on which a caged child may connect (filter.c).  Lower ones are taken for
 * good, so this is the one that the next socket gets after it was closed.
 */
#define SEAT_LINE 3

struct seat {
	int line;        /* SEAT_LINE; -1 while there is no ticker */
	int bell;        /* eventfd by which the ticker wakes this child; each has its own */
	int ticker_bell; /* eventfd by which this child wakes the ticker */
	bool welcome;    /* the ticker that is there now knows us */
	bool open;       /* the handshake is done */
	bool closing;    /* the client is leaving */
	const char
	    *told; /* the client's address, that the ticker has not answered to; or NULL */
	uint32_t retry_s; /* after SEAT_DENIED: when to come again */
	uint32_t parent;  /* pid of the listener */
	uint32_t slot;
	uint64_t generation;
	char token[TOKEN_LENGTH];

	struct header *header;
	struct entry *entry;     /* T */
	struct mailbox *mailbox; /* T */
	struct commons *commons;
	struct slot *self;    /* C */
	uint64_t outbox_tail; /* how far the ticker was when there was no room (outbox.h) */
	struct lock_user user;
	struct sockaddr_un address; /* of the ticker */
	socklen_t address_length;
};

enum seat_answer {
	SEAT_TAKEN,     /* welcome: slot, generation and token are ours */
	SEAT_FULL,      /* no slot is free */
	SEAT_CLOSED,    /* the instance is going down */
	SEAT_NO_TICKER, /* nobody answered in time */
};

/*
 * Before the cage: connect, ask for a slot and wait for the answer at most
 * wait_ms; then map the parts of the segment that are to be writable.
 */
enum seat_answer seat_take(struct seat *s, const struct child_start *start, int wait_ms);

/*
 * The client's address, which is not the peer's; the text has to stay.  Tells the
 * ticker, whose answer is SEAT_PASSED or SEAT_DENIED.
 */
void seat_tell(struct seat *s, const char *client);

/* The handshake is done: the token may exist for everybody.  Tells the ticker. */
void seat_open(struct seat *s);

/*
 * The client is leaving: it is to vanish from the roster now, not when the child
 * has got its last words through.  Tells the ticker.
 */
void seat_close(struct seat *s);

enum seat_event {
	SEAT_QUIET,   /* nothing that matters */
	SEAT_BACK,    /* the next ticker knows us; the bell is another one */
	SEAT_LOST,    /* the ticker is gone; seat_return() is to be called now and then */
	SEAT_PASSED,  /* the client's address may come in ... */
	SEAT_DENIED,  /* ... or has to come again after retry_s */
	SEAT_EVICTED, /* a ticker says that the slot is not ours */
};

/* The life line is readable. */
enum seat_event seat_hear(struct seat *s);

/*
 * Try to reach the ticker that comes after the one that is gone: connects (the
 * life line gets the same descriptor number as before) and shows the slot.
 * False: nobody listens yet.
 */
bool seat_return(struct seat *s);

/* Wake the ticker if it sleeps; something was published for it. */
void seat_ring_ticker(struct seat *s);

#endif
