/*
 * tool.h - run the dump tool as a user would.
 */
#ifndef TESTS_TOOL_H
#define TESTS_TOOL_H

#include <jansson.h>
#include <stddef.h>
#include <sys/types.h>

struct tool {
	pid_t pid;
	int output; /* its stdout and stderr */
};

/* Start $ROSTERD_DUMP with these arguments (NULL-terminated). */
void tool_start(struct tool *t, const char *const *arguments);

/*
 * Read until it ends; its output is to be freed.  The return is its exit code; a
 * tool that dies of a signal or takes over timeout_ms fails the test.
 */
int tool_finish(struct tool *t, char **output, int timeout_ms);

/* Both in one; output may be NULL. */
int tool_run(char **output, const char *const *arguments);

#define TOOL(output, ...) tool_run((output), (const char *const[]){__VA_ARGS__, NULL})

#endif
