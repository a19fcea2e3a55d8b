/*
 * histogram.h - how long something took, and how often: fixed buckets.
 *
 * Bucket 0 is for under 1 us, bucket n for [2^(n-1), 2^n) us, the last for all
 * that took longer; in the sum, no time counts for more than HISTOGRAM_MAX_US,
 * so that one absurd time does not drown the rest.  One writer, which adds with
 * plain stores; anybody reads.
 *
 * Killed between the two stores: the sum lacks one time.
 */
#ifndef SHM_HISTOGRAM_H
#define SHM_HISTOGRAM_H

#include <stdint.h>

#include "atomic.h"

#define HISTOGRAM_BUCKETS 26U /* the last begins at 2^24 us, 17 s */
#define HISTOGRAM_MAX_US (1ULL << 25)

struct histogram {
	_Atomic uint64_t buckets[HISTOGRAM_BUCKETS];
	_Atomic uint64_t sum_us;
};

static inline void
histogram_add(struct histogram *h, uint64_t us)
{
	unsigned bucket = us == 0 ? 0 : 64U - (unsigned)__builtin_clzll(us);

	if (bucket >= HISTOGRAM_BUCKETS)
		bucket = HISTOGRAM_BUCKETS - 1;
	count_add(&h->buckets[bucket], 1);
	count_add(&h->sum_us, us < HISTOGRAM_MAX_US ? us : HISTOGRAM_MAX_US);
}

/* From a clock reading to another; a clock that seems to go back took no time. */
static inline void
histogram_add_span(struct histogram *h, uint64_t from_us, uint64_t to_us)
{
	histogram_add(h, to_us > from_us ? to_us - from_us : 0);
}

#endif
