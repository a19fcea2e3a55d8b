/*
 * extension.h - permessage-deflate is agreed on, or not (RFC 7692, 7.1).
 *
 * What is sent compressed is made once for all (server/deflate.h), so nobody can
 * have a smaller window than the others: an offer that asks for one is declined,
 * and the next is looked at.  Neither side keeps a window between messages: the
 * server cannot, and a client's would be 40 KB of memory in each child.
 */
#ifndef CHILD_EXTENSION_H
#define CHILD_EXTENSION_H

#include <stdbool.h>

#include "request.h"

#define EXTENSION_ANSWER_MAX 128U

/*
 * Take the first offer that can be taken: true, and the value for the answer's
 * Sec-WebSocket-Extensions.  False: there is none.
 */
bool extension_agree(const struct request *r, char answer[EXTENSION_ANSWER_MAX]);

#endif
