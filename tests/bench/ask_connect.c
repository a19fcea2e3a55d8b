/*
 * How many clients a second can connect, and how long does each wait?
 * From connect(2) to the end of the answer 101, so many under way at once.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fleet.h"
#include "load.h"
#include "measure.h"
#include "report.h"

static struct samples latency;
static uint64_t last_ns;

static void
note_open(struct fleet *f, struct client *c)
{
	last_ns = f->now;
	samples_add(&latency, f->now - c->begun_ns);
}

void
ask_connect(const struct load *l)
{
	struct fleet f;
	struct measure m;
	uint32_t begun = 0;

	fleet_make(&f, l);
	f.on_open = note_open;
	f.piece = 4096;
	measure_begin(&m, &f);
	while (f.open < f.count) {
		while (begun < f.count && begun - f.open < l->flight)
			fleet_connect(&f, &f.clients[begun++]);
		if (!fleet_turn(&f, 20000) || f.closed > 0) {
			fprintf(stderr, "load: %u of %u connected\n", f.open, f.count);
			exit(1);
		}
	}
	measure_end(&m, &f);
	/* All of them get their metadata before it counts. */
	fleet_until_quiet(&f, 2 * l->tick < 1000 ? 2 * l->tick : 1000);
	if (f.known != f.count)
		f.bad++;
	report_begin();
	report_add("rate", f.count * 1e9 / (double)(last_ns - f.clients[0].begun_ns));
	report_add("p50_ms", (double)samples_per_mille(&latency, 500) / 1e6);
	report_add("p99_ms", (double)samples_per_mille(&latency, 990) / 1e6);
	report_add("max_ms", (double)samples_per_mille(&latency, 1000) / 1e6);
	report_add("server_us_each", (double)m.server.all / 1e3 / f.count);
	measure_report(&m, &f);
	report_end();
}
