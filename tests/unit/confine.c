/* What a child leaves behind. */
#include <criterion/criterion.h>
#include <errno.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../child/confine.h"

/* What could be registered was not before. */
static bool
registers(void)
{
	static struct rseq mine;

	return syscall(SYS_rseq, &mine, sizeof(mine), 0, RSEQ_SIG) == 0;
}

/* The kernel writes that page at each switch to a process, its fork's too. */
Test(confine, takes_back_restartable_sequences_for_a_fork_as_well)
{
	pid_t pid;
	int status;

	if (__rseq_size == 0)
		cr_skip("there is no rseq here");
	cr_assert_not(registers(), "the C library should have registered them");
	confine_rseq();
	pid = fork();
	if (pid == 0)
		_exit(registers() ? 0 : 1);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
