#include "session_log.h"

#include <inttypes.h>
#include <string.h>

#include "log.h"

#define REASON_MAX 123 /* bytes in a close frame (RFC 6455, 5.5) */

void
session_log_open(const struct session_log *s)
{
	log_info("client-open", "slot=%u pid=%u token=%.*s peer=%s%s%s", s->slot, s->pid,
	    (int)TOKEN_LENGTH, s->token, s->peer, s->via[0] != '\0' ? " via=" : "", s->via);
}

void
session_log_close(const struct session_log *s, const struct session_end *end)
{
	const struct client_counters *n = end->counters;
	char reason[4 * REASON_MAX + 1];

	log_info("client-close",
	    "slot=%u pid=%u token=%.*s peer=%s%s%s seconds=%" PRIu64
	    ".%u received_bytes=%" PRIu64 " sent_bytes=%" PRIu64 " packets=%" PRIu64
	    " delivered=%" PRIu64 " code=%u reason=\"%s\"",
	    s->slot, s->pid, (int)TOKEN_LENGTH, s->token, s->peer,
	    s->via[0] != '\0' ? " via=" : "", s->via, end->ms / 1000,
	    (unsigned)(end->ms % 1000 / 100), /* not as a double: that is pages of code */
	    load_relaxed(&n->received_bytes), load_relaxed(&n->sent_bytes),
	    load_relaxed(&n->received_packets), load_relaxed(&n->delivered),
	    end->code != 0 ? end->code : SESSION_LOG_ABNORMAL,
	    log_escape(reason, sizeof(reason), end->reason, strlen(end->reason)));
}
