/*
 * fleet.h - N clients in one epoll loop.
 *
 * A client connects, asks for a WebSocket, learns its token from the first
 * metadata, and then reads frames.  What a question wants to know it is told by
 * functions that it sets; what is wrong is counted in `bad`.
 *
 * Long frames (metadata) are not copied out of the kernel: after their head they
 * are read with MSG_TRUNC, which takes the bytes and gives none, so that one
 * thread keeps up with any server.  Where the next frame must begin is checked
 * all the same.  In `whole` mode they are copied, checked and compared.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "load.h"

#define FLEET_TOKEN 32
#define FLEET_SMALL 8192 /* bytes of the longest frame that is handed over whole */

enum client_state {
	CLIENT_NONE,
	CLIENT_CONNECTING,
	CLIENT_ASKED, /* the request is sent */
	CLIENT_OPEN,
	CLIENT_CLOSED,
};

struct client {
	int fd;
	uint32_t number;
	enum client_state state;
	bool deaf;        /* it does not read */
	bool knows_token; /* its first metadata has come */
	bool metadata;    /* the packet that is being read is metadata */
	bool fragment;    /* its next frame is still to come */
	char token[FLEET_TOKEN];
	uint64_t begun_ns; /* when it connected */
	uint64_t left;     /* bytes of a long frame that are still to come */
	uint32_t kept;     /* bytes of a frame that is not whole yet: keep */
	char *keep;
	uint32_t metadatas; /* packets received */
	uint32_t changes;
	uint64_t bytes;
	/* Whole mode: of the last metadata but for `index`. */
	uint64_t passed; /* bytes of its text that were looked at */
	uint32_t sum;    /* crc32 */
	/* For the question's use. */
	uint32_t next_sequence; /* to send */
	uint32_t under_way;     /* messages sent and not delivered */
	bool ready;             /* it is in a list of those that may send */
};

struct fleet {
	struct client *clients;
	uint32_t count;
	uint32_t open;
	uint32_t known; /* clients that know their token */
	uint32_t closed;
	uint32_t refused; /* of these, who came again: a server that is busy may say 503 */
	uint32_t bad;     /* what should not have been */
	int epoll;
	size_t piece;      /* bytes that are read at once; short where frames are long */
	bool deflated;     /* the last metadata was compressed */
	bool whole;        /* read long frames, too */
	bool sources;      /* each client from another loopback address: more ports */
	uint64_t bytes;    /* received, all */
	uint64_t now;      /* ns, when this turn's events came */
	uint64_t heard_ns; /* when something came that is not a ping */
	uint64_t first_ns; /* when the first byte came since this was set to 0 */
	struct load load;

	/* The last metadata of client 0, in whole mode. */
	char *text;
	size_t text_length, text_room;

	void (*on_open)(struct fleet *f, struct client *c);
	void (*on_metadata)(struct fleet *f, struct client *c); /* complete */
	void (*on_packet)(struct fleet *f, struct client *c, const char *text, size_t length);
	void (*on_closed)(struct fleet *f, struct client *c);
};

void fleet_make(struct fleet *f, const struct load *l);
void fleet_connect(struct fleet *f, struct client *c);

/* All at once, no more than flight under way; returns when all know their token. */
void fleet_connect_all(struct fleet *f, uint32_t flight);

/* Wait for events at most so long, and handle them; false if nothing came. */
bool fleet_turn(struct fleet *f, int wait_ms);

/* Until nothing but pings has come for so long. */
void fleet_until_quiet(struct fleet *f, uint32_t ms);
void fleet_for(struct fleet *f, uint32_t ms);

/* A message from a client; what the socket does not take at once is bad. */
void fleet_send(struct fleet *f, struct client *c, const void *bytes, size_t length);

/* A frame for a text; the return is its size.  The mask is 0, which is one. */
size_t fleet_frame(char *out, const char *text, size_t length);

/* `properties` with a value of so many characters that begins with the number. */
void fleet_set_property(struct fleet *f, struct client *c, uint32_t size, uint32_t number);

void fleet_close(struct fleet *f, struct client *c);
void fleet_close_all(struct fleet *f);

/*
 * Read everything from now on, and after settle say whether the last metadata
 * of all is the same and knows all of them.
 */
void fleet_read_whole(struct fleet *f);
bool fleet_agrees(struct fleet *f);

/* Stop or begin to read a client. */
void fleet_deafen(struct fleet *f, struct client *c, bool deaf);

#endif
