/*
 * Be connected: for those who measure what that costs.
 *
 * Says when all clients are there and it has become quiet, then waits for a line
 * on standard input, and then says whether all of them have the final roster.
 * A client's properties are set to see that; with --people, all have some from the beginning.
 */
#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "clock.h"
#include "fleet.h"
#include "load.h"
#include "report.h"

static bool
told_to_end(void)
{
	struct pollfd p = {.fd = STDIN_FILENO, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* A change, so that everybody gets a whole roster once more. */
static bool
verify(struct fleet *f)
{
	fleet_read_whole(f);
	fleet_set_property(f, &f->clients[0], f->load.size, 1);
	fleet_until_quiet(f, 3 * f->load.tick + 1000);
	return fleet_agrees(f);
}

void
ask_hold(const struct load *l)
{
	struct fleet f;
	uint64_t begun = clock_ns();
	double seconds;

	fleet_make(&f, l);
	f.piece = 4096;
	fleet_connect_all(&f, l->flight);
	seconds = (double)(clock_ns() - begun) / 1e9;
	for (uint32_t i = 0; l->people && i < f.count; i++)
		fleet_set_property(&f, &f.clients[i], l->size, 0);
	fleet_until_quiet(&f, 2 * l->tick + 500);
	report_begin();
	report_add("connected", f.known);
	report_add("seconds", seconds);
	report_add("refused", f.refused);
	report_end();
	while (!told_to_end())
		fleet_turn(&f, 100);
	report_begin();
	report_add("connected", f.count - f.closed);
	report_add("agree", verify(&f));
	report_add("bad", f.bad);
	report_end();
	fleet_close_all(&f);
}
