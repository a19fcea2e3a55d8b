/*
 * crowd.h - well-behaved clients that watch each other, while somebody else is not.
 *
 * Each sets a property four times a second and sends a packet every 40 ms, to
 * one of the others or to all.  Each checks what comes: ticks by the oracle
 * (roster.h), packets by their sender's order, none lost and none twice.  A
 * client of the crowd that is closed fails the test.
 *
 * A machine that is virtual stands still now and then, for a second at times.  Nobody is
 * late for that: what this process itself missed is not counted, but told.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include "roster.h"
#include "ws.h"

#define CROWD_MAX 20
#define CROWD_MOMENTS 1024

struct crowd_member {
	struct ws w;
	struct roster r;
	long long next_set_ms, next_send_ms;
	int set;                         /* value of its property */
	long long set_ms[CROWD_MOMENTS]; /* when it was set to that, modulo; crowd's time */
	int sent;                        /* number of its last packet */
	int seen[CROWD_MAX];             /* newest property of each that it was told */
	int got[CROWD_MAX];              /* number of the last packet from each */
};

struct crowd {
	int count;
	struct crowd_member members[CROWD_MAX];
	bool quiet; /* nothing new is sent */
	/* What comes to one of them from somebody else; or NULL: whoever misbehaves may send. */
	void (*stranger)(int receiver, const json_t *packet);
	/* Each tick, and whatever else comes to one of them; or NULL. */
	void (*witness)(const json_t *packet);
	long long stood_still_ms;  /* how long this process was not let run, all in all */
	long long worst_tick_ms;   /* from a property that is set to its arrival at another */
	long long worst_packet_ms; /* from a packet that is sent to its arrival */
};

/* Open them and wait until they all know each other. */
void crowd_open(struct crowd *c, int port, int count);

/* The same, and every other one sends these header lines, too. */
void crowd_open_mixed(struct crowd *c, int port, int count, const char *headers);

/* Begin to measure. */
void crowd_measure(struct crowd *c);

/* Live for that long. */
void crowd_run(struct crowd *c, int ms);

/* Fall silent, and wait until all that was sent has come; fails the test if it does not. */
void crowd_settle(struct crowd *c);

/* Is anybody else connected, as far as all of them know? */
bool crowd_alone(const struct crowd *c);

#endif
