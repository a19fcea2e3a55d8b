/*
 * books.h - the ticker's memory, and the lists in it.
 *
 * All of it is private and sized at start: nothing is allocated later.  And all
 * of it can be had again from the segment (adopt.c).
 */
#ifndef SERVER_BOOKS_H
#define SERVER_BOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/segment.h"
#include "../shm/text.h"
#include "../shm/trust.h"
#include "peer.h"
#include "roll.h"

struct options;
struct ticker_start;

/* Be a listener without sockets, given a descriptor of the segment (host.h).  Does not return. */
typedef void books_revive(const struct ticker_start *start, int segment);

/* What a ticker is started with; the descriptors outlive it. */
struct ticker_start {
	const char *name;
	const char *version; /* --app-version */
	const char *group;   /* --group, or NULL */
	struct limits limits;
	uint32_t tick_ms;
	bool tell_ends;       /* --on-close: tell.h */
	const char *reserved; /* --reserved, if --on-connect decides; or NULL */
	uint32_t claim_ms;    /* for a child between having a slot and having a client */
	uint32_t hung_ms;     /* for a child to show a heartbeat when it was rung */
	uint32_t compress;    /* --compress: zlib's level; 0: nothing is compressed */
	uint64_t door;        /* of the registration socket, if the segment is made anew */
	int registration;     /* listening SOCK_SEQPACKET socket */
	int bell;             /* eventfd: wakes the ticker */
	int segment;          /* the one to adopt, writable; -1: there is none */
	struct trust trust;   /* of whose clients children may tell the address */
	books_revive *revive; /* guard.h; or NULL */
	const struct options *options; /* for it */
};

/* What the ticker knows of the client in a slot, besides the directory. */
struct client {
	int line;           /* life line; -1: expected back (adopt.c), or nobody */
	int death;          /* pidfd, while it has no life line and is not known to be dead */
	int bell;           /* its doorbell, or -1 */
	uint32_t pid;       /* as the kernel said */
	uint32_t opened;    /* number of the first snapshot that held it; 0: none yet */
	uint32_t changed;   /* number of the last one in which its properties changed */
	uint32_t length;    /* bytes of its properties: t->texts + slot * t->text_stride */
	uint64_t version;   /* of them, as they were read last */
	uint32_t heartbeat; /* when something was there for it ... */
	uint64_t rung_ms;   /* ... first, without a heartbeat since; 0: it lives */
	uint64_t noted_ms;  /* the rung_ms of which cpu_ms was noted (watch.c) */
	uint64_t cpu_ms;    /* that its process had used then */
	uint64_t wanted_ms; /* since when somebody waits for it to take its mail; 0: nobody */
	uint64_t back_ms;   /* until when it may come back; 0: it is here */
	uint64_t leave_ms;  /* until when it may be claimed or leaving; 0: it may stay */
	uint64_t owed_ms;   /* since when its end is to be told (tell.h); 0: it is not */
	uint32_t told_on;   /* t->spawner_number of the line on which it was told; or 0 */
	uint32_t seat;      /* its place in t->seated */
	uint32_t claim;     /* its place in t->claimed */
	uint32_t
	    waits_for; /* if blocked: the receiver without room, or LAYOUT_NO_SLOT: the log */
	uint32_t waits_length; /* and the frame that there has to be room for, in bytes */
	uint32_t said;         /* messages on this life line */
	uint32_t
	    asked; /* 1 + place of the listener that is asked about its client's address; or 0 */
	uint32_t rank;      /* its place in t->order when the newest snapshot was made */
	uint64_t inside_ms; /* since when it is in the closed commons; 0: it is not */
	bool barred; /* it was out of the closed commons when their pages were given back */
	bool open;
	bool told;    /* its child has said whose address its client's is */
	bool look;    /* its properties are to be read at the next tick */
	bool blocked; /* it is in the list of senders that wait for room */
	bool touched; /* mail was published for it: ring it */
	bool doomed;  /* it was killed; its life line will close */
	bool deflate; /* it is counted in t->deflate_count */
};

/* A client that was in a snapshot and has left since. */
struct leaver {
	char token[TOKEN_LENGTH];
	uint32_t opened;
	uint32_t slot; /* that it had, or LAYOUT_NO_SLOT */
	uint64_t generation;
};

/* A connection that has not said yet what it is. */
struct stranger {
	int fd;
	struct peer peer; /* of our user, or root */
	uint64_t since_ms;
};

#define TICKER_STRANGERS_MAX 1024
#define TICKER_LISTENERS_MAX 8

struct ticker {
	struct ticker_start start;
	struct segment segment;
	struct header *header;
	struct commons *commons;
	struct lock_user user;
	uint32_t max_clients;

	int office; /* says that there is no other ticker of this segment */
	int epoll;
	int timer;
	int bells_below; /* descriptors from here on are kept for life lines (bells.h) */
	int spawner;     /* line to it (tell.h); -1: there is none */
	uint32_t spawner_number; /* of that line, from 1 on */
	uint32_t telling;        /* ends that were told on it and are not taken yet */
	bool draining;
	bool over;         /* nothing keeps it here */
	bool yielding;     /* over after the next tick, for another ticker to take over ... */
	uint64_t yield_ms; /* ... or a later one until then: the spawner is to answer */
	int latch;         /* latch.h: held in order to end; or -1 */
	int drain_timer;
	uint64_t drain_until_ms;
	uint64_t guard_ms; /* guard.h: not before */
	uint64_t
	    lonely_ms; /* since when there is neither a listener nor a client; 0: there is */

	struct client *clients; /* by slot */
	char *texts;            /* private copies of properties, checked; sparse */
	uint64_t text_stride;
	uint32_t *free_slots; /* a stack */
	uint32_t free_count;
	uint32_t *seated; /* slots that are in use, in any order */
	uint32_t seated_count;
	uint32_t *claimed; /* of these, whose handshake is not done */
	uint32_t claimed_count;
	uint32_t *order; /* open clients by order of connection */
	uint32_t order_count;
	uint32_t *look; /* slots whose properties are to be read */
	uint32_t look_count;
	uint32_t *fresh; /* slots whose properties are others than in the newest snapshot */
	uint32_t fresh_count;
	struct leaver *leavers;
	uint32_t leaver_count;
	struct roll roll; /* token -> slot, of all that have one and have not departed */
	struct stranger strangers[TICKER_STRANGERS_MAX];
	uint32_t stranger_count;
	int listeners[TICKER_LISTENERS_MAX]; /* control connections, or -1 */

	/* Ticks. */
	uint32_t number;      /* of the newest snapshot */
	uint64_t *ends;       /* where entries of its people part end, by rank (amend.h) */
	uint32_t ends_number; /* of the snapshot that ends is about */
	bool roster_changed;  /* somebody came or left since then */
	uint64_t arena_used;  /* bytes of the arena that are known to have memory behind them */
	struct text version;  /* --app-version as a JSON string */
	struct z_stream_s *deflate; /* deflate.h; NULL: nothing is ever compressed */
	uint32_t deflate_count;     /* open clients that take compressed messages */

	/* Mail. */
	uint32_t *touched; /* slots to be rung */
	uint32_t touched_count;
	bool everybody;    /* a broadcast was published: ring all who sleep */
	uint32_t *blocked; /* slots whose outbox waits for room elsewhere */
	uint32_t blocked_count;
	uint32_t *scratch_slots; /* room for max_clients slot numbers, or the ring */
	char *frame;             /* the frame that is being delivered */
	unsigned char (*targets)[MAIL_TOKEN];
	uint32_t targets_max;
	/* As commons.dirty, but our own: nobody else can erase them. */
	uint64_t marks[(LAYOUT_CLIENTS_MAX + 63) / 64];
	uint32_t scan_word;   /* where the next look at the marks begins */
	bool rung;            /* somebody rang, and no mark was found since then */
	uint64_t marked_ms;   /* when all outboxes were looked at, marked or not */
	uint64_t log_tail;    /* nobody has to read the log before this (a lower bound) */
	uint32_t log_laggard; /* who has to, and is waited for; or LAYOUT_NO_SLOT */

	/* Watching. */
	uint64_t back_ms;   /* until when children of the time before us may come back */
	uint64_t lock_name; /* who held the lock when we last looked */
	uint64_t lock_since_ms;
	uint64_t starved_ms;     /* since when no tick has got the lock; 0: the last one has */
	_Atomic uint64_t badge;  /* ours, which nobody reads */
	uint64_t ring_head;      /* of the change ring, when we last looked */
	uint64_t spoilt_ms;      /* when the commons were found to be spoilt; 0: never */
	uint64_t touched_ms;     /* closed: when somebody touched them last */
	uint32_t suspect;        /* closed: whom to look at next, in t->seated ... */
	uint32_t suspect_rounds; /* ... and how often all were looked at */
};

/* 0, or -1 and errno. */
int books_make(struct ticker *t);

/* Take a slot into use: for a client that has said nothing yet. */
void books_seat(struct ticker *t, uint32_t slot);

/* And out of use: it is free from here on. */
void books_unseat(struct ticker *t, uint32_t slot);

/* A token is known from when its slot is given until its client departs. */
void books_enroll(struct ticker *t, uint32_t slot);
void books_strike(struct ticker *t, uint32_t slot);

/* Clients between having a slot and having their handshake done. */
void books_claim(struct ticker *t, uint32_t slot);
void books_unclaim(struct ticker *t, uint32_t slot);

/* Clients that everybody sees; the order is that of connection. */
void books_enlist(struct ticker *t, uint32_t slot);
void books_delist(struct ticker *t, uint32_t slot);

/* Read this client's properties at the next tick. */
void books_look(struct ticker *t, uint32_t slot);

/* Have this client's outbox looked at soon. */
void books_mark_outbox(struct ticker *t, uint32_t slot);

/* Note in the change ring that somebody came or left. */
void books_note(struct ticker *t, uint32_t slot, uint32_t kind);

/* Is any listener connected? */
bool books_has_listener(const struct ticker *t);

/* The prefix of reserved names, as it stands in the header; empty: there is none. */
static inline const char *
books_reserved(const struct ticker *t)
{
	return t->start.reserved != NULL ? t->start.reserved : "";
}

static inline char *
books_text(const struct ticker *t, uint32_t slot)
{
	return t->texts + slot * t->text_stride;
}

static inline struct entry *
books_entry(const struct ticker *t, uint32_t slot)
{
	return segment_entry(t->header, slot);
}

static inline struct slot *
books_slot(const struct ticker *t, uint32_t slot)
{
	return segment_slot(t->header, slot);
}

static inline struct mailbox *
books_mailbox(const struct ticker *t, uint32_t slot)
{
	return segment_mailbox(t->header, slot);
}

#endif
