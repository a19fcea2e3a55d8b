#include "screen.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "snapshot.h"

#define BAR 40           /* columns of the longest bar */
#define HISTOGRAM_ROWS 6 /* of the tick time, at most */
#define LIST_ROWS_MIN 2
#define JSON_ROWS 20 /* of each list, for programs */

/* A client in one of the two lists, with what it is sorted by. */
struct ranked {
	const struct view *view;
	double packets; /* a second */
	double in, out; /* bytes a second */
	uint64_t weight;
};

static void
write_state(const struct dump *d, const struct sample *now, struct text *out)
{
	const struct totals *t = &now->totals;
	const struct header *h = d->header;
	uint64_t up =
	    d->now.boot_ms > h->created_boot ? (d->now.boot_ms - h->created_boot) / 1000 : 0;

	text_format(out, "rosterd %s: %s%s, up %" PRIu64 ":%02u:%02u, ticker %u (number %u)\n",
	    dump_plain(d->name), d->live ? "running" : "NOT RUNNING",
	    t->gauge_draining ? ", DRAINING" : "", up / 3600, (unsigned)(up / 60 % 60),
	    (unsigned)(up % 60), load_relaxed(&h->ticker_pid), load_relaxed(&h->tickers));
	text_format(out,
	    "%" PRIu64 " of %" PRIu64 " clients, %" PRIu64 " in handshake, %" PRIu64
	    " leaving, %" PRIu64 " behind, %" PRIu64 " bytes of backlog\n",
	    t->gauge_clients, t->gauge_clients_max, t->gauge_handshakes, t->gauge_leaving,
	    t->gauge_clients_behind, t->gauge_backlog_bytes);
	text_format(out,
	    "tick every %" PRIu64 " ms, the last %" PRIu64 " ms ago; snapshot %u: %" PRIu64
	    " clients, %" PRIu64 " bytes; lock %s\n",
	    t->gauge_tick_period, t->gauge_tick_age, snapshot_newest(h),
	    t->gauge_snapshot_clients, t->gauge_snapshot_bytes,
	    load_relaxed(&segment_commons(h)->lock.owner) == 0 ? "free" : "held");
}

static void
write_rates(const struct sample *now, const struct sample *before, struct text *out)
{
	const struct totals *t = &now->totals, *b = &before->totals;
	double seconds = sample_seconds(now, before);

#define RATE(field) sample_rate(t->field, b->field, seconds)
	text_format(out,
	    "a second: %.1f ticks, %.1f snapshots, %.1f opened, %.1f closed, %.1f changes\n",
	    RATE(ticker_ticks), RATE(ticker_snapshots), RATE(ticker_opened),
	    RATE(ticker_closed), RATE(ticker_changes));
	text_format(out,
	    "  packets: %.1f in, %.1f relayed, %.1f delivered; bytes: %.0f in, %.0f out in "
	    "%.1f sends\n",
	    RATE(client_received_packets), RATE(client_relayed), RATE(client_delivered),
	    RATE(client_received_bytes), RATE(client_sent_bytes), RATE(client_sends));
	text_format(out,
	    "  waits: %.1f for the lock, %.1f for an outbox, %.1f mail full; %.1f bells\n",
	    RATE(client_lock_waits), RATE(client_outbox_waits), RATE(ticker_mail_full),
	    RATE(ticker_bells));
#undef RATE
}

static void
write_quantiles(struct text *out, const char *name, const struct histogram_seen *h)
{
	if (h->count == 0)
		text_format(out, "  %s -", name);
	else
		text_format(out, "  %s %" PRIu64 "/%" PRIu64, name, totals_quantile(h, 0.5),
		    totals_quantile(h, 0.99));
}

/* Times of this interval; of all time, if there is no other. */
static void
write_times(const struct sample *now, const struct sample *before, struct text *out)
{
	const struct totals *t = &now->totals, *b = &before->totals;
	struct histogram_seen h;

	text_string(out, "us (half/99% under):");
#define HISTOGRAM_C(name, help)                                           \
	sample_since(&t->client_time_##name, &b->client_time_##name, &h); \
	write_quantiles(out, #name, &h);
#define HISTOGRAM_T(name, help)                                           \
	sample_since(&t->ticker_time_##name, &b->ticker_time_##name, &h); \
	write_quantiles(out, "ticker." #name, &h);
#include "counters.def"
	text_string(out, "\n");
}

static void
write_bar(struct text *out, const char *what, uint64_t n, uint64_t most)
{
	static const char marks[] = "########################################";

	text_format(out, "  %s %10" PRIu64 " %.*s\n", what, n, (int)(n * BAR / most), marks);
}

/* The tick time since the start, as bars; what is under the highest few goes into one. */
static void
write_histogram(const struct histogram_seen *h, struct text *out)
{
	unsigned last = HISTOGRAM_BUCKETS - 1, first;
	uint64_t below = 0, most = 1;
	char what[32];

	text_string(out, "tick time, all ticks:\n");
	while (last > 0 && h->buckets[last] == 0)
		last--;
	first = last >= HISTOGRAM_ROWS - 1 ? last - (HISTOGRAM_ROWS - 1) : 0;
	for (unsigned i = 0; i <= first; i++)
		below += h->buckets[i];
	for (unsigned i = first; i <= last; i++)
		if ((i == first ? below : h->buckets[i]) > most)
			most = i == first ? below : h->buckets[i];
	for (unsigned i = first; i <= last; i++) {
		if (i == HISTOGRAM_BUCKETS - 1)
			snprintf(what, sizeof(what), "longer       ");
		else
			snprintf(what, sizeof(what), "< %8" PRIu64 " us", totals_bound(i));
		write_bar(out, what, i == first ? below : h->buckets[i], most);
	}
}

static int
compare_packets(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;
	double p = x->packets * 1e9 + x->in + x->out, q = y->packets * 1e9 + y->in + y->out;

	return (p < q) - (p > q);
}

static int
compare_weight(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

static void
rank(const struct sample *now, const struct sample *before, struct ranked *list)
{
	double seconds = sample_seconds(now, before);

	for (uint32_t i = 0; i < now->count; i++) {
		const struct view *v = &now->views[i], *b = sample_before(before, v);
		const struct view_counters none = {0}, *n = &v->counters,
					   *o = b != NULL ? &b->counters : &none;

		list[i].view = v;
		list[i].packets =
		    sample_rate(n->received_packets, o->received_packets, seconds);
		list[i].in = sample_rate(n->received_bytes, o->received_bytes, seconds);
		list[i].out = sample_rate(n->sent_bytes, o->sent_bytes, seconds);
		list[i].weight = (uint64_t)v->backlog + ((uint64_t)v->behind << 32);
	}
}

static void
write_talkers(struct ranked *list, uint32_t count, unsigned rows, struct text *out)
{
	qsort(list, count, sizeof(*list), compare_packets);
	text_format(out, "%-13s %5s %8s %-8s %-22s %10s %12s %12s\n", "TOP TALKERS", "SLOT",
	    "PID", "TOKEN", "PEER", "PACKETS/S", "IN/S", "OUT/S");
	for (uint32_t i = 0; i < count && i < rows; i++)
		text_format(out, "%-13s %5u %8u %-8.8s %-22s %10.1f %12.0f %12.0f\n", "",
		    list[i].view->slot, list[i].view->entry.pid,
		    dump_plain(list[i].view->entry.token), dump_plain(list[i].view->entry.peer),
		    list[i].packets, list[i].in, list[i].out);
}

static void
write_slow(struct ranked *list, uint32_t count, unsigned rows, struct text *out)
{
	char pong[24];

	qsort(list, count, sizeof(*list), compare_weight);
	text_format(out, "%-13s %5s %8s %-8s %-22s %10s %12s %12s\n", "SLOW CLIENTS", "SLOT",
	    "PID", "TOKEN", "PEER", "BEHIND", "BACKLOG", "PONG AGE");
	for (uint32_t i = 0; i < count && i < rows && list[i].weight > 0; i++) {
		const struct view *v = list[i].view;

		snprintf(pong, sizeof(pong), v->pong_ms == VIEW_NEVER ? "-" : "%.1f",
		    (double)v->pong_ms / 1000);
		text_format(out, "%-13s %5u %8u %-8.8s %-22s %10u %12u %12s\n", "", v->slot,
		    v->entry.pid, dump_plain(v->entry.token), dump_plain(v->entry.peer),
		    v->behind, v->backlog, pong);
	}
}

static unsigned
lines_of(const struct text *out)
{
	unsigned lines = 0;

	for (size_t i = 0; i < out->length; i++)
		lines += out->bytes[i] == '\n';
	return lines;
}

void
screen_write(const struct dump *d, const struct sample *now, const struct sample *before,
    unsigned rows, struct text *out)
{
	struct ranked *list = malloc((now->count + 1) * sizeof(*list));
	unsigned used, each;

	if (list == NULL) {
		out->failed = true;
		return;
	}
	write_state(d, now, out);
	write_rates(now, before, out);
	write_times(now, before, out);
	write_histogram(&now->totals.ticker_time_tick_time, out);
	used = lines_of(out) + 2; /* the heads of the lists */
	each = rows > used + 2 * LIST_ROWS_MIN ? (rows - used) / 2 : LIST_ROWS_MIN;
	rank(now, before, list);
	write_talkers(list, now->count, each, out);
	write_slow(list, now->count, each, out);
	free(list);
}

static void
emit_rate(struct text *out, const char *key, double rate)
{
	emit_key(out, key);
	text_format(out, "%.3f", rate);
}

static void
emit_rates(const struct sample *now, const struct sample *before, struct text *out)
{
	const struct totals *t = &now->totals, *b = &before->totals;
	double seconds = sample_seconds(now, before);

#define RATE(group, name) \
	emit_rate(out, #name, sample_rate(t->group##_##name, b->group##_##name, seconds));
	emit_key(out, "rates");
	text_string(out, "{\"clients\":{");
#define COUNTER_C(name, unit, help) RATE(client, name)
#include "counters.def"
	text_string(out, "},\"ticker\":{");
#define COUNTER_T(name, unit, help) RATE(ticker, name)
#include "counters.def"
	text_string(out, "},\"listener\":{");
#define COUNTER_W(name, unit, help) RATE(listener, name)
#include "counters.def"
	text_string(out, "}}");
#undef RATE
}

static void
emit_times(struct text *out, const char *key, const struct histogram_seen *now,
    const struct histogram_seen *before)
{
	struct histogram_seen h;

	sample_since(now, before, &h);
	emit_key(out, key);
	text_string(out, "{");
	emit_number(out, "count", h.count);
	emit_number(out, "p50_us", totals_quantile(&h, 0.5));
	emit_number(out, "p99_us", totals_quantile(&h, 0.99));
	text_string(out, "}");
}

static void
emit_histograms(const struct sample *now, const struct sample *before, struct text *out)
{
	const struct totals *t = &now->totals, *b = &before->totals;

	emit_key(out, "histograms");
	text_string(out, "{\"clients\":{");
#define HISTOGRAM_C(name, help) \
	emit_times(out, #name, &t->client_time_##name, &b->client_time_##name);
#include "counters.def"
	text_string(out, "},\"ticker\":{");
#define HISTOGRAM_T(name, help) \
	emit_times(out, #name, &t->ticker_time_##name, &b->ticker_time_##name);
#include "counters.def"
	text_string(out, "}}");
}

static void
emit_ranked(const char *key, const struct ranked *list, uint32_t count, struct text *out)
{
	emit_key(out, key);
	text_string(out, "[");
	for (uint32_t i = 0; i < count && i < JSON_ROWS; i++) {
		const struct view *v = list[i].view;

		text_string(out, i > 0 ? ",{" : "{");
		emit_number(out, "slot", v->slot);
		emit_number(out, "pid", v->entry.pid);
		emit_text(out, "token", v->entry.token);
		emit_text(out, "peer", v->entry.peer);
		emit_rate(out, "packets", list[i].packets);
		emit_rate(out, "in", list[i].in);
		emit_rate(out, "out", list[i].out);
		emit_number(out, "behind", v->behind);
		emit_number(out, "backlog", v->backlog);
		text_string(out, "}");
	}
	text_string(out, "]");
}

void
screen_json(const struct dump *d, const struct sample *now, const struct sample *before,
    struct text *out)
{
	struct ranked *list = malloc((now->count + 1) * sizeof(*list));
	uint32_t slow = 0;

	if (list == NULL) {
		out->failed = true;
		return;
	}
	text_string(out, "{");
	emit_text(out, "instance", d->live ? "running" : "not running");
	emit_number(out, "time", d->now.wall_ms);
	emit_rate(out, "seconds", sample_seconds(now, before));
	emit_key(out, "gauges");
	text_string(out, "{");
#define GAUGE(name, unit, help) emit_number(out, #name, now->totals.gauge_##name);
#include "counters.def"
	text_string(out, "}");
	emit_rates(now, before, out);
	emit_histograms(now, before, out);
	rank(now, before, list);
	qsort(list, now->count, sizeof(*list), compare_packets);
	emit_ranked("talkers", list, now->count, out);
	qsort(list, now->count, sizeof(*list), compare_weight);
	while (slow < now->count && list[slow].weight > 0)
		slow++;
	emit_ranked("slow", list, slow, out);
	text_string(out, "}\n");
	free(list);
}
