/* check_header.c - the header, its list of snapshots, the listener's page. */
#include <inttypes.h>

#include "check.h"
#include "snapshot.h"

#define TICK_MAX_MS 60000

static bool
good_pid(uint32_t pid)
{
	return pid != 0 && pid <= INT32_MAX;
}

static void
check_processes(struct check *c)
{
	const struct header *h = c->header;
	uint32_t ticker = load_relaxed(&h->ticker_pid);
	uint32_t listener = load_relaxed(&segment_front(h)->listener_pid);

	if (!good_pid(ticker) || load_relaxed(&h->tickers) == 0)
		check_add(c, "header-ticker", ticker, "number %u", load_relaxed(&h->tickers));
	if (listener != 0 && !good_pid(listener))
		check_add(c, "front-listener", listener, "no pid");
}

static void
check_times(struct check *c)
{
	const struct header *h = c->header;
	uint64_t tick = load_relaxed(&h->tick_boot_ms);
	uint32_t period = load_relaxed(&h->tick_ms);

	if (tick < h->created_boot || tick > c->now_boot_ms + TICK_MAX_MS)
		check_add(c, "header-tick-time", tick, "made at %" PRIu64 ", now is %" PRIu64,
		    h->created_boot, c->now_boot_ms);
	if (period == 0 || period > TICK_MAX_MS)
		check_add(c, "header-tick-period", period, "ms between ticks");
}

static void
check_flags(struct check *c)
{
	const struct header *h = c->header;

	if (load_relaxed(&h->asleep) > 1 || load_relaxed(&h->draining) > 1 ||
	    load_relaxed(&h->closed) > 1)
		check_add(c, "header-flags", 0, "asleep %u, draining %u, closed %u",
		    load_relaxed(&h->asleep), load_relaxed(&h->draining),
		    load_relaxed(&h->closed));
}

/* Open clients: state is stored before the count, one client at a time. */
static void
check_count(struct check *c)
{
	const struct header *h = c->header;
	uint32_t said = load_relaxed(&h->clients), open = 0;

	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++)
		open += load_relaxed(&segment_entry(h, slot)->state) == ENTRY_OPEN;
	if (said > open + 1 || open > said + 1)
		check_add(c, "header-clients", said, "%u are open", open);
}

/* A number is stored when its snapshot is whole, and current after that. */
static void
check_generations(struct check *c)
{
	const struct header *h = c->header;
	uint64_t current = load_acquire(&h->current);
	uint32_t newest = (uint32_t)(current >> 8);

	if ((current & 0xff) >= LAYOUT_GENERATIONS || (current != 0 && newest == 0)) {
		check_add(c, "header-current", current, "names no snapshot");
		return;
	}
	if (current != 0 && load_relaxed(&h->generations[current & 0xff].number) != newest)
		check_add(c, "header-current", current, "number %u is expected there", newest);
	for (unsigned g = 0; g < LAYOUT_GENERATIONS; g++) {
		uint32_t number = load_relaxed(&h->generations[g].number);

		if (number > newest + 1)
			check_add(
			    c, "generation-number", g, "%u, the newest is %u", number, newest);
		for (unsigned other = 0; number != 0 && other < g; other++)
			if (load_relaxed(&h->generations[other].number) == number)
				check_add(c, "generation-twice", g, "%u, as %u", number, other);
	}
}

/* Entries that the newest snapshot knows were written before it. */
static void
check_departed(struct check *c)
{
	const struct header *h = c->header;
	uint64_t head = load_acquire(&h->departed_head), count = h->layout.departed_count;
	uint64_t current = load_relaxed(&h->current);
	uint32_t newest = (uint32_t)(current >> 8);

	if (h->generations[(current & 0xff) % LAYOUT_GENERATIONS].departed > head)
		check_add(c, "departed-head", head, "the newest snapshot knows more");
	for (uint64_t n = head > count ? head - count : 0; n != head && n < head; n++) {
		struct departed d;

		/* The oldest one may be written over just now. */
		if (!segment_read_departed(h, n, &d))
			continue;
		if (!check_token(d.token))
			check_add(c, "departed-token", n, "\"%.32s\"", d.token);
		if (d.opened > d.closed || d.closed > newest + 1)
			check_add(c, "departed-numbers", n, "opened %u, closed %u, newest %u",
			    d.opened, d.closed, newest);
		if (d.slot >= h->limits.max_clients && d.slot != LAYOUT_NO_SLOT)
			check_add(c, "departed-slot", n, "%u", d.slot);
	}
}

void
check_header(struct check *c)
{
	check_processes(c);
	check_times(c);
	check_flags(c);
	check_count(c);
	check_generations(c);
	check_departed(c);
}
