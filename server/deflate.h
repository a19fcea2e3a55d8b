/*
 * deflate.h - what everybody gets in a tick, compressed once (RFC 7692).
 *
 * All clients get the same text but for the token in `index`.  So the text behind
 * it is one raw deflate stream, made once a tick, that each child sends from
 * where it lies.  What stands before it goes in a stored block, which ends on a
 * byte and is not looked back into: the stream has a window of its own.  Blocks
 * are not final, and the last is the empty one of a sync flush, whose four last
 * bytes RFC 7692 has left out.
 *
 * A client's inflater keeps nothing between messages (server_no_context_takeover),
 * and the window is the largest, 32 KiB: a token's second appearance, as the key
 * of its properties, is within reach of the first for some 300 clients.
 */
#ifndef SERVER_DEFLATE_H
#define SERVER_DEFLATE_H

#include "books.h"

/* If --compress says so, what compressing needs is made.  0, or -1 and errno. */
int deflate_make(struct ticker *t);

/* Room that is needed for this much text, compressed; 0 if nobody wants it. */
uint64_t deflate_room(const struct ticker *t, uint64_t text);

/*
 * Compress a generation whose text and rows are written, into the room behind
 * them (as deflate_room() said, or 0); its end is where that ends.  What does not
 * fit in there is left out: then clients get the text.
 */
void deflate_generation(struct ticker *t, struct generation *g, uint64_t room);

#endif
