/*
 * report.h - an answer: one line of JSON, name by name.
 */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stddef.h>
#include <stdint.h>

void report_begin(void);
void report_add(const char *name, double value);
void report_end(void);

/* A growing list of samples. */
struct samples {
	uint64_t *values;
	size_t count, room;
};

void samples_add(struct samples *s, uint64_t value);

/* The value below which so many of 1000 are; sorts. */
uint64_t samples_per_mille(struct samples *s, unsigned per_mille);

#endif
