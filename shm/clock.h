/*
 * clock.h - time in milliseconds.
 *
 * All of them are read by the vDSO, without a system call.
 */
#ifndef SHM_CLOCK_H
#define SHM_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_read(clockid_t clock, uint64_t units_per_second)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * units_per_second +
	       (uint64_t)now.tv_nsec / (1000000000 / units_per_second);
}

/* Milliseconds since some point in the past; never goes back. */
static inline uint64_t
clock_ms(void)
{
	return clock_read(CLOCK_MONOTONIC, 1000);
}

/* Microseconds on the same clock. */
static inline uint64_t
clock_us(void)
{
	return clock_read(CLOCK_MONOTONIC, 1000000);
}

/*
 * Milliseconds since the machine was started, sleep included: the clock that
 * tells when a process began (proc_pid_stat(5)), and one for all processes.
 */
static inline uint64_t
clock_boot_ms(void)
{
	return clock_read(CLOCK_BOOTTIME, 1000);
}

/* Milliseconds since 1970. */
static inline uint64_t
clock_wall_ms(void)
{
	return clock_read(CLOCK_REALTIME, 1000);
}

#endif
