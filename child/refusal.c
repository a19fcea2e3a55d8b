#include "refusal.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "../shm/log.h"

/* Somebody who tries again and again is not reported again and again. */
#define LINES_MAX 100

static const filter_names *calls;
static unsigned lines;

/* Where a stopped call finds its arguments and leaves its result. */
#if defined(__x86_64__)
#define ARGUMENT_0(c) ((c)->uc_mcontext.gregs[REG_RDI])
#define ARGUMENT_1(c) ((c)->uc_mcontext.gregs[REG_RSI])
#define ARGUMENT_2(c) ((c)->uc_mcontext.gregs[REG_RDX])
#define RESULT(c) ((c)->uc_mcontext.gregs[REG_RAX])
#elif defined(__aarch64__)
#define ARGUMENT_0(c) ((c)->uc_mcontext.regs[0])
#define ARGUMENT_1(c) ((c)->uc_mcontext.regs[1])
#define ARGUMENT_2(c) ((c)->uc_mcontext.regs[2])
#define RESULT(c) ((c)->uc_mcontext.regs[0])
#else
#error "Which registers hold a call's arguments and its result?"
#endif

/*
 * It runs in the middle of whatever made the call: so it allocates nothing, and
 * the log of a sealed child needs but one write(2), which is allowed.
 */
static void
report(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	int call = info->si_syscall;
	const char *name = call >= 0 && call < FILTER_CALLS ? (*calls)[call] : "";

	(void)signal;
	if (lines++ < LINES_MAX)
		log_warning("call-refused", "call=%s number=%d arguments=%#llx,%#llx,%#llx",
		    *name != '\0' ? name : "unknown", call, (unsigned long long)ARGUMENT_0(c),
		    (unsigned long long)ARGUMENT_1(c), (unsigned long long)ARGUMENT_2(c));
	RESULT(c) = -EPERM;
}

int
refusal_report(const filter_names *names)
{
	struct sigaction action = {.sa_sigaction = report, .sa_flags = SA_SIGINFO | SA_NODEFER};

	calls = names;
	return sigaction(SIGSYS, &action, NULL);
}
