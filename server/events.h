/*
 * events.h - what the ticker waits for.
 */
#ifndef SERVER_EVENTS_H
#define SERVER_EVENTS_H

#include "books.h"

/* What an epoll event is about: one of these, and a number. */
enum event_tag {
	TAG_REGISTRATION,
	TAG_TIMER,
	TAG_DRAIN,
	TAG_BELL,
	TAG_STRANGER, /* descriptor */
	TAG_LISTENER, /* place in t->listeners */
	TAG_LINE,     /* slot */
	TAG_DEATH,    /* slot */
	TAG_SPAWNER,
};

/* Watch fd for input; generation tells an event for this client from one for the next. */
int events_watch(
    struct ticker *t, int fd, enum event_tag tag, uint32_t number, uint64_t generation);

/* An event taken apart again. */
struct event {
	enum event_tag tag;
	uint32_t number;
	uint32_t generation; /* its lower half */
};
struct event events_decode(uint64_t data);

#endif
