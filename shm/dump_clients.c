#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dump.h"
#include "log.h"

#define SHOWN 60 /* bytes of properties in a line for people */

/* Everything about one client, as far as it would hold still. */
struct row_seen {
	struct entry_seen entry;
	uint32_t slot;
	uint32_t heartbeat, taken, pinned, backlog;
	uint32_t length; /* of properties; 0: none, or not to be had */
	uint64_t version;
	const struct client_counters *counters;
	char *properties;
};

static const char *
state_name(uint32_t state)
{
	static const char *const names[] = {"free", "handshake", "open", "leaving"};

	return state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}

static bool
look(const struct dump *d, uint32_t slot, char *buffer, struct row_seen *row)
{
	const struct slot *s = segment_slot(d->header, slot);

	if (!segment_look(d->header, slot, &row->entry) || row->entry.state == ENTRY_FREE)
		return false;
	row->slot = slot;
	row->heartbeat = load_relaxed(&s->heartbeat);
	row->taken = load_relaxed(&s->taken);
	row->pinned = load_relaxed(&s->pinned);
	row->backlog = load_relaxed(&s->backlog);
	row->counters = &s->counters;
	row->properties = buffer;
	row->version = slot_read(s, d->header->layout.buffer_size, buffer,
	    d->header->limits.max_properties, &row->length);
	if (row->version == UINT64_MAX)
		row->length = 0;
	return true;
}

static double
age(const struct dump *d, const struct row_seen *row)
{
	uint64_t since = row->entry.since;

	return d->now_boot_ms > since ? (double)(d->now_boot_ms - since) / 1000 : 0;
}

static json_t *
properties(const struct row_seen *row)
{
	json_t *value;

	if (row->length == 0)
		return row->version == UINT64_MAX ? json_null() : json_object();
	/* Numbers keep their digits only as text; as a value when jansson can hold it. */
	value = json_loadb(row->properties, row->length, JSON_ALLOW_NUL, NULL);
	return value != NULL ? value : dump_string(row->properties, row->length);
}

static json_t *
to_json(const struct dump *d, const struct row_seen *row)
{
	json_t *counters = json_object();

#define COUNTER_C(name, unit, help) \
	json_object_set_new(        \
	    counters, #name, json_integer((json_int_t)load_relaxed(&row->counters->name)));
#include "counters.def"
	return json_pack("{s:i, s:i, s:o, s:o, s:s, s:f, s:i, s:i, s:i, s:o, s:o}", "slot",
	    (int)row->slot, "pid", (int)row->entry.pid, "token",
	    dump_string(row->entry.token, strlen(row->entry.token)), "peer",
	    dump_string(row->entry.peer, strlen(row->entry.peer)), "state",
	    state_name(row->entry.state), "age", age(d, row), "tick", (int)row->taken, "pinned",
	    (int)row->pinned, "backlog", (int)row->backlog, "properties", properties(row),
	    "counters", counters);
}

static void
print_head(void)
{
	printf("%5s %8s %-32s %-22s %9s %-9s %8s %9s %9s %9s %s\n", "SLOT", "PID", "TOKEN",
	    "PEER", "AGE", "STATE", "TICK", "RX", "TX", "BACKLOG", "PROPERTIES");
}

static void
print_row(const struct dump *d, const struct row_seen *row)
{
	char token[160], peer[256], text[4 * SHOWN + 4];
	uint32_t shown = row->length < SHOWN ? row->length : SHOWN;

	log_escape(token, sizeof(token), row->entry.token, strlen(row->entry.token));
	log_escape(peer, sizeof(peer), row->entry.peer, strlen(row->entry.peer));
	/* Quotes are harmless here and JSON is full of them. */
	for (uint32_t i = 0; i < shown; i++) {
		unsigned char c = (unsigned char)row->properties[i];

		text[i] = (char)(c < 0x20 || c == 0x7f ? '?' : c);
	}
	printf("%5u %8u %-32s %-22s %9.1f %-9s %8u %9llu %9llu %9u %.*s%s\n", row->slot,
	    row->entry.pid, token, peer, age(d, row), state_name(row->entry.state), row->taken,
	    (unsigned long long)load_relaxed(&row->counters->received_packets),
	    (unsigned long long)load_relaxed(&row->counters->delivered), row->backlog,
	    (int)shown, text, row->length > shown ? "..." : "");
}

int
dump_clients(const struct dump *d)
{
	char *buffer = malloc(d->header->limits.max_properties + 1UL);
	json_t *list = d->json ? json_array() : NULL;

	if (buffer == NULL)
		return -1;
	if (!d->json)
		print_head();
	for (uint32_t slot = 0; slot < d->header->limits.max_clients; slot++) {
		struct row_seen row;

		if (!look(d, slot, buffer, &row))
			continue;
		if (d->json)
			json_array_append_new(list, to_json(d, &row));
		else
			print_row(d, &row);
	}
	free(buffer);
	return d->json ? dump_json(list) : 0;
}
