/*
 * latch.h - the lock file of an instance: who may begin it or end it.
 *
 * An instance is begun by whoever comes first and ended by whoever leaves last,
 * and neither may overlook the other.  So who looks for an instance in order
 * to begin one, and who ends one, holds the latch alone; a client that came by
 * itself (guest.h) shares it from when it has found an instance until it has
 * its slot.
 *
 * The file is /dev/shm/rosterd-lock.NAME, locked with flock(2): the kernel
 * releases it when its holder dies, however it dies.  It is removed by whoever
 * ends the instance; a lock on a file that has been removed meanwhile is
 * noticed, and the new file is taken instead.
 */
#ifndef SERVER_LATCH_H
#define SERVER_LATCH_H

#include <stdbool.h>

enum latch_mode {
	LATCH_SHARED,
	LATCH_ALONE,
};

/*
 * Wait for the latch, at most wait_ms; 0: do not wait.  The descriptor that
 * holds it until it is closed, in all processes that have it; or -1 and errno
 * (EAGAIN: somebody else had it for too long).
 */
int latch_take(const char *name, enum latch_mode mode, int wait_ms);

/* The instance is over: remove the file.  fd holds the latch alone; it is closed. */
void latch_remove(int fd, const char *name);

/* The same for one who does not hold it: if somebody else does, it is theirs to remove. */
void latch_clear(const char *name);

#endif
