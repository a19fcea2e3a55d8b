/*
 * counters.h - the structs that counters.def makes.
 *
 * Each counter has one writer, which adds with count_add(); anybody may read.
 * So has each histogram.
 */
#ifndef SHM_COUNTERS_H
#define SHM_COUNTERS_H

#include <stdint.h>

#include "atomic.h"
#include "histogram.h"

struct client_counters {
#define COUNTER_C(name, unit, help) _Atomic uint64_t name;
#include "counters.def"
};

struct client_histograms {
#define HISTOGRAM_C(name, help) struct histogram name;
#include "counters.def"
};

struct ticker_counters {
#define COUNTER_T(name, unit, help) _Atomic uint64_t name;
#include "counters.def"
};

struct ticker_histograms {
#define HISTOGRAM_T(name, help) struct histogram name;
#include "counters.def"
};

struct listener_counters {
#define COUNTER_W(name, unit, help) _Atomic uint64_t name;
#include "counters.def"
};

#endif
