#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "snapshot.h"

/* Counters of clients: of those that are here, and what those that left have counted. */
static void
sum_clients(const struct dump *d, uint64_t *sums)
{
	const struct header *h = d->header;
	size_t n = 0;

#define COUNTER_C(name, unit, help) sums[n++] = load_relaxed(&h->gone.name);
#include "counters.def"
	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		const struct client_counters *c = &segment_slot(h, slot)->counters;

		if (load_acquire(&segment_entry(h, slot)->state) == ENTRY_FREE)
			continue;
		n = 0;
#define COUNTER_C(name, unit, help) sums[n++] += load_relaxed(&c->name);
#include "counters.def"
	}
}

enum {
#define COUNTER_C(name, unit, help) INDEX_##name,
#include "counters.def"
	COUNTERS
};

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *
counters_json(const struct dump *d)
{
	const struct ticker_counters *t = &d->header->counters;
	const struct listener_counters *w = &segment_front(d->header)->counters;
	json_t *clients = json_object(), *ticker = json_object(), *listener = json_object();
	uint64_t sums[COUNTERS];

	sum_clients(d, sums);
#define COUNTER_C(name, unit, help) \
	json_object_set_new(clients, #name, number(sums[INDEX_##name]));
#define COUNTER_T(name, unit, help) \
	json_object_set_new(ticker, #name, number(load_relaxed(&t->name)));
#define COUNTER_W(name, unit, help) \
	json_object_set_new(listener, #name, number(load_relaxed(&w->name)));
#include "counters.def"
	return json_pack(
	    "{s:o, s:o, s:o}", "clients", clients, "ticker", ticker, "listener", listener);
}

static json_t *
state_json(const struct dump *d)
{
	const struct header *h = d->header;

	return json_pack("{s:b, s:i, s:i, s:i, s:i, s:I, s:I, s:f}", "live", d->live, "clients",
	    (int)load_relaxed(&h->clients), "max_clients", (int)h->limits.max_clients,
	    "ticker_pid", (int)load_relaxed(&h->ticker_pid), "tickers",
	    (int)load_relaxed(&h->tickers), "snapshot", (json_int_t)snapshot_newest(h),
	    "segment_bytes", (json_int_t)h->layout.size, "age",
	    (double)(d->now_boot_ms - h->created_boot) / 1000);
}

static void
print_counter(
    const char *group, const char *name, uint64_t n, const char *unit, const char *help)
{
	char full[64];

	snprintf(full, sizeof(full), "%s.%s", group, name);
	printf("%-28s %15llu %-11s %s\n", full, (unsigned long long)n, unit, help);
}

static void
print_all(const struct dump *d)
{
	const struct header *h = d->header;
	const struct ticker_counters *t = &h->counters;
	const struct listener_counters *w = &segment_front(h)->counters;
	uint64_t sums[COUNTERS];

	sum_clients(d, sums);
	printf("instance is %s, %u of %u clients, ticker %u (number %u), snapshot %u\n\n",
	    d->live ? "running" : "not running", load_relaxed(&h->clients),
	    h->limits.max_clients, load_relaxed(&h->ticker_pid), load_relaxed(&h->tickers),
	    snapshot_newest(h));
#define COUNTER_C(name, unit, help) \
	print_counter("client", #name, sums[INDEX_##name], unit, help);
#define COUNTER_T(name, unit, help) \
	print_counter("ticker", #name, load_relaxed(&t->name), unit, help);
#define COUNTER_W(name, unit, help) \
	print_counter("listener", #name, load_relaxed(&w->name), unit, help);
#include "counters.def"
}

int
dump_stats(const struct dump *d)
{
	if (d->json)
		return dump_json(json_pack(
		    "{s:o, s:o}", "state", state_json(d), "counters", counters_json(d)));
	print_all(d);
	return 0;
}
