/*
 * prometheus.h - all that is counted, as Prometheus reads it.
 *
 * The text format 0.0.4 (prometheus.io, "Exposition formats") with the names that
 * its conventions ask for: base units, _total behind counters.  `promtool check
 * metrics` accepts it (tests/docs).
 */
#ifndef SHM_PROMETHEUS_H
#define SHM_PROMETHEUS_H

#include "text.h"
#include "totals.h"

#define PROMETHEUS_TYPE "text/plain; version=0.0.4"

/* Append everything. */
void prometheus_write(const struct totals *t, struct text *out);

#endif
