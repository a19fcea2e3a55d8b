#include "cgi.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

#define USUAL_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OWN_PREFIX "HOOK_" /* of variables that are passed on */

extern char **environ;

static bool add(struct cgi *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool
add(struct cgi *c, const char *format, ...)
{
	size_t room = sizeof(c->bytes) - c->used;
	char *at = c->bytes + c->used;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(at, room, format, arguments);
	va_end(arguments);
	if (length < 0 || (size_t)length >= room || c->count == CGI_VARIABLES_MAX)
		return false;
	c->variables[c->count++] = at;
	c->variables[c->count] = NULL;
	c->used += (size_t)length + 1;
	return true;
}

static bool
add_own(struct cgi *c)
{
	const char *path = getenv("PATH");
	bool good = add(c, "PATH=%s", path != NULL ? path : USUAL_PATH);

	for (char **e = environ; good && *e != NULL; e++)
		if (strncmp(*e, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) == 0)
			good = add(c, "%s", *e);
	return good;
}

/*
 * 10.0.0.1:5 and [::1]:5 as address and port.  One that a proxy has told may have no
 * port, and is 10.0.0.1 or ::1 then.
 */
static bool
add_address(struct cgi *c, const char *side, const char *address, const char *port_name)
{
	bool bracket = *address == '[';
	const char *at = address + bracket;
	size_t length = strcspn(at, bracket ? "]" : ":");
	const char *port = at + length + bracket;

	if (strncmp(address, "unix", 4) == 0 ||
	    (!bracket && strchr(at, ':') != strrchr(at, ':')))
		length = strlen(address);
	return add(c, "%s=%.*s", side, (int)length, at) &&
	       add(c, "%s=%s", port_name, at[length] != '\0' && *port == ':' ? port + 1 : "");
}

static bool
add_client(struct cgi *c, const struct cgi_client *client)
{
	return add(c, "GATEWAY_INTERFACE=CGI/1.1") &&
	       add(c, "SERVER_SOFTWARE=rosterd/" ROSTERD_VERSION) &&
	       add(c, "ROSTERD_TOKEN=%.*s", (int)TOKEN_LENGTH, client->token) &&
	       add_address(c, "REMOTE_ADDR", client->peer, "REMOTE_PORT");
}

/* The next item of a list with commas, without the blanks around it. */
static bool
next_item(const char **list, const char **item, size_t *length)
{
	const char *at = *list + strspn(*list, ", \t");
	const char *end = at + strcspn(at, ",");

	*list = end;
	while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	*item = at;
	*length = (size_t)(end - at);
	return *length > 0;
}

static bool
is_named(const char *item, size_t length, const char *name)
{
	return strlen(name) == length && strncasecmp(item, name, length) == 0;
}

static bool
may_pass(const char *list, const char *name)
{
	const char *item;
	size_t length;

	while (next_item(&list, &item, &length))
		if (is_named(item, length, name))
			return true;
	return false;
}

bool
cgi_headers_good(const char *list)
{
	const char *item;
	unsigned count = 0;
	size_t length;

	while (next_item(&list, &item, &length)) {
		for (size_t i = 0; i < length; i++)
			if (!isalnum((unsigned char)item[i]) && item[i] != '-')
				return false;
		/* Names that would take the place of others, or of none: see cgi.h. */
		if (is_named(item, length, "Proxy") || length > 40 || ++count > 32)
			return false;
	}
	return true;
}

/* HTTP_USER_AGENT for User-Agent. */
static bool
add_header(struct cgi *c, const char *name, const char *value)
{
	char variable[64];
	size_t at = 0;

	for (; name[at] != '\0' && at < sizeof(variable) - 1; at++)
		variable[at] = name[at] == '-' ? '_' : (char)toupper((unsigned char)name[at]);
	variable[at] = '\0';
	return add(c, "HTTP_%s=%s", variable, value);
}

/* The host that a client wrote, if it is one, else our address. */
static bool
add_server(struct cgi *c, const char *host, const char *own)
{
	size_t length = 0;

	if (!add_address(c, "SERVER_ADDR", own, "SERVER_PORT"))
		return false;
	if (host != NULL) {
		length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
		if (length > strlen(host) ||
		    strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789.-_[]:") < length)
			length = 0;
	}
	if (length > 0)
		return add(c, "SERVER_NAME=%.*s", (int)length, host);
	length = strcspn(own, "]");
	return add(
	    c, "SERVER_NAME=%.*s", (int)(*own == '[' ? length + 1 : strcspn(own, ":")), own);
}

/* -1 if it is none. */
static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		return (c | 0x20) - 'a' + 10;
	return -1;
}

/* The path without escapes; there is no such variable if they hide control characters. */
static bool
add_path(struct cgi *c, const char *path)
{
	char plain[HOOK_ASK_MAX];
	size_t used = 0;

	for (; *path != '\0' && used < sizeof(plain) - 1; path++) {
		int high = *path == '%' ? hex_digit(path[1]) : -1;
		int low = high >= 0 ? hex_digit(path[2]) : -1;
		unsigned char byte = (unsigned char)*path;

		if (low >= 0) {
			byte = (unsigned char)(high << 4 | low);
			path += 2;
		}
		if (byte < 0x20 || byte == 0x7f)
			return true;
		plain[used++] = (char)byte;
	}
	plain[used] = '\0';
	return add(c, "PATH_INFO=%s", plain);
}

/* The strings of a question: each ends with a NUL and holds no control character. */
static bool
take_string(const char **text, const char *end, const char **string)
{
	const char *nul = memchr(*text, '\0', (size_t)(end - *text));

	if (nul == NULL)
		return false;
	for (const char *at = *text; at < nul; at++)
		if (((unsigned char)*at < 0x20 && *at != '\t') || *at == 0x7f)
			return false;
	*string = *text;
	*text = nul + 1;
	return true;
}

bool
cgi_ask(struct cgi *c, const struct cgi_client *client, const char *headers, const char *text,
    size_t length)
{
	const char *end = text + length, *path, *query, *name, *value, *host = NULL;

	c->count = 0;
	c->used = 0;
	if (!take_string(&text, end, &path) || !take_string(&text, end, &query) ||
	    *path != '/' || !add_own(c) || !add_client(c, client) ||
	    !add(c, "REQUEST_METHOD=GET") || !add(c, "SERVER_PROTOCOL=HTTP/1.1") ||
	    !add(c, "SCRIPT_NAME=") || !add(c, "QUERY_STRING=%s", query) ||
	    !add(c, "REQUEST_URI=%s%s%s", path, *query != '\0' ? "?" : "", query) ||
	    !add_path(c, path))
		return false;
	while (text < end) {
		if (!take_string(&text, end, &name) || !take_string(&text, end, &value))
			return false;
		if (strcasecmp(name, "Host") == 0)
			host = value;
		if (may_pass(headers, name) && !add_header(c, name, value))
			return false;
	}
	return add_server(c, host, client->own);
}

bool
cgi_closed(struct cgi *c, const struct hook_message *m)
{
	struct cgi_client client = {m->token, m->peer, NULL};

	c->count = 0;
	c->used = 0;
	return add_own(c) && add_client(c, &client) &&
	       add(c, "ROSTERD_SECONDS=%.3f", (double)m->ms / 1000) &&
	       add(c, "ROSTERD_CODE=%u", m->code);
}
