/* What a child may do at all, seen from outside; tests/misbehave sees it from inside. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../shm/segment.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { REGIONS_MAX = 8, NOBODY = 65534 };

struct region {
	unsigned long long at, size;
};

/* Parts of a segment that a process has mapped to be written, and whatever else it shares so. */
static int
writable_regions(pid_t pid, const struct server *s, struct region *regions)
{
	char path[64], line[512];
	int count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	cr_assert_not_null(file = fopen(path, "r"));
	while (fgets(line, sizeof(line), file) != NULL) {
		unsigned long long from, to, at;
		char mode[5];

		cr_assert_eq(sscanf(line, "%llx-%llx %4s %llx", &from, &to, mode, &at), 4);
		if (mode[1] != 'w' || (mode[3] != 's' && strstr(line, s->name) == NULL))
			continue;
		cr_assert_not_null(strstr(line, s->name), "not of the segment: %s", line);
		cr_assert_lt(count, REGIONS_MAX);
		regions[count].at = at;
		regions[count++].size = to - from;
	}
	fclose(file);
	return count;
}

/* The value of a line of /proc/PID/status or limits. */
static void
proc_line(pid_t pid, const char *file, const char *key, char value[128])
{
	char path[64], line[256];
	FILE *in;

	value[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	cr_assert_not_null(in = fopen(path, "r"));
	while (fgets(line, sizeof(line), in) != NULL)
		if (strncmp(line, key, strlen(key)) == 0)
			snprintf(value, 128, "%s", line + strlen(key));
	fclose(in);
}

static long long
proc_number(pid_t pid, const char *file, const char *key)
{
	char value[128];

	proc_line(pid, file, key, value);
	return strtoll(value, NULL, 10);
}

static pid_t
only_child(const struct server *s)
{
	pid_t pid = 0;

	cr_assert(server_await_processes(s, "client", 1, 3000));
	cr_assert_eq(server_processes(s, "client", &pid, 1), 1);
	return pid;
}

/* The slot that the directory says is that process's. */
static uint32_t
slot_of(const struct header *h, pid_t pid)
{
	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++)
		if (load_relaxed(&segment_entry(h, slot)->state) != ENTRY_FREE &&
		    load_relaxed(&segment_entry(h, slot)->pid) == (uint32_t)pid)
			return slot;
	cr_assert(false, "%d has no slot", (int)pid);
	return LAYOUT_NO_SLOT;
}

/* The first line of /proc/PID/maps with these words in it, or "". */
static void
map_line(pid_t pid, const char *words, char line[512])
{
	char path[64];
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	cr_assert_not_null(in = fopen(path, "r"));
	while (fgets(line, 512, in) != NULL && strstr(line, words) == NULL)
		continue;
	if (feof(in))
		line[0] = '\0';
	fclose(in);
}

/* What children run they share as one large page, which is sealed. */
Test(cage, the_text_is_one_page_that_nobody_writes)
{
	unsigned long long from, to;
	char line[512], mode[5];
	struct server s;
	struct ws w;
	pid_t pid;

	server_start(&s, NULL);
	ws_open(&w, s.port);
	pid = only_child(&s);
	map_line(pid, "libc.so", line);
	if (line[0] != '\0' || server_logged(&s, "small-text") > 0)
		cr_skip("linked dynamically, or on a kernel without MADV_COLLAPSE");
	map_line(pid, "memfd:rosterd-text", line);
	cr_assert_eq(sscanf(line, "%llx-%llx %4s", &from, &to, mode), 3, "no such text");
	cr_assert_str_eq(mode, "r-xs");
	cr_assert_eq(to - from, 2U << 20);
	cr_assert_eq(from % (2U << 20), 0);
	cr_assert_geq(proc_number(pid, "smaps_rollup", "ShmemPmdMapped:"), 2048);
	ws_drop(&w);
	server_stop(&s);
}

Test(cage, exactly_one_slot_and_the_commons_are_writable)
{
	enum { CLIENTS = 5 };
	struct region r[REGIONS_MAX];
	struct ws w[CLIENTS];
	pid_t pids[CLIENTS];
	const struct layout *l;
	struct segment segment;
	struct server s;
	int commons, slot;
	const char *why;

	server_start(&s, NULL);
	for (int i = 0; i < CLIENTS; i++)
		ws_open(&w[i], s.port);
	cr_assert_eq(server_processes(&s, "client", pids, CLIENTS), CLIENTS);
	cr_assert_eq(segment_open(&segment, s.name, false, &why), 0);
	l = &segment.header->layout;
	for (int i = 0; i < CLIENTS; i++) {
		/* By address, and the slot is mapped anywhere. */
		cr_assert_eq(writable_regions(pids[i], &s, r), 2);
		commons = r[0].at == l->commons ? 0 : 1;
		slot = 1 - commons;
		cr_assert_eq(r[commons].at, l->commons);
		cr_assert_eq(r[commons].size, l->commons_size);
		cr_assert_eq(
		    r[slot].at, l->slots + slot_of(segment.header, pids[i]) * l->slot_size);
		cr_assert_eq(r[slot].size, l->slot_size);
	}
	server_stop(&s);
}

/* From the first on, for whoever is connected; --user is for those whom root starts. */
Test(cage, is_in_the_name_of_the_user_that_is_given)
{
	static const char *const titles[] = {"listener", "ticker", "client", "spawner"};
	struct server s;
	struct ws w;
	char value[128], path[96];
	struct stat status;

	if (geteuid() != 0)
		cr_skip_test("only root can be somebody else");
	server_start(
	    &s, (const char *const[]){"--user", "nobody", "--on-connect", "/bin/true", NULL});
	ws_open(&w, s.port);
	for (int i = 0; i < 4; i++) {
		pid_t pid = 0;

		cr_assert_eq(server_processes(&s, titles[i], &pid, 1), 1);
		proc_line(pid, "status", "Uid:", value);
		cr_assert_str_eq(value, "\t65534\t65534\t65534\t65534\n");
		proc_line(pid, "status", "Gid:", value);
		cr_assert_str_eq(value, "\t65534\t65534\t65534\t65534\n");
		proc_line(pid, "status", "Groups:", value);
		cr_assert_eq(strtol(value, NULL, 10), NOBODY, "%s", value);
		proc_line(pid, "status", "CapEff:", value);
		cr_assert_eq(strtoll(value, NULL, 16), 0);
		proc_line(pid, "status", "CapPrm:", value);
		cr_assert_eq(strtoll(value, NULL, 16), 0);
	}
	snprintf(path, sizeof(path), "/dev/shm/rosterd.%s", s.name);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_uid, NOBODY);
	server_stop(&s);
}

/* What Landlock does not do here is said, once, and what nothing does, too. */
Test(cage, is_told_of_at_the_start)
{
	struct server s;

	if (getenv("ROSTERD_SANDBOX") != NULL)
		cr_skip_test("a sanitizer needs calls that the cage does not allow");
	server_start(&s, (const char *const[]){"--sandbox", "on", NULL});
	cr_assert_eq(server_logged(&s, "info cage-ready sandbox=on"), 1);
	cr_assert_eq(server_logged(&s, " missing=\""), 1);
	server_stop(&s);
	server_start(&s, (const char *const[]){"--sandbox", "report", NULL});
	cr_assert_eq(server_logged(&s, "info cage-ready sandbox=report"), 1);
	server_stop(&s);
	server_start(&s, (const char *const[]){"--sandbox", "off", NULL});
	cr_assert_eq(server_logged(&s, "warning no-cage sandbox=off"), 1);
	server_stop(&s);
}

Test(cage, is_closed_before_the_first_byte_of_the_client_is_read)
{
	struct server s;
	struct ws w;
	char value[128];
	long long until = now_ms() + 3000;
	pid_t pid;

	if (getenv("ROSTERD_SANDBOX") != NULL)
		cr_skip_test("a sanitizer needs calls that the cage does not allow");
	server_start(&s, (const char *const[]){"--sandbox", "on", NULL});
	ws_connect(&w, s.port);
	pid = only_child(&s);
	while (proc_number(pid, "status", "Seccomp:") != 2)
		cr_assert_lt(now_ms(), until, "there is no filter");
	cr_assert_eq(proc_number(pid, "status", "NoNewPrivs:"), 1);
	cr_assert_eq(proc_number(pid, "limits", "Max processes"), 0);
	cr_assert_eq(proc_number(pid, "limits", "Max core file size"), 0);
	cr_assert_leq(proc_number(pid, "limits", "Max open files"), 32);
	proc_line(pid, "limits", "Max address space", value);
	cr_assert_null(strstr(value, "unlimited"));
	server_stop(&s);
}

Test(cage, keeps_no_descriptor_of_the_segment_nor_of_a_file)
{
	char path[64], link[80], target[256];
	struct server s;
	struct ws w;
	struct dirent *entry;
	DIR *directory;
	pid_t pid;

	server_start(&s, NULL);
	ws_open(&w, s.port);
	pid = only_child(&s);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	cr_assert_not_null(directory = opendir(path));
	while ((entry = readdir(directory)) != NULL) {
		ssize_t length;

		if (entry->d_name[0] == '.' || atoi(entry->d_name) == STDERR_FILENO)
			continue;
		snprintf(link, sizeof(link), "%.60s/%.16s", path, entry->d_name);
		length = readlink(link, target, sizeof(target) - 1);
		cr_assert_gt(length, 0);
		target[length] = '\0';
		if (atoi(entry->d_name) < STDERR_FILENO)
			cr_assert_str_eq(target, "/dev/null");
		else
			cr_assert_neq(target[0], '/', "%s is %s", entry->d_name, target);
	}
	closedir(directory);
	server_stop(&s);
}

/* The line of a child has its number again, or the filter would not let it connect. */
Test(cage, lets_a_child_find_three_tickers_in_a_row)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;
	pid_t ticker = 0, last = 0;

	if (getenv("ROSTERD_SANDBOX") != NULL)
		cr_skip_test("a sanitizer needs calls that the cage does not allow");
	server_start(&s, (const char *const[]){"--sandbox", "on", NULL});
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	for (int i = 0; i < 3; i++) {
		char object[32], value[16];

		while (server_processes(&s, "ticker", &ticker, 1) != 1 || ticker == last)
			continue;
		kill(last = ticker, SIGKILL);
		snprintf(object, sizeof(object), "{\"n\":%d}", i);
		snprintf(value, sizeof(value), "%d", i);
		roster_set(&wb, object);
		roster_await_property(&a, &wa, b.me, "n", value, 5000);
		cr_assert(server_await_counter(&s, "ticker", "returned", 2, 3000));
	}
	cr_assert_eq(server_processes(&s, "client", NULL, 0), 2);
	server_stop(&s);
}

Test(cage, can_be_left_out)
{
	struct server s;
	struct ws w;
	pid_t pid;

	server_start(&s, (const char *const[]){"--sandbox", "off", NULL});
	ws_open(&w, s.port);
	pid = only_child(&s);
	cr_assert_eq(proc_number(pid, "status", "Seccomp:"), 0);
	server_stop(&s);
}
