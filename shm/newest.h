/*
 * newest.h - a private copy of the newest snapshot, for the dump tool.
 *
 * It pins nothing (it writes nothing): it copies, and looks whether the snapshot
 * was still the newest one after that.  Nothing that the segment says about it
 * is believed: all lengths are held against the arena and the limits.
 */
#ifndef SHM_NEWEST_H
#define SHM_NEWEST_H

#include "snapshot.h"

struct newest {
	struct generation generation;
	struct snapshot view; /* its pointers lead into bytes */
	char *bytes;
};

/* False if there is none that could be copied; *why says what is wrong with it. */
bool newest_copy(const struct header *h, struct newest *n, const char **why);
void newest_free(struct newest *n);

/*
 * Append the packets as text.  The metadata is the one for that token
 * (TOKEN_LENGTH digits, or "").  False if it is not framed as it should be.
 */
bool newest_changes(const struct newest *n, struct text *out);
bool newest_metadata(const struct newest *n, const char *token, struct text *out);

#endif
