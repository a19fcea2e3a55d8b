/*
 * session_log.h - the two lines about a session: its start and its end.
 *
 *	client-open  slot=3 pid=812 token=b2470fc4561bb4a66ca3d3a25172c8df peer=10.0.0.7:51312
 *	client-close slot=3 pid=812 token=b2470fc4561bb4a66ca3d3a25172c8df peer=10.0.0.7:51312
 *	    seconds=61.2 received_bytes=9120 sent_bytes=48230 packets=57 delivered=211
 *	    code=1001 reason="bye"
 *
 * (each one line); via=ADDRESS follows peer if a proxy has told it.  A child writes both.  If it dies without a word, the ticker
 * writes the second for it: code 1006, as RFC 6455, 7.1.5, has it.
 */
#ifndef SHM_SESSION_LOG_H
#define SHM_SESSION_LOG_H

#include <stdint.h>

#include "counters.h"
#include "layout.h"

#define SESSION_LOG_ABNORMAL 1006

struct session_log {
	uint32_t slot;
	uint32_t pid;
	const char *token; /* TOKEN_LENGTH digits */
	const char *peer;  /* the client's address ... */
	const char *via;   /* ... told by this proxy; empty: nobody had to tell it */
};

struct session_end {
	uint64_t ms; /* that it lasted */
	const struct client_counters *counters;
	uint16_t code;      /* of the close frame; 0: there was none */
	const char *reason; /* any bytes; it is escaped */
};

void session_log_open(const struct session_log *s);
void session_log_close(const struct session_log *s, const struct session_end *end);

#endif
