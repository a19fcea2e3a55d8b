#include "newest.h"

#include <stdlib.h>
#include <string.h>

#include "copy.h"

#define COPY_TRIES 32
#define LITERAL_LENGTH(s) (sizeof(s) - 1)

static bool
refuse(const char **why, const char *because)
{
	*why = because;
	return false;
}

/* All parts, one behind the other, then the rows, within its place, within the arena. */
static bool
is_bounded(const struct header *h, const struct generation *g, const char **why)
{
	uint64_t room = h->layout.arena_size, length, rows;

	if (g->count > h->limits.max_clients)
		return refuse(why, "it has more clients than there can be");
	if (g->at > room || g->end > room || g->at > g->end)
		return refuse(why, "it is not in the arena");
	room = g->end - g->at;
	length = (uint64_t)g->changes_length + g->head_length + g->tail_length;
	if (g->names_length > room || g->people_length > room || length > room ||
	    length + g->names_length + g->people_length > room)
		return refuse(why, "its parts are longer than its place");
	length += g->names_length + g->people_length;
	rows = g->rows - g->at;
	if (g->rows < g->at || g->at % 8 != 0 || g->rows % 8 != 0 || rows < length ||
	    rows > room || g->count * sizeof(struct row) > room - rows)
		return refuse(why, "its rows are not where they have to be");
	/* Where a token is looked for there has to be one. */
	if (g->names_length < LITERAL_LENGTH(SNAPSHOT_NAMES) ||
	    (g->count > 0 && g->names_length != LITERAL_LENGTH(SNAPSHOT_NAMES) +
						    g->count * (uint64_t)SNAPSHOT_TOKEN_STRIDE -
						    1))
		return refuse(why, "its names do not fit its number of clients");
	return true;
}

static void
point(struct newest *n)
{
	const struct generation *g = &n->generation;
	struct snapshot *v = &n->view;

	v->number = load_relaxed(&g->number);
	v->count = g->count;
	v->changes_length = g->changes_length;
	v->head_length = g->head_length;
	v->tail_length = g->tail_length;
	v->names_length = g->names_length;
	v->people_length = g->people_length;
	v->departed = g->departed;
	v->changes = n->bytes;
	v->head = v->changes + v->changes_length;
	v->names = v->head + v->head_length;
	v->people = v->names + v->names_length;
	v->tail = v->people + v->people_length;
	v->rows = (const struct row *)(const void *)(n->bytes + (g->rows - g->at));
}

/* One try; false and *again if it was overtaken by a newer one. */
static bool
copy(const struct header *h, struct newest *n, const char **why, bool *again)
{
	uint64_t current = load_acquire(&h->current);
	const struct generation *g = &h->generations[(current & 0xff) % LAYOUT_GENERATIONS];
	bool good;

	if (current == 0)
		return refuse(why, "there is no snapshot yet");
	copy_unsure(&n->generation, g, sizeof(*g));
	good = is_bounded(h, &n->generation, why);
	if (good) {
		uint64_t size = n->generation.end - n->generation.at;

		if ((n->bytes = malloc(size + 1)) == NULL)
			return refuse(why, "there is no memory for a copy");
		copy_unsure(
		    n->bytes, (const char *)h + h->layout.arena + n->generation.at, size);
	}
	fence_acquire();
	*again = load_relaxed(&h->current) != current;
	if (good && (current & 0xff) >= LAYOUT_GENERATIONS)
		return refuse(why, "it is none of the generations");
	if (good && load_relaxed(&n->generation.number) != (uint32_t)(current >> 8))
		return refuse(why, "it has another number than the header says");
	return good && !*again;
}

bool
newest_copy(const struct header *h, struct newest *n, const char **why)
{
	for (int tries = 0; tries < COPY_TRIES; tries++) {
		bool again = false;

		memset(n, 0, sizeof(*n));
		*why = "it would not hold still";
		if (copy(h, n, why, &again)) {
			point(n);
			return true;
		}
		newest_free(n);
		if (!again)
			return false;
	}
	return false;
}

void
newest_free(struct newest *n)
{
	free(n->bytes);
	n->bytes = NULL;
}

/* The frame header at the beginning of a frame of that text length. */
static bool
skip_frame(const char **at, uint64_t *length, uint64_t text_length)
{
	unsigned char header[10];
	size_t size = snapshot_frame(text_length, header);

	if (*length < size || memcmp(*at, header, size) != 0)
		return false;
	*at += size;
	*length -= size;
	return true;
}

bool
newest_changes(const struct newest *n, struct text *out)
{
	const char *at = n->view.changes;
	uint64_t length = n->view.changes_length;

	/* The header is 2, 4 or 10 bytes: only one of them fits. */
	if (!skip_frame(&at, &length, length - 2) && !skip_frame(&at, &length, length - 4) &&
	    !skip_frame(&at, &length, length - 10))
		return false;
	text_add(out, at, length);
	return true;
}

bool
newest_metadata(const struct newest *n, const char *token, struct text *out)
{
	const struct snapshot *v = &n->view;
	const char *at = v->head;
	uint64_t length = v->head_length, rest;

	if (length < LITERAL_LENGTH(SNAPSHOT_HEAD))
		return false;
	rest = v->names_length + v->people_length + v->tail_length;
	if (!skip_frame(&at, &length, LITERAL_LENGTH(SNAPSHOT_HEAD) + TOKEN_LENGTH + rest))
		return false;
	text_add(out, at, length);
	text_string(out, token);
	text_add(out, v->names, v->names_length);
	text_add(out, v->people, v->people_length);
	text_add(out, v->tail, v->tail_length);
	return true;
}
