/*
 * tick.h - every half second: what has changed, and who gets told.
 */
#ifndef SERVER_TICK_H
#define SERVER_TICK_H

#include "ticker.h"

/* 0, or -1 and errno. */
int tick_make(struct ticker *t);

/* The first snapshot, so that there always is one. */
void tick_first(struct ticker *t);

/* One tick. */
void tick_run(struct ticker *t, uint64_t now_ms);

/* Read this client's properties at the next tick. */
void tick_look(struct ticker *t, uint32_t slot);

/* Note in the change ring that somebody came or left. */
void tick_note(struct ticker *t, uint32_t slot, uint32_t kind);

/* Send all clients away, and take no new ones. */
void tick_drain(struct ticker *t);

#endif
