#include "extension.h"

#include <stdio.h>
#include <string.h>

#include "fields.h"

#define NAME "permessage-deflate"
#define LARGEST 15 /* bits of a window */

enum parameter {
	SERVER_NO_CONTEXT = 1,
	CLIENT_NO_CONTEXT = 2,
	SERVER_BITS = 4,
	CLIENT_BITS = 8,
	UNKNOWN = 16,
};

static enum parameter
parameter_named(struct span name)
{
	if (fields_is(name, "server_no_context_takeover"))
		return SERVER_NO_CONTEXT;
	if (fields_is(name, "client_no_context_takeover"))
		return CLIENT_NO_CONTEXT;
	if (fields_is(name, "server_max_window_bits"))
		return SERVER_BITS;
	return fields_is(name, "client_max_window_bits") ? CLIENT_BITS : UNKNOWN;
}

/* A number from 8 to 15 without a leading zero; else 0. */
static unsigned
window_bits(struct span s)
{
	unsigned bits = 0;

	/* A value in quotes has to be a token all the same (RFC 6455, 9.1). */
	if (s.length >= 2 && s.at[0] == '"' && s.at[s.length - 1] == '"')
		s = (struct span){s.at + 1, s.length - 2};
	if (s.length == 0 || s.length > 2 || s.at[0] == '0')
		return 0;
	for (size_t i = 0; i < s.length; i++) {
		if (s.at[i] < '0' || s.at[i] > '9')
			return 0;
		bits = bits * 10 + (unsigned)(s.at[i] - '0');
	}
	return bits >= 8 && bits <= LARGEST ? bits : 0;
}

/* One parameter of an offer; false: it is wrong, or more than we can do. */
static bool
take_parameter(struct span parameter, unsigned *seen)
{
	bool has_value = memchr(parameter.at, '=', parameter.length) != NULL;
	struct span name = fields_trim(fields_cut(&parameter, '='));
	struct span value = fields_trim(parameter);
	enum parameter which = parameter_named(name);

	if ((*seen & which) != 0)
		return false;
	*seen |= which;
	switch (which) {
	case SERVER_NO_CONTEXT:
	case CLIENT_NO_CONTEXT: return !has_value;
	case SERVER_BITS: return has_value && window_bits(value) == LARGEST;
	case CLIENT_BITS: return !has_value || window_bits(value) != 0;
	default: return false;
	}
}

static bool
take_offer(struct span offer, unsigned *seen)
{
	bool more = memchr(offer.at, ';', offer.length) != NULL;

	*seen = 0;
	if (!fields_is(fields_trim(fields_cut(&offer, ';')), NAME))
		return false;
	while (more) {
		more = memchr(offer.at, ';', offer.length) != NULL;
		if (!take_parameter(fields_trim(fields_cut(&offer, ';')), seen))
			return false;
	}
	return true;
}

bool
extension_agree(const struct request *r, char answer[EXTENSION_ANSWER_MAX])
{
	unsigned seen;

	for (unsigned i = 0; i < r->count; i++) {
		struct span list = request_value(r, i), offer;

		if (!fields_is(request_name(r, i), "Sec-WebSocket-Extensions"))
			continue;
		while (fields_next(&list, &offer)) {
			if (!take_offer(offer, &seen))
				continue;
			snprintf(answer, EXTENSION_ANSWER_MAX,
			    NAME "; server_no_context_takeover; client_no_context_takeover%s",
			    (seen & SERVER_BITS) != 0 ? "; server_max_window_bits=15" : "");
			return true;
		}
	}
	return false;
}
