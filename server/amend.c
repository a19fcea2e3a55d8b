#include "amend.h"

#include <stdlib.h>
#include <string.h>

#define PEOPLE_LENGTH (sizeof(SNAPSHOT_PEOPLE) - 1)

static int
compare_ranks(const void *a, const void *b, void *ticker)
{
	const struct ticker *t = ticker;
	uint32_t x = t->clients[*(const uint32_t *)a].rank;
	uint32_t y = t->clients[*(const uint32_t *)b].rank;

	return (x > y) - (x < y);
}

bool
amend_possible(struct ticker *t)
{
	if (t->roster_changed || t->ends_number == 0 || t->ends_number != t->number)
		return false;
	qsort_r(t->fresh, t->fresh_count, sizeof(*t->fresh), compare_ranks, t);
	return true;
}

void
amend_base(const struct ticker *t, struct snapshot *base)
{
	uint64_t current = load_relaxed(&t->header->current);

	snapshot_view(
	    t->header, &t->header->generations[(current & 0xff) % LAYOUT_GENERATIONS], base);
}

/* Where the entry of this rank begins, from the first entry on. */
static uint64_t
begin_of(const struct ticker *t, uint32_t rank)
{
	return rank > 0 ? t->ends[rank - 1] + 1 : 0;
}

/* Bytes of "token":{...} */
static uint64_t
entry_length(const struct ticker *t, uint32_t slot)
{
	return TOKEN_LENGTH + 3ULL + t->clients[slot].length;
}

uint64_t
amend_people_length(const struct ticker *t, const struct snapshot *base)
{
	uint64_t length = base->people_length;

	for (uint32_t i = 0; i < t->fresh_count; i++) {
		uint32_t rank = t->clients[t->fresh[i]].rank;

		length += entry_length(t, t->fresh[i]);
		length -= t->ends[rank] - begin_of(t, rank);
	}
	return length;
}

static char *
put(char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

static char *
put_entry(const struct ticker *t, uint32_t slot, char *at)
{
	*at++ = '"';
	at = put(at, books_entry(t, slot)->token, TOKEN_LENGTH);
	*at++ = '"';
	*at++ = ':';
	return put(at, books_text(t, slot), t->clients[slot].length);
}

/* From the first entry that has changed on, all may end elsewhere. */
static void
move_ends(struct ticker *t)
{
	uint32_t next = 0, rank = t->clients[t->fresh[0]].rank;
	uint64_t old_begin = begin_of(t, rank), moved = 0;

	for (; rank < t->order_count; rank++) {
		uint64_t old_end = t->ends[rank];

		/* Modulo 2^64, so that shorter ones may be added, too. */
		if (next < t->fresh_count && t->clients[t->fresh[next]].rank == rank)
			moved += entry_length(t, t->fresh[next++]) - (old_end - old_begin);
		t->ends[rank] = old_end + moved;
		old_begin = old_end + 1;
	}
}

char *
amend_people(struct ticker *t, const struct snapshot *base, char *at)
{
	const char *old = base->people + PEOPLE_LENGTH;
	uint64_t from = 0;

	at = put(at, base->people, PEOPLE_LENGTH);
	for (uint32_t i = 0; i < t->fresh_count; i++) {
		uint32_t rank = t->clients[t->fresh[i]].rank;
		uint64_t begin = begin_of(t, rank);

		at = put(at, old + from, begin - from);
		at = put_entry(t, t->fresh[i], at);
		from = t->ends[rank];
	}
	at = put(at, old + from, base->people_length - PEOPLE_LENGTH - from);
	if (t->fresh_count > 0)
		move_ends(t);
	return at;
}

void
amend_rows(
    const struct ticker *t, const struct snapshot *base, struct row *rows, uint32_t number)
{
	memcpy(rows, base->rows, base->count * sizeof(*rows));
	for (uint32_t i = 0; i < t->fresh_count; i++)
		rows[t->clients[t->fresh[i]].rank].changed = number;
}
