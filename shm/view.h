/*
 * view.h - one client as whoever looks at the segment sees it.
 *
 * Read without a lock; nothing of it is believed.  Makes no system call, so that a
 * caged child can answer /clients.json with it.
 */
#ifndef SHM_VIEW_H
#define SHM_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "segment.h"
#include "text.h"

/* The instant that is shown: now, or the last sign of life of an instance that is dead. */
struct view_instant {
	uint64_t boot_ms;
	uint64_t wall_ms;
};

struct view_counters {
#define COUNTER_C(name, unit, help) uint64_t name;
#include "counters.def"
};

#define VIEW_NEVER UINT64_MAX

struct view {
	uint32_t slot;
	struct entry_seen entry;
	uint64_t age_ms;
	uint64_t pong_ms; /* since its client answered a ping; VIEW_NEVER: not yet */
	uint32_t taken;   /* number of the last snapshot that its client was sent */
	uint32_t behind;  /* snapshots that are newer */
	uint32_t pinned;
	uint32_t heartbeat;
	uint32_t backlog;
	bool closing; /* its child says that it is leaving */
	struct view_counters counters;
	uint64_t version; /* of its properties; UINT64_MAX: they would not hold still */
	uint32_t length;  /* bytes of them */
};

/* "handshake", "open", "leaving". */
const char *view_state(const struct view *v);

struct view_instant view_now(const struct header *h, bool live);

/*
 * Look at a slot; false if nobody has it or it changed meanwhile.  Its properties go
 * to properties, which has room for limits.max_properties bytes.
 */
bool view_take(const struct header *h, const struct view_instant *now, uint32_t slot,
    char *properties, struct view *v);

/* Append it as a JSON object, with its properties. */
void view_json(const struct view *v, const char *properties, struct text *out);

/*
 * Append everybody as a JSON array, one client a line.  False if there was no
 * memory.
 */
bool view_json_all(const struct header *h, const struct view_instant *now, struct text *out);

#endif
