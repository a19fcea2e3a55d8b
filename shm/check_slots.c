/* check_slots.c - what clients' children have written about them. */
#include <inttypes.h>
#include <stdlib.h>

#include "check.h"
#include "scan.h"
#include "snapshot.h"

static void
check_words(struct check *c, uint32_t slot, const struct slot *s)
{
	uint32_t newest = snapshot_newest(c->header);

	if (load_relaxed(&s->state) > SLOT_CLOSING)
		check_add(c, "slot-state", slot, "%u", load_relaxed(&s->state));
	if (load_relaxed(&s->asleep) > 1 || load_relaxed(&s->crowded) > 1)
		check_add(c, "slot-flags", slot, "asleep %u, crowded %u",
		    load_relaxed(&s->asleep), load_relaxed(&s->crowded));
	if (load_relaxed(&s->pinned) > newest)
		check_add(c, "slot-pinned", slot, "%u, the newest is %u",
		    load_relaxed(&s->pinned), newest);
	if (load_relaxed(&s->taken) > newest)
		check_add(c, "slot-taken", slot, "%u, the newest is %u",
		    load_relaxed(&s->taken), newest);
}

/* One JSON object, as long as allowed. */
static void
check_properties(struct check *c, uint32_t slot, const struct slot *s, char *buffer)
{
	const struct header *h = c->header;
	uint32_t most = h->limits.max_properties, length;
	uint64_t version = slot_read(s, h->layout.buffer_size, buffer, most, &length);
	struct scan_error error;

	if (version == 0)
		return;
	if (length > most)
		check_add(c, "slot-length", slot, "%u bytes of properties", length);
	else if (version == UINT64_MAX)
		check_add(c, "slot-still", slot, "its properties do not hold still");
	else if (scan_check(buffer, length, &error) < 0)
		check_add(c, "slot-properties", slot, "not JSON at byte %zu: %s", error.offset,
		    error.what);
	else if (buffer[0] != '{' || buffer[length - 1] != '}')
		check_add(c, "slot-properties", slot, "not an object");
}

void
check_slots(struct check *c)
{
	const struct header *h = c->header;
	char *buffer = malloc(h->limits.max_properties);

	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		const struct slot *s = segment_slot(h, slot);

		if (!check_in_use(h, slot))
			continue;
		check_words(c, slot, s);
		if (buffer != NULL)
			check_properties(c, slot, s, buffer);
	}
	free(buffer);
}
