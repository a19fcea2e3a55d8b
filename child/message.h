/*
 * message.h - pieces of a message until it is whole.
 *
 * A message that comes in one piece is used where it lies.  Its length needs no
 * check here: frames.h has counted it.
 */
#ifndef CHILD_MESSAGE_H
#define CHILD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../shm/text.h"
#include "frames.h"

struct message {
	struct text text;
	uint32_t utf8; /* state of utf8_check() */
	bool binary;   /* it is no text: nothing to check (echo builds) */
};

enum message_state {
	MESSAGE_PART,  /* more has to come */
	MESSAGE_WHOLE, /* *bytes and *length, until the next piece */
	MESSAGE_BAD,   /* *v says why */
};

/* The next piece.  Text that is not UTF-8 is refused at the first bad byte. */
enum message_state message_add(struct message *m, const char *piece, size_t size, bool first,
    bool last, const char **bytes, size_t *length, struct violation *v);

/* Keep what message_add() handed out: it is needed longer.  False: no memory. */
bool message_keep(struct message *m, const char **bytes, size_t length);

/* It is not needed any more. */
void message_done(struct message *m);

#endif
