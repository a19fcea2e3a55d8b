#include "address.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

struct address
address_inet(const unsigned char *bytes, size_t size, uint16_t port)
{
	struct address a = {
	    .kind = ADDRESS_INET, .host.bits = 128, .has_port = true, .port = port};

	assert(size == 4 || size == 16);
	memcpy(a.host.bytes, mapped, sizeof(mapped));
	memcpy(a.host.bytes + 16 - size, bytes, size);
	return a;
}

/* Up to 65535, and in one way only. */
static bool
parse_port(const char *text, struct address *a)
{
	unsigned long port = 0;

	if (*text == '\0' || strlen(text) > 5 || (*text == '0' && text[1] != '\0'))
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		port = 10 * port + (unsigned long)(*text - '0');
	a->has_port = true;
	a->port = (uint16_t)port;
	return *text == '\0' && port <= UINT16_MAX;
}

/*
 * Cut the text into host and port.  Without brackets a colon begins a port only
 * if it is the only one.
 */
static bool
cut(char *text, char **host, char **port)
{
	char *colon = strchr(text, ':'), *end;

	*host = text;
	*port = NULL;
	if (*text == '[') {
		if ((end = strchr(text, ']')) == NULL)
			return false;
		*host = text + 1;
		*end++ = '\0';
		*port = *end == ':' ? end + 1 : NULL;
		return (*end == ':' || *end == '\0') && strchr(*host, ':') != NULL;
	}
	if (colon != NULL && strchr(colon + 1, ':') == NULL) {
		*colon = '\0';
		*port = colon + 1;
	}
	return true;
}

bool
address_parse(const char *text, size_t length, struct address *a)
{
	char copy[PEER_LENGTH], *host, *port;

	memset(a, 0, sizeof(*a));
	if (length == 0 || length >= sizeof(copy) || memchr(text, '\0', length) != NULL ||
	    memchr(text, '/', length) != NULL)
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	if (strcmp(copy, "unix") == 0) {
		a->kind = ADDRESS_UNIX;
		return true;
	}
	if (!cut(copy, &host, &port) || !cidr_parse(host, &a->host) ||
	    (port != NULL && !parse_port(port, a)))
		return false;
	a->kind = ADDRESS_INET;
	return true;
}

void
address_write(const struct address *a, char text[PEER_LENGTH])
{
	bool four = memcmp(a->host.bytes, mapped, sizeof(mapped)) == 0;
	char host[INET6_ADDRSTRLEN];

	memset(text, 0, PEER_LENGTH);
	if (a->kind != ADDRESS_INET) {
		strcpy(text, a->kind == ADDRESS_UNIX ? "unix" : "");
		return;
	}
	inet_ntop(
	    four ? AF_INET : AF_INET6, a->host.bytes + (four ? 12 : 0), host, sizeof(host));
	if (!a->has_port)
		strcpy(text, host);
	else
		snprintf(text, PEER_LENGTH, four ? "%s:%u" : "[%s]:%u", host, a->port);
}
