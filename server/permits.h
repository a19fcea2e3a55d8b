/*
 * permits.h - the spawner tells the ticker who may come in, before it tells the child.
 *
 *	child ──ASK──▶ spawner ──PERMIT──▶ ticker: entry.permitted, entry.seal
 *	child ◀─ANSWER─ spawner ◀──DONE───┘
 *	child ──OPEN──────────────────────▶ ticker: permitted?
 *
 * A child may have been taken over before its client was decided about: it has
 * read the request.  So the verdict does not go through its hands.  A permit
 * is what the ticker was told on a connection that the kernel says is of a process
 * of ours without a cage (peer.h), and stands in the directory, which no child
 * can write: it cannot be forged, nor handed on or shown twice, for nobody shows it.
 * It is for one slot and generation.  (The other way would be a permit that the
 * child shows, with a MAC over it.  The key would have to be kept from children,
 * who are forks of the listener, handed over to the next listener and found again
 * by one that comes after a death; here there is nothing to keep.)
 *
 * With it goes the seal of the reserved properties (seal.h).  They lie in the
 * child's own slot like all others, but whatever it publishes has to have that
 * seal, or the child is killed and nobody sees it.
 *
 * Who dies in between:
 *
 *	ticker		the permit stands in the segment, or the connection closes: it
 *			is said again, to the next one, in whose queue it waits
 *	spawner		the child's question is lost, its client answered 503
 *	child		its slot is not given away before it is dead; the next client
 *			there has a generation of its own
 */
#ifndef SERVER_PERMITS_H
#define SERVER_PERMITS_H

#include "../shm/hook.h"
#include "../shm/text.h"
#include "options.h"

/* Tells the spawner's loop to watch a connection to the ticker. */
typedef void permits_watch(int fd);

void
permits_make(const struct options *options, const struct header *header, permits_watch *watch);

/*
 * The client that was asked about on that line is admitted with these reserved
 * properties, a JSON object or nothing: tell the ticker, then answer the child.
 */
void permits_give(int line, const struct hook_message *asked, const struct text *properties);

/* A connection to the ticker is readable. */
void permits_hear(int fd);

/* The child of that line does not wait any more. */
void permits_forget(int line);

#endif
