#include "packet.h"

#include <stdlib.h>
#include <string.h>

#include "../shm/mail.h"
#include "../shm/rules.h"
#include "../shm/scan.h"
#include "../shm/token.h"
#include "../shm/utf8.h"

#define INVALID_DATA 1007
#define POLICY 1008

static bool
refuse(struct violation *v, const char *rule)
{
	violation_set(v, POLICY, "%s", rule);
	return false;
}

static bool
count_name(struct packet *p, struct span name)
{
	if (*name.at != '"')
		return false;
	if (span_is(name, "*"))
		p->to_all = true;
	else if (span_is(name, "server"))
		p->to_server = true;
	else if (name.length >= TOKEN_LENGTH + 2)
		p->tokens++;
	else
		p->strangers++;
	return true;
}

static bool
parse_to(struct packet *p, struct violation *v)
{
	struct span rest = p->to, name;

	if (*p->to.at == '"')
		return count_name(p, p->to);
	if (*p->to.at != '[')
		return refuse(v, "\"to\" must be a string or an array of strings");
	while (span_next_element(&rest, &name))
		if (!count_name(p, name))
			return refuse(v, "\"to\" must be a string or an array of strings");
	return true;
}

static bool
parse_content(struct packet *p, struct span content, struct violation *v)
{
	struct span rest = content, key, value;

	if (*content.at != '{')
		return refuse(v, "\"packet\" must be an object");
	if (!span_member(content, "type", &p->type))
		return refuse(v, "the packet has no \"type\"");
	if (*p->type.at != '"')
		return refuse(v, "the packet's \"type\" must be a string");
	p->value = (struct span){"{}", 2};
	while (span_next_member(&rest, &key, &value))
		if (span_equal(key, p->type))
			p->value = value;
	return true;
}

static bool
check_type(const struct packet *p, struct violation *v)
{
	const char *reserved = rules_reserved(p->type);

	if (p->type.length > RULES_TYPE_MAX)
		violation_set(v, POLICY, "type over %u bytes", RULES_TYPE_MAX);
	else if (reserved != NULL)
		violation_set(v, POLICY, "type \"%s\" is reserved", reserved);
	else
		return true;
	return false;
}

static void
blame_text(struct violation *v, const char *text, const struct scan_error *error)
{
	violation_set(v, INVALID_DATA, "%s: column %zu: %s",
	    error->encoding ? "not UTF-8" : "not JSON", utf8_column(text, error->offset),
	    error->what);
}

bool
packet_parse(const char *text, size_t length, struct packet *p, struct violation *v)
{
	struct scan_error error;
	struct span whole, content;

	memset(p, 0, sizeof(*p));
	if (scan_check(text, length, &error) < 0) {
		blame_text(v, text, &error);
		return false;
	}
	whole = span_trim(text, length);
	if (*whole.at != '{')
		return refuse(v, "a packet must be an object");
	if (!span_member(whole, "to", &p->to))
		return refuse(v, "there is no \"to\"");
	if (!span_member(whole, "packet", &content))
		return refuse(v, "there is no \"packet\"");
	if (!parse_to(p, v) || !parse_content(p, content, v))
		return false;
	return !packet_for_clients(p) || check_type(p, v);
}

bool
packet_for_clients(const struct packet *p)
{
	return p->to_all || p->tokens > 0 || p->strangers > 0;
}

bool
packet_sets_properties(const struct packet *p)
{
	return span_is(p->type, "properties");
}

static int
compare_tokens(const void *a, const void *b)
{
	return memcmp(a, b, MAIL_TOKEN);
}

/* A name as a token; one with escapes in it counts by what it means. */
static bool
name_token(struct span name, unsigned char token[MAIL_TOKEN])
{
	char digits[6 * TOKEN_LENGTH];

	if (name.length == TOKEN_LENGTH + 2)
		return token_decode(name.at + 1, token);
	if (name.length < TOKEN_LENGTH + 2 || name.length > sizeof(digits))
		return false;
	return span_decode(name, digits) == TOKEN_LENGTH && token_decode(digits, token);
}

static uint32_t
drop_duplicates(unsigned char (*tokens)[MAIL_TOKEN], uint32_t count)
{
	uint32_t kept = 0;

	qsort(tokens, count, MAIL_TOKEN, compare_tokens);
	for (uint32_t i = 0; i < count; i++)
		if (kept == 0 || memcmp(tokens[kept - 1], tokens[i], MAIL_TOKEN) != 0)
			memmove(tokens[kept++], tokens[i], MAIL_TOKEN);
	return kept;
}

uint32_t
packet_receivers(const struct packet *p, unsigned char (*tokens)[MAIL_TOKEN])
{
	struct span rest = p->to, name;
	uint32_t count = 0;

	if (*p->to.at == '"')
		return name_token(p->to, tokens[0]) ? 1 : 0;
	while (span_next_element(&rest, &name))
		if (name.length >= TOKEN_LENGTH + 2 && name_token(name, tokens[count]))
			count++;
	return drop_duplicates(tokens, count);
}
