/*
 * status.h - the pages for operators.
 *
 *	/healthz	200 if a ticker is there, ticks in time and takes clients, else 503
 *	/metrics	all that is counted, for Prometheus
 *	/clients.json	everybody, as `rosterd-dump clients --json` shows it
 *
 * They tell addresses of clients, so only this machine sees them, and networks
 * that the operator names.  The child has a seat and a cage like any other: what
 * they say is read from the segment, and no system call is needed for it.
 */
#ifndef CHILD_STATUS_H
#define CHILD_STATUS_H

#include "../shm/text.h"
#include "child.h"
#include "request.h"
#include "seat.h"

/*
 * May this peer see them?  If not, *verdict becomes a refusal.  Clients of a Unix
 * socket may: who can open it is said by its file.  A request that a proxy has
 * passed on does not come from where it seems to come from, so it may not; but if
 * the proxy is a trusted one (via), the client whom it told may be of a network
 * that the operator named.
 */
void status_judge(const struct request *r, const struct child_settings *settings,
    const char *peer, const char *via, struct verdict *verdict);

/* Append the answer to a request that was judged REQUEST_STATUS. */
void status_write(struct text *out, struct seat *s, const struct verdict *verdict);

#endif
