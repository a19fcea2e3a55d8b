/*
 * mailbag.h - packets from other clients, on their way to ours.
 *
 * Unicast comes in this child's inbox, broadcast in the log that everybody
 * reads.  Both are frames already; they are sent from where they lie.
 */
#ifndef CHILD_MAILBAG_H
#define CHILD_MAILBAG_H

#include <stdbool.h>
#include <stdint.h>

#include "outbound.h"
#include "seat.h"

struct mailbag {
	bool open; /* the ticker has put this client on its list: mail may come */
	uint64_t inbox_tail;
	uint64_t log_tail;
};

/* Is there some? */
bool mailbag_pending(struct mailbag *m, const struct seat *s);

/* Take what there is and hand it on, so that the rings are free again. */
void mailbag_service(struct mailbag *m, struct seat *s, struct outbound *o);

#endif
