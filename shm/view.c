#include "view.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "emit.h"
#include "snapshot.h"

const char *
view_state(const struct view *v)
{
	static const char *const names[] = {"free", "handshake", "open", "leaving"};

	if (v->entry.state == ENTRY_OPEN && v->closing)
		return names[ENTRY_LEAVING];
	return v->entry.state <= ENTRY_LEAVING ? names[v->entry.state] : "?";
}

struct view_instant
view_now(const struct header *h, bool live)
{
	uint64_t last = load_relaxed(&h->tick_boot_ms);
	struct view_instant now = {clock_boot_ms(), clock_wall_ms()};

	if (live)
		return now;
	now.boot_ms = last;
	now.wall_ms = h->created + (last > h->created_boot ? last - h->created_boot : 0);
	return now;
}

static uint64_t
since(uint64_t now, uint64_t then)
{
	return now > then ? now - then : 0;
}

static void
take_counters(struct view_counters *to, const struct client_counters *from)
{
#define COUNTER_C(name, unit, help) to->name = load_relaxed(&from->name);
#include "counters.def"
}

bool
view_take(const struct header *h, const struct view_instant *now, uint32_t slot,
    char *properties, struct view *v)
{
	const struct slot *s = segment_slot(h, slot);
	uint32_t behind;
	uint64_t pong;

	if (!segment_look(h, slot, &v->entry) || v->entry.state == ENTRY_FREE)
		return false;
	v->slot = slot;
	v->age_ms = since(now->boot_ms, v->entry.since);
	pong = load_relaxed(&s->pong_wall_ms);
	v->pong_ms = pong != 0 ? since(now->wall_ms, pong) : VIEW_NEVER;
	v->taken = load_relaxed(&s->taken);
	behind = snapshot_newest(h) - v->taken;
	v->behind = v->taken != 0 && behind <= INT32_MAX ? behind : 0;
	v->pinned = load_relaxed(&s->pinned);
	v->heartbeat = load_relaxed(&s->heartbeat);
	v->backlog = load_relaxed(&s->backlog);
	v->closing = load_relaxed(&s->state) == SLOT_CLOSING;
	take_counters(&v->counters, &s->counters);
	v->version = slot_read(
	    s, h->layout.buffer_size, properties, h->limits.max_properties, &v->length);
	if (v->version == UINT64_MAX)
		v->length = 0;
	/* A slot's next client begins with version 1, too. */
	return segment_is_still(h, slot, &v->entry);
}

static void
emit_counters(struct text *out, const struct view_counters *n)
{
	emit_key(out, "counters");
	text_string(out, "{");
#define COUNTER_C(name, unit, help) emit_number(out, #name, n->name);
#include "counters.def"
	text_string(out, "}");
}

static void
emit_properties(struct text *out, const struct view *v, const char *properties)
{
	emit_key(out, "properties");
	if (v->version == UINT64_MAX)
		text_string(out, "null");
	else if (v->length == 0)
		text_string(out, "{}");
	else
		emit_value(out, properties, v->length);
}

void
view_json(const struct view *v, const char *properties, struct text *out)
{
	text_string(out, "{");
	emit_number(out, "slot", v->slot);
	emit_number(out, "generation", v->entry.generation);
	emit_number(out, "pid", v->entry.pid);
	emit_text(out, "token", v->entry.token);
	emit_text(out, "peer", v->entry.peer);
	emit_key(out, "via");
	if (v->entry.via[0] != '\0')
		emit_string(out, v->entry.via, strlen(v->entry.via));
	else
		text_string(out, "null");
	emit_text(out, "state", view_state(v));
	emit_seconds(out, "age", v->age_ms);
	emit_number(out, "tick", v->taken);
	emit_number(out, "behind", v->behind);
	emit_number(out, "pinned", v->pinned);
	if (v->pong_ms != VIEW_NEVER) {
		emit_seconds(out, "pong_age", v->pong_ms);
	} else {
		emit_key(out, "pong_age");
		text_string(out, "null");
	}
	emit_number(out, "heartbeat", v->heartbeat);
	emit_number(out, "backlog", v->backlog);
	emit_properties(out, v, properties);
	emit_counters(out, &v->counters);
	text_string(out, "}");
}

bool
view_json_all(const struct header *h, const struct view_instant *now, struct text *out)
{
	char *properties = malloc(h->limits.max_properties);
	bool first = true;

	if (properties == NULL)
		return false;
	text_string(out, "[");
	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		struct view v;

		if (!view_take(h, now, slot, properties, &v))
			continue;
		text_string(out, first ? "\n" : ",\n");
		view_json(&v, properties, out);
		first = false;
	}
	text_string(out, "\n]\n");
	free(properties);
	return !out->failed;
}
