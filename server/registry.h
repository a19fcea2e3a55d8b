/*
 * registry.h - how a client comes.
 *
 *	free --claim--> claimed --open--> open --depart--> leaving --> free
 *
 * The way out is departure.h.
 */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H

#include "../shm/register.h"
#include "books.h"

/* Give a slot to a child: its number, or LAYOUT_NO_SLOT if none is free. */
uint32_t registry_claim(struct ticker *t, int line, int bell, const char *peer, uint32_t pid);

/*
 * A ticker before this one gave this slot to a child and died before it could say
 * so, or before the child heard of it: the child may ask again, and gets this one.
 */
bool registry_is_untold(const struct ticker *t, uint32_t slot);

/* A child of the time before this ticker; false if it is not the one whose slot it shows. */
bool registry_return(
    struct ticker *t, int line, int bell, const struct register_message *m, uint32_t pid);

/*
 * Its child knows who is behind the proxy that it serves: once, before the handshake
 * is done.  False: that proxy is none that is trusted, or this is not an address.
 * After the death of a ticker it may say the same again.
 */
bool registry_tell(struct ticker *t, uint32_t slot, const char client[PEER_LENGTH]);

/*
 * The spawner says that a client may come in, and with which reserved properties
 * (permits.h).  After the death of a ticker it may say so again.  False: that client
 * has gone, or other names are reserved here.
 */
bool registry_permit(struct ticker *t, const struct register_message *m);

/*
 * The handshake is done: the token exists for everybody.  A child that says so
 * without leave, where leave is needed, is killed.
 */
void registry_open(struct ticker *t, uint32_t slot);

/*
 * The same for clients whose child has said so in its slot, though its message
 * was not read yet.  Asked before a packet is delivered: whoever has seen a
 * token may send to it, and whoever is there gets what is for all.  The first
 * tells whether this one is open, then; the second looks at all.
 */
bool registry_is_open(struct ticker *t, uint32_t slot);
void registry_open_all(struct ticker *t);

#endif
