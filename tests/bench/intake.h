/*
 * intake.h - bytes that a client received: the answer to its request, frames, packets.
 */
#ifndef BENCH_INTAKE_H
#define BENCH_INTAKE_H

#include "fleet.h"

#define INTAKE_SIZE 65536 /* bytes read at once, at most */

/* The client's socket is readable. */
void intake_read(struct fleet *f, struct client *c);

/* What the last metadata of client 0 says: how many clients. */
uint32_t intake_count(const struct fleet *f);

#endif
