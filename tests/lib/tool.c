#include "tool.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "server.h"

#define ARGUMENTS_MAX 20
#define TIMEOUT_MS 20000

static const char *
path(void)
{
	const char *tool = getenv("ROSTERD_DUMP");

	return tool != NULL && *tool != '\0' ? tool : "build/rosterd-dump";
}

void
tool_start(struct tool *t, const char *const *arguments)
{
	const char *argv[ARGUMENTS_MAX] = {"rosterd-dump"};
	int ends[2], count = 1;

	for (; *arguments != NULL && count < ARGUMENTS_MAX - 1; arguments++)
		argv[count++] = *arguments;
	CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe: %s", strerror(errno));
	if ((t->pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(path(), (char *const *)(uintptr_t)argv);
		_exit(127);
	}
	close(ends[1]);
	t->output = ends[0];
}

/* All that comes before the deadline, as a string. */
static char *
read_all(int fd, long long until, int *ended)
{
	size_t length = 0, room = 4096;
	char *text = malloc(room + 1);

	for (*ended = 0; !*ended && now_ms() < until;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t got;

		if (poll(&p, 1, (int)(until - now_ms())) <= 0)
			continue;
		if (length == room)
			text = realloc(text, (room *= 2) + 1);
		got = read(fd, text + length, room - length);
		*ended = got <= 0;
		length += got > 0 ? (size_t)got : 0;
	}
	text[length] = '\0';
	return text;
}

int
tool_finish(struct tool *t, char **output, int timeout_ms)
{
	int ended, status;
	char *text = read_all(t->output, now_ms() + patience(timeout_ms), &ended);

	if (!ended)
		kill(t->pid, SIGKILL);
	CHECK(waitpid(t->pid, &status, 0) == t->pid, "waitpid: %s", strerror(errno));
	close(t->output);
	CHECK(ended, "rosterd-dump does not end");
	CHECK(WIFEXITED(status), "rosterd-dump died of signal %d: %s", WTERMSIG(status), text);
	if (output != NULL)
		*output = text;
	else
		free(text);
	return WEXITSTATUS(status);
}

int
tool_run(char **output, const char *const *arguments)
{
	struct tool t;

	tool_start(&t, arguments);
	return tool_finish(&t, output, TIMEOUT_MS);
}
