/*
 * tick.h - every half second: what has changed, and who gets told.
 */
#ifndef SERVER_TICK_H
#define SERVER_TICK_H

#include "books.h"

/* 0, or -1 and errno. */
int tick_make(struct ticker *t);

/* The first snapshot, so that there always is one. */
void tick_first(struct ticker *t);

/* One tick. */
void tick_run(struct ticker *t, uint64_t now_ms);

#endif
