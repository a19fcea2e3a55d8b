/*
 * behind.h - the client behind a trusted proxy.
 *
 * Whoever connects from --trust is believed about who is behind it: by its PROXY
 * header (--proxy-protocol), else by what it writes into the request.  What comes
 * out is told to the ticker, once and before the handshake is answered.  It is the
 * client's address from then on, and the limits for addresses are those of this one:
 * so the answer may be that there is no place for it.  Until then nothing more is
 * read.  Of whom nobody trusts no such word is looked at.
 *
 *	BEHIND_PROXY --header--> BEHIND_REQUEST --headers--> BEHIND_ASKED --> BEHIND_DONE
 *
 * with steps left out where there is nothing to be found.
 */
#ifndef CHILD_BEHIND_H
#define CHILD_BEHIND_H

#include "../shm/address.h"
#include "request.h"

struct child;

enum behind_step {
	BEHIND_DONE,    /* the client's address is known, and is let in */
	BEHIND_PROXY,   /* the PROXY header has to come */
	BEHIND_REQUEST, /* the headers of the request may say more */
	BEHIND_ASKED,   /* the ticker was told, and has not answered */
};

struct behind {
	enum behind_step step;
	struct address client;  /* as it is known so far; ADDRESS_NONE: it is the peer */
	char text[PEER_LENGTH]; /* what the ticker was told */
};

/* The peer's name is known. */
void behind_start(struct child *c);

/* Read the PROXY header, as far as it is there, and no byte of what follows it. */
void behind_read(struct child *c);

/*
 * A request is there.  False: it cannot be answered yet; it has to be judged again
 * when the step is BEHIND_DONE, or *verdict is a refusal.
 */
bool behind_judge(struct child *c, const struct request *r, struct verdict *verdict);

/* The ticker's answer. */
void behind_passed(struct child *c);
void behind_denied(struct child *c, uint32_t retry_s);

#endif
