/*
 * lone.h - a ticker without processes around it.
 *
 * Its segment has no name, its clients have no children but those that a test
 * makes, and nothing runs but what a test calls.
 */
#ifndef TESTS_LONE_H
#define TESTS_LONE_H

#include "../../server/books.h"

#define LONE_CLIENTS 32U

void lone_start(struct ticker *t);

/* Another one on the same segment, which knows only what stands there. */
void lone_succeed(struct ticker *t);

/* A client that is open; bell and pid are those of its child, or -1 and 0. */
uint32_t lone_client(struct ticker *t, int bell, uint32_t pid);

/* A process that does nothing until it is killed, at the latest with the test. */
pid_t lone_process(void);

#endif
