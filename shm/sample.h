/*
 * sample.h - the instance at one instant, for rates between two of them.
 */
#ifndef SHM_SAMPLE_H
#define SHM_SAMPLE_H

#include "dump.h"
#include "totals.h"

struct sample {
	uint64_t us; /* clock_us() */
	struct totals totals;
	struct view *views; /* by slot */
	uint32_t count;
	uint32_t room;
};

/* Take one, into memory that is used again.  False if there is none. */
bool sample_take(const struct dump *d, struct sample *s);
void sample_free(struct sample *s);

/* Seconds between two; 0 if there is no earlier one. */
double sample_seconds(const struct sample *now, const struct sample *before);

/* How much a number has grown in a second; 0 if that cannot be told. */
double sample_rate(uint64_t now, uint64_t before, double seconds);

/* What a histogram has got since then. */
void sample_since(const struct histogram_seen *now, const struct histogram_seen *before,
    struct histogram_seen *out);

/* The same client in the sample before, or NULL if it was not there. */
const struct view *sample_before(const struct sample *before, const struct view *v);

#endif
