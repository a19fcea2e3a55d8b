/*
 * roster.h - ticks: changes and metadata on their way to the client.
 *
 * The client's own token is in what it gets from the first packet on, but in
 * the shared text only from the tick that announces it.  Until then it is
 * spliced in, behind the others: it is the last to have connected.  Such text, and
 * changes of several ticks in one, are private and go as they are; what is shared
 * goes compressed to who has negotiated it (RFC 7692 leaves that to each message).
 */
#ifndef CHILD_ROSTER_H
#define CHILD_ROSTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/snapshot.h"
#include "../shm/text.h"
#include "outbound.h"
#include "seat.h"

/* A client that does not take a snapshot until so many newer ones are there gets a copy. */
#define ROSTER_PATIENCE 2U

struct roster {
	uint32_t taken; /* number of the last snapshot that was sent, or is being sent */
	bool sending;   /* it is pinned */
	bool deflate;   /* the client takes compressed messages */
	struct snapshot view;
	struct text own; /* private pieces of what is being sent */
};

/*
 * Choose the snapshot for the first metadata.  To be called before seat_open():
 * so it is one that does not hold this client.
 */
void roster_choose(struct roster *r, struct seat *s);

/*
 * Send it, behind what is owed: the answer to the handshake.  To be called after
 * seat_open(): who knows this client's token, and be it from this packet, can send to it.
 */
void roster_first(struct roster *r, struct seat *s, struct outbound *o);

/* Is there something to do? */
bool roster_pending(const struct roster *r, const struct seat *s, const struct outbound *o);

/*
 * Begin, finish or give up sending, as it is time.  False: the client missed
 * more ticks than are remembered and has to be closed.
 */
bool roster_service(struct roster *r, struct seat *s, struct outbound *o);

#endif
