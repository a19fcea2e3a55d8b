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

/* Append the whole answer to what request_judge() found (any kind but REQUEST_UPGRADE). */
void answer_write(struct text *out, const struct verdict *verdict);

/* A refusal that has nothing to do with the request, in one. */
void answer_refuse(struct text *out, int status, const char *reason);

#endif
