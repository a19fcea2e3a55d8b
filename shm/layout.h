/*
 * layout.h - every shared byte.
 *
 * One POSIX shared-memory segment holds what the processes of an instance
 * share.  It has one writer for each part; who writes a field is said by a
 * letter beside it, here and in the headers of the parts:
 *
 *	F	fixed when the segment is made, before `ready`
 *	T	the ticker
 *	C	the child that owns the slot
 *	L	whoever holds the lock
 *	W	the listener
 *	*	anybody (and so nobody may depend on it)
 *
 *	part		writer	pages writable by a child
 *	header		F, T	no
 *	front		W	no
 *	directory	T	no
 *	mailboxes	T	no
 *	departed	T	no
 *	commons		L, *	yes, all of them, until they are closed
 *	log		T	no
 *	arena		T	no
 *	inboxes		T	no
 *	slots		C	its own, no other
 *
 * Offsets and indices, never pointers: each process maps the segment where it
 * likes.  Fixed-width types.  What changes is _Atomic, but for bulk text, which
 * is guarded by a word that is (said where it stands).  Parts begin on pages
 * of their own, so that the kernel enforces the table above; slots and inboxes
 * are as large as they may ever have to be and sparse: a page that nobody
 * touched costs nothing.
 *
 * A segment of another build or with other limits is refused, never misread:
 * layout_check() computes all offsets again and compares.
 */
#ifndef SHM_LAYOUT_H
#define SHM_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "atomic.h"
#include "counters.h"
#include "lock.h"
#include "ring.h"

#define LAYOUT_MAGIC 0x0a64726574736f72ULL /* "rosterd\n", little endian */
#ifdef ROSTERD_RELAID
#define LAYOUT_VERSION \
	0xffffU /* a build to upgrade to, in tests, that shares no memory with this one */
#else
#define LAYOUT_VERSION 8U
#endif
#define LAYOUT_PAGE 4096U

#define LAYOUT_CLIENTS_MAX 60000U        /* a slot number fits in 16 bits */
#define LAYOUT_PACKET_MAX (16U << 20)    /* bytes */
#define LAYOUT_PROPERTIES_MAX (1U << 20) /* bytes */
#define LAYOUT_GENERATIONS 8U            /* snapshots that may exist at once */
#define LAYOUT_NO_SLOT UINT32_MAX

#define TOKEN_LENGTH 32U   /* lower-case hex digits, no NUL */
#define PEER_LENGTH 56U    /* "[ipv6%scope]:port" and a NUL */
#define SEAL_LENGTH 32U    /* bytes: a digest of reserved properties (server/seal.h) */
#define PREFIX_LENGTH 33U  /* --reserved and a NUL */
#define VERSION_LENGTH 64U /* --app-version as a JSON string with its quotes */

/* What the operator may choose and the layout depends on. */
struct limits {
	uint32_t max_clients;
	uint32_t max_packet;     /* bytes of a message from a client */
	uint32_t max_properties; /* bytes of a client's properties as text */
};

/* Where the parts begin, in bytes from the start, and how large they are. */
struct layout {
	uint64_t size; /* of the whole segment */
	uint64_t front;
	uint64_t directory;
	uint64_t mailboxes;
	uint64_t departed;
	uint64_t departed_count; /* entries, a power of two */
	uint64_t commons;
	uint64_t commons_size;
	uint64_t log;
	uint64_t log_size; /* a power of two */
	uint64_t arena;
	uint64_t arena_size;
	uint64_t inboxes;
	uint64_t inbox_size; /* a power of two */
	uint64_t slots;
	uint64_t slot_size;
	uint64_t buffer_size; /* of each of a slot's two large buffers */
	uint64_t outbox_size; /* a power of two */
	uint64_t ring_count;  /* entries in the change ring, a power of two */
};

/*
 * A snapshot: the roster as it stood at one tick, rendered as text in the
 * arena.  The ticker fills a generation that is neither current nor pinned
 * and then makes it current with one store; from there on until it is neither
 * again, nothing of it changes.  So the fields need not be atomic: who pinned
 * a generation (snapshot.h) may read them all.  Who did not copies it, and then
 * looks whether it is still current (newest.c).
 *
 * In the arena, from `at`:
 *	changes	  the WebSocket frame of the changes packet for those who have
 *		  taken generation number - 1
 *	head	  the frame header of the metadata packet, and its text up to
 *		  the receiver's token
 *	names	  ","indexes":["<token>","<token>"...
 *	people	  ],"properties":{"<token>":{...},"<token>":{...}...
 *	tail	  },"version":"DEV"}}
 * and, 8-aligned, `count` rows.  Behind them, if some client has negotiated
 * permessage-deflate, the same once more, compressed (server/deflate.h):
 *	deflated_changes   the whole frame
 *	deflated_metadata  a frame header and, in a stored block, the text up to the
 *			   receiver's token; the token; and then names, people and
 *			   tail: only the token is not shared
 */
struct generation {
	_Atomic uint32_t number; /* T  0 while it is being filled */
	uint32_t count;          /* T  clients in it */
	uint64_t at;             /* T  bytes from the start of the arena */
	uint64_t end;            /* T  first byte after it */
	uint64_t rows;           /* T  where the rows begin, from the start of the arena */
	uint64_t departed;       /* T  entries of the departed ring that are part of it */
	uint64_t wall_ms;        /* T  when it was published */
	uint32_t changes_length;
	uint32_t head_length;
	uint64_t names_length;
	uint64_t people_length;
	uint32_t tail_length;
	uint32_t deflated_head_length;    /* of deflated_metadata, up to the token */
	uint64_t deflated_changes;        /* T  from the start of the arena ... */
	uint64_t deflated_metadata;       /* T  likewise */
	uint64_t deflated_body_length;    /* behind the token; 0: there is none */
	uint32_t deflated_changes_length; /* 0: there is none */
	uint32_t unused;
};

/* What merging needs to know of the client whose token stands at this place. */
struct row {
	uint32_t opened;  /* T  number of the first snapshot that held it */
	uint32_t changed; /* T  number of the last one in which its properties changed; or 0 */
};

/*
 * A client that was in a snapshot and is no more: kept for those who are slow.  It
 * may be written over while it is read: segment_read_departed() copies it, and then
 * looks at departed_head.
 */
struct departed {
	char token[TOKEN_LENGTH]; /* T */
	uint32_t opened;          /* T  as in struct row */
	uint32_t closed;          /* T  number of the first snapshot without it */
	uint64_t wall_ms;         /* T */
	uint64_t generation;      /* T  of the slot that it had, for people ... */
	uint32_t slot;            /* T  ... LAYOUT_NO_SLOT if it is not known any more */
	uint32_t unused;
};

struct header {
	uint64_t magic;        /* F */
	uint32_t version;      /* F  LAYOUT_VERSION */
	uint32_t size;         /* F  sizeof(struct header) */
	uint64_t id;           /* F  random: tells this segment from the next of that name */
	uint64_t door;         /* F  names the ticker's socket (register.h) */
	uint64_t created;      /* F  ms since 1970 ... */
	uint64_t created_boot; /* F  ... and by clock_boot_ms() */
	struct limits limits;
	uint32_t unused;
	struct layout layout;
	_Atomic uint32_t ready; /* T  stored last: before it nothing here is valid */

	/* What every child reads whenever it wakes. */
	_Alignas(
	    64) _Atomic uint64_t current; /* T  number << 8 | index of the newest snapshot */
	_Atomic uint64_t log_head;        /* T  bytes ever written to the broadcast log */
	_Atomic uint32_t asleep;          /* T  the ticker is about to sleep: ring it */
	_Atomic uint32_t draining;        /* T  clients are to be sent away with 1001 */
	_Atomic uint32_t closed;          /* T  the commons are: no child may touch them */

	/* What a successor and the dump tool want to know. */
	_Alignas(64) _Atomic uint32_t ticker_pid; /* T */
	_Atomic uint32_t tickers;                 /* T  how many there were */
	_Atomic uint64_t tick_boot_ms;  /* T  last look, whether or not it found changes */
	_Atomic uint64_t departed_head; /* T  entries ever written */
	_Atomic uint64_t order;         /* T  connections opened: the next one's place */
	_Atomic uint64_t empty_boot_ms; /* T  since when no slot is in use; 0: one is */
	_Atomic uint32_t guests;        /* T  clients came that no listener forked (guest.h) */
	_Atomic uint32_t clients;       /* T  open now */
	_Atomic uint32_t tick_ms;       /* T  between ticks */
	_Atomic uint32_t claimed;       /* T  slots whose client's handshake is not done */
	_Atomic uint32_t seated;        /* T  slots in use, for whatever */
	/*
	 * T  names of properties that begin so are --on-connect's to set, and clients come
	 * in by its leave alone (entry.permitted); empty: there is no such program.
	 * Written by a ticker that begins, before it answers anybody.
	 */
	char reserved[PREFIX_LENGTH];
	struct generation generations[LAYOUT_GENERATIONS];
	struct ticker_counters counters;     /* T */
	struct ticker_histograms histograms; /* T */
	/*
	 * Sums over clients that have left.  bequests is odd while a client's
	 * are added: who adds up gone and all slots looks at it before and
	 * after, and so counts nobody twice.
	 */
	_Atomic uint32_t bequests;                /* T */
	struct client_counters gone;              /* T */
	struct client_histograms gone_histograms; /* T */
};

/* A page of the listener's own: what it knows and nobody else can. */
struct front {
	_Atomic uint32_t listener_pid;     /* W */
	struct listener_counters counters; /* W */
};

enum entry_state {
	ENTRY_FREE,    /* nobody's */
	ENTRY_CLAIMED, /* a child has it; its client has no token yet for others */
	ENTRY_OPEN,    /* the handshake is done: the token exists for everybody */
	ENTRY_LEAVING, /* its child is gone or as good as; mail of it may be on its way */
};

/*
 * directory[slot]: who sits there.
 *
 * Ticker killed while claiming: state is still ENTRY_FREE, so the successor
 * sees a free slot.  While freeing: state is stored first.  Readers take the
 * generation and state before and after, to know that they saw one client's row;
 * what they copied if not, they throw away.
 */
struct entry {
	_Atomic uint64_t generation; /* T  +1 per claim; pids are used again, this is not */
	_Atomic uint32_t state;      /* T  enum entry_state, stored last on the way up */
	_Atomic uint32_t pid;        /* T  as the kernel says (SO_PEERCRED) */
	_Atomic uint32_t announced;  /* T  first snapshot that holds it (number); 0: none yet */
	_Atomic uint32_t bequeathed; /* T  1: its counters are in header.gone by now */
	_Atomic uint64_t order;      /* T  place among all connections ever opened */
	_Atomic uint64_t since;      /* T  clock_boot_ms() when it was claimed */
	char token[TOKEN_LENGTH];    /* T  guarded by generation and state */
	char peer[PEER_LENGTH];      /* T  likewise; NUL-terminated: the socket's other end */
	_Atomic uint32_t proxied;    /* T  1: that is a trusted proxy, and the client is ... */
	char client[PEER_LENGTH];    /* T  ... this, written once, before proxied */
	_Atomic uint32_t untold;     /* T  1: the spawner has not taken its end yet (hook.h) */
	_Atomic uint32_t permitted;  /* T  1: the spawner has let it in, with reserved ... */
	unsigned char seal[SEAL_LENGTH]; /* T  ... properties of this seal; written before */
};

/* Why the ticker wants a child to close its client. */
enum stop_reason {
	STOP_NOT,
	STOP_DRAIN, /* 1001, the server is going down */
	STOP_KICK,  /* 1008, the operator said so */
};

/*
 * mailboxes[slot]: the ticker's side of a client's mail.  The cursors that a
 * child writes are in its slot and believed by nobody; these are the truth.
 *
 * The record at outbox_tail is delivered target by target, and so that no
 * successor does one twice or leaves one out, each step is written down:
 *
 *	begin		work = (0, nobody); then work_at = where the record stands
 *	target n = r	receiver_generation, receiver_head; then work = (n, r);
 *			then the frame, and r's inbox_head: it is delivered;
 *			then work = (n + 1, nobody)
 *	end		outbox_tail = behind the record
 *
 * Work counts only if work_at is where the record at outbox_tail stands.  If work
 * names a receiver, its ticker died: target n is done if the receiver still has that
 * generation, and its inbox_head has moved on from receiver_head.  A successor
 * settles that for all slots before it delivers anything, which would move heads,
 * too.  A broadcast has one target, the log, and receiver_head is a log_head.
 *
 * tests/model/mail.pml is this protocol.
 */
struct mailbox {
	_Atomic uint64_t inbox_head;          /* T  bytes ever written to the inbox */
	_Atomic uint64_t outbox_tail;         /* T  bytes ever taken from the outbox */
	_Atomic uint64_t log_start;           /* T  log_head when the client opened */
	_Atomic uint64_t work_at;             /* T  position in the outbox */
	_Atomic uint64_t work;                /* T  targets that are done << 32 | receiver */
	_Atomic uint64_t receiver_generation; /* T */
	_Atomic uint64_t receiver_head;       /* T */
	_Atomic uint32_t stop;                /* T  enum stop_reason: the child is to close */
	_Atomic uint32_t wanted;              /* T  ring the ticker when there is room again */
};

#define MAILBOX_NOBODY UINT32_MAX
#define MAILBOX_LOG (UINT32_MAX - 1)

/*
 * What all may write, and so any of them may spoil.  Nothing in here is believed,
 * and nothing that matters is only here: each tick looks at the version of every
 * slot, and at all outboxes.  Who waits for the lock in vain does without.
 *
 * Once a tick the ticker looks whether the commons can be what honest children
 * made of them (server/commons.h).  If not, it makes them anew:
 *
 *	1  their pages are given back, all at once: the lock is free, the ring
 *	   is empty and begins at 0, no outbox is marked
 *	2  it looks at all outboxes
 *
 * Ticker killed before 1: its successor finds what it found.  After 1: they
 * are good, and the successor looks at all outboxes anyhow.  Whoever held the lock as
 * that happened finds that it does not any more, and two may have been at the ring
 * at once: an entry may be nonsense, and readers check entries.
 *
 * If they are spoilt again soon, it closes them:
 *
 *	1  header.closed; from here on no child goes in (lock_enter())
 *	2  a slot whose badge is down has nobody inside any more
 *	3  their pages are given back: no process has any of them mapped
 *	4  the kernel tells whose page tables have one of the lock's or the ring's
 *	   again: a child as in 2 that has touched them is killed
 *	5  when nobody has for a while: made anew, and header.closed = 0
 *
 * Ticker killed in between: its successor finds header.closed, and begins at 2.
 * The marks have pages of their own, for children set them at any time.
 */
struct commons {
	struct lock lock;
	struct ring ring;
	/*
	 * One bit a slot: its outbox has something.  Set by the child, cleared
	 * by the ticker before it looks.  Lost bits cost half a second: every
	 * tick looks at all outboxes.
	 */
	_Alignas(LAYOUT_PAGE) _Atomic uint64_t dirty[(LAYOUT_CLIENTS_MAX + 63) / 64]; /* * */
	_Alignas(LAYOUT_PAGE) struct change changes[]; /* L  layout.ring_count */
};

_Static_assert(sizeof(struct row) == 8, "layout moved: bump LAYOUT_VERSION");
_Static_assert(sizeof(struct departed) == 64, "layout moved: bump LAYOUT_VERSION");
_Static_assert(sizeof(struct entry) == 232, "layout moved: bump LAYOUT_VERSION");
_Static_assert(sizeof(struct mailbox) == 64, "layout moved: bump LAYOUT_VERSION");
_Static_assert(sizeof(struct generation) == 112, "layout moved: bump LAYOUT_VERSION");

/* Frames from the server to a client are at most this much longer than the packet. */
#define LAYOUT_FRAME_EXTRA 128U

/*
 * Fill in where everything goes for these limits.  -1 and EINVAL if a limit is
 * 0 or over its maximum, EOVERFLOW if the whole would not fit in 2^46 bytes.
 */
int layout_compute(const struct limits *limits, struct layout *layout);

/*
 * Is this the start of a segment that this build can read?  size is that of
 * the file.  0; or -1 and *why in words.
 */
int layout_check(const struct header *header, uint64_t size, const char **why);

#endif
