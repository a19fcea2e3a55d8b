/*
 * load.h - the load generator: one thread, one epoll loop, one question a run.
 *
 * It reports its own CPU time beside that of the server, so that a figure in
 * which the generator was the limit can be seen to be one.  What it receives is
 * checked: frames, counts, order, senders.  The answer is one line of JSON.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

struct load {
	const char *question;
	uint16_t port;
	int pid;          /* of the server: the root of its processes; 0: do not measure it */
	uint32_t clients; /* N */
	uint32_t flight;  /* connections or messages of one sender that are under way at once */
	uint32_t senders; /* relay: how many of the clients send; 0: all */
	uint32_t size;    /* bytes of a message or of a property's value */
	uint32_t changers; /* fan-out: how many clients change something in a round */
	uint32_t rounds;
	uint32_t slow;  /* clients that do not read */
	uint32_t ms;    /* how long to go on */
	uint32_t tick;  /* of the server, in ms: how long to wait until it is quiet */
	bool deflate;   /* offer permessage-deflate */
	bool people;    /* properties as people use them, instead of size */
	bool broadcast; /* relay: to all instead of to one */
	bool marks;     /* fan-out: a line when the rounds begin, and one when they end */
};

/* Each prints its answer. */
void ask_connect(const struct load *l);
void ask_fanout(const struct load *l);
void ask_relay(const struct load *l);
void ask_hold(const struct load *l);
void ask_churn(const struct load *l);
void ask_slow(const struct load *l);

#endif
