/*
 * trial.h - one order to one child, in front of a crowd.
 */
#ifndef TESTS_TRIAL_H
#define TESTS_TRIAL_H

#include "../lib/crowd.h"
#include "../lib/server.h"

struct stage {
	struct server server;
	struct crowd crowd;
};

enum fate {
	FATE_ENDS,  /* the connection of who got the order ends */
	FATE_LIVES, /* an answer comes, and the child goes on */
};

struct trial {
	const char *order;
	enum fate fate;
	const char
	    *says;     /* what stands in the answer, or in the log if it ends; NULL: anything */
	int within_ms; /* 0: at once */
	const char *query; /* of its request; NULL: none */
	bool early;        /* the order comes with the request, before it is decided about it */
};

/* What the log says when the kernel has ended a child. */
#define BY_FILTER "why=\"a system call that its cage does not allow\""
#define BY_PAGES "why=\"memory that is not its own\""

/* A server of the misbehave flavour, caged, with a crowd. */
void stage_open(struct stage *s, const char *const *options);

/*
 * Give the order to a new client.  Whatever becomes of it, the crowd loses
 * nothing, its ticks are in time, nobody else dies, and nothing is left behind.
 * A line with the worst delays of the others goes to the output.
 */
void stage_try(struct stage *s, const struct trial *t);

/* The same for a list, which ends with an order that is NULL. */
void stage_try_all(struct stage *s, const struct trial *list);

void stage_close(struct stage *s);

#endif
