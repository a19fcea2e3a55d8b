#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "fields.h"
#include "origin.h"

#define KEY_LENGTH 24 /* base64 of 16 bytes */

static bool refuse(struct verdict *v, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool
refuse(struct verdict *v, int status, const char *format, ...)
{
	va_list arguments;

	v->kind = REQUEST_REFUSED;
	v->status = status;
	va_start(arguments, format);
	vsnprintf(v->reason, sizeof(v->reason), format, arguments);
	va_end(arguments);
	return false;
}

/* Skip empty lines before the request (RFC 9112, 2.2). */
static size_t
leading(const char *bytes, size_t length)
{
	size_t at = 0;

	while (at + 1 < length && bytes[at] == '\r' && bytes[at + 1] == '\n')
		at += 2;
	return at;
}

size_t
request_length(const char *bytes, size_t length)
{
	size_t skip = leading(bytes, length);
	const char *end = memmem(bytes + skip, length - skip, "\r\n\r\n", 4);

	return end != NULL ? (size_t)(end - bytes) + 4 : 0;
}

bool
request_token_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.length; i++)
		if (!request_token_character(s.at[i]))
			return false;
	return s.length > 0;
}

static bool
parse_first_line(struct request *r, struct span line, struct verdict *v)
{
	struct span target, version;

	r->method = fields_cut(&line, ' ');
	target = fields_cut(&line, ' ');
	version = line;
	if (fields_is(r->method, "PROXY"))
		return refuse(v, 400,
		    "The PROXY protocol is spoken only with those whom --trust names, and "
		    "with --proxy-protocol on.");
	if (!is_token(r->method) || target.length == 0 || version.length == 0)
		return refuse(v, 400, "The first line is not an HTTP request.");
	if (version.length != 8 || memcmp(version.at, "HTTP/1.", 7) != 0)
		return refuse(v, 505, "Only HTTP/1.1 is spoken here.");
	if (version.at[7] != '1')
		return refuse(v, 505, "HTTP/1.1 is needed, this is HTTP/1.%c.",
		    version.at[7] == '0' ? '0' : '?');
	if (target.at[0] != '/')
		return refuse(v, 400, "The target of the request has to begin with a slash.");
	for (size_t i = 0; i < target.length; i++)
		if (target.at[i] <= 0x20 || target.at[i] >= 0x7f)
			return refuse(
			    v, 400, "There is a byte in the target that must be escaped.");
	r->path = fields_cut(&target, '?');
	r->query = target;
	return true;
}

static bool
parse_header(struct request *r, struct span line, struct verdict *v)
{
	struct request_header *h = &r->headers[r->count];
	struct span name, value;

	if (r->count == REQUEST_HEADERS_MAX)
		return refuse(v, 431, "There are more than %u headers.", REQUEST_HEADERS_MAX);
	if (memchr(line.at, ':', line.length) == NULL)
		return refuse(v, 400, "Header line %u has no colon.", r->count + 1);
	name = fields_cut(&line, ':');
	value = fields_trim(line);
	if (!is_token(name))
		return refuse(v, 400, "Header line %u has no proper name.", r->count + 1);
	for (size_t i = 0; i < value.length; i++) {
		unsigned char c = (unsigned char)value.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(
			    v, 400, "Header line %u has a control character.", r->count + 1);
	}
	*h = (struct request_header){
	    .name = (uint16_t)(name.at - r->head),
	    .name_length = (uint16_t)name.length,
	    .value = (uint16_t)(value.at - r->head),
	    .value_length = (uint16_t)value.length,
	};
	r->count++;
	return true;
}

bool
request_parse(struct request *r, const char *head, size_t length, struct verdict *v)
{
	size_t skip = leading(head, length);
	const char *end = head + length - 2; /* the empty line */
	const char *at = head + skip;
	bool first = true;

	r->head = head;
	r->count = 0;
	memset(v, 0, sizeof(*v));
	while (at < end) {
		const char *stop = memmem(at, (size_t)(end - at) + 2, "\r\n", 2);
		struct span line = {at, (size_t)(stop - at)};

		if (first ? !parse_first_line(r, line, v) : !parse_header(r, line, v))
			return false;
		first = false;
		at = stop + 2;
	}
	return true;
}

bool
request_header(const struct request *r, const char *name, struct span *value)
{
	for (unsigned i = 0; i < r->count; i++) {
		if (fields_is(request_name(r, i), name)) {
			*value = request_value(r, i);
			return true;
		}
	}
	return false;
}

/* Is token in the comma-separated lists of all headers of that name? */
static bool
list_has(const struct request *r, const char *name, const char *token)
{
	for (unsigned i = 0; i < r->count; i++) {
		struct span list = request_value(r, i), element;

		if (!fields_is(request_name(r, i), name))
			continue;
		while (fields_next(&list, &element))
			if (fields_is(element, token))
				return true;
	}
	return false;
}

static bool
good_key(struct span key)
{
	if (key.length != KEY_LENGTH || key.at[22] != '=' || key.at[23] != '=')
		return false;
	for (int i = 0; i < 22; i++) {
		char c = key.at[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c >= '0' && c <= '9') || c == '+' || c == '/'))
			return false;
	}
	return true;
}

/* There is exactly one of that name: two may mean one thing to a proxy and another here. */
static bool
only_header(const struct request *r, const char *name, struct span *value)
{
	unsigned count = 0;

	for (unsigned i = 0; i < r->count; i++)
		count += fields_is(request_name(r, i), name);
	return count == 1 && request_header(r, name, value);
}

/* May it stand in a sentence?  What a browser writes may. */
static bool
quotable(struct span s)
{
	for (size_t i = 0; i < s.length; i++)
		if (s.at[i] <= 0x20 || s.at[i] >= 0x7f || s.at[i] == '"')
			return false;
	return s.length > 0 && s.length <= 60;
}

static bool
judge_origin(const struct request *r, const char *origins, struct verdict *v)
{
	struct span origin, host;

	if (!request_header(r, "Origin", &origin))
		return true;
	request_header(r, "Host", &host);
	if (!only_header(r, "Origin", &origin))
		return refuse(v, 403, "There is more than one header Origin.");
	if (origin_allowed(origins, origin, host))
		return true;
	if (!quotable(origin) || !quotable(host))
		return refuse(v, 403,
		    "Pages of this origin may not connect; the operator can allow them with "
		    "--origin.");
	return refuse(v, 403,
	    "Pages of %.*s may not connect to %.*s; the operator can allow them with --origin.",
	    (int)origin.length, origin.at, (int)host.length, host.at);
}

static bool
judge_upgrade(const struct request *r, const char *origins, struct verdict *v)
{
	struct span value;

	if (!fields_is(r->method, "GET"))
		return refuse(v, 400, "A WebSocket handshake is a GET request.");
	if (!list_has(r, "Upgrade", "websocket"))
		return refuse(v, 400, "The only upgrade that is offered here is websocket.");
	if (!list_has(r, "Connection", "Upgrade"))
		return refuse(v, 400, "The header \"Connection: Upgrade\" is missing.");
	if (!only_header(r, "Host", &value) || value.length == 0)
		return refuse(
		    v, 400, "There has to be one header Host, and it has to name a host.");
	if (!request_header(r, "Sec-WebSocket-Version", &value))
		return refuse(v, 400, "The header Sec-WebSocket-Version is missing.");
	if (!fields_is(value, "13"))
		return refuse(
		    v, 426, "Only version 13 of the WebSocket protocol is spoken here.");
	if (!request_header(r, "Sec-WebSocket-Key", &value))
		return refuse(v, 400, "The header Sec-WebSocket-Key is missing.");
	if (!good_key(value))
		return refuse(v, 400, "Sec-WebSocket-Key has to be 16 bytes in base64.");
	if (!judge_origin(r, origins, v))
		return false;
	v->kind = REQUEST_UPGRADE;
	return true;
}

/* The pages for operators; false if the path is none of them. */
static bool
find_status(struct span path, enum request_status *page)
{
	static const char *const paths[] = {
	    [STATUS_HEALTH] = "/healthz",
	    [STATUS_METRICS] = "/metrics",
	    [STATUS_CLIENTS] = "/clients.json",
	};

	for (unsigned i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (path.length != strlen(paths[i]) ||
		    memcmp(path.at, paths[i], path.length) != 0)
			continue;
		*page = (enum request_status)i;
		return true;
	}
	return false;
}

/* Does the client have the page already (RFC 9110, 13.1.2)? */
static bool
has_page(const struct request *r, const struct page *page)
{
	char tag[PAGE_TAG_SIZE];

	page_tag(page, tag);
	for (unsigned i = 0; i < r->count; i++) {
		struct span list = request_value(r, i), item;

		if (!fields_is(request_name(r, i), "If-None-Match"))
			continue;
		while (fields_next(&list, &item)) {
			if (item.length > 2 && memcmp(item.at, "W/", 2) == 0)
				item = (struct span){item.at + 2, item.length - 2};
			if (fields_is(item, "*") || fields_is(item, tag))
				return true;
		}
	}
	return false;
}

static void
judge_plain(const struct request *r, struct verdict *v)
{
	bool get = r->method.length == 3 && memcmp(r->method.at, "GET", 3) == 0;

	v->head_only = r->method.length == 4 && memcmp(r->method.at, "HEAD", 4) == 0;
	if (!get && !v->head_only) {
		refuse(v, 405, "Only GET and HEAD are served here.");
	} else if (find_status(r->path, &v->page)) {
		v->kind = REQUEST_STATUS;
		v->status = 200;
	} else if ((v->embedded = page_find(r->path)) != NULL) {
		v->kind = REQUEST_PAGE;
		v->status = has_page(r, v->embedded) ? 304 : 200;
	} else {
		refuse(v, 404, "There is a page at / and a WebSocket; there is nothing else.");
	}
}

void
request_judge(const struct request *r, const char *origins, struct verdict *v)
{
	struct span value;

	memset(v, 0, sizeof(*v));
	if (request_header(r, "Upgrade", &value) ||
	    request_header(r, "Sec-WebSocket-Key", &value))
		judge_upgrade(r, origins, v);
	else
		judge_plain(r, v);
}

size_t
request_upgrade(
    const struct request *r, const char *const *subprotocols, char out[REQUEST_UPGRADE_MAX])
{
	struct span key = {"", 0};
	const char *chosen = NULL;
	int length;

	request_header(r, "Sec-WebSocket-Key", &key);
	for (; *subprotocols != NULL && chosen == NULL; subprotocols++)
		if (list_has(r, "Sec-WebSocket-Protocol", *subprotocols))
			chosen = *subprotocols;
	length = snprintf(out, REQUEST_UPGRADE_MAX,
	    "GET / HTTP/1.1\r\n"
	    "Host: rosterd\r\n"
	    "Upgrade: websocket\r\n"
	    "Connection: Upgrade\r\n"
	    "Sec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Key: %.*s\r\n"
	    "%s%s%s\r\n",
	    (int)key.length, key.at, chosen != NULL ? "Sec-WebSocket-Protocol: " : "",
	    chosen != NULL ? chosen : "", chosen != NULL ? "\r\n" : "");
	return (size_t)length;
}
