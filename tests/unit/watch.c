/* Who is taken for hung. The time is the test's; the processes and their CPU time are real. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/peer.h"
#include "../../server/watch.h"
#include "../../shm/clock.h"
#include "lone.h"

enum { HUNG = 1000 };

static struct ticker t;
static uint64_t rung_ms;

static struct client *
rung_client(pid_t pid)
{
	uint32_t slot;

	lone_start(&t);
	t.start.hung_ms = HUNG;
	slot = lone_client(&t, -1, (uint32_t)pid);
	store_relaxed(&segment_slot(t.header, slot)->asleep, 0);
	rung_ms = t.clients[slot].rung_ms = clock_ms();
	t.clients[slot].heartbeat = load_relaxed(&segment_slot(t.header, slot)->heartbeat);
	return &t.clients[slot];
}

static pid_t
spinner(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0)
		continue;
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct peer_work
work_of(pid_t pid)
{
	struct peer_work work;

	cr_assert(peer_work((uint32_t)pid, &work));
	return work;
}

static void
await_state(pid_t pid, bool runnable)
{
	while (work_of(pid).runnable != runnable)
		poll(NULL, 0, 1);
}

static void
is_killed_when_time_is_up(pid_t pid)
{
	const struct client *c = rung_client(pid);

	watch_run(&t, rung_ms + HUNG / 2);
	watch_run(&t, rung_ms + HUNG - 1);
	cr_assert_not(c->doomed, "too early");
	watch_run(&t, rung_ms + HUNG);
	cr_assert(c->doomed);
	end(pid);
}

Test(watch, kills_who_does_not_wake, .timeout = 20)
{
	pid_t pid = lone_process();

	await_state(pid, false);
	is_killed_when_time_is_up(pid);
}

Test(watch, kills_who_is_stopped, .timeout = 20)
{
	pid_t pid = spinner();

	kill(pid, SIGSTOP);
	await_state(pid, false);
	is_killed_when_time_is_up(pid);
}

/* However long ago it was rung: it had no CPU to wake with. */
Test(watch, spares_who_is_starved, .timeout = 20)
{
	pid_t pid = spinner();
	const struct client *c;

	await_state(pid, true);
	c = rung_client(pid);
	watch_run(&t, rung_ms + HUNG / 2);
	watch_run(&t, rung_ms + HUNG);
	cr_assert_not(c->doomed);
	end(pid);
}

/* Nobody looked between the ring and the end, as when the whole machine stood still. */
Test(watch, spares_who_was_not_looked_at, .timeout = 20)
{
	pid_t pid = spinner();
	const struct client *c;

	await_state(pid, true);
	c = rung_client(pid);
	watch_run(&t, rung_ms + 100 * HUNG);
	cr_assert_not(c->doomed);
	end(pid);
}

Test(watch, kills_who_spins, .timeout = 20)
{
	pid_t pid = spinner();
	uint64_t before_ms;
	const struct client *c;

	await_state(pid, true);
	c = rung_client(pid);
	watch_run(&t, rung_ms + HUNG / 2);
	before_ms = work_of(pid).cpu_ms;
	while (work_of(pid).cpu_ms < before_ms + HUNG)
		poll(NULL, 0, 5);
	cr_assert_not(c->doomed, "too early");
	watch_run(&t, rung_ms + HUNG);
	cr_assert(c->doomed);
	end(pid);
}
