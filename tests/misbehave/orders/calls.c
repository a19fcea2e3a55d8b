/* System calls that a child has no need of. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "orders.h"

typedef const long numbers[ORDERS_NUMBERS];

/* Any call by its number, with the arguments that follow. */
static void
call(struct child *c, numbers n)
{
	orders_answer_result(c, syscall(n[0], n[1], n[2], n[3], n[4], n[5], n[6]));
}

/* Files. */

static void
open_file(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, open("/etc/passwd", O_RDONLY));
}

static void
open_segment(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, open("/dev/shm", O_RDONLY | O_DIRECTORY));
}

static void
open_memory(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, open("/proc/self/mem", O_RDWR));
}

static void
make_file(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, open("/tmp/rosterd-escaped", O_WRONLY | O_CREAT, 0600));
}

static void
remove_file(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, unlink("/tmp/rosterd-nobody"));
}

/* Processes. */

static void
fork_once(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, fork());
}

static int
nothing(void *unused)
{
	(void)unused;
	return 0;
}

static void
start_thread(struct child *c, numbers n)
{
	static char stack[65536];

	(void)n;
	orders_answer_result(c, clone(nothing, stack + sizeof(stack),
				    CLONE_VM | CLONE_SIGHAND | CLONE_THREAD, NULL));
}

static void
execute(struct child *c, numbers n)
{
	char *const arguments[] = {(char *)(uintptr_t) "true", NULL};

	(void)n;
	orders_answer_result(c, execv("/bin/true", arguments));
}

static void
stop_itself(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, kill(getpid(), SIGSTOP));
}

/* numbers[0] is the signal, to somebody else's child and to the ticker. */
static void
signal_somebody(struct child *c, numbers n)
{
	orders_answer_result(c, kill(orders_somebody(c), (int)n[0]));
}

static void
signal_ticker(struct child *c, numbers n)
{
	orders_answer_result(c, kill(orders_ticker(c), (int)n[0]));
}

static void
signal_thread(struct child *c, numbers n)
{
	pid_t pid = orders_somebody(c);

	orders_answer_result(c, syscall(SYS_tgkill, pid, pid, (int)n[0]));
}

static void
signal_by_pidfd(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, syscall(SYS_pidfd_open, orders_somebody(c), 0));
}

/* SIGIO, or any other that is chosen, to whom one likes, whenever a descriptor is ready. */
static void
signal_by_owner(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, fcntl(c->in.fd, F_SETOWN, orders_somebody(c)));
}

static void
trace(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, ptrace(PTRACE_SEIZE, orders_somebody(c), NULL, NULL));
}

static void
limit_ticker(struct child *c, numbers n)
{
	const struct rlimit none = {0, 0};

	(void)n;
	orders_answer_result(c, prlimit(orders_ticker(c), RLIMIT_NOFILE, &none, NULL));
}

static void
slow_ticker(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, setpriority(PRIO_PROCESS, (id_t)orders_ticker(c), 19));
}

static void
be_root(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, setuid(0));
}

static void
be_dumped(struct child *c, numbers n)
{
	(void)n;
	orders_answer_result(c, prctl(PR_SET_DUMPABLE, 1));
}

/* What the lock asks of futex(2) is to wait and to wake; this moves somebody else's sleep. */
static void
requeue(struct child *c, numbers n)
{
	struct lock *lock = &c->seat.commons->lock;

	(void)n;
	orders_answer_result(
	    c, syscall(SYS_futex, &lock->room, FUTEX_REQUEUE, 0, INT_MAX, &lock->waiters, 0));
}

#ifdef __x86_64__
/* The calls of 32-bit programs have other numbers: 20 is getpid there, writev here. */
static void
call_as_32_bit(struct child *c, numbers n)
{
	long result = 20;

	(void)n;
	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	orders_answer(c, "done: %ld", result);
}
#endif

const struct order orders_calls[] = {
    {"call", call},
    {"open-file", open_file},
    {"open-segment", open_segment},
    {"open-memory", open_memory},
    {"make-file", make_file},
    {"remove-file", remove_file},
    {"fork", fork_once},
    {"start-thread", start_thread},
    {"execute", execute},
    {"stop-itself", stop_itself},
    {"signal-somebody", signal_somebody},
    {"signal-ticker", signal_ticker},
    {"signal-thread", signal_thread},
    {"signal-by-pidfd", signal_by_pidfd},
    {"signal-by-owner", signal_by_owner},
    {"trace", trace},
    {"requeue", requeue},
    {"limit-ticker", limit_ticker},
    {"slow-ticker", slow_ticker},
    {"be-root", be_root},
    {"be-dumped", be_dumped},
#ifdef __x86_64__
    {"call-as-32-bit", call_as_32_bit},
#endif
    {NULL, NULL},
};
