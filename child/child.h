/*
 * child.h - the only door from server/ to child/: one process for one client.
 *
 * The listener calls child_prepare() once and child_run() after each fork.
 * A child serves its client and ends; it never returns to the listener's code.
 */
#ifndef CHILD_CHILD_H
#define CHILD_CHILD_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/cidr.h"
#include "../shm/layout.h"
#include "../shm/trust.h"

#define CHILD_NETWORKS_MAX 16

/* All that is said to a client that was to speak TLS and cannot be served: internal_error. */
#define CHILD_ALERT "\x15\x03\x03\x00\x02\x02\x50"
#define CHILD_ALERT_LENGTH 7

struct evp_pkey_st;

/* How a child is caged (cage.h). */
enum child_sandbox {
	SANDBOX_ON,     /* a call that is not allowed ends the process */
	SANDBOX_REPORT, /* it fails, and the log says which it was */
	SANDBOX_OFF,    /* no cage, but for what the pages of the segment are */
};

/* Where a request says for whom a proxy has passed it on (forwarded.h). */
enum child_header { HEADER_NONE, HEADER_X_FORWARDED_FOR, HEADER_FORWARDED };

/* What the operator chose and a child needs to know; fixed before the first fork. */
struct child_settings {
	const char *name;         /* of the instance */
	const char *origin;       /* --origin: a list as in origin.h */
	uint32_t max_packet;      /* bytes */
	uint32_t max_properties;  /* bytes */
	bool compress;            /* --compress: permessage-deflate may be negotiated */
	uint32_t backlog;         /* bytes kept for a slow client before it is closed */
	uint32_t ping_ms;         /* between pings */
	uint32_t handshake_ms;    /* for the whole request */
	uint32_t hook_ms;         /* for --on-connect to answer; 0: there is none */
	const char *hook_headers; /* --hook-headers: names with commas */
	const char
	    *reserved; /* --reserved: of names that it alone sets; NULL: it is not there */
	uint32_t rate; /* frames a second; 0: no limit */
	uint32_t rate_bytes; /* bytes a second; 0: no limit */
	uint32_t rate_burst; /* seconds of it at once */
	/* --status-from: who may see the pages for operators, beside this machine. */
	struct cidr status_from[CHILD_NETWORKS_MAX];
	unsigned status_from_count;
	struct trust trust;  /* proxies that are believed about who is behind them ... */
	bool proxy_protocol; /* ... and begin with a PROXY header (proxy.h) ... */
	enum child_header client_header; /* ... or say it in the request (forwarded.h) */
	enum child_sandbox sandbox;
};

/* All that crosses the fork. */
struct child_start {
	const struct child_settings *settings;
	struct header *header;  /* the segment, mapped to be read only */
	int parts;              /* descriptor of the segment, to map two parts writable */
	int client;             /* the connected socket */
	int hold;               /* closed when the child has its slot; or -1 */
	int guardian;           /* a guest's (server/guardian.h): pidfd of it; or -1 */
	char peer[PEER_LENGTH]; /* its other end, for people: the client, or a proxy */
	char own[PEER_LENGTH];  /* this end, in the same form; for hooks */
	bool tls;               /* the client is to speak TLS ... */
	int signer;             /* ... and signatures for it come from there (key.h); or -1 */
};

/* Is a list of origins well formed?  A slip would lock out without a word why. */
bool child_origins_good(const char *list);

/* A header by its name, or "none"; false if it is another word. */
bool child_header_named(const char *name, enum child_header *header);

/*
 * Make what every child would make for itself: the WebSocket engine, before
 * the fork.  0, or -1 after it has said why on the log.
 */
int child_prepare(const struct child_settings *settings);

/* For who forks many: have what children run in one large page, if that can be (image.h). */
void child_enlarge(void);

/*
 * Make what clients of TLS need (tls.h), with the certificate and its chain in a
 * file (PEM), before child_prepare().  NULL, or what is wrong with it.
 */
const char *child_certify(const char *path);

/* Is this the certificate's private key? */
bool child_certificate_fits(struct evp_pkey_st *key);

/* For a client that cannot be served at all: tell it to come back (503), and end. */
_Noreturn void child_turn_away(int client, bool tls, const char *reason);

/* Close all descriptors from 3 on but these; the list ends with -1.  For any fork. */
void child_close_others(const int *keep);

/* How a child ends, if no signal ends it: its parent learns whose fault that was. */
enum child_exit {
	CHILD_DONE = 0,         /* the client was served, or got its answer */
	CHILD_UNFINISHED = 100, /* the client's: it began a handshake and did not finish it */
	CHILD_SILENT =
	    101, /* the client's: not one byte came in time; or TLS was not agreed on */
	CHILD_NO_PLACE = 111, /* ours: no slot was free, or there was no ticker */
};

/* Be the child: closes all other descriptors, serves, exits. */
_Noreturn void child_run(const struct child_start *start);

#endif
