#include "launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../child/child.h"
#include "cgi.h"

#define MEMORY (1ULL << 30) /* bytes of data */
#define DESCRIPTORS 1024
#define CANNOT 126 /* as shells have it */

_Noreturn static void
give_up(const char *what)
{
	dprintf(STDERR_FILENO, "%s: %s\n", what, strerror(errno));
	_exit(CANNOT);
}

static void
limit(int resource, uint64_t most)
{
	const struct rlimit both = {.rlim_cur = most, .rlim_max = most};

	/* It fails only where there is a stricter one already. */
	(void)setrlimit((__rlimit_resource_t)resource, &both);
}

/*
 * Nothing of what the spawner ignores or blocks.  It does not outlive the spawner;
 * what it has started itself may, if that is killed.
 */
static void
stand_alone(const struct launch *l, pid_t spawner)
{
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		if (number != SIGKILL && number != SIGSTOP)
			signal(number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != spawner)
		_exit(CANNOT);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, l->seconds);
	limit(RLIMIT_DATA, MEMORY);
	limit(RLIMIT_NOFILE, DESCRIPTORS);
	if (chdir("/") < 0)
		give_up("/");
}

/* What a hook for --on-close reads: a file in memory, so that nobody has to feed it. */
static int
make_input(const struct launch *l)
{
	const struct hook_message *m = l->m;
	int fd = memfd_create("rosterd-hook", MFD_CLOEXEC);

	if (fd < 0)
		return -1;
	dprintf(fd,
	    "{\"token\":\"%.*s\",\"peer\":\"%s\",\"seconds\":%.3f,\"code\":%u,\"properties\":",
	    (int)TOKEN_LENGTH, m->token, m->peer, (double)m->ms / 1000, m->code);
	if (l->length > 0)
		(void)!write(fd, l->text, l->length);
	else
		dprintf(fd, "null");
	dprintf(fd, "}\n");
	lseek(fd, 0, SEEK_SET);
	return fd;
}

_Noreturn static void
become_hook(const struct launch *l, pid_t spawner, int out, int err)
{
	static struct cgi cgi;
	struct cgi_client client = {l->m->token, l->m->peer, l->own};
	const int none = -1;
	int in;

	if (dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(CANNOT);
	stand_alone(l, spawner);
	in = l->asked ? open("/dev/null", O_RDONLY | O_CLOEXEC) : make_input(l);
	if (in < 0 || dup2(in, STDIN_FILENO) < 0)
		give_up("its input");
	child_close_others(&none);
	errno = EINVAL;
	if (l->asked ? !cgi_ask(&cgi, &client, l->headers, l->text, l->length)
		     : !cgi_closed(&cgi, l->m))
		give_up("its environment");
	execve(l->program, (char *const[]){(char *)(uintptr_t)l->program, NULL}, cgi.variables);
	give_up(l->program);
}

static void
close_pair(const int *ends)
{
	close(ends[0]);
	close(ends[1]);
}

pid_t
launch_run(const struct launch *l, int *out, int *err)
{
	int outs[2], errs[2];
	pid_t spawner = getpid(), pid;

	if (pipe2(outs, O_CLOEXEC) < 0)
		return -1;
	if (pipe2(errs, O_CLOEXEC) < 0) {
		close_pair(outs);
		return -1;
	}
	if ((pid = fork()) == 0)
		become_hook(l, spawner, outs[1], errs[1]);
	if (pid < 0) {
		close_pair(outs);
		close_pair(errs);
		return -1;
	}
	close(outs[1]);
	close(errs[1]);
	*out = outs[0];
	*err = errs[0];
	/* Our ends only: a hook does not expect that its own do not block. */
	(void)fcntl(*out, F_SETFL, O_NONBLOCK);
	(void)fcntl(*err, F_SETFL, O_NONBLOCK);
	return pid;
}
