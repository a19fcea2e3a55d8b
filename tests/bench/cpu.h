/*
 * cpu.h - CPU time of a server, which may be one process or ten thousand.
 *
 * The kernel's own figure in ns (/proc/PID/schedstat) for each process that is
 * there, and what the root has reaped for those that are not.
 */
#ifndef BENCH_CPU_H
#define BENCH_CPU_H

#include <stdint.h>

struct cpu {
	uint64_t all;    /* ns, of all the server's processes */
	uint64_t second; /* ns, of the root's first child: rosterd's ticker */
	uint32_t processes;
};

/* Of the process, its children and theirs; pid 0: nothing. */
void cpu_read(int pid, struct cpu *cpu);

/* Of this process, in ns. */
uint64_t cpu_own(void);

#endif
