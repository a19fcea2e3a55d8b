/* Counters, histograms, and what is made of them. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shm/clock.h"
#include "../../shm/prometheus.h"
#include "../../shm/segment.h"
#include "../../shm/totals.h"

Test(histogram, times_fall_between_their_bounds)
{
	static const struct {
		uint64_t us;
		unsigned bucket;
	} cases[] = {{0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 3}, {1023, 10}, {1024, 11},
	    {(1ULL << 24) - 1, 24}, {1ULL << 24, 25}, {UINT64_MAX, 25}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct histogram h;

		memset(&h, 0, sizeof(h));
		histogram_add(&h, cases[i].us);
		cr_assert_eq(
		    h.buckets[cases[i].bucket], 1, "%llu us", (unsigned long long)cases[i].us);
		if (cases[i].bucket < HISTOGRAM_BUCKETS - 1)
			cr_assert_lt(cases[i].us, totals_bound(cases[i].bucket));
		if (cases[i].bucket > 0)
			cr_assert_geq(cases[i].us, totals_bound(cases[i].bucket - 1));
	}
}

Test(histogram, an_absurd_time_does_not_drown_the_sum)
{
	struct histogram h;

	memset(&h, 0, sizeof(h));
	histogram_add_span(&h, 0, UINT64_MAX);
	histogram_add_span(&h, 9, 3);
	cr_assert_eq(h.sum_us, HISTOGRAM_MAX_US);
	cr_assert_eq(h.buckets[0], 1);
}

Test(histogram, quantiles)
{
	struct histogram_seen h = {.count = 100};

	h.buckets[3] = 50;
	h.buckets[7] = 48;
	h.buckets[20] = 2;
	cr_assert_eq(totals_quantile(&h, 0.0), 8);
	cr_assert_eq(totals_quantile(&h, 0.49), 8);
	cr_assert_eq(totals_quantile(&h, 0.5), 128);
	cr_assert_eq(totals_quantile(&h, 0.97), 128);
	cr_assert_eq(totals_quantile(&h, 0.99), 1 << 20);
	cr_assert_eq(totals_quantile(&h, 1.0), 1 << 20);
	memset(&h, 0, sizeof(h));
	cr_assert_eq(totals_quantile(&h, 0.5), 0);
}

/* A segment, and in it one client that has left and one of each kind that is here. */
static struct header *
small_segment(void)
{
	static const struct limits small = {16, 1024, 1024};
	static struct segment s;
	char name[32];

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&s, name, &small, 0600), 0);
	segment_unlink(name);
	s.header->gone.sent_bytes = 1000;
	s.header->gone_histograms.wake_delay.buckets[5] = 7;
	for (uint32_t slot = 0; slot < 4; slot++) {
		segment_entry(s.header, slot)->state = slot; /* free, claimed, open, leaving */
		segment_slot(s.header, slot)->counters.sent_bytes = 1ULL << slot;
		segment_slot(s.header, slot)->histograms.wake_delay.buckets[5] = 1;
	}
	return s.header;
}

Test(totals, clients_that_are_here_and_that_have_left)
{
	struct header *h = small_segment();
	struct totals t;

	totals_take(h, true, 0, &t);
	cr_assert_eq(t.client_sent_bytes, 1000 + 2 + 4 + 8);
	cr_assert_eq(t.client_time_wake_delay.count, 7 + 3);
	cr_assert_eq(t.gauge_handshakes, 1);
	cr_assert_eq(t.gauge_clients, 1);
	cr_assert_eq(t.gauge_leaving, 1);
	cr_assert_eq(t.gauge_clients_max, 16);
}

/* Between its counters being added to the sum and its slot being free. */
Test(totals, a_client_that_leaves_is_counted_once)
{
	struct header *h = small_segment();
	struct totals t;

	h->gone.sent_bytes += 8;
	segment_entry(h, 3)->bequeathed = 1;
	h->bequests = 2;
	totals_take(h, true, 0, &t);
	cr_assert_eq(t.client_sent_bytes, 1000 + 2 + 4 + 8);
}

/* A ticker died while it added: what is there is shown, and nobody waits for ever. */
Test(totals, a_sum_that_was_never_finished_is_shown)
{
	struct header *h = small_segment();
	struct totals t;

	h->bequests = 1;
	totals_take(h, false, 0, &t);
	cr_assert_eq(t.client_sent_bytes, 1000 + 2 + 4 + 8);
}

Test(totals, a_tick_may_be_late_by_two_and_some)
{
	struct header *h = small_segment();
	struct totals t;

	h->tick_ms = 500;
	h->tick_boot_ms = 10000;
	cr_assert(totals_on_time(h, 10000));
	cr_assert(totals_on_time(h, 12500));
	cr_assert_not(totals_on_time(h, 12501));
	totals_take(h, true, 12000, &t);
	cr_assert_eq(t.gauge_up, 1);
	cr_assert_eq(t.gauge_tick_age, 2000);
	totals_take(h, false, 12000, &t);
	cr_assert_eq(t.gauge_up, 0, "nobody is there");
	totals_take(h, true, 20000, &t);
	cr_assert_eq(t.gauge_up, 0, "it does not tick");
}

static bool
has_line(const struct text *out, const char *line)
{
	size_t length = strlen(line);
	const char *at = out->bytes;

	for (; (at = memmem(at, (size_t)(out->bytes + out->length - at), line, length)) != NULL;
	     at++)
		if ((at == out->bytes || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

Test(prometheus, names_units_and_buckets)
{
	struct header *h = small_segment();
	struct text out = {0};
	struct totals t;

	h->histograms.tick_time.buckets[0] = 1;
	h->histograms.tick_time.buckets[10] = 2;
	h->histograms.tick_time.buckets[25] = 4;
	h->histograms.tick_time.sum_us = 1234567;
	h->tick_ms = 500;
	h->counters.tick_work_us = 1000002;
	totals_take(h, true, 1500, &t);
	prometheus_write(&t, &out);
	cr_assert(has_line(&out, "rosterd_ticker_tick_work_seconds_total 1.000002"));
	cr_assert_not(out.failed);
	cr_assert(has_line(&out, "# TYPE rosterd_client_sent_bytes_total counter"));
	cr_assert(has_line(&out, "rosterd_client_sent_bytes_total 1014"));
	cr_assert(has_line(&out, "# TYPE rosterd_tick_period_seconds gauge"));
	cr_assert(has_line(&out, "rosterd_tick_period_seconds 0.500"));
	cr_assert(has_line(&out, "rosterd_tick_age_seconds 1.500"));
	cr_assert(has_line(&out, "# TYPE rosterd_ticker_tick_time_seconds histogram"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_bucket{le=\"0.000001\"} 1"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_bucket{le=\"0.000512\"} 1"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_bucket{le=\"0.001024\"} 3"));
	cr_assert(
	    has_line(&out, "rosterd_ticker_tick_time_seconds_bucket{le=\"16.777216\"} 3"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_bucket{le=\"+Inf\"} 7"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_sum 1.234567"));
	cr_assert(has_line(&out, "rosterd_ticker_tick_time_seconds_count 7"));
#define COUNTER_C(name, unit, help) \
	cr_assert(has_line(&out, "# HELP rosterd_client_" #name "_total " help));
#define COUNTER_T(name, unit, help)          \
	cr_assert(strcmp(unit, "us") == 0 || \
		  has_line(&out, "# HELP rosterd_ticker_" #name "_total " help));
#define COUNTER_W(name, unit, help) \
	cr_assert(has_line(&out, "# HELP rosterd_listener_" #name "_total " help));
#define HISTOGRAM_C(name, help) \
	cr_assert(has_line(&out, "# TYPE rosterd_client_" #name "_seconds histogram"));
#define HISTOGRAM_T(name, help) \
	cr_assert(has_line(&out, "# TYPE rosterd_ticker_" #name "_seconds histogram"));
#include "../../shm/counters.def"
	text_clear(&out, 0);
}
