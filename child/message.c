#include "message.h"

#include "../shm/utf8.h"

#define INVALID_DATA 1007
#define INTERNAL 1011

#define KEEP 4096 /* bytes that are not given back after a long message */

static enum message_state
no_memory(struct violation *v)
{
	violation_set(v, INTERNAL, "out of memory for a message");
	return MESSAGE_BAD;
}

enum message_state
message_add(struct message *m, const char *piece, size_t size, bool first, bool last,
    const char **bytes, size_t *length, struct violation *v)
{
	size_t good;

	*bytes = piece;
	*length = size;
	/* A text that is whole is checked by who reads it, with the rest of its grammar. */
	if (first && last)
		return MESSAGE_WHOLE;
	if (first) {
		text_clear(&m->text, KEEP);
		m->utf8 = 0;
	}
	good = m->binary ? size : utf8_check(&m->utf8, piece, size);
	text_add(&m->text, piece, size);
	if (m->text.failed)
		return no_memory(v);
	if (good < size) {
		violation_set(v, INVALID_DATA, "not UTF-8: column %zu: bad UTF-8",
		    utf8_column(m->text.bytes, m->text.length - size + good));
		return MESSAGE_BAD;
	}
	*bytes = m->text.bytes;
	*length = m->text.length;
	return last ? MESSAGE_WHOLE : MESSAGE_PART;
}

bool
message_keep(struct message *m, const char **bytes, size_t length)
{
	if (*bytes != m->text.bytes) {
		text_clear(&m->text, KEEP);
		text_add(&m->text, *bytes, length);
		*bytes = m->text.bytes;
	}
	return !m->text.failed;
}

void
message_done(struct message *m)
{
	text_clear(&m->text, KEEP);
}
