#include "forwarded.h"

#include <string.h>
#include <strings.h>

#include "fields.h"

static const char *const names[] = {
    [HEADER_NONE] = "none",
    [HEADER_X_FORWARDED_FOR] = "X-Forwarded-For",
    [HEADER_FORWARDED] = "Forwarded",
};

bool
child_header_named(const char *name, enum child_header *header)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) != 0)
			continue;
		*header = (enum child_header)i;
		return true;
	}
	return false;
}

/*
 * One more stands to the right of those that were found so far.  If it is a
 * trusted one, it was told truly who is left of it.
 */
static void
append(const struct trust *trust, struct address *client, struct span node)
{
	struct address a;

	if (!address_parse(node.at, node.length, &a) || a.kind != ADDRESS_INET)
		memset(client, 0, sizeof(*client));
	else if (client->kind == ADDRESS_NONE || !trust_holds(trust, &a))
		*client = a;
}

static void
walk_list(const struct trust *trust, struct address *client, struct span list)
{
	struct span node;

	while (fields_next(&list, &node))
		if (node.length > 0)
			append(trust, client, node);
}

static void
skip_blanks(struct span *s)
{
	while (s->length > 0 && (*s->at == ' ' || *s->at == '\t')) {
		s->at++;
		s->length--;
	}
}

static bool
skip(struct span *s, char c)
{
	if (s->length == 0 || *s->at != c)
		return false;
	s->at++;
	s->length--;
	return true;
}

/* A token (RFC 9110, 5.6.2) from the front; also what many proxies do not quote: [::1]:80. */
static struct span
take_word(struct span *s, const char *more)
{
	struct span word = {s->at, 0};

	while (word.length < s->length &&
	       (request_token_character(s->at[word.length]) ||
		   (s->at[word.length] != '\0' && strchr(more, s->at[word.length]) != NULL)))
		word.length++;
	s->at += word.length;
	s->length -= word.length;
	return word;
}

/*
 * What stands in quotes; no address has a backslash in it, so one with an escape
 * is none.  False if it does not end.
 */
static bool
take_quoted(struct span *s, struct span *value)
{
	bool escaped = false;

	*value = (struct span){s->at, 0};
	for (; s->length > 0; s->at++, s->length--) {
		if (escaped)
			escaped = false;
		else if (*s->at == '\\')
			escaped = true;
		else if (*s->at == '"')
			break;
	}
	value->length = (size_t)(s->at - value->at);
	return skip(s, '"');
}

/* One parameter: for=203.0.113.7.  *node is set if it is `for`. */
static bool
take_pair(struct span *s, struct span *node, bool *said)
{
	struct span name = take_word(s, ""), value;

	if (name.length == 0 || !skip(s, '='))
		return false;
	if (skip(s, '"')) {
		if (!take_quoted(s, &value))
			return false;
	} else {
		value = take_word(s, ":[]");
	}
	if (!fields_is(name, "for"))
		return true;
	if (*said)
		return false;
	*said = true;
	*node = value;
	return true;
}

/* One proxy's part, up to a comma or the end. */
static bool
take_element(struct span *s, const struct trust *trust, struct address *client)
{
	struct span node = {"", 0};
	bool said = false, any = false;

	for (;;) {
		skip_blanks(s);
		if (s->length == 0 || *s->at == ',')
			break;
		any = true;
		if (*s->at != ';' && !take_pair(s, &node, &said))
			return false;
		skip_blanks(s);
		if (!skip(s, ';'))
			break;
	}
	/* One that does not say for whom hides who it was. */
	if (any)
		append(trust, client, node);
	return true;
}

static bool
walk_elements(const struct trust *trust, struct address *client, struct span list)
{
	do {
		if (!take_element(&list, trust, client))
			return false;
	} while (skip(&list, ','));
	return list.length == 0;
}

bool
forwarded_find(const struct request *r, enum child_header header, const struct trust *trust,
    struct address *client)
{
	memset(client, 0, sizeof(*client));
	if (header == HEADER_NONE)
		return true;
	for (unsigned i = 0; i < r->count; i++) {
		struct span value = request_value(r, i);

		if (!fields_is(request_name(r, i), names[header]))
			continue;
		if (header == HEADER_X_FORWARDED_FOR)
			walk_list(trust, client, value);
		else if (!walk_elements(trust, client, value))
			return false;
	}
	return true;
}
