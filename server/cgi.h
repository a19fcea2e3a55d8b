/*
 * cgi.h - what a hook is told in its environment (RFC 3875, 4.1).
 *
 * Nothing of our own environment is passed on but PATH and what begins with
 * HOOK_, which is the operator's way to tell hooks something.  A client chooses
 * values only: the names are made here, from the operator's list of headers.
 * There is no way to HTTP_PROXY, which many programs take for the proxy that
 * they are to use ("httpoxy").
 */
#ifndef SERVER_CGI_H
#define SERVER_CGI_H

#include <stdbool.h>
#include <stddef.h>

#include "../shm/hook.h"

#define CGI_VARIABLES_MAX 96
#define CGI_BYTES_MAX (4 * HOOK_ASK_MAX)

struct cgi {
	char *variables[CGI_VARIABLES_MAX + 1]; /* for execve(2) */
	unsigned count;
	size_t used;
	char bytes[CGI_BYTES_MAX];
};

/* Who it is about; both are found in the directory. */
struct cgi_client {
	const char *token; /* TOKEN_LENGTH digits */
	const char *peer;  /* its address, as in struct entry */
	const char *own;   /* ours, in the same form; --on-connect */
};

/* Is a list of headers well formed, and may hooks have them? */
bool cgi_headers_good(const char *list);

/*
 * For --on-connect: text is that of HOOK_ASK, and headers the operator's list.
 * False if it is not well formed, or too much.
 */
bool cgi_ask(struct cgi *c, const struct cgi_client *client, const char *headers,
    const char *text, size_t length);

/* For --on-close: m is HOOK_CLOSED. */
bool cgi_closed(struct cgi *c, const struct hook_message *m);

#endif
