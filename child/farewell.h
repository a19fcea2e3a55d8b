/*
 * farewell.h - from the last word to the end.
 *
 *	closing		a close frame or an HTTP answer is on its way out
 *	lingering	our half is shut; what the client still sends is thrown
 *			away, so that it gets to read our last words: closing a
 *			socket with unread data resets it (RFC 9112, 9.6)
 */
#ifndef CHILD_FAREWELL_H
#define CHILD_FAREWELL_H

#include "request.h"
#include "state.h"

/* Close a client that is being served: the reason goes to it and to the log. */
void farewell_close(struct child *c, const struct violation *v);
void farewell_close_for(struct child *c, uint16_t code, const char *reason);

/* The same for a client that broke a rule; it is counted. */
void farewell_punish(struct child *c, const struct violation *v);

/* The client has begun to close: the engine answers. */
void farewell_return(struct child *c, uint16_t code, const char *reason, size_t length);

/* Answer a request that leads to no WebSocket. */
void farewell_answer(struct child *c, const struct verdict *v);

/* The end without words: whatever was queued goes out. */
void farewell_silent(struct child *c);

/* Move on through the phases; to be called once a turn. */
void farewell_turn(struct child *c, uint64_t now_ms);

/* The process is about to end: if nothing was said about the session yet, now is the time. */
void farewell_end(struct child *c);

/* Tell a client that cannot be served at all to come back, and end. */
_Noreturn void farewell_turn_away(int client, bool tls, const char *reason);

#endif
