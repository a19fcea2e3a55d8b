/*
 * orders.h - what a child can be ordered to do (child/misbehave.h).
 *
 * Each order runs inside the cage, in a child that has a client and a slot.
 * One that comes back says what became of it (orders_answer); one that goes on
 * for ever, or until its time is over, does so in the middle of a packet.
 */
#ifndef TESTS_ORDERS_H
#define TESTS_ORDERS_H

#include "../../../child/state.h"

#define ORDERS_NUMBERS 7

struct order {
	const char *name;
	/* The numbers that were given with it; 0 where there was none. */
	void (*obey)(struct child *c, const long numbers[ORDERS_NUMBERS]);
};

/* Each table ends with an order without a name. */
extern const struct order orders_memory[];  /* memory.c: pages that are not its own */
extern const struct order orders_calls[];   /* calls.c: system calls */
extern const struct order orders_network[]; /* network.c: sockets */
extern const struct order orders_slot[];    /* slot.c: lies in its slot */
extern const struct order orders_commons[]; /* commons.c: the lock, the ring, the marks */
extern const struct order orders_flood[];   /* flood.c: too much of everything */
extern const struct order orders_hooks[];   /* hooks.c: what it was not given leave for */

/* Tell the client: {"from":"server","type":"misbehave","misbehave":"<text>"} */
void
orders_answer(struct child *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The result of a system call: "done", or the name of the error. */
void orders_answer_result(struct child *c, long result);

/* Show a heartbeat, so that nobody takes this child for hung, and wait wait_ms (0: not at all). */
void orders_pretend(struct child *c, int wait_ms);

/* Do nothing for ever, in a system call that the cage allows. */
_Noreturn void orders_sleep(void);

/* Pids of others, as every child can read them. */
pid_t orders_ticker(const struct child *c);
pid_t orders_somebody(const struct child *c);

/* The slot of somebody else. */
uint32_t orders_other_slot(const struct child *c);

#endif
