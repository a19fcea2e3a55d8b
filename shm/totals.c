#include "totals.h"

#include <string.h>

#include "copy.h"
#include "segment.h"
#include "snapshot.h"

#define SUM_TRIES 16

static void
add_histogram(struct histogram_seen *to, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t n = load_relaxed(&from->buckets[i]);

		to->buckets[i] += n;
		to->count += n;
	}
	to->sum_us += load_relaxed(&from->sum_us);
}

static void
clear_clients(struct totals *t)
{
#define COUNTER_C(name, unit, help) t->client_##name = 0;
#define HISTOGRAM_C(name, help) \
	memset(&t->client_time_##name, 0, sizeof(t->client_time_##name));
#include "counters.def"
	t->gauge_clients = t->gauge_handshakes = t->gauge_leaving = 0;
	t->gauge_clients_behind = t->gauge_backlog_bytes = 0;
}

static void
add_counters(
    struct totals *t, const struct client_counters *n, const struct client_histograms *times)
{
#define COUNTER_C(name, unit, help) t->client_##name += load_relaxed(&n->name);
#define HISTOGRAM_C(name, help) add_histogram(&t->client_time_##name, &times->name);
#include "counters.def"
}

static void
add_slot(struct totals *t, const struct header *h, uint32_t slot)
{
	const struct entry *e = segment_entry(h, slot);
	const struct slot *s = segment_slot(h, slot);
	uint32_t state = load_acquire(&e->state);

	if (state == ENTRY_FREE)
		return;
	t->gauge_handshakes += state == ENTRY_CLAIMED;
	t->gauge_clients += state == ENTRY_OPEN;
	t->gauge_leaving += state == ENTRY_LEAVING;
	if (load_acquire(&e->bequeathed) == 0)
		add_counters(t, &s->counters, &s->histograms);
	t->gauge_backlog_bytes += load_relaxed(&s->backlog);
	if (state == ENTRY_OPEN)
		t->gauge_clients_behind +=
		    (int32_t)(snapshot_newest(h) - load_relaxed(&s->taken)) >= 2;
}

/*
 * Those who are here and those who left, without counting one twice who leaves
 * while we add.  Where they come and go too fast for that, the last try stands:
 * a number that is off by one client's is better than none.
 */
static void
add_clients(struct totals *t, const struct header *h)
{
	for (int tries = 0; tries < SUM_TRIES; tries++) {
		uint32_t before = load_acquire(&h->bequests);

		clear_clients(t);
		add_counters(t, &h->gone, &h->gone_histograms);
		for (uint32_t slot = 0; slot < h->limits.max_clients; slot++)
			add_slot(t, h, slot);
		fence_acquire();
		if ((before & 1) == 0 && load_relaxed(&h->bequests) == before)
			return;
	}
}

bool
totals_on_time(const struct header *h, uint64_t now_boot_ms)
{
	uint64_t last = load_relaxed(&h->tick_boot_ms);
	uint64_t period = load_relaxed(&h->tick_ms);

	return now_boot_ms <= last + 3 * period + TOTALS_GRACE_MS;
}

static void
add_newest(struct totals *t, const struct header *h)
{
	struct generation g = {.count = 0};
	uint64_t current;

	do {
		current = load_acquire(&h->current);
		copy_unsure(
		    &g, &h->generations[(current & 0xff) % LAYOUT_GENERATIONS], sizeof(g));
		fence_acquire();
	} while (load_relaxed(&h->current) != current);
	t->gauge_snapshot_clients = g.count;
	t->gauge_snapshot_bytes =
	    g.changes_length + g.head_length + g.names_length + g.people_length + g.tail_length;
}

static void
add_gauges(struct totals *t, const struct header *h, bool live, uint64_t now_boot_ms)
{
	const struct ring *ring = &segment_commons(h)->ring;
	uint64_t last = load_relaxed(&h->tick_boot_ms);
	uint64_t waiting = 0;

	/* A child may look into the commons, too, but not while they are closed. */
	if (load_relaxed(&h->closed) == 0)
		waiting = load_relaxed(&ring->head) - load_relaxed(&ring->tail);
	t->gauge_up = live && totals_on_time(h, now_boot_ms);
	t->gauge_draining = load_relaxed(&h->draining) != 0;
	t->gauge_clients_max = h->limits.max_clients;
	/* Two cursors that are not read at one instant, and that all may write to. */
	t->gauge_changes_waiting = waiting <= h->layout.ring_count ? waiting : 0;
	t->gauge_tick_age = now_boot_ms > last ? now_boot_ms - last : 0;
	t->gauge_tick_period = load_relaxed(&h->tick_ms);
	t->gauge_start_time = h->created;
	add_newest(t, h);
}

void
totals_take(const struct header *h, bool live, uint64_t now_boot_ms, struct totals *t)
{
	const struct ticker_counters *n = &h->counters;
	const struct listener_counters *w = &segment_front(h)->counters;

	memset(t, 0, sizeof(*t));
#define COUNTER_T(name, unit, help) t->ticker_##name = load_relaxed(&n->name);
#define HISTOGRAM_T(name, help) add_histogram(&t->ticker_time_##name, &h->histograms.name);
#define COUNTER_W(name, unit, help) t->listener_##name = load_relaxed(&w->name);
#include "counters.def"
	add_clients(t, h);
	add_gauges(t, h, live, now_boot_ms);
}

uint64_t
totals_bound(unsigned bucket)
{
	return 1ULL << bucket;
}

uint64_t
totals_quantile(const struct histogram_seen *h, double share)
{
	uint64_t wanted = (uint64_t)((double)h->count * share), below = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		below += h->buckets[i];
		if (below > wanted || (below == h->count && below > 0))
			return totals_bound(i);
	}
	return 0;
}
