#include "origin.h"

#include <string.h>
#include <strings.h>

#include "fields.h"

static const struct scheme {
	const char *prefix;
	const char *port;
} schemes[] = {{"http://", ":80"}, {"https://", ":443"}};

static const struct scheme *
scheme_of(struct span origin)
{
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t length = strlen(schemes[i].prefix);

		if (origin.length > length &&
		    strncasecmp(origin.at, schemes[i].prefix, length) == 0)
			return &schemes[i];
	}
	return NULL;
}

/* Browsers leave the scheme's own port out. */
static struct span
without_port(struct span s, const char *port)
{
	size_t length = strlen(port);

	if (s.length > length && memcmp(s.at + s.length - length, port, length) == 0)
		s.length -= length;
	return s;
}

static bool
same_host(struct span origin, struct span host)
{
	const struct scheme *scheme = scheme_of(origin);
	size_t skip;

	if (scheme == NULL)
		return false;
	skip = strlen(scheme->prefix);
	origin.at += skip;
	origin.length -= skip;
	return fields_same(
	    without_port(origin, scheme->port), without_port(host, scheme->port));
}

static bool
same_origin(struct span item, struct span origin)
{
	const struct scheme *scheme = scheme_of(item);

	if (scheme == NULL)
		return fields_same(item, origin);
	return fields_same(
	    without_port(item, scheme->port), without_port(origin, scheme->port));
}

bool
origin_allowed(const char *list, struct span origin, struct span host)
{
	struct span rest = fields_of(list), item;

	while (fields_next(&rest, &item)) {
		if (fields_is(item, "*"))
			return true;
		if (fields_is(item, "self") ? same_host(origin, host)
					    : same_origin(item, origin))
			return true;
	}
	return false;
}

/* scheme://host or scheme://host:port, and nothing behind it: as browsers write it. */
static bool
is_origin(struct span item)
{
	const char *slashes = memmem(item.at, item.length, "://", 3);
	const char *host, *end = item.at + item.length;

	if (slashes == NULL || slashes == item.at || slashes + 3 == end)
		return false;
	host = slashes + 3;
	for (const char *c = item.at; c < end; c++)
		if (*c <= 0x20 || *c >= 0x7f || (c >= host && strchr("/?#@*", *c) != NULL))
			return false;
	return true;
}

bool
origin_list_good(const char *list)
{
	struct span rest = fields_of(list), item;
	bool any = false;

	while (fields_next(&rest, &item)) {
		if (!fields_is(item, "*") && !fields_is(item, "self") &&
		    !fields_is(item, "null") && !is_origin(item))
			return false;
		any = true;
	}
	return any;
}
