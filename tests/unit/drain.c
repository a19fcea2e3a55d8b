/* A drain ends, whoever does not want it to. */
#include <criterion/criterion.h>
#include <signal.h>
#include <sys/wait.h>

#include "../../server/drain.h"
#include "../../server/watch.h"
#include "../../shm/clock.h"
#include "lone.h"

static struct ticker t;

/* What the ticker would see if all this had been so long ago. */
static bool
is_doomed_after(uint32_t slot, uint64_t seconds)
{
	/* It looks alive. */
	count_add(&segment_slot(t.header, slot)->heartbeat, 1);
	watch_run(&t, clock_ms() + seconds * 1000);
	return t.clients[slot].doomed;
}

Test(drain, kills_a_child_that_does_not_go)
{
	pid_t pid = lone_process();
	uint32_t slot;
	int status;

	lone_start(&t);
	slot = lone_client(&t, -1, (uint32_t)pid);
	cr_assert_not(is_doomed_after(slot, 60), "nobody told it to go");
	drain_begin(&t, 0);
	cr_assert_eq(load_relaxed(&segment_mailbox(t.header, slot)->stop), STOP_DRAIN);
	cr_assert_not(is_doomed_after(slot, 7), "its client may still say goodbye");
	cr_assert(is_doomed_after(slot, 20));
	waitpid(pid, &status, 0);
	cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

Test(drain, is_not_forgotten_by_the_next_ticker)
{
	pid_t pid = lone_process();
	uint32_t slot;

	lone_start(&t);
	slot = lone_client(&t, -1, (uint32_t)pid);
	store_release(&segment_mailbox(t.header, slot)->stop, STOP_KICK);
	lone_succeed(&t);
	t.clients[slot].back_ms = 0; /* it came back */
	cr_assert_not(is_doomed_after(slot, 7));
	cr_assert(is_doomed_after(slot, 20));
	waitpid(pid, NULL, 0);
}
