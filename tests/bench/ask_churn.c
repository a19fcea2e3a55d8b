/*
 * Coming and going: how many clients a second can connect, get their metadata
 * and leave again, while as many others stay?
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "fleet.h"
#include "load.h"
#include "measure.h"
#include "report.h"

static uint64_t cycles;
static uint32_t stay;

static void
leave(struct fleet *f, struct client *c)
{
	if (c->number >= stay) {
		cycles++;
		fleet_close(f, c);
	}
}

static void
come_again(struct fleet *f, struct client *c)
{
	if (c->knows_token)
		f->known--;
	c->knows_token = false;
	f->closed--;
}

static void
restart_closed(struct fleet *f)
{
	for (uint32_t i = stay; i < f->count; i++) {
		if (f->clients[i].state != CLIENT_CLOSED)
			continue;
		come_again(f, &f->clients[i]);
		fleet_connect(f, &f->clients[i]);
	}
}

void
ask_churn(const struct load *l)
{
	struct fleet f;
	struct measure m;
	uint64_t until;

	fleet_make(&f, l);
	f.piece = 4096;
	f.sources = true;
	stay = l->clients - (l->flight < l->clients ? l->flight : l->clients);
	fleet_connect_all(&f, 32);
	fleet_until_quiet(&f, l->tick + 300);
	f.on_metadata = leave;
	for (uint32_t i = stay; i < f.count; i++)
		fleet_close(&f, &f.clients[i]);
	cycles = 0;
	measure_begin(&m, &f);
	until = clock_ns() + (uint64_t)l->ms * 1000000;
	while (clock_ns() < until) {
		restart_closed(&f);
		if (!fleet_turn(&f, 5000)) {
			fprintf(stderr, "load: nobody comes through any more\n");
			exit(1);
		}
	}
	measure_end(&m, &f);
	report_begin();
	report_add("rate", (double)cycles * 1e9 / (double)m.wall);
	report_add("server_us_each", (double)m.server.all / 1e3 / (double)cycles);
	measure_report(&m, &f);
	report_end();
	fleet_close_all(&f);
}
