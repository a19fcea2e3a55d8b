/*
 * registry.h - who has which slot.
 *
 *	free --claim--> claimed --open--> open --depart--> leaving --> free
 *
 * A client departs when it says goodbye, or when its child's life line closes.
 * Its slot is given away again only when the child is known to be dead and its
 * mail is delivered: a child that merely closed its life line still has the
 * slot mapped, and could write into the next client's.
 */
#ifndef SERVER_REGISTRY_H
#define SERVER_REGISTRY_H

#include "ticker.h"

/* All memory that depends on the number of clients.  0, or -1 and errno. */
int registry_make(struct ticker *t);

/* Give a slot to a child: its number, or LAYOUT_NO_SLOT if none is free. */
uint32_t
registry_claim(struct ticker *t, int line, int bell, const char *peer, uint32_t pid);

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

/*
 * The client is no more, whether or not its child still is: nobody sees it, and
 * what it posted is on its way.
 */
void registry_depart(struct ticker *t, uint32_t slot);

/* The life line has closed.  The slot becomes free as soon as it may. */
void registry_leave(struct ticker *t, uint32_t slot);

/* The same for one that was leaving when the ticker before this one died. */
void registry_resume_leave(struct ticker *t, uint32_t slot);

/* The child of a slot that is leaving is dead (TAG_DEATH). */
void registry_death(struct ticker *t, uint32_t slot, uint32_t generation);

/* A slot that is leaving: free it if its child is dead and its mail is delivered. */
void registry_try_free(struct ticker *t, uint32_t slot);

/* Why a child is killed: each has its counter. */
enum kill_reason { KILL_LIE, KILL_LOCK, KILL_HUNG, KILL_STALL, KILL_PIN, KILL_LOST };

/* Kill a child for what it did; the rest follows when its life line closes. */
void
registry_kill(struct ticker *t, uint32_t slot, enum kill_reason reason, const char *why);

/* Take a slot into use, with the private memory of a client that has said nothing yet. */
void registry_seat(struct ticker *t, uint32_t slot);

/* Put one that is between its handshake and us on the list of those. */
void registry_adopt_claim(struct ticker *t, uint32_t slot);

/* Put an open client on the lists. */
void registry_enlist(struct ticker *t, uint32_t slot);

/* Wake a client's child, if it sleeps. */
void registry_ring(struct ticker *t, uint32_t slot);

#endif
