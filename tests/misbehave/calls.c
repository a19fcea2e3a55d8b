/* A child that was taken over, and system calls that it has no need of. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trial.h"

#define DIES(order)                            \
	{                                      \
		order, FATE_ENDS, BY_FILTER, 0 \
	}
#define END                              \
	{                                \
		NULL, FATE_ENDS, NULL, 0 \
	}

Test(calls, files_are_out_of_reach, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s, (const struct trial[]){
			      DIES("open-file"), DIES("make-file"), DIES("remove-file"), END});
	cr_assert_neq(access("/tmp/rosterd-escaped", F_OK), 0);
	stage_close(&s);
}

Test(calls, no_other_process_can_be_made, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(&s,
	    (const struct trial[]){DIES("fork"), DIES("start-thread"), DIES("execute"), END});
	stage_close(&s);
}

/* 9 is SIGKILL; 0 only asks. */
Test(calls, nobody_can_be_signalled, .timeout = 120)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){DIES("signal-somebody 9"), DIES("signal-somebody 0"),
		    DIES("signal-ticker 9"), DIES("signal-thread 9"), DIES("signal-by-pidfd"),
		    DIES("signal-by-owner"), DIES("stop-itself"), END});
	stage_close(&s);
}

Test(calls, nobody_can_be_traced_or_starved, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){DIES("trace"), DIES("limit-ticker"), DIES("slow-ticker"),
		    DIES("be-root"), DIES("be-dumped"), DIES("requeue"), END});
	stage_close(&s);
}

/* All others, by number: what is not in the list is death, whatever it is and will be. */
static bool
is_listed(long number)
{
	static const long listed[] = {
	    SYS_epoll_pwait,
	    SYS_epoll_ctl,
	    SYS_recvfrom,
	    SYS_recvmsg,
	    SYS_write,
	    SYS_shutdown,
	    SYS_close,
	    SYS_brk,
	    SYS_munmap,
	    SYS_clock_gettime,
	    SYS_gettimeofday,
	    SYS_getrandom,
	    SYS_getpid,
	    SYS_restart_syscall,
	    SYS_rt_sigreturn,
	    SYS_exit_group,
	    SYS_sendmsg,
	    SYS_futex,
	    SYS_mremap,
	    SYS_getrandom,
	    SYS_getpid,
#ifdef SYS_epoll_wait
	    SYS_epoll_wait,
	    SYS_time,
	    /* uretprobe and uprobe (Linux 6.13): no filter is asked, and nothing comes of it. */
	    335,
	    336,
#endif
	};

	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		if (listed[i] == number)
			return true;
	return false;
}

Test(calls, whatever_is_not_in_the_list_is_death, .timeout = 300)
{
	enum { LAST = 470, AT_ONCE = 50 };
	struct ws w[AT_ONCE];
	struct server s;
	int count = 0, killed = 0;

	server_start(&s, (const char *const[]){"--sandbox", "on", NULL});
	for (long number = 0; number <= LAST; number++) {
		if (is_listed(number))
			continue;
		ws_open(&w[count], s.port);
		ws_text(&w[count],
		    "{\"to\":\"server\",\"packet\":{\"type\":\"misbehave\","
		    "\"misbehave\":\"call %ld\"}}",
		    number);
		killed++;
		if (++count < AT_ONCE)
			continue;
		while (count > 0) {
			cr_assert(ws_await_end(&w[--count], patience(5000)),
			    "one of the calls up to %ld did not end a child", number);
			ws_drop(&w[count]);
		}
	}
	while (count > 0)
		cr_assert(ws_await_end(&w[--count], patience(5000)));
	cr_assert(server_await_log(&s, BY_FILTER, killed, 5000), "%d of %d",
	    server_logged(&s, BY_FILTER), killed);
	fprintf(stderr, "%d calls are death\n", killed);
	server_stop(&s);
}

#ifdef __x86_64__
/* The same calls by the numbers of x32, and some that only x32 has. */
Test(calls, of_an_x32_program_are_death, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, NULL);
	stage_try_all(
	    &s, (const struct trial[]){DIES("call 0x40000001 2"), DIES("call 0x4000002d"),
		    DIES("call 0x40000039"), DIES("call 0x40000208"), DIES("call 0x40000227"),
		    DIES("call -1"), END});
	stage_close(&s);
}

Test(calls, of_a_32_bit_program_are_death)
{
	static struct stage s;

	stage_open(&s, NULL);
	/* By the filter, or because this kernel has no such thing. */
	stage_try(&s, &(const struct trial){"call-as-32-bit", FATE_ENDS, NULL, 0});
	stage_close(&s);
}
#endif

/* For finding out what a new version of a library needs. */
Test(calls, are_told_by_name_and_refused_in_report_mode, .timeout = 60)
{
	static struct stage s;

	stage_open(&s, (const char *const[]){"--sandbox", "report", NULL});
	stage_try_all(
	    &s, (const struct trial[]){{"open-file", FATE_LIVES, "EPERM", 0},
		    {"fork", FATE_LIVES, "EPERM", 0}, {"socket-tcp", FATE_LIVES, "EPERM", 0},
		    {"unprotect", FATE_LIVES, "EPERM", 0}, END});
	cr_assert_eq(server_logged(&s.server, "call-refused call=openat "), 1);
	cr_assert_eq(server_logged(&s.server, "call-refused call=clone "), 1);
	cr_assert_eq(server_logged(&s.server, "call-refused call=socket number="), 1);
	cr_assert_eq(server_logged(&s.server, "arguments=0x2,0x1,0"), 1);
	cr_assert_eq(server_logged(&s.server, "call-refused call=mprotect "), 1);
	stage_close(&s);
}
