/*
 * signing.h - the listener's side of the signer: starts it, starts it again.
 *
 * The key's bytes are never in the listener's memory, whose pages all children
 * have: they go from the file into one without a name (memfd_create(2)), by
 * sendfile(2).  The descriptor of that is what each signer gets, and no child.
 * So a signer that dies has a successor with the same key, whatever the file
 * holds by then, and whether or not it may still be read.
 *
 * A new key comes with a new listener (upgrade.h); the signer before it serves
 * those who are in their handshake, and ends.
 */
#ifndef SERVER_SIGNING_H
#define SERVER_SIGNING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "options.h"

struct signing {
	const struct options *options;
	int key;             /* -1: there is no TLS */
	int line;            /* to the signer; -1: there is none */
	pid_t pid;           /* of it */
	uint32_t started;    /* signers */
	uint64_t started_ms; /* the last one was */
	uint64_t restart_ms; /* start the next one; 0: never */
};

void signing_prepare(struct signing *s, const struct options *options);

/* Are certificate and key sound, and do they belong together?  It is said if not. */
bool signing_check(const struct options *options);

/*
 * Read certificate and key, as the user who may; then start a signer, as the user
 * that is served (user.h).  0, or -1 after it was said what is wrong.
 */
int signing_read(struct signing *s);
int signing_start(struct signing *s);

/* s->line is readable: the signer is gone. */
void signing_lost(struct signing *s, uint64_t now_ms);

/* Start the next one if it is due; true if s->line is another one, to be watched. */
bool signing_turn(struct signing *s, uint64_t now_ms);

/* For a child: a descriptor on which it may ask once; or -1 and errno. */
int signing_admit(struct signing *s);

/* For a process that will be a child: keep nothing but what signing_admit() gave. */
void signing_close(struct signing *s);

#endif
