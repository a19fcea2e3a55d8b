#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "utf8.h"

#define SHOWN 60 /* bytes of properties in a line for people */

/* Everybody who is shown; the properties of all stand in one text. */
struct crowd {
	struct view *views;
	struct view **order;
	size_t *properties; /* by place in views: where its properties begin */
	uint32_t count;
	struct text text;
};

static bool
make_room(struct crowd *c, uint32_t room)
{
	struct view *views = realloc(c->views, room * sizeof(*views));
	size_t *properties = realloc(c->properties, room * sizeof(*properties));

	if (views != NULL)
		c->views = views;
	if (properties != NULL)
		c->properties = properties;
	return views != NULL && properties != NULL;
}

/* All that fit, in the order that was asked for.  False if there is no memory. */
static bool
gather(const struct dump *d, struct crowd *c)
{
	const struct header *h = d->header;
	char *properties = malloc(h->limits.max_properties);
	uint32_t room = 0;
	/* There is a text, also if all are without properties. */
	bool fine = properties != NULL && text_reserve(&c->text, 1);

	for (uint32_t slot = 0; fine && slot < h->limits.max_clients; slot++) {
		if (c->count == room && !make_room(c, room = 2 * room + 64)) {
			fine = false;
			break;
		}
		if (!view_take(h, &d->now, slot, properties, &c->views[c->count]) ||
		    !choose_fits(&d->choice, &c->views[c->count]))
			continue;
		c->properties[c->count] = c->text.length;
		text_add(&c->text, properties, c->views[c->count].length);
		c->count++;
	}
	free(properties);
	c->order = fine ? malloc((c->count + 1) * sizeof(struct view *)) : NULL;
	if (c->order == NULL || c->text.failed)
		return false;
	for (uint32_t i = 0; i < c->count; i++)
		c->order[i] = &c->views[i];
	qsort_r(c->order, c->count, sizeof(struct view *), choose_compare,
	    (void *)(uintptr_t)&d->choice);
	return true;
}

static const char *
properties_of(const struct crowd *c, const struct view *v)
{
	return c->text.bytes + c->properties[v - c->views];
}

static void
print_head(void)
{
	printf("%5s %8s %-32s %-22s %9s %-9s %8s %6s %7s %9s %9s %9s %s\n", "SLOT", "PID",
	    "TOKEN", "PEER", "AGE", "STATE", "TICK", "BEHIND", "PONG", "RX", "TX", "BACKLOG",
	    "PROPERTIES");
}

/* Quotes are harmless here and JSON is full of them; control characters are not. */
static void
print_properties(const struct view *v, const char *properties)
{
	size_t shown = v->length < SHOWN ? v->length : utf8_whole(properties, SHOWN);
	uint32_t state = 0;
	bool good = utf8_check(&state, properties, shown) == shown && state == 0;

	for (size_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)properties[i];
		bool control =
		    c < 0x20 || c == 0x7f ||
		    (c == 0xc2 && i + 1 < shown && (unsigned char)properties[i + 1] < 0xa0);

		putchar(control || (c >= 0x80 && !good) ? '?' : c);
	}
	puts(v->length > shown ? "..." : "");
}

static void
print_row(const struct view *v, const char *properties)
{
	char pong[16] = "-";

	if (v->pong_ms != VIEW_NEVER)
		snprintf(pong, sizeof(pong), "%.1f", (double)v->pong_ms / 1000);
	printf("%5u %8u %-32s %-22s %9.1f %-9s %8u %6u %7s %9" PRIu64 " %9" PRIu64 " %9u ",
	    v->slot, v->entry.pid, dump_plain(v->entry.token), dump_plain(v->entry.peer),
	    (double)v->age_ms / 1000, view_state(v), v->taken, v->behind, pong,
	    v->counters.received_packets, v->counters.delivered, v->backlog);
	print_properties(v, properties);
}

static void
print_counter(const char *name, uint64_t n, const char *unit, const char *help)
{
	if (n != 0)
		printf("      %-20s %15" PRIu64 " %-8s %s\n", name, n, unit, help);
}

/* What it has counted, as far as there was something to count. */
static void
print_counters(const struct view_counters *n)
{
#define COUNTER_C(name, unit, help) print_counter(#name, n->name, unit, help);
#include "counters.def"
}

static void
write_json(const struct crowd *c, struct text *out)
{
	text_string(out, "[");
	for (uint32_t i = 0; i < c->count; i++) {
		text_string(out, i == 0 ? "\n" : ",\n");
		view_json(c->order[i], properties_of(c, c->order[i]), out);
	}
	text_string(out, "\n]\n");
}

int
dump_clients(struct dump *d)
{
	struct crowd c = {0};
	struct text out = {0};
	int code = DUMP_FINE;

	if (!gather(d, &c)) {
		code = dump_failed();
	} else if (d->json) {
		write_json(&c, &out);
		code = dump_text(&out);
	} else {
		print_head();
		for (uint32_t i = 0; i < c.count; i++) {
			print_row(c.order[i], properties_of(&c, c.order[i]));
			if (d->full)
				print_counters(&c.order[i]->counters);
		}
	}
	text_clear(&c.text, 0);
	free(c.views);
	free(c.order);
	free(c.properties);
	return code;
}
