#include "properties.h"

#include <string.h>

#define POLICY 1008
#define INTERNAL 1011

#define KEEP 4096 /* bytes of a text that are not given back */

/* Throw the next state away; *v has been filled in. */
static enum properties_result
refuse(struct properties *p)
{
	json_decref(p->next_members);
	p->next_members = NULL;
	return PROPERTIES_REFUSED;
}

/* Not json_copy(): it takes names for C strings and cuts them at a NUL. */
static json_t *
copy_members(const struct properties *p)
{
	json_t *copy = json_object(), *value;
	const char *name;
	size_t length;

	json_object_keylen_foreach(p->members, name, length, value)
	{
		if (json_object_setn_nocheck(copy, name, length, value) < 0) {
			json_decref(copy);
			return NULL;
		}
	}
	return copy;
}

static enum properties_result
refuse_no_memory(struct properties *p, struct violation *v)
{
	violation_set(v, INTERNAL, "out of memory for properties");
	return refuse(p);
}

static bool
unchanged(const struct properties *p)
{
	const char *old = p->text.length != 0 ? p->text.bytes : "{}";
	size_t length = p->text.length != 0 ? p->text.length : 2;

	return p->next_text.length == length && memcmp(p->next_text.bytes, old, length) == 0;
}

/* Set or delete one member of the next state; -1 if there is no memory. */
static int
apply(struct properties *p, struct span key, struct span value, struct text *scratch)
{
	size_t length;
	json_t *kept;

	text_clear(scratch, KEEP);
	if (!text_reserve(scratch, key.length + value.length))
		return -1;
	length = span_decode(key, scratch->bytes);
	scratch->length = length;
	if (value.length == 4 && memcmp(value.at, "null", 4) == 0) {
		/* Deleting what is not there is no error. */
		(void)json_object_deln(p->next_members, scratch->bytes, length);
		return 0;
	}
	span_compact(value, scratch);
	kept = json_stringn_nocheck(scratch->bytes + length, scratch->length - length);
	return json_object_setn_new_nocheck(p->next_members, scratch->bytes, length, kept);
}

/* Is there a name with the reserved prefix, however it is written? */
static bool
touches_reserved(const struct properties *p, struct span object)
{
	struct span key, value;

	while (p->reserved != NULL && span_next_member(&object, &key, &value))
		if (span_begins(key, p->reserved))
			return true;
	return false;
}

static int
apply_all(struct properties *p, struct span object)
{
	struct span key, value;
	struct text scratch = {0};
	int result = 0;

	while (result == 0 && span_next_member(&object, &key, &value))
		result = apply(p, key, value, &scratch);
	text_clear(&scratch, 0);
	return result;
}

/* A name with quotes and escapes, as jansson writes it. */
static void
add_name(struct text *out, const char *name, size_t length)
{
	json_t *string = json_stringn_nocheck(name, length);
	size_t most = 6 * length + 2;

	if (string == NULL || !text_reserve(out, most)) {
		out->failed = true;
	} else {
		out->length += json_dumpb(
		    string, out->bytes + out->length, most, JSON_ENCODE_ANY | JSON_COMPACT);
	}
	json_decref(string);
}

static void
render(json_t *members, struct text *out)
{
	const char *separator = "{", *name;
	size_t length;
	json_t *value;

	json_object_keylen_foreach(members, name, length, value)
	{
		text_string(out, separator);
		add_name(out, name, length);
		text_string(out, ":");
		text_add(out, json_string_value(value), json_string_length(value));
		separator = ",";
	}
	text_string(out, json_object_size(members) == 0 ? "{}" : "}");
}

enum properties_result
properties_merge(struct properties *p, struct span object, uint32_t max, struct violation *v)
{
	if (*object.at != '{') {
		violation_set(v, POLICY, "\"properties\" must be an object");
		return refuse(p);
	}
	if (touches_reserved(p, object)) {
		violation_set(v, POLICY,
		    "properties with names that begin with \"%s\" are the server's to set",
		    p->reserved);
		return refuse(p);
	}
	json_decref(p->next_members); /* of a merge that was not committed */
	p->next_members = copy_members(p);
	text_clear(&p->next_text, KEEP);
	if (p->next_members == NULL || apply_all(p, object) < 0)
		return refuse_no_memory(p, v);
	render(p->next_members, &p->next_text);
	if (p->next_text.failed)
		return refuse_no_memory(p, v);
	if (p->next_text.length > max) {
		violation_set(v, POLICY, "properties over %u bytes", max);
		return refuse(p);
	}
	if (!unchanged(p))
		return PROPERTIES_CHANGED;
	properties_commit(p);
	return PROPERTIES_SAME;
}

void
properties_commit(struct properties *p)
{
	struct text old = p->text;

	json_decref(p->members);
	p->members = p->next_members;
	p->next_members = NULL;
	p->text = p->next_text;
	p->next_text = old;
}
