/*
 * How long does a tick take to reach everybody?  From the first byte at any
 * client to the last byte of the metadata at the last one, and what that costs.
 *
 * Every client has a property.  In each round some change theirs; then all get
 * one changes and one metadata packet.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "fleet.h"
#include "load.h"
#include "measure.h"
#include "report.h"

static uint32_t done; /* clients that have this round's metadata */
static uint32_t round_number;

static void
note_metadata(struct fleet *f, struct client *c)
{
	(void)f;
	/* The question's own use: the last round that this client has seen. */
	if (c->next_sequence != round_number) {
		c->next_sequence = round_number;
		done++;
	}
}

static void
change(struct fleet *f, uint32_t round)
{
	for (uint32_t i = 0; i < f->load.changers && i < f->count; i++)
		fleet_set_property(f, &f->clients[i], f->load.size, round);
}

/* One round; the time from the first to the last byte, in ns. */
static uint64_t
run_round(struct fleet *f)
{
	uint64_t begun = clock_ns();

	round_number++;
	done = 0;
	f->first_ns = 0;
	change(f, round_number);
	while (done < f->count) {
		if (!fleet_turn(f, 10000) || f->closed > 0 ||
		    clock_ns() - begun > 60000000000ULL) {
			fprintf(stderr, "load: round %u: %u of %u have it, %u closed\n",
			    round_number, done, f->count, f->closed);
			exit(1);
		}
	}
	return clock_ns() - f->first_ns;
}

/* For who measures beside us. */
static void
mark(const struct fleet *f)
{
	if (!f->load.marks)
		return;
	report_begin();
	report_end();
}

/* Does everybody have the same in the end, and everybody in it? */
static bool
verify(struct fleet *f)
{
	fleet_read_whole(f);
	run_round(f);
	fleet_until_quiet(f, 2 * f->load.tick);
	return fleet_agrees(f);
}

void
ask_fanout(const struct load *l)
{
	struct fleet f;
	struct measure m;
	struct samples spans = {0};
	bool agreed;

	fleet_make(&f, l);
	f.piece = 4096;
	fleet_connect_all(&f, 32);
	for (uint32_t i = 0; i < f.count; i++)
		fleet_set_property(&f, &f.clients[i], l->size, 0);
	fleet_until_quiet(&f, l->tick + 300);
	f.on_metadata = note_metadata;
	/* The first are to warm up: sockets grow their buffers. */
	for (int i = 0; i < 2; i++)
		run_round(&f);
	fleet_for(&f, 50);
	mark(&f);
	measure_begin(&m, &f);
	for (uint32_t i = 0; i < l->rounds; i++)
		samples_add(&spans, run_round(&f));
	fleet_for(&f, 50);
	measure_end(&m, &f);
	mark(&f);
	agreed = verify(&f);
	f.bad += !agreed;
	report_begin();
	report_add("span_ms", (double)samples_per_mille(&spans, 500) / 1e6);
	report_add("span_best_ms", (double)samples_per_mille(&spans, 0) / 1e6);
	report_add("span_worst_ms", (double)samples_per_mille(&spans, 1000) / 1e6);
	report_add("server_ms_per_tick", (double)m.server.all / 1e6 / l->rounds);
	report_add("ticker_ms_per_tick", (double)m.server.second / 1e6 / l->rounds);
	report_add("load_ms_per_tick", (double)m.own / 1e6 / l->rounds);
	report_add("bytes_per_tick", (double)m.bytes / l->rounds);
	measure_report(&m, &f);
	report_end();
}
