#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump.h"
#include "prometheus.h"
#include "snapshot.h"
#include "totals.h"

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
counters_json(const struct totals *t)
{
	json_t *clients = json_object(), *ticker = json_object(), *listener = json_object();

#define COUNTER_C(name, unit, help) \
	json_object_set_new(clients, #name, number(t->client_##name));
#define COUNTER_T(name, unit, help) \
	json_object_set_new(ticker, #name, number(t->ticker_##name));
#define COUNTER_W(name, unit, help) \
	json_object_set_new(listener, #name, number(t->listener_##name));
#include "counters.def"
	return json_pack(
	    "{s:o, s:o, s:o}", "clients", clients, "ticker", ticker, "listener", listener);
}

static json_t *
gauges_json(const struct totals *t)
{
	json_t *gauges = json_object();

#define GAUGE(name, unit, help) json_object_set_new(gauges, #name, number(t->gauge_##name));
#include "counters.def"
	return gauges;
}

/* Bucket n holds times under 2^n us. */
static json_t *
histogram_json(const struct histogram_seen *h)
{
	json_t *buckets = json_array();

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++)
		json_array_append_new(buckets, number(h->buckets[i]));
	return json_pack("{s:I, s:I, s:I, s:I, s:o}", "count", (json_int_t)h->count, "sum_us",
	    (json_int_t)h->sum_us, "p50_us", (json_int_t)totals_quantile(h, 0.5), "p99_us",
	    (json_int_t)totals_quantile(h, 0.99), "buckets", buckets);
}

static json_t *
histograms_json(const struct totals *t)
{
	json_t *clients = json_object(), *ticker = json_object();

#define HISTOGRAM_C(name, help) \
	json_object_set_new(clients, #name, histogram_json(&t->client_time_##name));
#define HISTOGRAM_T(name, help) \
	json_object_set_new(ticker, #name, histogram_json(&t->ticker_time_##name));
#include "counters.def"
	return json_pack("{s:o, s:o}", "clients", clients, "ticker", ticker);
}

static double
age(const struct dump *d)
{
	uint64_t began = d->header->created_boot;

	return d->now.boot_ms > began ? (double)(d->now.boot_ms - began) / 1000 : 0;
}

static json_t *
state_json(const struct dump *d)
{
	const struct header *h = d->header;

	return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:f}", "live", d->live, "clients",
	    (json_int_t)load_relaxed(&h->clients), "max_clients",
	    (json_int_t)h->limits.max_clients, "ticker_pid",
	    (json_int_t)load_relaxed(&h->ticker_pid), "tickers",
	    (json_int_t)load_relaxed(&h->tickers), "snapshot", (json_int_t)snapshot_newest(h),
	    "segment_bytes", (json_int_t)h->layout.size, "age", age(d));
}

static void
print_number(
    const char *group, const char *name, uint64_t n, const char *unit, const char *help)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", group, name);
	printf("%-28s %15" PRIu64 " %-11s %s\n", full, n, unit, help);
}

static void
print_times(
    const char *group, const char *name, const struct histogram_seen *h, const char *help)
{
	char full[64];

	snprintf(full, sizeof(full), "%s%s", group, name);
	printf("%-28s %15" PRIu64 " times, half under %" PRIu64 " us, 99%% under %" PRIu64
	       " us: %s\n",
	    full, h->count, totals_quantile(h, 0.5), totals_quantile(h, 0.99), help);
}

static void
print_all(const struct dump *d, const struct totals *t)
{
	const struct header *h = d->header;

	printf("instance is %s, %u of %u clients, ticker %u (number %u), snapshot %u\n\n",
	    d->live ? "running" : "not running", load_relaxed(&h->clients),
	    h->limits.max_clients, load_relaxed(&h->ticker_pid), load_relaxed(&h->tickers),
	    snapshot_newest(h));
#define GAUGE(name, unit, help) print_number("", #name, t->gauge_##name, unit, help);
#define COUNTER_C(name, unit, help) \
	print_number("client.", #name, t->client_##name, unit, help);
#define COUNTER_T(name, unit, help) \
	print_number("ticker.", #name, t->ticker_##name, unit, help);
#define COUNTER_W(name, unit, help) \
	print_number("listener.", #name, t->listener_##name, unit, help);
#define HISTOGRAM_C(name, help) print_times("client.", #name, &t->client_time_##name, help);
#define HISTOGRAM_T(name, help) print_times("ticker.", #name, &t->ticker_time_##name, help);
#include "counters.def"
}

static int
print_prometheus(const struct totals *t)
{
	struct text out = {0};

	prometheus_write(t, &out);
	return dump_text(&out);
}

int
dump_stats(struct dump *d)
{
	struct totals t;

	totals_take(d->header, d->live, d->now.boot_ms, &t);
	if (d->prometheus)
		return print_prometheus(&t);
	if (d->json)
		return dump_json(json_pack("{s:o, s:o, s:o, s:o}", "state", state_json(d),
		    "gauges", gauges_json(&t), "counters", counters_json(&t), "histograms",
		    histograms_json(&t)));
	print_all(d, &t);
	return DUMP_FINE;
}
