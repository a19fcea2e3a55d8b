/*
 * confine.h - what a child leaves behind when it begins; the rest is in cage.h.
 */
#ifndef CHILD_CONFINE_H
#define CHILD_CONFINE_H

/* Close all descriptors from 3 on but these; the list ends with -1. */
void confine_descriptors(const int *keep);

/*
 * Descriptors that have a number for good are lower than this, all others are
 * lifted above: 0 to 2 as ever, the life line (seat.h), and the client's socket.
 */
#define CONFINE_FLOOR 10
#define CONFINE_CLIENT 9

/* Move a descriptor to a number from CONFINE_FLOOR on; the return is that, or -1. */
int confine_lift(int fd);

/* The same if its number is lower. */
int confine_aside(int fd);

/* Move the client's socket to its number. */
int confine_client(int fd);

/* Before the fork: open what leads nowhere, once for all children.  0, or -1 and errno. */
int confine_prepare(void);

/* Its descriptor. */
int confine_nowhere(void);

/*
 * 0 and 1 lead nowhere, wherever the listener's did; and so does 2, the log, if it
 * leads nowhere else.
 */
void confine_standard(void);

/* Batch scheduling: a child is one of many, woken in great numbers (sched(7)). */
void confine_schedule(void);

/*
 * Take back what the C library has registered with rseq(2) for this thread.  Nobody
 * here has restartable sequences, but with it the kernel reads and writes that page
 * whenever it switches to the process: a fork inherits that, and so it does this.
 */
void confine_rseq(void);

#endif
