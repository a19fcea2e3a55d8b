/*
 * kill.h - the end of a child that did what it should not.
 */
#ifndef SERVER_KILL_H
#define SERVER_KILL_H

#include "books.h"

/* Why: each has its counter. */
enum kill_reason {
	KILL_LIE,
	KILL_LOCK,
	KILL_COMMONS,
	KILL_HUNG,
	KILL_STALL,
	KILL_PIN,
	KILL_LOST,
	KILL_KICK,
};

/* SIGKILL to the child; the rest follows when its life line closes (departure.h). */
void kill_child(struct ticker *t, uint32_t slot, enum kill_reason reason, const char *why);

#endif
