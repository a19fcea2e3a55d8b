#include "prometheus.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

static void
write_head(struct text *out, const char *name, const char *type, const char *help)
{
	text_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Base units: what is in us here, and says so in its name, is in seconds there. */
static void
write_counter(
    struct text *out, const char *name, const char *unit, const char *help, uint64_t n)
{
	size_t length = strlen(name);
	char full[128];

	if (strcmp(unit, "us") != 0 || length < 3 || strcmp(name + length - 3, "_us") != 0) {
		snprintf(full, sizeof(full), "rosterd_%s_total", name);
		write_head(out, full, "counter", help);
		text_format(out, "%s %" PRIu64 "\n", full, n);
		return;
	}
	snprintf(full, sizeof(full), "rosterd_%.*s_seconds_total", (int)length - 3, name);
	write_head(out, full, "counter", help);
	text_format(out, "%s %" PRIu64 ".%06u\n", full, n / 1000000, (unsigned)(n % 1000000));
}

/* Base units: what is in ms here is in seconds there. */
static void
write_gauge(struct text *out, const char *name, const char *unit, const char *help, uint64_t n)
{
	char full[128];

	if (strcmp(unit, "ms") != 0) {
		snprintf(full, sizeof(full), "rosterd_%s", name);
		write_head(out, full, "gauge", help);
		text_format(out, "%s %" PRIu64 "\n", full, n);
		return;
	}
	snprintf(full, sizeof(full), "rosterd_%s_seconds", name);
	write_head(out, full, "gauge", help);
	text_format(out, "%s %" PRIu64 ".%03u\n", full, n / 1000, (unsigned)(n % 1000));
}

static void
write_histogram(
    struct text *out, const char *name, const char *help, const struct histogram_seen *h)
{
	uint64_t below = 0;

	write_head(out, name, "histogram", help);
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS - 1; i++) {
		uint64_t bound = totals_bound(i);

		below += h->buckets[i];
		text_format(out, "%s_bucket{le=\"%" PRIu64 ".%06u\"} %" PRIu64 "\n", name,
		    bound / 1000000, (unsigned)(bound % 1000000), below);
	}
	text_format(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", name, h->count);
	text_format(out, "%s_sum %" PRIu64 ".%06u\n", name, h->sum_us / 1000000,
	    (unsigned)(h->sum_us % 1000000));
	text_format(out, "%s_count %" PRIu64 "\n", name, h->count);
}

void
prometheus_write(const struct totals *t, struct text *out)
{
	write_head(out, "rosterd_build_info", "gauge", "always 1; the version is its label");
	text_format(out, "rosterd_build_info{version=\"%s\"} 1\n", ROSTERD_VERSION);
#define GAUGE(name, unit, help) write_gauge(out, #name, unit, help, t->gauge_##name);
#define COUNTER_C(name, unit, help) \
	write_counter(out, "client_" #name, unit, help, t->client_##name);
#define COUNTER_T(name, unit, help) \
	write_counter(out, "ticker_" #name, unit, help, t->ticker_##name);
#define COUNTER_W(name, unit, help) \
	write_counter(out, "listener_" #name, unit, help, t->listener_##name);
#define HISTOGRAM_C(name, help) \
	write_histogram(out, "rosterd_client_" #name "_seconds", help, &t->client_time_##name);
#define HISTOGRAM_T(name, help) \
	write_histogram(out, "rosterd_ticker_" #name "_seconds", help, &t->ticker_time_##name);
#include "counters.def"
}
