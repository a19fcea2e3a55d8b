/*
 * jobs.h - the operator's programs: those that run, and those that wait for their turn.
 *
 * A program runs in a session of its own with a deadline, limits, an
 * environment that is made for it (cgi.h), no input, and output that is read up
 * to a bound.  When it ends, or when its time is over, whatever is left of its
 * process group is killed, and so is what has run away from that: such a process
 * becomes the spawner's child (PR_SET_CHILD_SUBREAPER, prctl(2)).
 *
 * Nothing here waits for a program.
 */
#ifndef SERVER_JOBS_H
#define SERVER_JOBS_H

#include <stdbool.h>
#include <stdint.h>

#include "../shm/hook.h"
#include "options.h"

/* Questions, and ends of sessions, that may wait; more are refused. */
#define JOBS_QUEUE_MAX 1024

/* Which of a job's pipes an event is for. */
enum jobs_pipe { JOBS_OUT, JOBS_ERR };

/* Tells the spawner's loop to watch a pipe of the job in that place. */
typedef void jobs_watch(int fd, enum jobs_pipe pipe, uint32_t place);

/* 0, or -1 and errno. */
int jobs_make(const struct options *options, jobs_watch *watch);

/*
 * A child asks on that line.  m->token and m->peer are those of the directory;
 * own is our address.  False: too many wait already.
 */
bool jobs_ask(
    int line, const struct hook_message *m, const char *own, const char *text, size_t length);

/* The client of that line does not wait any more: whatever it caused is ended. */
void jobs_forget(int line);

/* A client has left; length bytes of properties.  False: as above. */
bool jobs_closed(const struct hook_message *m, const char *text, size_t length);

/* May more of these come? */
bool jobs_have_room(void);

/* There is something in a pipe. */
void jobs_read(uint32_t place, enum jobs_pipe pipe);

/* Processes have ended. */
void jobs_reap(void);

/* What is due by now: ends of those that take too long, beginnings. */
void jobs_turn(uint64_t now_ms);

/* Milliseconds until something is due; -1: nothing is. */
int jobs_until(uint64_t now_ms);

/* Neither runs nor waits anything. */
bool jobs_are_done(void);

#endif
