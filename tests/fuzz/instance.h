/*
 * instance.h - a ticker with a small segment and no process around it.
 *
 * It is made once and brought back to how it was before each input, bytes of
 * the segment and private lists alike, so that an input does the same whenever
 * it is run.
 */
#ifndef TESTS_FUZZ_INSTANCE_H
#define TESTS_FUZZ_INSTANCE_H

#include "../../server/books.h"
#include "../../child/seat.h"

/* Small, so that limits are met. */
#define INSTANCE_CLIENTS 4U
#define INSTANCE_PACKET 2048U
#define INSTANCE_PROPERTIES 2000U

/* The ticker, with `open` clients in slots 0, 1 ... that have tokens as below. */
struct ticker *instance_reset(uint32_t open);

/* Token of the client in that slot: "c0" repeated, for slot 0. */
void instance_token(uint32_t slot, char token[TOKEN_LENGTH]);

/* What a child of that slot has. */
void instance_seat(struct seat *seat, uint32_t slot);

/* Close the descriptors that die with a ticker. */
void instance_close(struct ticker *t);

/* The ticker dies, and the next one adopts its segment. */
void instance_succeed(void);

/* Do its lists agree with each other? */
void instance_check(void);

/* How many children would have been killed for lies since the reset. */
unsigned instance_kills(void);

/* The process that connects next, as the ticker is told; WORLD_PID for the clients that are there. */
#define WORLD_PID 4711U
extern uint32_t world_pid;

#endif
