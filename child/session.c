#include "session.h"

#include "../shm/clock.h"
#include "outbox.h"

/*
 * New properties for everybody to see: written aside, then flipped.  Who does not
 * get the lock does without: only the ring needs it, and that only says where to
 * look, which the ticker finds out by itself.
 */
static void
publish(struct session *n, struct seat *s)
{
	const struct text *text = &n->properties.next_text;
	const struct layout *layout = &s->header->layout;
	uint64_t start;
	bool waited, got;

	slot_write(s->self, layout->buffer_size, text->bytes, (uint32_t)text->length);
	start = clock_us();
	got = lock_take(&s->user, LOCK_NAP_MS, &waited);
	histogram_add(&s->self->histograms.lock_wait, waited ? clock_us() - start : 0);
	if (waited)
		count_add(&s->self->counters.lock_waits, 1);
	slot_flip(s->self);
	if (got) {
		/* A full ring has set its mark: the ticker will look everywhere. */
		(void)ring_append(&s->commons->ring, s->commons->changes, layout->ring_count,
		    s->slot, s->generation, CHANGE_PROPERTIES);
		(void)lock_release(&s->user);
	}
	properties_commit(&n->properties);
	count_add(&s->self->counters.properties_set, 1);
}

static enum session_result
server_part(struct session *n, struct seat *s, const struct packet *p, struct violation *v)
{
	if (!packet_sets_properties(p)) {
		count_add(&s->self->counters.ignored, 1);
		return SESSION_DONE;
	}
	switch (properties_merge(&n->properties, p->value, n->max_properties, v)) {
	case PROPERTIES_REFUSED: return SESSION_REFUSED;
	case PROPERTIES_CHANGED: publish(n, s); break;
	default: break;
	}
	return SESSION_DONE;
}

enum session_result
session_packet(
    struct session *n, struct seat *s, const char *text, size_t length, struct violation *v)
{
	struct packet p;
	enum session_result result;

	if (!packet_parse(text, length, &p, v))
		return SESSION_REFUSED;
	if (p.to_server && !n->own_part_done) {
		if ((result = server_part(n, s, &p, v)) != SESSION_DONE)
			return result;
		n->own_part_done = true;
	}
	if (packet_for_clients(&p)) {
		if (!outbox_post(s, &p))
			return SESSION_WAIT_ROOM;
		n->posted = true;
	}
	n->own_part_done = false;
	count_add(&s->self->counters.received_packets, 1);
	return SESSION_DONE;
}

bool
session_grant(struct session *n, struct seat *s, struct span object, struct violation *v)
{
	const struct text *text = &n->properties.next_text;

	switch (properties_merge(&n->properties, object, n->max_properties, v)) {
	case PROPERTIES_REFUSED: return false;
	case PROPERTIES_SAME: return true;
	case PROPERTIES_CHANGED: break;
	}
	slot_write(s->self, s->header->layout.buffer_size, text->bytes, (uint32_t)text->length);
	slot_flip(s->self);
	properties_commit(&n->properties);
	return true;
}

void
session_ring(struct session *n, struct seat *s)
{
	if (n->posted)
		outbox_ring(s);
	n->posted = false;
}
