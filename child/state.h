/*
 * state.h - all that a child knows: one struct, one client.
 *
 *	child.c		its start and its loop
 *	behind.c	who is at the other end of a proxy
 *	greet.c		from the request to the first metadata
 *	serve.c		frames in, ticks and mail out
 *	farewell.c	from the last word to the end
 *
 * and under them, each with its own part of the struct, inbound, outbound,
 * websocket, inflate, message, session, roster, mailbag and seat.
 */
#ifndef CHILD_STATE_H
#define CHILD_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/session_log.h"
#include "ask.h"
#include "behind.h"
#include "child.h"
#include "inbound.h"
#include "inflate.h"
#include "mailbag.h"
#include "message.h"
#include "outbound.h"
#include "rate.h"
#include "roster.h"
#include "seat.h"
#include "session.h"

#define NEVER UINT64_MAX
#define CHILD_ROOM \
	512U /* bytes: the answer to a handshake, or our part of the first metadata */

enum phase {
	PHASE_HANDSHAKE, /* the request is collected, judged, answered */
	PHASE_ASKING,    /* the operator's program decides (ask.h) */
	PHASE_SERVING,   /* frames in, ticks and mail out */
	PHASE_CLOSING,   /* a close frame or an HTTP answer is on its way out */
	PHASE_LINGERING, /* our half is shut; what still comes is thrown away */
	PHASE_OVER,
};

struct child {
	const struct child_settings *settings;
	const struct child_start *start;
	const char *peer; /* the client's address, for whoever asks for it ... */
	const char *via;  /* ... as this trusted proxy has told it; or empty */
	struct behind behind;
	enum phase phase;
	int epoll;
	uint32_t interest; /* events that are asked of the client's socket */
	enum child_exit exit;

	enum session_result waiting; /* for what `packet` waits; SESSION_DONE: there is none */
	const char *packet;
	size_t packet_length;

	/* Times in ms, as clock_ms() has them. */
	uint64_t phase_deadline;
	uint64_t next_ping;
	uint64_t last_pong;
	uint64_t next_return; /* try to find the next ticker */
	uint64_t lost_line;   /* when the last one was lost */
	uint64_t opened;

	/* How it ended, for the log. */
	uint16_t code;
	char reason[124];

	struct seat seat;
	struct ask ask;
	struct rate rate;
	struct outbound out;
	struct roster roster;
	struct mailbag mailbag;
	struct session session;
	struct message message;
	struct inflate inflate;
	/*
	 * For out.owed and roster.own at first, which a quiet client does not outgrow: the
	 * heap is one more page that a child would write, and malloc's own another.
	 */
	char rooms[2][CHILD_ROOM];
	struct inbound in;
};

/* What the log says about it. */
static inline struct session_log
child_session(const struct child *c)
{
	return (struct session_log){
	    .slot = c->seat.slot,
	    .pid = load_relaxed(&c->seat.entry->pid),
	    .token = c->seat.token,
	    .peer = c->peer,
	    .via = c->via,
	};
}

#endif
