/* How many clients fit into the limits of a system that is made of files. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../server/fit.h"

static char root[64];
static struct fit_system at;
static struct options wanted;
static struct fit f;

/* Write a file of that system, with the folders that lead there. */
static void
put(const char *name, const char *text)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash != NULL;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	cr_assert_not_null(file = fopen(path, "w"), "%s", path);
	fputs(text, file);
	fclose(file);
}

/* Room for everything: 200 threads are there. */
static void
set_up(void)
{
	snprintf(root, sizeof(root), "/tmp/test-fit-XXXXXX");
	cr_assert_not_null(mkdtemp(root));
	put("/proc/loadavg", "0.10 0.20 0.30 2/200 4711\n");
	put("/proc/sys/kernel/pid_max", "4194304\n");
	put("/proc/sys/kernel/threads-max", "200000\n");
	put("/proc/sys/net/core/somaxconn", "4096\n");
	put("/proc/sys/net/core/wmem_max", "212992\n");
	put("/proc/self/cgroup", "0::/system.slice/rosterd.service\n");
	at = (struct fit_system){.root = root,
	    .user = 12345,
	    .nproc = 1 << 20,
	    .nofile = 1 << 20,
	    .each = FIT_CHILD};
	wanted.max_clients = 1000;
	wanted.max_packet = 65536;
}

static void
tear_down(void)
{
	char command[96];

	snprintf(command, sizeof(command), "rm -r %s", root);
	cr_assert_eq(system(command), 0);
}

TestSuite(fit, .init = set_up, .fini = tear_down);

/* The limit whose name begins so, if it is too low; else NULL. */
static const struct fit_limit *
too_low(const char *name)
{
	fit_look(&f, &at, &wanted);
	for (unsigned i = 0; i < f.count; i++)
		if (strncmp(f.limits[i].name, name, strlen(name)) == 0 &&
		    f.limits[i].is < f.limits[i].needs)
			return &f.limits[i];
	return NULL;
}

Test(fit, all_fit_where_there_is_room)
{
	cr_assert_null(too_low(""));
	cr_assert_eq(f.clients, 1000);
	cr_assert_geq(f.count, 6);
}

Test(fit, pid_max)
{
	put("/proc/sys/kernel/pid_max", "1408\n");
	cr_assert_not_null(too_low("kernel.pid_max"));
	cr_assert_eq(f.clients, 900, "200 are taken, 300 the kernel keeps, 8 are for us: %llu",
	    (unsigned long long)f.clients);
}

Test(fit, threads_max)
{
	put("/proc/sys/kernel/threads-max", "508\n");
	cr_assert_not_null(too_low("kernel.threads-max"));
	cr_assert_eq(f.clients, 300);
}

Test(fit, nproc)
{
	at.nproc = 108;
	cr_assert_not_null(too_low("RLIMIT_NPROC"));
	cr_assert_eq(f.clients, 100);
	at.unbound = true;
	cr_assert_null(too_low("RLIMIT_NPROC"), "root is not bound by it");
}

Test(fit, nproc_counts_what_the_user_runs)
{
	at.nproc = 108;
	at.user = getuid();
	put("/proc/100/task/100/stat", "");
	put("/proc/101/task/101/stat", "");
	put("/proc/101/task/102/stat", "");
	cr_assert_not_null(too_low("RLIMIT_NPROC"));
	cr_assert_eq(f.clients, 97);
	at.user++;
	cr_assert_not_null(too_low("RLIMIT_NPROC"));
	cr_assert_eq(f.clients, 100);
}

Test(fit, pids_max_of_the_group_and_of_those_above)
{
	put("/sys/fs/cgroup/system.slice/rosterd.service/pids.max", "528\n");
	put("/sys/fs/cgroup/system.slice/rosterd.service/pids.current", "20\n");
	cr_assert_not_null(too_low("pids.max of cgroup /system.slice/rosterd.service"));
	cr_assert_eq(f.clients, 500);
	put("/sys/fs/cgroup/system.slice/pids.max", "128\n");
	put("/sys/fs/cgroup/system.slice/pids.current", "100\n");
	cr_assert_not_null(too_low("pids.max of cgroup /system.slice (TasksMax)"));
	cr_assert_eq(f.clients, 20);
	put("/sys/fs/cgroup/system.slice/pids.max", "max\n");
	put("/sys/fs/cgroup/system.slice/rosterd.service/pids.max", "max\n");
	cr_assert_null(too_low(""));
}

Test(fit, pids_max_as_it_was_before)
{
	put("/proc/self/cgroup", "9:name=systemd:/a\n8:pids:/docker/7\n0::/\n");
	put("/sys/fs/cgroup/pids/docker/7/pids.max", "58\n");
	put("/sys/fs/cgroup/pids/docker/7/pids.current", "0\n");
	cr_assert_not_null(too_low("pids.max of cgroup /docker/7"));
	cr_assert_eq(f.clients, 50);
}

Test(fit, nofile)
{
	at.nofile = 432;
	cr_assert_not_null(too_low("RLIMIT_NOFILE"));
	cr_assert_eq(f.clients, 300);
	at.nofile = 1368;
	cr_assert_null(too_low("RLIMIT_NOFILE"));
	cr_assert_eq(f.clients, 1000);
}

Test(fit, queues_and_buffers_make_it_slower_but_shut_nobody_out)
{
	put("/proc/sys/net/core/somaxconn", "128\n");
	cr_assert_not_null(too_low("net.core.somaxconn"));
	put("/proc/sys/net/core/wmem_max", "4096\n");
	cr_assert_not_null(too_low("net.core.wmem_max"));
	cr_assert_eq(f.clients, 1000);
}

Test(fit, clients_that_are_there_are_not_in_their_own_way)
{
	put("/proc/sys/kernel/pid_max", "1408\n");
	at.present = 150;
	cr_assert_null(too_low(""));
	cr_assert_eq(f.clients, 1000);
}

Test(fit, a_client_with_a_guardian_is_two_processes)
{
	put("/proc/sys/kernel/pid_max", "1408\n");
	at.each = FIT_GUEST;
	cr_assert_eq(too_low("kernel.pid_max")->needs, 200 + 300 + 8 + 2 * 1000);
	cr_assert_eq(f.clients, 450);
	at.present = 100;
	cr_assert_eq(too_low("kernel.pid_max")->clients, 550);
	at.nofile = 32 + 400;
	cr_assert_not_null(too_low("RLIMIT_NOFILE"));
	cr_assert_eq(f.clients, 300, "descriptors of the ticker are the same");
}

Test(fit, a_system_that_says_nothing)
{
	at.root = "/nonexistent";
	cr_assert_null(too_low(""));
	cr_assert_eq(f.clients, 1000);
}
