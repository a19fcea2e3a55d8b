/*
 * hell.h - an attack in front of well-behaved clients.
 *
 * The attackers are processes of their own, so that nothing holds them back.
 */
#ifndef TESTS_HELL_H
#define TESTS_HELL_H

#include <sys/types.h>

#include "../lib/check.h"
#include "../lib/crowd.h"
#include "../lib/server.h"

#define HELL_CROWD 20
#define HELL_ATTACKERS 8

struct hell {
	struct server server;
	struct crowd crowd;
	pid_t attackers[HELL_ATTACKERS];
	int attacker_count;
	bool over;                          /* hell_stop() was called ... */
	long long worst_tick, worst_packet; /* ... and until then this was it, in ms */
};

/* What an attacker does; it is killed if it has not returned when it is enough. */
typedef void hell_attack(const struct hell *h);

/* In an attacker. */
#define EXPECT(condition) CHECK(condition, "%s", #condition)

/* A server with these options (NULL-terminated, or NULL), and the crowd. */
void hell_open(struct hell *h, const char *const *options);

/* Start so many attackers; what they CHECK fails the test at hell_end(). */
void hell_begin(struct hell *h, hell_attack *attack, int attackers);

/* Begin to measure anew: what was done here until now has kept the crowd from its work. */
void hell_calm(struct hell *h);

/* Let the crowd live for that long, and everybody else. */
void hell_live(struct hell *h, int ms);

/* Let the crowd live until all attackers have returned but the first `keep`. */
void hell_await(struct hell *h, int keep);

/*
 * It is enough: no attacker is left, and the crowd has got all that was sent.
 * What a test does on its own from here on delays nobody who is measured.
 */
void hell_stop(struct hell *h);

/*
 * The end, after hell_stop() if that was not called.  The crowd has lost nothing, kept its order, and its ticks have
 * come within a second: a line with the worst of them goes to the output.  No
 * process and no slot is left of the attack, and the ticker is the first one.
 */
void hell_end(struct hell *h, const char *attack);

/* Send text messages to the server for ever, always the same. */
_Noreturn void hell_flood(struct ws *w, const char *bytes, size_t length);

/* A text message as a frame in static memory. */
const char *
hell_frame(size_t *length, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* KiB of memory that a process has for itself alone; 0 if it is gone. */
long hell_own_kib(pid_t pid);

/* The process that serves the client at the other end of this socket, and its token. */
pid_t hell_child_of(const struct hell *h, const struct ws *w, char token[33]);

#endif
