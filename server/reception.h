/*
 * reception.h - the ticker's sockets: who connects, and what is said there.
 *
 * A connection is a stranger until its first message says what it is: a child
 * (its life line from then on) or a listener.  Only processes of the same user
 * and root are heard (register.h).
 */
#ifndef SERVER_RECEPTION_H
#define SERVER_RECEPTION_H

#include "../shm/register.h"
#include "books.h"

/* Events. */
void reception_accept(struct ticker *t);
void reception_stranger(struct ticker *t, int fd);
void reception_listener(struct ticker *t, uint32_t place);
void reception_line(struct ticker *t, uint32_t slot, uint32_t generation);

/* Close connections that have been strangers for too long. */
void reception_expire(struct ticker *t, uint64_t now_ms);

#endif
