#include "strays.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "../shm/log.h"

void
strays_kill(bool (*ours)(pid_t pid))
{
	char path[64];
	FILE *list;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	if ((list = fopen(path, "re")) == NULL)
		return;
	/* One that died meanwhile is ours until it is waited for, so no other has its pid. */
	while (fscanf(list, "%d", &pid) == 1) {
		if (ours(pid))
			continue;
		if (kill(pid, SIGKILL) == 0)
			log_warning(
			    "stray-killed", "pid=%d why=\"a hook has left it behind\"", pid);
	}
	fclose(list);
}
