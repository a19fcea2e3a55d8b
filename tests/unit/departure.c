/* What is left of a child that has gone, and when. */
#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/departure.h"
#include "lone.h"

static struct ticker t;

static struct entry *
entry_of(uint32_t slot)
{
	return segment_entry(t.header, slot);
}

static void
wait_for_death(uint32_t slot)
{
	struct pollfd p = {.fd = t.clients[slot].death, .events = POLLIN};

	cr_assert_eq(poll(&p, 1, 5000), 1, "it was not killed");
	departure_death(&t, slot, (uint32_t)load_relaxed(&entry_of(slot)->generation));
}

/*
 * A life line may close though its child lives.  Until it is dead it may be in
 * the middle of an entry of the ring: so nobody else gets the lock before.
 */
Test(departure, the_lock_of_a_child_is_broken_when_it_is_dead_and_not_before)
{
	pid_t pid = lone_process();
	struct lock_user child;
	uint32_t slot;

	lone_start(&t);
	slot = lone_client(&t, -1, (uint32_t)pid);
	lock_introduce(
	    &child, &t.commons->lock, slot, load_relaxed(&entry_of(slot)->generation));
	cr_assert(lock_take(&child, 0, NULL));
	departure_leave(&t, slot);
	cr_assert_geq(t.clients[slot].death, 0, "it is not known to be dead");
	cr_assert_eq(load_relaxed(&t.commons->lock.owner), child.name);
	wait_for_death(slot);
	cr_assert_eq(load_relaxed(&t.commons->lock.owner), 0);
	cr_assert_eq(load_relaxed(&entry_of(slot)->state), ENTRY_FREE);
	waitpid(pid, NULL, 0);
}

Test(departure, the_lock_of_a_child_that_is_dead_already_is_broken_at_once)
{
	pid_t pid = lone_process();
	struct lock_user child;
	uint32_t slot;

	lone_start(&t);
	slot = lone_client(&t, -1, (uint32_t)pid);
	lock_introduce(
	    &child, &t.commons->lock, slot, load_relaxed(&entry_of(slot)->generation));
	cr_assert(lock_take(&child, 0, NULL));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	departure_leave(&t, slot);
	cr_assert_eq(load_relaxed(&t.commons->lock.owner), 0);
	cr_assert_eq(load_relaxed(&entry_of(slot)->state), ENTRY_FREE);
}
