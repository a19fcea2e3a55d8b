#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "segment.h"

static int
compare(const void *a, const void *b)
{
	const struct names_departed *x = a, *y = b;

	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return (x->generation > y->generation) - (x->generation < y->generation);
}

int
names_read(struct names *n, const struct header *h)
{
	uint64_t head = load_acquire(&h->departed_head), size = h->layout.departed_count;

	if (n->departed != NULL && n->head == head)
		return 0;
	n->header = h;
	if (n->departed == NULL && (n->departed = malloc(size * sizeof(*n->departed))) == NULL)
		return -1;
	n->head = head;
	n->count = 0;
	for (uint64_t i = head > size ? head - size : 0; i != head && n->count < size; i++) {
		struct names_departed *to = &n->departed[n->count];
		struct departed d;

		if (!segment_read_departed(h, i, &d))
			continue;
		n->count++;
		to->slot = d.slot;
		to->generation = d.generation;
		memcpy(to->token, d.token, TOKEN_LENGTH);
		to->token[TOKEN_LENGTH] = '\0';
	}
	qsort(n->departed, n->count, sizeof(*n->departed), compare);
	return 0;
}

void
names_free(struct names *n)
{
	free(n->departed);
	memset(n, 0, sizeof(*n));
}

const char *
names_find(
    const struct names *n, uint32_t slot, uint64_t generation, char token[TOKEN_LENGTH + 1])
{
	struct names_departed key = {.slot = slot, .generation = generation}, *found;
	struct entry_seen entry;

	if (slot >= n->header->limits.max_clients)
		return "";
	if (segment_look(n->header, slot, &entry) && entry.generation == generation &&
	    entry.state != ENTRY_FREE) {
		memcpy(token, entry.token, TOKEN_LENGTH + 1);
		return token;
	}
	found =
	    n->count > 0 ? bsearch(&key, n->departed, n->count, sizeof(key), compare) : NULL;
	return found != NULL ? found->token : "";
}
