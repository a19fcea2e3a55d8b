#include "cage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../shm/log.h"
#include "confine.h"
#include "filter.h"
#include "refusal.h"

/* Descriptors: the highest that is handed out from here on is lower than this. */
#define DESCRIPTORS 16

/* Memory besides the segment: program, libraries, stack, and what they waste. */
#define MEMORY_BASE (64ULL << 20)

/* The filter has some 110. */
#define INSTRUCTIONS_MAX 256

static struct {
	enum child_sandbox mode;
	const filter_names *names; /* in report mode */
	/* A copy: what is in memory before the fork a child reads without a page fault. */
	struct sock_filter instructions[INSTRUCTIONS_MAX];
	struct sock_fprog program;
	int rules;     /* Landlock ruleset, or -1 */
	long landlock; /* what its kernel's version is of it, or -1 */
} cage = {.mode = SANDBOX_OFF, .rules = -1};

/* Landlock, whose headers are older than some kernels that it runs on. */

struct rules {
	uint64_t filesystem;
	uint64_t network;
	uint64_t scoped;
};

#define ALL_UP_TO(bit) ((1ULL << ((bit) + 1)) - 1)
#define NETWORK_TCP 3ULL    /* bind and connect */
#define SCOPED_SIGNALS 2ULL /* to processes outside */

/* Handle whatever this kernel can, and allow nothing of it.  -1: it has no Landlock. */
static int
make_rules(long version)
{
	struct rules rules = {.filesystem = ALL_UP_TO(12)};
	int fd, lifted;

	if (version < 1)
		return -1;
	if (version >= 2)
		rules.filesystem = ALL_UP_TO(13); /* linking and renaming elsewhere */
	if (version >= 3)
		rules.filesystem = ALL_UP_TO(14); /* truncating */
	if (version >= 5)
		rules.filesystem = ALL_UP_TO(15); /* ioctl(2) on devices */
	if (version >= 4)
		rules.network = NETWORK_TCP;
	/* Not abstract sockets: the next ticker listens on one. */
	if (version >= 6)
		rules.scoped = SCOPED_SIGNALS;
	fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	lifted = fd < 0 ? -1 : confine_lift(fd);
	return lifted;
}

/* What this kernel's Landlock does not do, for people; the filter does it alone then. */
static const char *
missing(void)
{
	if (cage.rules < 0)
		return "paths TCP signals";
	if (cage.landlock < 4)
		return "TCP signals";
	return cage.landlock < 6 ? "signals" : "";
}

/* The filter. */

static int
install(const struct sock_fprog *program)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
}

/* In a process of its own (filter.h): 0, or an errno.  The names, if any, come first. */
static int
write_prepared(int fd, bool report)
{
	static filter_names names;

	if (report) {
		filter_name_calls(names);
		if (write(fd, names, sizeof(names)) != (ssize_t)sizeof(names))
			return errno;
	}
	return filter_write(fd, report) < 0 ? errno : 0;
}

/* What that has left in the file. */
static int
take_prepared(int fd, bool report)
{
	off_t begin = report ? (off_t)sizeof(filter_names) : 0;
	struct stat status;
	ssize_t size;
	void *at;

	if (fstat(fd, &status) < 0)
		return -1;
	size = pread(fd, cage.instructions, sizeof(cage.instructions), begin);
	if (size < 0 || size != status.st_size - begin) {
		errno = size < 0 ? errno : E2BIG;
		return -1;
	}
	cage.program.filter = cage.instructions;
	cage.program.len = (unsigned short)((size_t)size / sizeof(struct sock_filter));
	if (!report)
		return 0;
	at = mmap(NULL, sizeof(filter_names), PROT_READ, MAP_PRIVATE, fd, 0);
	if (at == MAP_FAILED)
		return -1;
	cage.names = at;
	return 0;
}

/* Run one step in a process of its own, which also proves that it can be done. */
static int
in_passing(int (*step)(int, bool), int fd, bool report)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(step(fd, report));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
	return -1;
}

static int
try_filter(int fd, bool report)
{
	(void)fd;
	(void)report;
	return install(&cage.program) < 0 ? errno : 0;
}

int
cage_prepare(enum child_sandbox mode)
{
	bool report = mode == SANDBOX_REPORT;
	int fd;

	cage.mode = mode;
	if (mode == SANDBOX_OFF) {
		log_warning("no-cage", "sandbox=off");
		return 0;
	}
	cage.landlock =
	    syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	cage.rules = make_rules(cage.landlock);
	if ((fd = memfd_create("rosterd-cage", MFD_CLOEXEC)) < 0 ||
	    in_passing(write_prepared, fd, report) < 0 || take_prepared(fd, report) < 0 ||
	    in_passing(try_filter, fd, false) < 0) {
		log_error("no-cage", "errno=\"%s\" help=\"--sandbox=off does without\"",
		    strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	log_info("cage-ready", "sandbox=%s instructions=%u landlock=%ld missing=\"%s\"",
	    report ? "report" : "on", cage.program.len, cage.rules >= 0 ? cage.landlock : 0,
	    missing());
	return 0;
}

int
cage_descriptor(void)
{
	return cage.rules;
}

/* Going in. */

static int
limit(int resource, uint64_t most)
{
	const struct rlimit both = {.rlim_cur = most, .rlim_max = most};

	return setrlimit((__rlimit_resource_t)resource, &both);
}

/*
 * Buffers grow by doubling and are copied when they do, so three times what is
 * kept may be there for a moment.  The largest of all is what is left of a tick
 * for a client that is slow: a copy of a snapshot at worst.
 */
static uint64_t
memory_limit(const struct child_settings *settings, const struct layout *layout)
{
	uint64_t snapshot = layout->arena_size / LAYOUT_GENERATIONS;
	uint64_t segment = layout->size + layout->commons_size + layout->slot_size;

	return segment + MEMORY_BASE + 3 * snapshot + 3ULL * settings->backlog +
	       8ULL * settings->max_packet + 16ULL * settings->max_properties;
}

static int
set_limits(const struct child_settings *settings, const struct layout *layout)
{
	struct stat log;

	if (limit(RLIMIT_AS, memory_limit(settings, layout)) < 0 || limit(RLIMIT_CORE, 0) < 0 ||
	    limit(RLIMIT_NPROC, 0) < 0 || limit(RLIMIT_NOFILE, DESCRIPTORS) < 0)
		return -1;
	/* The limit for files is one for all files: a log in a file is written, too. */
	if (fstat(STDERR_FILENO, &log) == 0 && S_ISREG(log.st_mode))
		return 0;
	return limit(RLIMIT_FSIZE, 0);
}

static int
restrict_paths(void)
{
	long result;

	if (cage.rules < 0)
		return 0;
	result = syscall(SYS_landlock_restrict_self, cage.rules, 0);
	close(cage.rules);
	cage.rules = -1;
	return (int)result;
}

int
cage_enter(const struct child_settings *settings, const struct layout *layout)
{
	if (cage.mode == SANDBOX_OFF)
		return 0;
	if (cage.mode == SANDBOX_REPORT && refusal_report(cage.names) < 0)
		return -1;
	if (set_limits(settings, layout) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    restrict_paths() < 0)
		return -1;
	return install(&cage.program);
}
