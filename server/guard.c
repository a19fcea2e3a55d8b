#include "guard.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/log.h"

/* It is nobody's child: the ticker has none to wait for. */
static void
revive(struct ticker *t)
{
	pid_t pid = fork();

	if (pid < 0) {
		log_error("no-listener", "errno=\"%s\"", strerror(errno));
		return;
	}
	if (pid == 0) {
		if (fork() == 0) {
			segment_unmap(&t->segment); /* a listener writes none of it */
			t->start.revive(&t->start, t->segment.fd);
		}
		_exit(0);
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	log_info("listener-revived", "name=%s", t->start.name);
}

void
guard_look(struct ticker *t, uint64_t now_ms)
{
	if (load_relaxed(&t->header->guests) == 0 || t->draining || t->yielding ||
	    books_has_listener(t) || now_ms < t->guard_ms || t->start.revive == NULL)
		return;
	t->guard_ms = now_ms + GUARD_COME_MS;
	revive(t);
}
