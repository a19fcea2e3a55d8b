/*
 * server.h - an instance of the real server, for one test.
 *
 * The binary is $ROSTERD (build/rosterd if unset), the dump tool $ROSTERD_DUMP.
 * Each instance has a name and a port of its own; its log goes to a file.
 * Before one ends, the counters that it has moved are noted in $ROSTERD_MOVED.
 */
#ifndef TESTS_SERVER_H
#define TESTS_SERVER_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

struct server {
	pid_t pid; /* of the listener */
	int port;
	int tls_port; /* 0: it has none */
	char name[48];
	char log[96]; /* path */
	char
	    cert[96]; /* path of certificate and key without .pem and .key; "" if it has none */
	int guard;    /* closes with the test: then nothing of it goes on (server.c) */
};

/* Start one with these options more (NULL-terminated, or NULL) and wait until it is ready. */
void server_start(struct server *s, const char *const *options);

/*
 * Start one more listener of the same name, port and log: its predecessor was
 * killed.  false: it ended before it was ready.
 */
bool server_again(struct server *s, const char *const *options);

/*
 * The same with a certificate for localhost, whose key is of that kind (secure.h),
 * and a port more.  Clients that connect from then on speak TLS.
 */
void server_start_tls(struct server *s, const char *kind, const char *const *options);

/* Ask it to end, and check that it ends well and leaves nothing behind. */
void server_stop(struct server *s);

/* SIGKILL everything of it; its segment is left behind. */
void server_kill(const struct server *s);

/* SIGKILL everything of it, and remove what that leaves. */
void server_destroy(struct server *s);

/* Number of times that text stands in its log. */
int server_logged(const struct server *s, const char *text);

/* Wait until it does, at least times times. */
bool server_await_log(const struct server *s, const char *text, int times, int timeout_ms);

/* Output of `rosterd-dump COMMAND --json`; the caller frees it. */
json_t *server_dump(const struct server *s, const char *command);

/* A counter, as in "ticker", "opened". */
long long server_counter(const struct server *s, const char *group, const char *name);

/* Wait until it is at least this. */
bool server_await_counter(const struct server *s, const char *group, const char *name,
    long long least, int timeout_ms);

/* Wait until so many slots are in use: those of clients that are leaving count. */
bool server_await_clients(const struct server *s, int count, int timeout_ms);

/* Processes of this instance with a title that begins so ("client", "ticker"); their pids. */
int server_processes(const struct server *s, const char *title, pid_t *pids, int max);

/* Wait until there are so many. */
bool
server_await_processes(const struct server *s, const char *title, int count, int timeout_ms);

/* Descriptors that a process has open. */
int server_descriptors(pid_t pid);

/* So many ms, or more where everything is slower: times $ROSTERD_SLOW (sanitizers). */
int patience(int ms);

/* So many, or fewer where everything is slower. */
int crowd(int count);

/* Milliseconds on a clock that never goes back. */
long long now_ms(void);

#endif
