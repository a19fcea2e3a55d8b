#include "reading.h"

#include <string.h>

#include "../shm/scan.h"
#include "seal.h"

/* One JSON object and nothing else? */
static bool
is_object(const char *text, uint32_t length)
{
	struct scan_error error;

	return scan_check(text, length, &error) == 0 && text[0] == '{' &&
	       text[length - 1] == '}';
}

/* Are the reserved properties others than those that the operator's program has given? */
static bool
is_forged(const struct ticker *t, uint32_t slot, const char *text, uint32_t length)
{
	struct span object = {text, length};
	unsigned char seal[SEAL_LENGTH];

	if (t->start.reserved == NULL)
		return false;
	if (length == 0)
		object = (struct span){"{}", 2};
	seal_make(object, t->start.reserved, seal);
	return memcmp(seal, books_entry(t, slot)->seal, SEAL_LENGTH) != 0;
}

/*
 * There is no text to read, or none that holds still.  One that was given reserved
 * properties has them in its slot before it is open: then it hides them.
 */
static enum reading
read_nothing(const struct ticker *t, uint32_t slot, uint64_t version)
{
	if (t->clients[slot].version == 0 && is_forged(t, slot, NULL, 0))
		return READING_FORGED;
	return version == 0 ? READING_SAME : READING_LATER;
}

enum reading
reading_take(struct ticker *t, uint32_t slot)
{
	char *fresh = books_text(t, t->max_clients); /* the place behind the last client's */
	struct client *c = &t->clients[slot];
	uint32_t max = t->header->limits.max_properties, length;
	uint64_t version =
	    slot_read(books_slot(t, slot), t->header->layout.buffer_size, fresh, max, &length);
	bool same;

	if (version == UINT64_MAX && length > max)
		return READING_LIE;
	if (version == 0 || version == UINT64_MAX)
		return read_nothing(t, slot, version);
	c->version = version;
	same = length == c->length && memcmp(fresh, books_text(t, slot), length) == 0;
	if (!same && !is_object(fresh, length))
		return READING_LIE;
	/* Also of a text that is the same: other names may be reserved than before. */
	if (is_forged(t, slot, fresh, length))
		return READING_FORGED;
	if (same)
		return READING_SAME;
	memcpy(books_text(t, slot), fresh, length);
	c->length = length;
	return READING_CHANGED;
}
