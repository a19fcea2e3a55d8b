/*
 * launch.h - the start of a hook.
 */
#ifndef SERVER_LAUNCH_H
#define SERVER_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "../shm/hook.h"

struct launch {
	const char *program; /* path */
	uint32_t seconds;    /* of CPU time that it may use */
	bool asked;          /* --on-connect; else --on-close */
	const char *headers; /* --hook-headers */
	const struct hook_message *m;
	const char *own;  /* our address */
	const char *text; /* of the message */
	size_t length;
};

/*
 * Run it, in a session of its own, with limits and nothing of ours but its
 * standard descriptors; *out and *err are ends of pipes that do not block.  Its
 * pid, or -1 and errno.
 */
pid_t launch_run(const struct launch *l, int *out, int *err);

#endif
