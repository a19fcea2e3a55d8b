/*
 * measure.h - what a stretch of time cost: wall clock, the server's CPU, our own.
 */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "cpu.h"
#include "fleet.h"

struct measure {
	struct cpu server;
	uint64_t own;
	uint64_t wall;
	uint64_t bytes;
};

void measure_begin(struct measure *m, const struct fleet *f);

/* What it took: m becomes the differences. */
void measure_end(struct measure *m, const struct fleet *f);

/* The part of the answer that all questions have. */
void measure_report(const struct measure *m, const struct fleet *f);

#endif
