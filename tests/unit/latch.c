/* The lock file of an instance. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../server/latch.h"

static char name[48];

static void
choose_name(void)
{
	snprintf(name, sizeof(name), "latch-%d", (int)getpid());
}

static bool
exists(void)
{
	char path[96];
	struct stat status;

	snprintf(path, sizeof(path), "/dev/shm/rosterd-lock.%s", name);
	return stat(path, &status) == 0;
}

TestSuite(latch, .init = choose_name);

Test(latch, is_shared_by_many_or_held_by_one)
{
	int a = latch_take(name, LATCH_SHARED, 0), b = latch_take(name, LATCH_SHARED, 0), c;

	cr_assert_geq(a, 0);
	cr_assert_geq(b, 0);
	cr_assert_eq(latch_take(name, LATCH_ALONE, 0), -1);
	cr_assert_eq(errno, EAGAIN);
	close(a);
	cr_assert_eq(latch_take(name, LATCH_ALONE, 0), -1, "one still has it");
	close(b);
	c = latch_take(name, LATCH_ALONE, 0);
	cr_assert_geq(c, 0);
	cr_assert_eq(latch_take(name, LATCH_SHARED, 0), -1);
	latch_remove(c, name);
	cr_assert_not(exists());
}

Test(latch, is_waited_for_no_longer_than_asked)
{
	int a = latch_take(name, LATCH_ALONE, 0);

	cr_assert_eq(latch_take(name, LATCH_SHARED, 250), -1);
	cr_assert_eq(errno, EAGAIN);
	latch_remove(a, name);
}

/* Who waits for a file that is removed gets the next one, as everybody who comes later. */
Test(latch, of_a_file_that_was_removed_is_none)
{
	int a = latch_take(name, LATCH_ALONE, 0), b, status;
	int ready[2];
	char byte;
	pid_t waiting;

	cr_assert_eq(pipe(ready), 0);
	if ((waiting = fork()) == 0) {
		close(a);
		(void)!write(ready[1], "", 1);
		b = latch_take(name, LATCH_ALONE, 5000);
		/* The file that it has is the one that has this name. */
		_exit(b >= 0 && exists() && latch_take(name, LATCH_SHARED, 0) < 0 ? 0 : 1);
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	latch_remove(a, name);
	cr_assert_eq(waitpid(waiting, &status, 0), waiting);
	cr_assert_eq(status, 0);
	b = latch_take(name, LATCH_ALONE, 0);
	cr_assert_geq(b, 0, "its holder is dead");
	latch_remove(b, name);
}

Test(latch, is_free_when_its_holder_is_killed)
{
	int ready[2], fd;
	char byte;
	pid_t holder;

	cr_assert_eq(pipe(ready), 0);
	if ((holder = fork()) == 0) {
		latch_take(name, LATCH_ALONE, 0);
		(void)!write(ready[1], "", 1);
		pause();
	}
	cr_assert_eq(read(ready[0], &byte, 1), 1);
	cr_assert_eq(latch_take(name, LATCH_SHARED, 0), -1);
	kill(holder, SIGKILL);
	waitpid(holder, NULL, 0);
	fd = latch_take(name, LATCH_ALONE, 0);
	cr_assert_geq(fd, 0);
	close(fd);
	cr_assert(exists());
	latch_clear(name);
	cr_assert_not(exists());
}
