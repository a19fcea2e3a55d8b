#include "upgrade.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/log.h"

#define TRIAL_S 10
#define ARGUMENTS_MAX 256

static char path[PATH_MAX]; /* of this program, as a name: what is there may be another one */
static char **arguments;

void
upgrade_remember(char **argv)
{
	char *name;
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	arguments = argv;
	/* Titles are written over this one; the next listener's begin with it. */
	if ((name = strdup(argv[0])) != NULL)
		argv[0] = name;
	path[length > 0 ? length : 0] = '\0';
}

void
upgrade_prepare(struct upgrade *u)
{
	u->trial = -1;
}

/* What it prints is for nobody; what it complains about is for the log. */
_Noreturn static void
run_trial(void)
{
	char *with_check[ARGUMENTS_MAX + 2];
	sigset_t none;
	int count = 0, null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	for (; arguments[count] != NULL && count < ARGUMENTS_MAX; count++)
		with_check[count] = arguments[count];
	with_check[count++] = (char[]){"--check"};
	with_check[count] = NULL;
	dup2(null, STDOUT_FILENO);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	alarm(TRIAL_S);
	execv(path, with_check);
	_exit(127);
}

/*
 * Not the listener's child: those are clients.  The trial's end is a byte in a
 * pipe, or, if even this process dies, the end of the pipe.
 */
_Noreturn static void
watch_trial(int out)
{
	unsigned char code = 255;
	int status;
	pid_t pid = fork();

	if (pid == 0)
		run_trial();
	if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		code = (unsigned char)WEXITSTATUS(status);
	(void)!write(out, &code, 1);
	_exit(0);
}

int
upgrade_try(struct upgrade *u)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	if ((pid = fork()) == 0) {
		if (fork() == 0)
			watch_trial(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return -1;
	}
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	u->trial = ends[0];
	return 0;
}

int
upgrade_result(struct upgrade *u)
{
	unsigned char code = 255;
	ssize_t got = read(u->trial, &code, 1);

	close(u->trial);
	u->trial = -1;
	return got == 1 && code != 255 ? code : -1;
}

void
upgrade_execute(void)
{
	execv(path, arguments);
}
