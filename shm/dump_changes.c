#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "dump.h"
#include "emit.h"
#include "names.h"

#define FOLLOW_MS 500      /* between looks, if the segment does not say how often it ticks */
#define SUCCESSOR_MS 10000 /* for a new ticker, when the old one is gone */

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[] = {"?", "opened", "closed", "properties"};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static void
print_time(uint64_t wall_ms)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	struct tm local = {0};
	char when[32] = "?";

	if (localtime_r(&seconds, &local) != NULL)
		strftime(when, sizeof(when), "%F %T", &local);
	printf("%s.%03u", when, (unsigned)(wall_ms % 1000));
}

static uint64_t
age_of(const struct dump *d, const struct change_seen *c)
{
	return d->now.wall_ms > c->wall_ms ? d->now.wall_ms - c->wall_ms : 0;
}

static void
print_change(const struct dump *d, const struct names *names, const struct change_seen *c)
{
	char buffer[TOKEN_LENGTH + 1];
	const char *token = names_find(names, c->slot, c->generation, buffer);

	printf("%10" PRIu64 " ", c->place);
	print_time(c->wall_ms);
	printf(" %9.1f s ago %-10s slot %5u %s\n", (double)age_of(d, c) / 1000,
	    kind_name(c->kind), c->slot, *token != '\0' ? dump_plain(token) : "-");
}

static void
emit_change(const struct dump *d, const struct names *names, const struct change_seen *c,
    struct text *out)
{
	char buffer[TOKEN_LENGTH + 1];

	text_string(out, "{");
	emit_number(out, "place", c->place);
	emit_number(out, "time", c->wall_ms);
	emit_seconds(out, "age", age_of(d, c));
	emit_text(out, "kind", kind_name(c->kind));
	emit_number(out, "slot", c->slot);
	emit_number(out, "generation", c->generation);
	emit_text(out, "token", names_find(names, c->slot, c->generation, buffer));
	text_string(out, "}");
}

/* Where a reader may begin: the oldest entry that can still be there. */
static uint64_t
oldest(const struct dump *d, uint64_t head)
{
	uint64_t count = d->header->layout.ring_count;

	return head > count ? head - count : 0;
}

/*
 * Show entries [from, head) that are still there.  As JSON they go to out, with
 * separator between them.  The return is how many were not there any more.
 */
static uint64_t
show(const struct dump *d, const struct names *names, uint64_t from, uint64_t head,
    struct text *out)
{
	const struct commons *commons = segment_commons(d->header);
	uint64_t count = d->header->layout.ring_count, missed = 0;

	for (uint64_t place = from; place != head && place - from < count; place++) {
		struct change_seen c;

		if (!ring_read(commons->changes, count, place, &c)) {
			missed++;
		} else if (d->json) {
			emit_change(d, names, &c, out);
			text_string(out, ",\n");
		} else {
			print_change(d, names, &c);
		}
	}
	return missed;
}

static uint64_t
ring_head(const struct dump *d)
{
	return load_acquire(&segment_commons(d->header)->ring.head);
}

int
dump_changes(struct dump *d)
{
	uint64_t head = ring_head(d);
	struct names names = {0};
	struct text out = {0};

	if (names_read(&names, d->header) < 0)
		return dump_failed();
	text_string(&out, "[\n");
	(void)show(d, &names, oldest(d, head), head, &out);
	names_free(&names);
	if (!d->json) {
		text_clear(&out, 0);
		return DUMP_FINE;
	}
	/* Without the comma behind the last one. */
	if (out.length > 2)
		out.length -= 2;
	text_string(&out, "\n]\n");
	return dump_text(&out);
}

/* Without a comma: a line each, for programs that read lines. */
static int
write_lines(struct text *out)
{
	for (size_t i = 0; i + 1 < out->length; i++)
		if (out->bytes[i] == ',' && out->bytes[i + 1] == '\n')
			out->bytes[i] = ' ';
	return dump_text(out);
}

/* What has come since the last look.  False when there is nobody to show it to. */
static bool
show_news(struct dump *d, struct names *names, uint64_t *place)
{
	uint64_t head = ring_head(d), first = oldest(d, head), missed = 0;
	struct text out = {0};

	dump_refresh(d);
	if (head == *place)
		return true;
	if (names_read(names, d->header) < 0)
		return dump_failed() == DUMP_FINE;
	/* A head that jumps is scribble or more than the ring holds. */
	if (head - *place > d->header->layout.ring_count) {
		missed = head > *place ? first - *place : 0;
		*place = first;
	}
	missed += show(d, names, *place, head, &out);
	*place = head;
	if (missed > 0)
		fprintf(stderr, "rosterd-dump: %" PRIu64 " changes came too fast to be shown\n",
		    missed);
	if (d->json && write_lines(&out) != DUMP_FINE)
		return false;
	return fflush(stdout) == 0;
}

/* At the rate of ticks: nothing is told to clients faster than that. */
static int
pause_ms(const struct dump *d)
{
	uint32_t tick = load_relaxed(&d->header->tick_ms);

	if (d->interval != 0)
		return (int)d->interval;
	return tick > 0 && tick <= 60000 ? (int)tick : FOLLOW_MS;
}

/* Ends with its instance: when no ticker has been there for longer than a new one needs. */
int
dump_follow(struct dump *d)
{
	uint64_t place = oldest(d, ring_head(d)), seen = d->live ? clock_ms() : 0;
	struct names names = {0};

	while (show_news(d, &names, &place)) {
		if (d->live)
			seen = clock_ms();
		else if (dump_is_over(d) || clock_ms() - seen > SUCCESSOR_MS)
			break;
		poll(NULL, 0, pause_ms(d));
	}
	names_free(&names);
	return ferror(stdout) ? dump_failed() : DUMP_FINE;
}
