/*
 * session.h - what a client's packets do.
 */
#ifndef CHILD_SESSION_H
#define CHILD_SESSION_H

#include <stdbool.h>
#include <stddef.h>

#include "frames.h"
#include "packet.h"
#include "properties.h"
#include "seat.h"

struct session {
	uint32_t max_properties;
	struct properties properties;
	bool own_part_done; /* of the packet that is being handled: what is for the server */
	bool posted;        /* the outbox has something that the ticker was not told of */
};

enum session_result {
	SESSION_DONE,
	SESSION_WAIT_ROOM, /* the outbox is full: again when the ticker has rung */
	SESSION_REFUSED,   /* *v says which rule was broken */
};

/*
 * Handle one packet.  After a wait, call again with the same text: what was
 * done is not done twice.
 */
enum session_result session_packet(
    struct session *n, struct seat *s, const char *text, size_t length, struct violation *v);

/*
 * Properties that the client has from the start: object was checked.  Nobody but
 * this child looks at them before seat_open().  False: *v says why not.
 */
bool session_grant(struct session *n, struct seat *s, struct span object, struct violation *v);

/* Tell the ticker about what was posted. */
void session_ring(struct session *n, struct seat *s);

#endif
