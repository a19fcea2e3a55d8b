/*
 * guardian.h - a guest's second process, which sees to it that there is a listener.
 *
 * Listener and ticker of guests look after each other (guard.h).  If both are
 * killed at once, only clients' processes are left, and these are caged: they
 * can neither start a listener nor remove what is left in the end.  So each
 * guest has a guardian, outside of the cage and without the client's socket.  It
 * sleeps until the ticker or its client's process ends.  Where there is neither a
 * ticker nor a listener any more, it does what the first guest does: it starts
 * a listener, which finds the segment; the latch (latch.h) has one of all
 * guardians do that.  When its client has gone it looks once more, and ends.
 *
 * The two live and die together.  A client whose guardian is killed is sent away
 * (1012): so whoever is left has one, whatever was killed before.
 */
#ifndef SERVER_GUARDIAN_H
#define SERVER_GUARDIAN_H

#include "../shm/segment.h"
#include "options.h"

/*
 * Start one for this process.  s is the instance's segment with the descriptor parts.
 * A pidfd of the guardian, or -1 and errno.
 */
int guardian_start(const struct options *options, const struct segment *s, int parts);

#endif
