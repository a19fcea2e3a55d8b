/*
 * serve.h - frames in, ticks and mail out.
 */
#ifndef CHILD_SERVE_H
#define CHILD_SERVE_H

#include "state.h"
#include "websocket.h"

/* What the WebSocket engine reports, user being the child. */
extern const struct websocket_events serve_events;

/* Take what was read: frames, until there are none or a packet has to wait. */
void serve_frames(struct child *c);

/* The rest of a turn: what the ticker wants, ticks, mail, pings. */
void serve_turn(struct child *c, uint64_t now_ms);

/* Is there anything that a doorbell was or would be rung for? */
bool serve_pending(struct child *c);

/* May the client be read?  A full queue or a waiting packet stops its input. */
bool serve_may_read(const struct child *c);

/* When the next thing is due, in ms. */
uint64_t serve_due(const struct child *c);

#endif
