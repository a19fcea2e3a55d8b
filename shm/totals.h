/*
 * totals.h - everything that counters.def lists, added up at one instant.
 *
 * Read without a lock from a segment that lives or not, by rosterd-dump and by
 * the child that answers /metrics.  Makes no system call but the clock's.
 */
#ifndef SHM_TOTALS_H
#define SHM_TOTALS_H

#include <stdbool.h>
#include <stdint.h>

#include "layout.h"

struct histogram_seen {
	uint64_t buckets[HISTOGRAM_BUCKETS];
	uint64_t sum_us;
	uint64_t count; /* of all buckets */
};

struct totals {
#define GAUGE(name, unit, help) uint64_t gauge_##name;
#define COUNTER_C(name, unit, help) uint64_t client_##name;
#define COUNTER_T(name, unit, help) uint64_t ticker_##name;
#define COUNTER_W(name, unit, help) uint64_t listener_##name;
#define HISTOGRAM_C(name, help) struct histogram_seen client_time_##name;
#define HISTOGRAM_T(name, help) struct histogram_seen ticker_time_##name;
#include "counters.def"
};

/* live: its ticker is known to be there; now_boot_ms: the instant that is shown. */
void totals_take(const struct header *h, bool live, uint64_t now_boot_ms, struct totals *t);

/*
 * Is the last tick so recent that its ticker is well?  It may be late by two
 * ticks and TOTALS_GRACE_MS, the time that a new ticker takes to begin.
 */
#define TOTALS_GRACE_MS 1000
bool totals_on_time(const struct header *h, uint64_t now_boot_ms);

/* Upper bound of a bucket in us, and of the time that a share (0 to 1) of all stays under. */
uint64_t totals_bound(unsigned bucket);
uint64_t totals_quantile(const struct histogram_seen *h, double share);

#endif
