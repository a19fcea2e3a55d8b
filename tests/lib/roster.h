/*
 * roster.h - what a client believes, and whether the server let it be right.
 *
 * Fed with every packet of the server, it fails the test when
 * indexes(before) + opened - closed is not indexes(after), or when changes
 * names something that did not change, or does not name something that did.
 */
#ifndef TESTS_ROSTER_H
#define TESTS_ROSTER_H

#include <jansson.h>
#include <stdbool.h>

#include "ws.h"

struct roster {
	char me[33];
	json_t *indexes;    /* of the last metadata: array of tokens */
	json_t *properties; /* token -> object */
	json_t *changes;    /* the changes packet that waits for its metadata, or NULL */
	int ticks;          /* metadata packets taken, the first included */
};

/* Is this packet one of the server's?  Then it is taken. */
bool roster_take(struct roster *r, json_t *packet);

/* Read until the next metadata (pings and other packets are skipped); false: none came in time. */
bool roster_next(struct roster *r, struct ws *w, int timeout_ms);

bool roster_has(const struct roster *r, const char *token);
int roster_count(const struct roster *r);

/* Properties of a client, or NULL. */
json_t *roster_properties(const struct roster *r, const char *token);

/* Is the token in that list of the changes that came with the last metadata? */
bool roster_changed(const struct roster *r, const char *list, const char *token);

void roster_free(struct roster *r);

/* Open a client, with more header lines or "", and take its first metadata. */
void roster_open(struct roster *r, struct ws *w, int port);
void roster_open_with(struct roster *r, struct ws *w, int port, const char *headers);

/* Read ticks until a condition holds; fails the test after timeout_ms. */
void
roster_await(struct roster *r, struct ws *w, const char *token, bool there, int timeout_ms);
void roster_await_property(struct roster *r, struct ws *w, const char *token, const char *key,
    const char *value_json, int timeout_ms);

/* Set properties of a client: an object as JSON text. */
void roster_set(struct ws *w, const char *object);

#endif
