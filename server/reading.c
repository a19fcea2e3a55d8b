#include "reading.h"

#include <string.h>

#include "../shm/scan.h"

/* One JSON object and nothing else? */
static bool
is_object(const char *text, uint32_t length)
{
	struct scan_error error;

	return scan_check(text, length, &error) == 0 && text[0] == '{' &&
	       text[length - 1] == '}';
}

enum reading
reading_take(struct ticker *t, uint32_t slot)
{
	char *fresh = books_text(t, t->max_clients); /* the place behind the last client's */
	struct client *c = &t->clients[slot];
	uint32_t max = t->header->limits.max_properties, length;
	uint64_t version =
	    slot_read(books_slot(t, slot), t->header->layout.buffer_size, fresh, max, &length);

	if (version == 0)
		return READING_SAME;
	if (version == UINT64_MAX)
		return length > max ? READING_LIE : READING_LATER;
	c->version = version;
	if (length == c->length && memcmp(fresh, books_text(t, slot), length) == 0)
		return READING_SAME;
	if (!is_object(fresh, length))
		return READING_LIE;
	memcpy(books_text(t, slot), fresh, length);
	c->length = length;
	return READING_CHANGED;
}
