#include "spawn.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/log.h"

pid_t
spawn_child(struct spawn_counts *n, const struct child_start *start)
{
	pid_t pid = fork();

	if (pid < 0)
		return -1;
	if (pid > 0) {
		n->running++;
		return pid;
	}
	spawn_become(start);
}

_Noreturn void
spawn_become(const struct child_start *start)
{
	sigset_t none;

	/* Keys on the terminal are for the listener; TERM and KILL for this client alone. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	child_run(start);
}

/* What a signal says about a child that died of it. */
static const char *
cause(int signal)
{
	switch (signal) {
	case SIGSYS: return "a system call that its cage does not allow";
	case SIGSEGV:
	case SIGBUS: return "memory that is not its own";
	case SIGKILL: return "killed";
	default: return "a fault in itself";
	}
}

void
spawn_limit(struct child_settings *settings, const struct header *header)
{
	const struct limits *l = &header->limits;

	if (settings->max_packet != l->max_packet ||
	    settings->max_properties != l->max_properties)
		log_warning("other-limits", "max_packet=%u max_properties=%u max_clients=%u",
		    l->max_packet, l->max_properties, l->max_clients);
	settings->max_packet = l->max_packet;
	settings->max_properties = l->max_properties;
}

/* The first of them; 0 is a place that is free. */
static pid_t *
find_helper(struct spawn_counts *n, pid_t pid)
{
	for (int i = 0; i < SPAWN_HELPERS_MAX; i++)
		if (n->helpers[i] == pid)
			return &n->helpers[i];
	return NULL;
}

void
spawn_helper(struct spawn_counts *n, pid_t pid)
{
	pid_t *place = find_helper(n, 0);

	if (place != NULL)
		*place = pid;
}

bool
spawn_reap(struct spawn_counts *n, struct admission *admission, pid_t other, int *status)
{
	bool found = false;
	pid_t pid, *helper;
	int how;

	while ((pid = waitpid(-1, &how, WNOHANG)) > 0) {
		if ((helper = find_helper(n, pid)) != NULL) {
			*helper = 0;
			continue;
		}
		if (pid == other) {
			found = true;
			*status = how;
			if (how != 0)
				log_warning("ticker-ended", "pid=%d status=%d", (int)pid, how);
			continue;
		}
		n->running--;
		n->fined += admission_leave(admission, pid, how) != 0;
		n->ended += WIFEXITED(how) != 0;
		if (!WIFSIGNALED(how))
			continue;
		n->killed++;
		log_warning("child-killed", "pid=%d signal=%d why=\"%s\"", (int)pid,
		    WTERMSIG(how), cause(WTERMSIG(how)));
	}
	return found;
}
