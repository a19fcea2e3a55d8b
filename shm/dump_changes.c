#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dump.h"
#include "log.h"

static const char *
kind_name(uint32_t kind)
{
	static const char *const names[] = {"?", "opened", "closed", "properties"};

	return kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

/* The token of whoever has the slot now, if that is still who changed. */
static const char *
token_of(const struct dump *d, const struct change_seen *c, struct entry_seen *entry)
{
	if (c->slot >= d->header->limits.max_clients ||
	    !segment_look(d->header, c->slot, entry) || entry->generation != c->generation)
		return "";
	return entry->token;
}

static json_t *
to_json(const struct dump *d, const struct change_seen *c)
{
	struct entry_seen entry;
	const char *token = token_of(d, c, &entry);

	return json_pack("{s:I, s:I, s:s, s:i, s:I, s:o}", "place", (json_int_t)c->place,
	    "time", (json_int_t)c->wall_ms, "kind", kind_name(c->kind), "slot", (int)c->slot,
	    "generation", (json_int_t)c->generation, "token",
	    dump_string(token, strlen(token)));
}

static void
print_change(const struct dump *d, const struct change_seen *c)
{
	time_t seconds = (time_t)(c->wall_ms / 1000);
	struct entry_seen entry;
	struct tm local = {0};
	char token[160], when[32] = "?";
	const char *name = token_of(d, c, &entry);

	if (localtime_r(&seconds, &local) != NULL)
		strftime(when, sizeof(when), "%F %T", &local);
	printf("%10llu %s.%03u %-10s slot %5u %s\n", (unsigned long long)c->place, when,
	    (unsigned)(c->wall_ms % 1000), kind_name(c->kind), c->slot,
	    log_escape(token, sizeof(token), name, strlen(name)));
}

int
dump_changes(const struct dump *d)
{
	const struct commons *commons = segment_commons(d->header);
	uint64_t count = d->header->layout.ring_count;
	uint64_t head = load_acquire(&commons->ring.head);
	uint64_t first = head > count ? head - count : 0;
	json_t *list = d->json ? json_array() : NULL;

	for (uint64_t place = first; place != head && place - first < count; place++) {
		struct change_seen c;

		if (!ring_read(commons->changes, count, place, &c))
			continue;
		if (d->json)
			json_array_append_new(list, to_json(d, &c));
		else
			print_change(d, &c);
	}
	return d->json ? dump_json(list) : 0;
}
