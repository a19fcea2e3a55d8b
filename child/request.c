#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

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

/* tchar of RFC 9110, 5.6.2. */
static bool
token_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool
is_token(struct span s)
{
	for (size_t i = 0; i < s.length; i++)
		if (!token_character(s.at[i]))
			return false;
	return s.length > 0;
}

static struct span
trim(struct span s)
{
	while (s.length > 0 && (*s.at == ' ' || *s.at == '\t')) {
		s.at++;
		s.length--;
	}
	while (s.length > 0 && (s.at[s.length - 1] == ' ' || s.at[s.length - 1] == '\t'))
		s.length--;
	return s;
}

static bool
same(struct span s, const char *text)
{
	return s.length == strlen(text) && strncasecmp(s.at, text, s.length) == 0;
}

/* Cut s at the first c: the part before it is returned, s becomes the rest. */
static struct span
cut(struct span *s, char c)
{
	const char *at = memchr(s->at, c, s->length);
	struct span before = *s;

	if (at == NULL) {
		s->at += s->length;
		s->length = 0;
		return before;
	}
	before.length = (size_t)(at - s->at);
	s->at = at + 1;
	s->length -= before.length + 1;
	return before;
}

static bool
parse_first_line(struct request *r, struct span line, struct verdict *v)
{
	struct span target, version;

	r->method = cut(&line, ' ');
	target = cut(&line, ' ');
	version = line;
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
	r->path = cut(&target, '?');
	return true;
}

static bool
parse_header(struct request *r, struct span line, struct verdict *v)
{
	struct request_header *h = &r->headers[r->count];

	if (r->count == REQUEST_HEADERS_MAX)
		return refuse(v, 431, "There are more than %u headers.", REQUEST_HEADERS_MAX);
	if (memchr(line.at, ':', line.length) == NULL)
		return refuse(v, 400, "Header line %u has no colon.", r->count + 1);
	h->name = cut(&line, ':');
	h->value = trim(line);
	if (!is_token(h->name))
		return refuse(v, 400, "Header line %u has no proper name.", r->count + 1);
	for (size_t i = 0; i < h->value.length; i++) {
		unsigned char c = (unsigned char)h->value.at[i];

		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return refuse(
			    v, 400, "Header line %u has a control character.", r->count + 1);
	}
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
		if (same(r->headers[i].name, name)) {
			*value = r->headers[i].value;
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
		struct span list = r->headers[i].value;

		if (!same(r->headers[i].name, name))
			continue;
		while (list.length > 0)
			if (same(trim(cut(&list, ',')), token))
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

/* The scheme's own port is left out of what a browser sends; leave it out here, too. */
static struct span
without_port(struct span host, const char *port)
{
	size_t length = strlen(port);

	if (host.length > length && strncmp(host.at + host.length - length, port, length) == 0)
		host.length -= length;
	return host;
}

static bool
same_span(struct span a, struct span b)
{
	return a.length == b.length && strncasecmp(a.at, b.at, a.length) == 0;
}

static bool
same_host(struct span origin, struct span host)
{
	const char *port;

	if (origin.length > 7 && strncasecmp(origin.at, "http://", 7) == 0) {
		origin.at += 7;
		origin.length -= 7;
		port = ":80";
	} else if (origin.length > 8 && strncasecmp(origin.at, "https://", 8) == 0) {
		origin.at += 8;
		origin.length -= 8;
		port = ":443";
	} else {
		return false;
	}
	return same_span(without_port(origin, port), without_port(host, port));
}

static bool
origin_allowed(const struct request *r, const char *origins)
{
	struct span origin, host, list;

	if (!request_header(r, "Origin", &origin))
		return true;
	if (origins == NULL)
		return request_header(r, "Host", &host) && same_host(origin, host);
	if (strcmp(origins, "*") == 0)
		return true;
	list = (struct span){origins, strlen(origins)};
	while (list.length > 0)
		if (same_span(trim(cut(&list, ',')), origin))
			return true;
	return false;
}

static bool
judge_upgrade(const struct request *r, const char *origins, struct verdict *v)
{
	struct span value;

	if (!same(r->method, "GET"))
		return refuse(v, 400, "A WebSocket handshake is a GET request.");
	if (!list_has(r, "Upgrade", "websocket"))
		return refuse(v, 400, "The only upgrade that is offered here is websocket.");
	if (!list_has(r, "Connection", "Upgrade"))
		return refuse(v, 400, "The header \"Connection: Upgrade\" is missing.");
	if (!request_header(r, "Host", &value) || value.length == 0)
		return refuse(v, 400, "The header Host is missing.");
	if (!request_header(r, "Sec-WebSocket-Version", &value))
		return refuse(v, 400, "The header Sec-WebSocket-Version is missing.");
	if (!same(value, "13"))
		return refuse(
		    v, 426, "Only version 13 of the WebSocket protocol is spoken here.");
	if (!request_header(r, "Sec-WebSocket-Key", &value))
		return refuse(v, 400, "The header Sec-WebSocket-Key is missing.");
	if (!good_key(value))
		return refuse(v, 400, "Sec-WebSocket-Key has to be 16 bytes in base64.");
	if (!origin_allowed(r, origins))
		return refuse(v, 403,
		    "Pages of this origin may not connect; the operator can allow them "
		    "with "
		    "--origin.");
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

void
request_judge(const struct request *r, const char *origins, struct verdict *v)
{
	struct span value;

	memset(v, 0, sizeof(*v));
	if (request_header(r, "Upgrade", &value) ||
	    request_header(r, "Sec-WebSocket-Key", &value)) {
		judge_upgrade(r, origins, v);
		return;
	}
	v->head_only = r->method.length == 4 && memcmp(r->method.at, "HEAD", 4) == 0;
	if (!v->head_only && !(r->method.length == 3 && memcmp(r->method.at, "GET", 3) == 0)) {
		refuse(v, 405, "Only GET and HEAD are served here.");
	} else if (find_status(r->path, &v->page)) {
		v->kind = REQUEST_STATUS;
		v->status = 200;
	} else if (r->path.length != 1) {
		refuse(v, 404, "There is a page at / and a WebSocket; there is nothing else.");
	} else {
		v->kind = REQUEST_PAGE;
		v->status = 200;
	}
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
