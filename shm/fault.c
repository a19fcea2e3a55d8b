#include "fault.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct fault_file *file;
static enum fault_role role = FAULT_LISTENER;

/*
 * Before main(), and so before any fork and any cage: a shared mapping is all
 * that a caged child needs to count.
 */
__attribute__((constructor)) static void
map_file(void)
{
	const char *path = getenv("ROSTERD_FAULTS");
	struct stat status;
	void *at;
	int fd;

	if (path == NULL || (fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		return;
	if (fstat(fd, &status) == 0 && status.st_size >= (off_t)sizeof(*file)) {
		at = mmap(NULL, sizeof(*file), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (at != MAP_FAILED)
			file = at;
	}
	close(fd);
}

void
fault_be(enum fault_role now)
{
	role = now;
}

static uint32_t
find(const char *name)
{
	for (uint32_t i = 0; i < file->count && i < FAULT_POINTS_MAX; i++)
		if (strncmp(file->points[i].name, name, FAULT_NAME_MAX) == 0)
			return i;
	return FAULT_POINTS_MAX;
}

/* A caged process may not send signals: then it dies of an instruction that there is not. */
_Noreturn static void
die(void)
{
	kill(getpid(), SIGKILL);
	__builtin_trap();
}

/* Alive, mapped, connected, and as good as stopped. */
_Noreturn static void
stall(void)
{
	uint32_t never = 0;

	/* As the lock waits: a system call that a caged child may make. */
	for (;;)
		(void)syscall(SYS_futex, &never, FUTEX_WAIT, 0, NULL);
}

static void
obey(struct fault_order *order)
{
	uint32_t action = load_acquire(&order->action);

	if (atomic_fetch_sub_explicit(&order->visits, 1, memory_order_acq_rel) != 1)
		return;
	store_relaxed(&order->pid, (uint32_t)getpid());
	store_relaxed(&order->action, FAULT_NOTHING);
	atomic_fetch_add_explicit(&order->done, 1, memory_order_acq_rel);
	if (action == FAULT_KILL)
		die();
	if (action == FAULT_STALL)
		stall();
}

void
fault_point(const char *name)
{
	uint32_t point;

	if (file == NULL)
		return;
	if ((point = find(name)) == FAULT_POINTS_MAX) {
		strncpy(file->unlisted.name, name, FAULT_NAME_MAX - 1);
		count_add(&file->unlisted.visits[role], 1);
		return;
	}
	atomic_fetch_add_explicit(&file->points[point].visits[role], 1, memory_order_relaxed);
	for (int i = 0; i < FAULT_ORDERS; i++) {
		struct fault_order *order = &file->orders[i];

		if (load_acquire(&order->action) != FAULT_NOTHING &&
		    load_relaxed(&order->point) == point && load_relaxed(&order->role) == role)
			obey(order);
	}
}
