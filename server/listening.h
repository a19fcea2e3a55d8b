/*
 * listening.h - all that a listener knows: one struct.
 *
 *	listener.c	its start, its loop, and who comes in
 *	lifetime.c	signals, the ticker's deaths, the listener's own end
 *	upgrade.c	the next listener is tried before it takes over
 *	announce.c	what whoever started it is told
 */
#ifndef SERVER_LISTENING_H
#define SERVER_LISTENING_H

#include "admission.h"
#include "announce.h"
#include "hooks.h"
#include "keeper.h"
#include "listener.h"
#include "ports.h"
#include "signing.h"
#include "spawn.h"
#include "upgrade.h"

enum listening_source {
	SOURCE_SIGNAL,
	SOURCE_TICKER,
	SOURCE_SOCKET,
	SOURCE_UPGRADE,
	SOURCE_SPAWNER,
	SOURCE_SIGNER,
};

enum listening_phase {
	PHASE_SERVING,
	PHASE_DRAINING, /* all clients are sent away, and then it ends */
	PHASE_LEAVING,  /* nobody is there, and so it ends */
};

struct listener {
	const struct options *options;
	struct child_settings settings;
	struct keeper keeper;
	struct hooks hooks;
	struct signing signing;
	struct ports ports;
	struct announce announce;
	struct upgrade upgrade;
	struct front *front; /* our page of the segment, mapped writable; or NULL */
	enum listening_phase phase;
	int epoll;
	int signals;
	int latch;      /* latch.h: held while leaving; or -1 */
	bool host;      /* it has no sockets: it is there for guests (guest.h) */
	bool inetd;     /* inetd takes the sockets back when it ends */
	bool replacing; /* the ticker was asked to make room for another */

	/* Times in ms, as clock_ms() has them; 0: never. */
	uint64_t restart_ms; /* start the next ticker */
	uint64_t restart_wait_ms;
	uint64_t started_ms;  /* the last ticker was */
	uint64_t idle_for_ms; /* end after so long without clients */
	uint64_t idle_ms;     /* look whether anybody is there */
	uint64_t over_ms;     /* draining or leaving: end, whatever is left */

	/* Written at each fork, and so next to what a child writes (../child/pages.ld). */
	struct spawn_counts children;
	struct admission admission;
};

/* Watch a descriptor for input. */
void listening_watch(struct listener *l, int fd, enum listening_source source, unsigned number);

/* The segment is (another) one: map the page that is the listener's. */
void listening_map_front(struct listener *l);

/* And have a spawner that sees it, if one is wanted. */
void listening_follow_hooks(struct listener *l);

/* There is another spawner. */
void listening_watch_hooks(struct listener *l);

/* There is another signer. */
void listening_watch_signer(struct listener *l);

/* Write there what is counted elsewhere. */
void listening_show_counts(struct listener *l);

#define LISTENING_COUNT(l, name)                                  \
	do {                                                      \
		if ((l)->front != NULL)                           \
			count_add(&(l)->front->counters.name, 1); \
	} while (0)

#endif
