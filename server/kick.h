/*
 * kick.h - a client that the operator wants gone (rosterd-dump kick).
 */
#ifndef SERVER_KICK_H
#define SERVER_KICK_H

#include "../shm/register.h"
#include "books.h"
#include "peer.h"

/*
 * Do what a message KICK or KILL asks for: have the client of that token closed
 * with 1008, or its process killed.  The answer: DONE, or REFUSED if there is no
 * such client.
 */
enum register_kind
kick_client(struct ticker *t, const struct register_message *m, const struct peer *operator);

#endif
