/*
 * greet.h - from the request to the first metadata.
 */
#ifndef CHILD_GREET_H
#define CHILD_GREET_H

#include "state.h"

/* TLS is not up, and perhaps will never be: then it is said why. */
void greet_insecure(struct child *c);

/* Bytes came during the handshake: if they make a whole request, answer it. */
void greet_request(struct child *c);

/* The spawner has something to say about it. */
void greet_answer(struct child *c);

/* The client does not wait, or time is over. */
void greet_late(struct child *c);

#endif
