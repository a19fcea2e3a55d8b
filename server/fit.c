#include "fit.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shm/log.h"
#include "../shm/segment.h"
#include "sockets.h"

#define OTHERS 8        /* processes of ours besides clients: some only while binaries change */
#define LOW_PIDS 300    /* which the kernel keeps for the time after start (kernel/pid.c) */
#define TICKER_FILES 32 /* descriptors of the ticker besides those of clients */

static FILE *
open_file(const struct fit_system *system, const char *folder, const char *name)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof(path), "%s%s/%s", system->root, folder, name) >=
	    (int)sizeof(path))
		return NULL;
	return fopen(path, "re");
}

/* The number in a file; false if there is none, as in "max". */
static bool
read_number(
    const struct fit_system *system, const char *folder, const char *name, uint64_t *number)
{
	FILE *file = open_file(system, folder, name);
	unsigned long long value;
	bool good = file != NULL && fscanf(file, "%llu", &value) == 1;

	if (file != NULL)
		fclose(file);
	if (good)
		*number = value;
	return good;
}

/* What is taken of a limit of processes, but for what our clients have of it. */
static uint64_t
without_ours(const struct fit_system *system, uint64_t taken)
{
	uint64_t ours = system->present * system->each;

	return taken > ours ? taken - ours : 0;
}

/* Threads of the whole system, less those that are our clients' (proc(5): loadavg). */
static uint64_t
count_threads(const struct fit_system *system)
{
	FILE *file = open_file(system, "/proc", "loadavg");
	unsigned long long all = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*s %*s %*s %*[0-9]/%llu", &all) != 1)
		all = 0;
	fclose(file);
	return without_ours(system, all);
}

/* Threads of the user: a process's folder is its user's, and has one in task for each. */
static uint64_t
count_threads_of_user(const struct fit_system *system)
{
	char path[PATH_MAX];
	struct dirent *entry;
	struct stat status;
	uint64_t count = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "%s/proc", system->root);
	if ((directory = opendir(path)) == NULL)
		return 0;
	while ((entry = readdir(directory)) != NULL) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "%s/proc/%s/task", system->root, entry->d_name);
		if (stat(path, &status) == 0 && status.st_uid == system->user)
			count += status.st_nlink - 2;
	}
	closedir(directory);
	return without_ours(system, count);
}

static void
add(struct fit *f, const char *name, uint64_t is, uint64_t needs, uint64_t clients)
{
	struct fit_limit *limit = &f->limits[f->count];

	if (f->count == FIT_MAX)
		return;
	snprintf(limit->name, sizeof(limit->name), "%s", name);
	limit->is = is;
	limit->needs = needs;
	limit->clients = clients;
	f->count++;
}

/* A limit of processes, of which others have taken so many. */
static void
add_processes(struct fit *f, const struct fit_system *system, const struct options *o,
    const char *name, uint64_t is, uint64_t taken)
{
	taken += OTHERS;
	add(f, name, is, (uint64_t)o->max_clients * system->each + taken,
	    is > taken ? (is - taken) / system->each : 0);
}

/*
 * Each client has a line to the ticker, and a bell as long as half of the
 * descriptors are left (ticker.c): three clients with four descriptors.
 */
static void
add_descriptors(struct fit *f, const struct options *o, uint64_t is)
{
	add(f, "RLIMIT_NOFILE, hard (LimitNOFILE)", is,
	    ((uint64_t)o->max_clients + 2) / 3 * 4 + TICKER_FILES,
	    is > TICKER_FILES ? (is - TICKER_FILES) / 4 * 3 : 0);
}

/* That of the group itself and of all above it. */
static void
add_groups(struct fit *f, const struct fit_system *system, const struct options *o,
    const char *mount, char *path)
{
	for (;;) {
		char folder[PATH_MAX], name[FIT_NAME];
		uint64_t most, now = 0;
		char *slash;

		snprintf(folder, sizeof(folder), "/sys/fs/cgroup%s%s", mount, path);
		if (read_number(system, folder, "pids.max", &most)) {
			(void)read_number(system, folder, "pids.current", &now);
			now = without_ours(system, now);
			snprintf(name, sizeof(name), "pids.max of cgroup %s (TasksMax)",
			    *path != '\0' ? path : "/");
			add_processes(f, system, o, name, most, now);
		}
		if ((slash = strrchr(path, '/')) == NULL)
			return;
		*slash = '\0';
	}
}

/* Both kinds: 0::/PATH is the one of today, N:pids:/PATH the one before (cgroups(7)). */
static void
add_all_groups(struct fit *f, const struct fit_system *system, const struct options *o)
{
	FILE *file = open_file(system, "/proc", "self/cgroup");
	char line[PATH_MAX];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		char *path = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		if (path == NULL)
			continue;
		if (strcmp(path, "/") == 0)
			*path = '\0';
		if (strncmp(line, "0::", 3) == 0)
			add_groups(f, system, o, "", path);
		else if (strstr(line, ":pids:") != NULL)
			add_groups(f, system, o, "/pids", path);
	}
	if (file != NULL)
		fclose(file);
}

void
fit_here(struct fit_system *system, uint64_t present, unsigned each)
{
	struct rlimit nproc = {RLIM_INFINITY, RLIM_INFINITY}, nofile = nproc;

	(void)getrlimit(RLIMIT_NPROC, &nproc);
	(void)getrlimit(RLIMIT_NOFILE, &nofile);
	*system = (struct fit_system){.root = "",
	    .user = getuid(),
	    .unbound = getuid() == 0 || nproc.rlim_cur == RLIM_INFINITY,
	    .nproc = nproc.rlim_cur,
	    .nofile = nofile.rlim_max,
	    .present = present,
	    .each = each};
}

void
fit_look(struct fit *f, const struct fit_system *system, const struct options *o)
{
	uint64_t number, taken = count_threads(system);

	f->count = 0;
	if (read_number(system, "/proc/sys/kernel", "pid_max", &number))
		add_processes(f, system, o, "kernel.pid_max", number, taken + LOW_PIDS);
	if (read_number(system, "/proc/sys/kernel", "threads-max", &number))
		add_processes(f, system, o, "kernel.threads-max", number, taken);
	if (!system->unbound)
		add_processes(f, system, o, "RLIMIT_NPROC (LimitNPROC)", system->nproc,
		    count_threads_of_user(system));
	add_all_groups(f, system, o);
	add_descriptors(f, o, system->nofile);
	/* If all come back at once they should find room in the queue. */
	if (read_number(system, "/proc/sys/net/core", "somaxconn", &number))
		add(f, "net.core.somaxconn", number,
		    o->max_clients < SOCKETS_BACKLOG ? o->max_clients : SOCKETS_BACKLOG,
		    FIT_NO_LIMIT);
	/* A packet should go to the kernel in one piece. */
	if (read_number(system, "/proc/sys/net/core", "wmem_max", &number))
		add(f, "net.core.wmem_max", number, o->max_packet, FIT_NO_LIMIT);
	f->clients = o->max_clients;
	for (unsigned i = 0; i < f->count; i++)
		if (f->limits[i].clients < f->clients)
			f->clients = f->limits[i].clients;
}

/* Clients of an instance that runs already: what they take is there for them. */
static uint64_t
count_present(const char *name)
{
	struct segment segment;
	uint64_t clients;
	const char *why;

	if (segment_open(&segment, name, false, &why) < 0)
		return 0;
	clients = load_relaxed(&segment.header->clients);
	segment_unmap(&segment);
	segment_close_fd(&segment);
	return clients;
}

void
fit_print(const struct options *o)
{
	struct fit_system system;
	struct fit f;

	fit_here(&system, count_present(o->name), FIT_CHILD);
	fit_look(&f, &system, o);
	printf("#\n# %-44s %10s %10s %10s\n", "limit of the system", "is", "needs", "clients");
	for (unsigned i = 0; i < f.count; i++) {
		const struct fit_limit *limit = &f.limits[i];
		char clients[24] = "-";

		if (limit->clients != FIT_NO_LIMIT)
			snprintf(clients, sizeof(clients), "%llu",
			    (unsigned long long)limit->clients);
		printf("# %-44s %10llu %10llu %10s%s\n", limit->name,
		    (unsigned long long)limit->is, (unsigned long long)limit->needs, clients,
		    limit->is < limit->needs ? "  too low" : "");
	}
	printf("# %llu clients fit; max-clients is %u\n", (unsigned long long)f.clients,
	    o->max_clients);
	system.each = FIT_GUEST;
	fit_look(&f, &system, o);
	printf("# %llu where each is started by inetd (nowait) or the like\n",
	    (unsigned long long)f.clients);
}

void
fit_log(const struct options *o, uint64_t present, unsigned each)
{
	struct fit_system system;
	struct fit f;

	fit_here(&system, present, each);
	fit_look(&f, &system, o);
	for (unsigned i = 0; i < f.count; i++) {
		const struct fit_limit *limit = &f.limits[i];

		if (f.clients == o->max_clients || limit->clients != f.clients)
			continue;
		log_warning("limit",
		    "clients=%llu max_clients=%u what=\"%s\" is=%llu needs=%llu",
		    (unsigned long long)f.clients, o->max_clients, limit->name,
		    (unsigned long long)limit->is, (unsigned long long)limit->needs);
		return;
	}
}
