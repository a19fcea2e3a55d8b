#include "filter.h"

#include <errno.h>
#include <linux/futex.h>
#include <seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "confine.h"
#include "seat.h"

#define COUNT(a) ((unsigned)(sizeof(a) / sizeof((a)[0])))

/*
 * Calls whose arguments do not matter, because what they act on is a descriptor
 * of the child's, or its own memory, and what they do there is undone when it
 * dies.  They stay in the kernel's bitmap of calls for which no filter is run.
 */
static const int plain[] = {
    /* The client, the ticker, the doorbells, the log. */
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(write),
    SCMP_SYS(close),
    /* Memory; mmap is below. */
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    /* Time, where the vDSO does not tell it. */
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    /* TLS: numbers that nobody can guess; OpenSSL looks whether it was forked. */
    SCMP_SYS(getrandom),
    SCMP_SYS(getpid),
    /* After a stop or a debugger; after SIGSYS in report mode. */
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(exit_group),
#ifdef ROSTERD_FAULTS
    /* Death at a chosen instruction (../shm/fault.h). */
    SCMP_SYS(kill),
#endif
};

/* A call that is allowed if some of its arguments are just so. */
struct rule {
	int call;
	unsigned count;
	struct scmp_arg_cmp arguments[3];
};

#define IS(argument, value)                     \
	{                                       \
		argument, SCMP_CMP_EQ, value, 0 \
	}
#define BITS(argument, mask, value)                       \
	{                                                 \
		argument, SCMP_CMP_MASKED_EQ, mask, value \
	}

#define LINE_TYPE (SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK)
#define NO_CODE (~(scmp_datum_t)(PROT_READ | PROT_WRITE))

static const struct rule exact[] = {
    /*
     * The way to the next ticker.  The life line always has the same number,
     * which no other socket can get: it is not handed out while the line is
     * open, the next one that is made after it was closed is a socket of this
     * kind, and there is no call by which a descriptor moves.  So the client's
     * socket cannot be disconnected and connected to somebody else.
     */
    {SCMP_SYS(socket), 3, {IS(0, AF_UNIX), IS(1, LINE_TYPE), IS(2, 0)}},
    {SCMP_SYS(connect), 1, {IS(0, SEAT_LINE)}},
    /*
     * Of its client alone: the log may be a socket that all others write to, too,
     * and would be shut down for all.
     */
    {SCMP_SYS(shutdown), 1, {IS(0, CONFINE_CLIENT)}},
    /* MSG_FASTOPEN connects. */
    {SCMP_SYS(sendmsg), 1, {BITS(2, MSG_FASTOPEN, 0)}},
    /*
     * Private memory as malloc(3) wants it: without a file and without code, over nothing
     * that is there, and none that is kept for others (MAP_HUGETLB, MAP_LOCKED).
     */
    {SCMP_SYS(mmap), 2, {BITS(2, NO_CODE, 0), IS(3, MAP_PRIVATE | MAP_ANONYMOUS)}},
    /* The waiting room of the lock (../shm/lock.c). */
    {SCMP_SYS(futex), 1, {IS(1, FUTEX_WAKE)}},
    {SCMP_SYS(futex), 1, {IS(1, FUTEX_WAIT)}},
};

/* A call that this architecture does not have needs no rule. */
static int
unless_unknown(int result)
{
	return result == -EDOM ? 0 : result;
}

static int
add_rules(scmp_filter_ctx *filter)
{
	int result = 0;

	for (unsigned i = 0; i < COUNT(plain) && result == 0; i++)
		result = unless_unknown(seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0));
	for (unsigned i = 0; i < COUNT(exact) && result == 0; i++)
		result = unless_unknown(seccomp_rule_add_array(
		    filter, SCMP_ACT_ALLOW, exact[i].call, exact[i].count, exact[i].arguments));
	/*
	 * mremap(2) makes a mapping of a file longer without a descriptor of it,
	 * and as it was: a slot that one may write would grow into the next.
	 * realloc(3) asks for it, and copies when it is told no.
	 */
	if (result == 0)
		result = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOMEM), SCMP_SYS(mremap), 0);
	return result;
}

int
filter_write(int fd, bool signal)
{
	scmp_filter_ctx *filter = seccomp_init(signal ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
	int result;

	if (filter == NULL) {
		errno = ENOMEM;
		return -1;
	}
	/* A tree instead of a list: half the time to install it (it is run for all calls then). */
	result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (result == 0)
		result =
		    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (result == 0)
		result = add_rules(filter);
	if (result == 0)
		result = seccomp_export_bpf(filter, fd);
	seccomp_release(filter);
	if (result == 0)
		return 0;
	errno = -result;
	return -1;
}

void
filter_name_calls(filter_names names)
{
	for (int call = 0; call < FILTER_CALLS; call++) {
		char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);

		snprintf(names[call], FILTER_NAME_MAX, "%s", name != NULL ? name : "");
		free(name);
	}
}
