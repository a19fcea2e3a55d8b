/*
 * registry.h - who has which slot.
 *
 *	free --claim--> claimed --open--> open --depart--> leaving --> free
 *
 * The way out is departure.h.
 */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H

#include "ticker.h"

/* All memory that depends on the number of clients.  0, or -1 and errno. */
int registry_make(struct ticker *t);

/* Give a slot to a child: its number, or LAYOUT_NO_SLOT if none is free. */
uint32_t registry_claim(struct ticker *t, int line, int bell, const char *peer, uint32_t pid);

/* A child of the time before this ticker; false if it is not the one whose slot it shows. */
bool registry_return(
    struct ticker *t, int line, int bell, const struct register_message *m, uint32_t pid);

/* The handshake is done: the token exists for everybody. */
void registry_open(struct ticker *t, uint32_t slot);

/*
 * The same for clients whose child has said so in its slot, though its message
 * was not read yet.  Asked before a packet is delivered: whoever has seen a
 * token may send to it, and whoever is there gets what is for all.  The first
 * tells whether this one is open, then; the second looks at all.
 */
bool registry_is_open(struct ticker *t, uint32_t slot);
void registry_open_all(struct ticker *t);

/* Take a slot into use, with the private memory of a client that has said nothing yet. */
void registry_seat(struct ticker *t, uint32_t slot);

/* Take one off the list of those whose handshake is not done. */
void registry_drop_claim(struct ticker *t, uint32_t slot);

/* Put one that is between its handshake and us on the list of those. */
void registry_adopt_claim(struct ticker *t, uint32_t slot);

/* Put an open client on the lists. */
void registry_enlist(struct ticker *t, uint32_t slot);

/* Wake a client's child, if it sleeps. */
void registry_ring(struct ticker *t, uint32_t slot);

#endif
