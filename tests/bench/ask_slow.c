/*
 * What do clients that do not read cost the others?
 *
 * Rounds of a fan-out, first with all reading, then with some deaf.  In the end
 * the deaf ones read again, and everybody has to have the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "clock.h"
#include "fleet.h"
#include "load.h"
#include "measure.h"
#include "report.h"

static uint32_t done, round_number;

static void
note_metadata(struct fleet *f, struct client *c)
{
	(void)f;
	if (!c->deaf && c->next_sequence != round_number) {
		c->next_sequence = round_number;
		done++;
	}
}

static uint64_t
run_round(struct fleet *f, uint32_t listeners)
{
	round_number++;
	done = 0;
	f->first_ns = 0;
	/* The last client changes something: it is never deaf. */
	fleet_set_property(f, &f->clients[f->count - 1], f->load.size, round_number);
	while (done < listeners) {
		if (!fleet_turn(f, 10000)) {
			fprintf(stderr, "load: %u of %u have it\n", done, listeners);
			exit(1);
		}
	}
	return clock_ns() - f->first_ns;
}

static double
rounds(struct fleet *f, uint32_t listeners)
{
	struct samples spans = {0};

	for (uint32_t i = 0; i < f->load.rounds; i++)
		samples_add(&spans, run_round(f, listeners));
	return (double)samples_per_mille(&spans, 500) / 1e6;
}

void
ask_slow(const struct load *l)
{
	struct fleet f;
	struct measure m;
	double before, during;
	uint32_t slow = l->slow < l->clients ? l->slow : l->clients - 1;

	fleet_make(&f, l);
	f.piece = 4096;
	fleet_connect_all(&f, 32);
	for (uint32_t i = 0; i < f.count; i++)
		fleet_set_property(&f, &f.clients[i], l->size, 0);
	fleet_until_quiet(&f, l->tick + 300);
	f.on_metadata = note_metadata;
	before = rounds(&f, f.count);
	for (uint32_t i = 0; i < slow; i++)
		fleet_deafen(&f, &f.clients[i], true);
	measure_begin(&m, &f);
	during = rounds(&f, f.count - slow);
	measure_end(&m, &f);
	fleet_for(&f, 50);
	for (uint32_t i = 0; i < slow; i++)
		fleet_deafen(&f, &f.clients[i], false);
	fleet_until_quiet(&f, 2 * l->tick);
	fleet_read_whole(&f);
	run_round(&f, f.count);
	fleet_until_quiet(&f, 2 * l->tick);
	f.bad += !fleet_agrees(&f);
	report_begin();
	report_add("span_before_ms", before);
	report_add("span_ms", during);
	report_add("lost", f.closed);
	report_add("server_ms_per_tick", (double)m.server.all / 1e6 / l->rounds);
	measure_report(&m, &f);
	report_end();
}
