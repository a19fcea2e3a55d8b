/*
 * lifetime.h - what happens to a listener: signals, its ticker's deaths, its end.
 *
 *	TERM, INT	all clients are sent away (1001), spread over --drain
 *			seconds; then it ends
 *	HUP		the binary that is installed now takes over (upgrade.h)
 *	USR1		a line about its state
 *	nobody there	for --idle-exit seconds: it ends, and nothing is left
 */
#ifndef SERVER_LIFETIME_H
#define SERVER_LIFETIME_H

#include "listening.h"

/* The descriptor on which signals are read, or -1 and errno. */
int lifetime_signals(void);

/* Events. */
void lifetime_signal(struct listener *l);
void lifetime_ticker(struct listener *l);
void lifetime_upgrade(struct listener *l);
void lifetime_spawner(struct listener *l);

/* Whatever is due by now. */
void lifetime_turn(struct listener *l, uint64_t now_ms);

/* Milliseconds until something is due; -1: nothing ever is. */
int lifetime_until(const struct listener *l, uint64_t now_ms);

/* The end: nothing is left behind that would be in anybody's way. */
bool lifetime_is_over(const struct listener *l, uint64_t now_ms);
void lifetime_end(struct listener *l);

#endif
