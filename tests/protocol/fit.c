/* So many clients as --check says do fit, when limits are low. */
#include <criterion/criterion.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define USER 47114
#define CLIENTS_MAX 200

/* What `rosterd --check` says fits, if it says that this is too low. */
static int
ask(const char *too_low)
{
	const char *path = getenv("ROSTERD");
	char command[256], line[512];
	bool low = false;
	int fit = -1;
	FILE *pipe;

	snprintf(command, sizeof(command), "%s --check", path != NULL ? path : "build/rosterd");
	cr_assert_not_null(pipe = popen(command, "r"));
	while (fgets(line, sizeof(line), pipe) != NULL) {
		low |= strstr(line, too_low) != NULL && strstr(line, "too low") != NULL;
		(void)sscanf(line, "# %d clients fit; max-clients is 4096", &fit);
	}
	cr_assert_eq(pclose(pipe), 0);
	cr_assert(low, "%s is not said to be too low", too_low);
	return fit;
}

/* They all come in, and see each other. */
static void
fill(const struct server *s, int count)
{
	static struct roster r[CLIENTS_MAX];
	static struct ws w[CLIENTS_MAX];

	cr_assert(count > 20 && count < CLIENTS_MAX, "%d clients", count);
	for (int i = 0; i < count; i++)
		roster_open(&r[i], &w[i], s->port);
	for (int i = 0; i < count; i++)
		roster_await(&r[i], &w[i], r[count - 1].me, true, 5000);
	cr_assert_eq(server_logged(s, "warning limit clients="), 1, "it is known at start");
}

Test(fit, descriptors, .timeout = 60)
{
	struct rlimit few = {128, 128};
	struct server s;
	int count;

	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	count = ask("RLIMIT_NOFILE");
	server_start(&s, NULL);
	fill(&s, count);
	server_stop(&s);
}

/* Those of root are not limited: be somebody else. */
Test(fit, processes, .timeout = 60)
{
	struct server *s =
	    mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int *count = (int *)(s + 1), ready[2];
	char byte;
	pid_t pid;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	cr_assert_eq(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		struct rlimit sixty = {60, 60};

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setgroups(0, NULL) < 0 || setgid(USER) < 0 ||
		    setrlimit(RLIMIT_NPROC, &sixty) < 0 || setuid(USER) < 0)
			_exit(1);
		*count = ask("RLIMIT_NPROC");
		server_start(s, NULL);
		(void)!write(ready[1], "\n", 1);
		pause();
	}
	close(ready[1]);
	cr_assert_eq(read(ready[0], &byte, 1), 1, "it does not start");
	fill(s, *count);
	server_destroy(s);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
