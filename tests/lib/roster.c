#include "roster.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "server.h"

static bool
array_has(const json_t *array, const char *text)
{
	size_t i;
	json_t *value;

	json_array_foreach(
	    array, i, value) if (strcmp(json_string_value(value), text) == 0) return true;
	return false;
}

static void
check_list(const json_t *list, const char *name)
{
	json_t *seen = json_object(), *value;
	size_t i;

	CHECK(json_is_array(list), "%s is no array", name);
	json_array_foreach(list, i, value)
	{
		const char *token = json_string_value(value);

		CHECK(token != NULL && strlen(token) == 32 &&
			  strspn(token, "0123456789abcdef") == 32,
		    "%s holds something that is no token", name);
		CHECK(json_object_get(seen, token) == NULL, "%s names %s twice", name, token);
		json_object_set_new(seen, token, json_true());
	}
	json_decref(seen);
}

/* Tokens of a list as the members of an object: for looking up many. */
static json_t *
set_of(const json_t *list)
{
	json_t *set = json_object(), *value;
	size_t i;

	json_array_foreach(list, i, value)
	    json_object_set_new(set, json_string_value(value), json_true());
	return set;
}

static json_t *
part(const json_t *changes, const char *name)
{
	json_t *list = json_object_get(json_object_get(changes, "changes"), name);

	check_list(list, name);
	return list;
}

/* before + opened - closed = after */
static void
check_indexes(const struct roster *r, const json_t *after)
{
	json_t *expected = set_of(r->indexes), *got = set_of(after), *value;
	json_t *opened = part(r->changes, "opened"), *closed = part(r->changes, "closed");
	const char *token;
	size_t i;

	json_array_foreach(opened, i, value)
	{
		token = json_string_value(value);
		CHECK(json_object_get(expected, token) == NULL || strcmp(token, r->me) == 0,
		    "%s opened, but it was there", token);
		CHECK(!array_has(closed, token), "%s came and went, and is told", token);
		json_object_set_new(expected, token, json_true());
	}
	json_array_foreach(closed, i, value)
	{
		token = json_string_value(value);
		CHECK(json_object_get(expected, token) != NULL, "%s closed, but was not there",
		    token);
		json_object_del(expected, token);
	}
	json_object_foreach(expected, token, value)
	    CHECK(json_object_get(got, token) != NULL, "%s is missing in metadata", token);
	json_object_foreach(got, token, value) CHECK(
	    json_object_get(expected, token) != NULL, "%s is in metadata unannounced", token);
	json_decref(expected);
	json_decref(got);
}

/* Who is named in changes.properties, and whose properties are different. */
static void
check_properties(const struct roster *r, const json_t *after)
{
	json_t *named = set_of(part(r->changes, "properties")), *empty = json_object(), *value;
	const char *token;

	json_object_foreach((json_t *)(uintptr_t)after, token, value)
	{
		json_t *old = json_object_get(r->properties, token);
		bool same = json_equal(old != NULL ? old : empty, value);

		CHECK(same == (json_object_get(named, token) == NULL),
		    "properties of %s %s, and changes does%s name it", token,
		    same ? "are the same" : "are different", same ? "" : " not");
	}
	json_object_foreach(named, token, value) CHECK(
	    json_object_get(after, token) != NULL, "%s changed and left: closed only", token);
	json_decref(named);
	json_decref(empty);
}

static void
take_metadata(struct roster *r, json_t *metadata)
{
	json_t *indexes = json_object_get(metadata, "indexes");
	json_t *properties = json_object_get(metadata, "properties");
	const char *me = json_string_value(json_object_get(metadata, "index"));

	CHECK(json_object_size(metadata) == 4 && json_object_get(metadata, "version") != NULL,
	    "metadata does not have its four members");
	CHECK(me != NULL && strlen(me) == 32, "metadata has no index");
	check_list(indexes, "indexes");
	CHECK(json_array_size(indexes) == json_object_size(properties),
	    "not everybody has an entry in properties");
	CHECK(array_has(indexes, me), "metadata does not hold its receiver");
	if (r->ticks == 0) {
		CHECK(r->changes == NULL, "changes came before the first metadata");
		snprintf(r->me, sizeof(r->me), "%s", me);
	} else {
		CHECK(strcmp(r->me, me) == 0, "the index has changed");
		CHECK(r->changes != NULL, "metadata without changes before it");
		check_indexes(r, indexes);
		check_properties(r, properties);
	}
	json_decref(r->indexes);
	json_decref(r->properties);
	r->indexes = json_incref(indexes);
	r->properties = json_incref(properties);
	r->ticks++;
}

bool
roster_take(struct roster *r, json_t *packet)
{
	const char *from = json_string_value(json_object_get(packet, "from"));
	const char *type = json_string_value(json_object_get(packet, "type"));

	CHECK(from != NULL && type != NULL, "a packet without from or type");
	if (strcmp(from, "server") != 0)
		return false;
	CHECK(json_object_size(packet) == 3,
	    "a packet of the server has more than three members");
	if (strcmp(type, "changes") == 0) {
		json_decref(r->changes);
		r->changes = json_incref(packet);
		return true;
	}
	CHECK(strcmp(type, "metadata") == 0, "the server sends a packet \"%s\"", type);
	take_metadata(r, json_object_get(packet, "metadata"));
	return true;
}

static bool
is_metadata(json_t *packet)
{
	return strcmp(json_string_value(json_object_get(packet, "type")), "metadata") == 0;
}

bool
roster_next(struct roster *r, struct ws *w, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	json_t *packet;

	while ((packet = ws_packet(w, (int)(until - now_ms()))) != NULL) {
		bool taken = roster_take(r, packet) && is_metadata(packet);

		json_decref(packet);
		if (taken)
			return true;
	}
	return false;
}

bool
roster_has(const struct roster *r, const char *token)
{
	return array_has(r->indexes, token);
}

int
roster_count(const struct roster *r)
{
	return (int)json_array_size(r->indexes);
}

json_t *
roster_properties(const struct roster *r, const char *token)
{
	return json_object_get(r->properties, token);
}

bool
roster_changed(const struct roster *r, const char *list, const char *token)
{
	return r->changes != NULL && array_has(part(r->changes, list), token);
}

void
roster_free(struct roster *r)
{
	json_decref(r->indexes);
	json_decref(r->properties);
	json_decref(r->changes);
	memset(r, 0, sizeof(*r));
}

void
roster_open(struct roster *r, struct ws *w, int port)
{
	roster_open_with(r, w, port, "");
}

void
roster_open_with(struct roster *r, struct ws *w, int port, const char *headers)
{
	memset(r, 0, sizeof(*r));
	ws_open_with(w, port, headers);
	CHECK(roster_next(r, w, 5000), "no first metadata");
}

void
roster_await(struct roster *r, struct ws *w, const char *token, bool there, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;

	while (roster_has(r, token) != there)
		CHECK(roster_next(r, w, (int)(until - now_ms())), "%s did not %s in time",
		    token, there ? "appear" : "vanish");
}

void
roster_await_property(struct roster *r, struct ws *w, const char *token, const char *key,
    const char *value_json, int timeout_ms)
{
	long long until = now_ms() + timeout_ms;
	json_t *wanted =
	    value_json != NULL
		? json_loads(value_json,
		      JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL)
		: NULL;

	while (!json_equal(json_object_get(roster_properties(r, token), key), wanted) &&
	       !(wanted == NULL && json_object_get(roster_properties(r, token), key) == NULL &&
		   roster_has(r, token)))
		CHECK(roster_next(r, w, (int)(until - now_ms())),
		    "%s.%s did not become %s in time", token, key, value_json);
	json_decref(wanted);
}

void
roster_set(struct ws *w, const char *object)
{
	ws_text(w, "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":%s}}",
	    object);
}
