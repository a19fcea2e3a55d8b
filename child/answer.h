/*
 * answer.h - HTTP answers other than 101.
 *
 * Every one ends the connection, says its length, and has a body for people:
 * the page, or one line of text that says why not.
 */
#ifndef CHILD_ANSWER_H
#define CHILD_ANSWER_H

#include "../shm/text.h"
#include "request.h"

/*
 * Append the whole answer to what request_judge() found (any kind but
 * REQUEST_UPGRADE and REQUEST_STATUS).
 */
void answer_write(struct text *out, const struct verdict *verdict);

/* The same around a text of that type; head_only leaves it out. */
void answer_text(
    struct text *out, int status, const char *type, const struct text *body, bool head_only);

/* A refusal that has nothing to do with the request, in one. */
void answer_refuse(struct text *out, int status, const char *reason);

#endif
