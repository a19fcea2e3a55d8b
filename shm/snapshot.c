#include "snapshot.h"

#include <string.h>

#include "fault.h"
#include "segment.h"

void
snapshot_view(
    const struct header *header, const struct generation *generation, struct snapshot *view)
{
	const char *arena = (const char *)header + header->layout.arena;

	view->number = load_relaxed(&generation->number);
	view->count = generation->count;
	view->changes_length = generation->changes_length;
	view->head_length = generation->head_length;
	view->tail_length = generation->tail_length;
	view->names_length = generation->names_length;
	view->people_length = generation->people_length;
	view->departed = generation->departed;
	view->deflated_changes_length = generation->deflated_changes_length;
	view->deflated_head_length = generation->deflated_head_length;
	view->deflated_body_length = generation->deflated_body_length;
	view->changes = arena + generation->at;
	view->head = view->changes + view->changes_length;
	view->names = view->head + view->head_length;
	view->people = view->names + view->names_length;
	view->tail = view->people + view->people_length;
	view->deflated_changes = arena + generation->deflated_changes;
	view->deflated_head = arena + generation->deflated_metadata;
	view->deflated_body = view->deflated_head + view->deflated_head_length;
	view->rows = (const struct row *)(const void *)(arena + generation->rows);
}

void
snapshot_pin(const struct header *header, struct slot *slot, struct snapshot *view)
{
	uint64_t current = load_acquire(&header->current);

	for (;;) {
		uint64_t again;

		store_relaxed(&slot->pinned, (uint32_t)(current >> 8));
		FAULT("snapshot.pinning");
		fence_full();
		again = load_acquire(&header->current);
		if (again == current)
			break;
		current = again;
	}
	FAULT("snapshot.pinned");
	snapshot_view(
	    header, &header->generations[(current & 0xff) % LAYOUT_GENERATIONS], view);
}

void
snapshot_unpin(struct slot *slot)
{
	store_release(&slot->pinned, 0);
	FAULT("snapshot.unpinned");
}

const char *
snapshot_token(const struct snapshot *view, uint32_t n)
{
	return view->names + sizeof(SNAPSHOT_NAMES) - 1 + (size_t)n * SNAPSHOT_TOKEN_STRIDE + 1;
}

static void
add_token(struct text *out, size_t start, const char *token)
{
	if (out->length > start)
		text_add(out, ",", 1);
	text_add(out, "\"", 1);
	text_add(out, token, TOKEN_LENGTH);
	text_add(out, "\"", 1);
}

/* Clients that were in snapshot `since` and are not in this one. */
static bool
merge_closed(
    const struct header *header, const struct snapshot *view, uint32_t since, struct text *out)
{
	uint64_t first = view->departed;
	size_t start = out->length;
	struct departed d;

	for (; first > 0; first--) {
		if (!segment_read_departed(header, first - 1, &d))
			return false;
		if (d.closed <= since)
			break;
	}
	for (uint64_t n = first; n < view->departed; n++) {
		if (!segment_read_departed(header, n, &d))
			return false;
		if (d.opened <= since)
			add_token(out, start, d.token);
	}
	return true;
}

bool
snapshot_merge(
    const struct header *header, const struct snapshot *view, uint32_t since, struct text *out)
{
	size_t start;

	text_string(out, SNAPSHOT_OPENED);
	start = out->length;
	for (uint32_t n = 0; n < view->count; n++)
		if (view->rows[n].opened > since)
			add_token(out, start, snapshot_token(view, n));
	text_string(out, SNAPSHOT_CLOSED);
	if (!merge_closed(header, view, since, out))
		return false;
	text_string(out, SNAPSHOT_CHANGED);
	start = out->length;
	for (uint32_t n = 0; n < view->count; n++)
		if (view->rows[n].changed > since)
			add_token(out, start, snapshot_token(view, n));
	text_string(out, SNAPSHOT_CHANGES_END);
	return true;
}

size_t
snapshot_frame(uint64_t length, unsigned char header[10])
{
	header[0] = 0x81; /* FIN, text */
	if (length < 126) {
		header[1] = (unsigned char)length;
		return 2;
	}
	if (length <= 0xffff) {
		header[1] = 126;
		header[2] = (unsigned char)(length >> 8);
		header[3] = (unsigned char)length;
		return 4;
	}
	header[1] = 127;
	for (int i = 0; i < 8; i++)
		header[2 + i] = (unsigned char)(length >> (56 - 8 * i));
	return 10;
}
