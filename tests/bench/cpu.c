#include "cpu.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* A small file as a string; false if it is not there. */
static int
read_small(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return -1;
	length = read(fd, out, size - 1);
	close(fd);
	if (length < 0)
		return -1;
	out[length] = '\0';
	return 0;
}

static uint64_t
running_ns(int pid)
{
	char path[64], text[128];

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	return read_small(path, text, sizeof(text)) == 0 ? strtoull(text, NULL, 10) : 0;
}

/* What the process has reaped: fields 16 and 17 of proc_pid_stat(5). */
static uint64_t
reaped_ns(int pid)
{
	char path[64], text[1024], *at;
	unsigned long long user = 0, system = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (read_small(path, text, sizeof(text)) < 0 || (at = strrchr(text, ')')) == NULL)
		return 0;
	for (int field = 2; field < 16 && at != NULL; field++)
		at = strchr(at + 1, ' ');
	if (at != NULL)
		sscanf(at, "%llu %llu", &user, &system);
	return (user + system) * (1000000000ULL / (unsigned long long)sysconf(_SC_CLK_TCK));
}

static void
add_children(int pid, struct cpu *cpu)
{
	char path[64];
	FILE *list;
	int child;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if ((list = fopen(path, "re")) == NULL)
		return;
	while (fscanf(list, "%d", &child) == 1) {
		uint64_t ns = running_ns(child);

		if (cpu->processes == 1)
			cpu->second = ns;
		cpu->all += ns + reaped_ns(child);
		cpu->processes++;
	}
	fclose(list);
}

void
cpu_read(int pid, struct cpu *cpu)
{
	memset(cpu, 0, sizeof(*cpu));
	if (pid == 0)
		return;
	cpu->all = running_ns(pid) + reaped_ns(pid);
	cpu->processes = 1;
	add_children(pid, cpu);
}

uint64_t
cpu_own(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000ULL +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000ULL;
}
