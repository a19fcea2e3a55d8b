/*
 * reception.h - the ticker's sockets: who connects, and what is said there.
 *
 * A connection is a stranger until its first message says what it is: a child
 * (its life line from then on) or a listener.  Only processes of the same user
 * and root are heard (register.h).
 */
#ifndef SERVER_RECEPTION_H
#define SERVER_RECEPTION_H

#include "ticker.h"

/* What an epoll event is about: one of these, and a number. */
enum ticker_tag {
	TAG_REGISTRATION,
	TAG_TIMER,
	TAG_BELL,
	TAG_STRANGER, /* descriptor */
	TAG_LISTENER, /* place in t->listeners */
	TAG_LINE,     /* slot */
	TAG_DEATH,    /* slot */
};

/* Watch fd for input; generation tells an event for this client from one for the next. */
int reception_watch(
    struct ticker *t, int fd, enum ticker_tag tag, uint32_t number, uint64_t generation);

/* Events. */
void reception_accept(struct ticker *t);
void reception_stranger(struct ticker *t, int fd);
void reception_listener(struct ticker *t, uint32_t place);
void reception_line(struct ticker *t, uint32_t slot, uint32_t generation);

/* Close connections that have been strangers for too long. */
void reception_expire(struct ticker *t, uint64_t now_ms);

/* Is any listener connected? */
bool reception_has_listener(const struct ticker *t);

#endif
