/*
 * ask.h - may this client come in?  The operator's program is asked (--on-connect).
 *
 * It is run by the spawner (../shm/hook.h), whom a child reaches by a connection
 * that is made before the cage and closed when there is an answer.
 */
#ifndef CHILD_ASK_H
#define CHILD_ASK_H

#include "../shm/hook.h"
#include "../shm/text.h"
#include "child.h"
#include "request.h"
#include "seat.h"

struct ask {
	int line; /* to the spawner; -1: there is none */
	/* What the engine gets when the client is let in (request_upgrade). */
	size_t upgrade_length;
	char upgrade[REQUEST_UPGRADE_MAX];
};

/* Before the cage; if nobody is there, it shows when there is something to ask. */
void ask_connect(struct ask *a, const struct child_settings *settings, const struct header *h);

/* Ask about a request; false: nobody is there. */
bool ask_send(struct ask *a, const struct seat *s, const struct child_start *own,
    const struct request *request);

enum ask_result {
	ASK_QUIET,    /* no answer yet */
	ASK_ANSWERED, /* *verdict, and its text */
	ASK_LOST,     /* there will be none */
};
enum ask_result ask_hear(struct ask *a, enum hook_verdict *verdict, struct text *text);

/* There is nothing more to ask. */
void ask_close(struct ask *a);

/* How long an answer may take, in ms. */
uint64_t ask_wait_ms(const struct child_settings *settings);

#endif
