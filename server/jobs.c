#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/log.h"
#include "cgi.h"
#include "judge.h"
#include "launch.h"
#include "permits.h"
#include "strays.h"

#define ERRORS_MAX (64U << 10) /* bytes that a hook may write to its stderr */
#define LINES_MAX 20           /* of these, lines that are logged */
#define LINE_MAX 200           /* bytes of one */

struct job {
	struct job *next;
	bool asked; /* --on-connect; else --on-close */
	int line;   /* where the answer is to go; -1: nobody waits for it */
	struct hook_message m;
	char own[PEER_LENGTH];
	uint64_t queued_ms;

	/* While it runs. */
	pid_t pid;
	uint64_t started_ms;
	bool ended;         /* its answer was given; what is left is to be reaped */
	struct text output; /* NUL behind it */
	int pipes[2];       /* by enum jobs_pipe; -1: closed */
	size_t errors;      /* bytes of stderr so far */
	unsigned lines;     /* that were logged */
	char said[LINE_MAX];
	size_t said_length;

	size_t length;
	char text[]; /* of the message */
};

struct queue {
	struct job *first, **last;
	uint32_t count;
};

static struct {
	const struct options *options;
	jobs_watch *watch;
	struct queue asked, closed;
	struct job **running; /* options->hook_jobs places */
	uint32_t running_count;
	uint32_t running_closed; /* of these, for --on-close */
} jobs;

int
jobs_make(const struct options *options, jobs_watch *watch)
{
	jobs.options = options;
	jobs.watch = watch;
	jobs.asked.last = &jobs.asked.first;
	jobs.closed.last = &jobs.closed.first;
	jobs.running = calloc(options->hook_jobs, sizeof(struct job *));
	return jobs.running != NULL ? 0 : -1;
}

/* NULL: too many wait, or there is no memory. */
static struct job *
enqueue(struct queue *q, const struct hook_message *m, const char *text, size_t length)
{
	struct job *j;

	if (q->count >= JOBS_QUEUE_MAX || (j = malloc(sizeof(*j) + length + 1)) == NULL)
		return NULL;
	memset(j, 0, sizeof(*j));
	j->line = j->pipes[JOBS_OUT] = j->pipes[JOBS_ERR] = -1;
	j->m = *m;
	j->queued_ms = clock_ms();
	j->length = length;
	memcpy(j->text, text, length);
	j->text[length] = '\0';
	*q->last = j;
	q->last = &j->next;
	q->count++;
	return j;
}

static struct job *
dequeue(struct queue *q)
{
	struct job *j = q->first;

	if ((q->first = j->next) == NULL)
		q->last = &q->first;
	q->count--;
	return j;
}

static void
answer(struct job *j, enum hook_verdict verdict, const struct text *text)
{
	/* One that does not take it is gone, and its line closes. */
	if (j->line >= 0 && verdict == HOOK_ADMITTED)
		permits_give(j->line, &j->m, text);
	else if (j->line >= 0)
		(void)hook_answer(j->line, &j->m, verdict, text != NULL ? text->bytes : NULL,
		    text != NULL ? text->length : 0);
	j->line = -1;
	j->ended = true;
}

static const char *
name_of(const struct job *j)
{
	return j->asked ? "on-connect" : "on-close";
}

static void
complain(const struct job *j, const char *why, int status)
{
	log_warning("hook-failed",
	    "hook=%s pid=%d token=%.*s peer=%s ms=%llu status=%d why=\"%s\"", name_of(j),
	    (int)j->pid, (int)TOKEN_LENGTH, j->m.token, j->m.peer,
	    (unsigned long long)(clock_ms() - j->started_ms), status, why);
}

/* Its whole group, whether or not it has got to make one. */
static void
kill_group(pid_t pid)
{
	(void)kill(-pid, SIGKILL);
	(void)kill(pid, SIGKILL);
}

/* Before its time: the answer does not wait until it is dead. */
static void
stop(struct job *j, const char *why)
{
	if (j->ended)
		return;
	complain(j, why, 0);
	answer(j, HOOK_FAULT, NULL);
	kill_group(j->pid);
}

static void
say_line(struct job *j)
{
	char safe[4 * LINE_MAX + 1];

	if (j->said_length > 0 && j->lines++ < LINES_MAX)
		log_warning("hook-says", "hook=%s pid=%d line=\"%s\"", name_of(j), (int)j->pid,
		    log_escape(safe, sizeof(safe), j->said, j->said_length));
	j->said_length = 0;
}

static void
take_errors(struct job *j, const char *bytes, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		if (bytes[i] == '\n')
			say_line(j);
		else if (j->said_length < sizeof(j->said))
			j->said[j->said_length++] = bytes[i];
	}
	if ((j->errors += length) > ERRORS_MAX)
		stop(j, "it wrote too much to its standard error");
}

static void
take_output(struct job *j, const char *bytes, size_t length)
{
	/* What a hook for --on-close prints is for nobody. */
	if (j->asked && !j->ended) {
		text_add(&j->output, bytes, length);
		if (j->output.length > HOOK_ANSWER_MAX || j->output.failed)
			stop(j, "its output is too long");
	}
}

static void
close_pipe(struct job *j, enum jobs_pipe pipe)
{
	if (j->pipes[pipe] >= 0)
		close(j->pipes[pipe]);
	j->pipes[pipe] = -1;
}

/* At most so many bytes at once: others are to get their turn. */
static void
read_pipe(struct job *j, enum jobs_pipe pipe)
{
	char bytes[4096];

	for (int i = 0; i < 32 && j->pipes[pipe] >= 0; i++) {
		ssize_t got = read(j->pipes[pipe], bytes, sizeof(bytes));

		if (got < 0)
			return;
		if (got == 0)
			close_pipe(j, pipe);
		else if (pipe == JOBS_OUT)
			take_output(j, bytes, (size_t)got);
		else
			take_errors(j, bytes, (size_t)got);
	}
}

void
jobs_read(uint32_t place, enum jobs_pipe pipe)
{
	if (jobs.running[place] != NULL)
		read_pipe(jobs.running[place], pipe);
}

static void
drop(struct job *j)
{
	close_pipe(j, JOBS_OUT);
	close_pipe(j, JOBS_ERR);
	text_clear(&j->output, 0);
	free(j);
}

static struct launch
prepare(const struct job *j)
{
	const struct options *o = jobs.options;

	return (struct launch){
	    .program = j->asked ? o->on_connect : o->on_close,
	    .seconds = o->hook_ms / 1000 + 2,
	    .m = &j->m,
	    .headers = o->hook_headers,
	    .asked = j->asked,
	    .own = j->own,
	    .text = j->text,
	    .length = j->length,
	};
}

static void
start(struct job *j, uint32_t place, uint64_t now_ms)
{
	struct launch launch = prepare(j);

	j->started_ms = now_ms;
	if ((j->pid = launch_run(&launch, &j->pipes[JOBS_OUT], &j->pipes[JOBS_ERR])) < 0) {
		log_error("no-hook", "hook=%s errno=\"%s\"", name_of(j), strerror(errno));
		answer(j, HOOK_BUSY, NULL);
		drop(j);
		return;
	}
	jobs.running[place] = j;
	jobs.running_count++;
	jobs.running_closed += !j->asked;
	jobs.watch(j->pipes[JOBS_OUT], JOBS_OUT, place);
	jobs.watch(j->pipes[JOBS_ERR], JOBS_ERR, place);
}

bool
jobs_ask(
    int line, const struct hook_message *m, const char *own, const char *text, size_t length)
{
	struct job *j = enqueue(&jobs.asked, m, text, length);

	if (j == NULL)
		return false;
	j->asked = true;
	j->line = line;
	memcpy(j->own, own, sizeof(j->own));
	return true;
}

bool
jobs_closed(const struct hook_message *m, const char *text, size_t length)
{
	return enqueue(&jobs.closed, m, text, length) != NULL;
}

bool
jobs_have_room(void)
{
	return jobs.closed.count < JOBS_QUEUE_MAX;
}

void
jobs_forget(int line)
{
	for (struct job **at = &jobs.asked.first, *j; (j = *at) != NULL; at = &j->next) {
		if (j->line != line)
			continue;
		if ((*at = j->next) == NULL)
			jobs.asked.last = at;
		jobs.asked.count--;
		drop(j);
		return;
	}
	for (uint32_t place = 0; place < jobs.options->hook_jobs; place++) {
		struct job *j = jobs.running[place];

		if (j == NULL || j->line != line)
			continue;
		j->line = -1;
		j->ended = true;
		kill_group(j->pid);
	}
}

/* It has ended by itself, or was stopped; nothing of its group is left. */
static void
finish(struct job *j, int status)
{
	struct text text = {0};
	const char *why = NULL;
	enum hook_verdict verdict;

	read_pipe(j, JOBS_OUT);
	read_pipe(j, JOBS_ERR);
	say_line(j);
	if (!j->ended) {
		text_add(&j->output, "", 1); /* it ends with a NUL, which is not part of it */
		j->output.length -= !j->output.failed;
		verdict = judge_end(status, &j->output, jobs.options->reserved, &text, &why);
		if (!j->asked && verdict != HOOK_FAULT && status != 0)
			why = "it did not end with 0";
		if (verdict == HOOK_FAULT || (!j->asked && status != 0))
			complain(j, why, status);
		answer(j, verdict, &text);
	}
	text_clear(&text, 0);
	drop(j);
}

static bool
find_running(pid_t pid, uint32_t *place)
{
	for (*place = 0; *place < jobs.options->hook_jobs; ++*place)
		if (jobs.running[*place] != NULL && jobs.running[*place]->pid == pid)
			return true;
	return false;
}

/* Is that one of our own, or in the group of one that still runs? */
static bool
is_ours(pid_t pid)
{
	uint32_t place;

	return find_running(pid, &place) || find_running(getpgid(pid), &place);
}

void
jobs_reap(void)
{
	siginfo_t info = {0};
	uint32_t place;
	int status;

	/* A group is killed while its leader's pid is still taken, so it is no other's. */
	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
		pid_t pid = info.si_pid;
		bool found = find_running(pid, &place);

		if (found)
			kill_group(pid);
		if (waitpid(pid, &status, 0) == pid && found) {
			struct job *j = jobs.running[place];

			jobs.running[place] = NULL;
			jobs.running_count--;
			jobs.running_closed -= !j->asked;
			finish(j, status);
		}
		info.si_pid = 0;
	}
	strays_kill(is_ours);
}

static void
expire(uint64_t now_ms)
{
	while (
	    jobs.asked.first != NULL && now_ms >= jobs.asked.first->queued_ms + HOOK_QUEUE_MS) {
		struct job *j = dequeue(&jobs.asked);

		answer(j, HOOK_BUSY, NULL);
		drop(j);
	}
	for (uint32_t place = 0; place < jobs.options->hook_jobs; place++) {
		struct job *j = jobs.running[place];

		if (j == NULL || j->ended || now_ms < j->started_ms + jobs.options->hook_ms)
			continue;
		stop(j, "it took too long");
	}
}

/* Who wants to come in goes first, but one who has left is told of at a time. */
static struct queue *
choose_queue(void)
{
	if (jobs.closed.count > 0 && (jobs.running_closed == 0 || jobs.asked.count == 0))
		return &jobs.closed;
	return jobs.asked.count > 0 ? &jobs.asked : NULL;
}

void
jobs_turn(uint64_t now_ms)
{
	struct queue *q;

	expire(now_ms);
	for (uint32_t place = 0; place < jobs.options->hook_jobs; place++)
		if (jobs.running[place] == NULL && (q = choose_queue()) != NULL)
			start(dequeue(q), place, now_ms);
}

int
jobs_until(uint64_t now_ms)
{
	uint64_t due = UINT64_MAX;

	if (jobs.asked.first != NULL)
		due = jobs.asked.first->queued_ms + HOOK_QUEUE_MS;
	for (uint32_t place = 0; place < jobs.options->hook_jobs; place++) {
		const struct job *j = jobs.running[place];

		if (j != NULL && !j->ended && j->started_ms + jobs.options->hook_ms < due)
			due = j->started_ms + jobs.options->hook_ms;
	}
	if (due == UINT64_MAX)
		return -1;
	return due > now_ms ? (int)(due - now_ms) : 0;
}

bool
jobs_are_done(void)
{
	return jobs.running_count == 0 && jobs.asked.count == 0 && jobs.closed.count == 0;
}
