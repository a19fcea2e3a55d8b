/*
 * What surrounds a fuzzed ticker: this stands in for server/peer.c, so that no
 * process is killed, for fallocate(2), which takes most of a run's time, and for
 * waiting (the Makefile's --wrap).
 */
#include <errno.h>
#include <unistd.h>

#include "../../server/peer.h"
#include "../../shm/lock.h"
#include "instance.h"

uint32_t world_pid;

int
peer_of(int fd, struct peer *peer)
{
	(void)fd;
	peer->pid = world_pid;
	peer->uid = geteuid();
	return 0;
}

bool
peer_is_caged(const struct peer *peer)
{
	return peer->pid == 0;
}

int
peer_pidfd(int line, uint32_t pid, uint64_t since_boot_ms)
{
	(void)line;
	(void)pid;
	(void)since_boot_ms;
	return -1;
}

bool
peer_work(uint32_t pid, struct peer_work *work)
{
	(void)pid;
	(void)work;
	return false;
}

void
peer_kill(int pidfd)
{
	(void)pidfd;
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t size);

/* Pages of a slot that is free are not given back: nobody may rely on that. */
int
__wrap_fallocate(int fd, int mode, off_t at, off_t size)
{
	(void)fd;
	(void)mode;
	(void)at;
	(void)size;
	errno = EOPNOTSUPP;
	return -1;
}

bool __real_lock_take(struct lock_user *user, int wait_ms, bool *waited);
bool __wrap_lock_take(struct lock_user *user, int wait_ms, bool *waited);

/* There is nobody who could let go of the lock meanwhile. */
bool
__wrap_lock_take(struct lock_user *user, int wait_ms, bool *waited)
{
	(void)wait_ms;
	return __real_lock_take(user, 0, waited);
}
