#include "trust.h"

#include <string.h>

static bool
add_one(struct trust *t, const char *item, size_t length)
{
	char text[64];

	if (length == 0 || length >= sizeof(text))
		return false;
	memcpy(text, item, length);
	text[length] = '\0';
	if (strcmp(text, "unix") == 0) {
		t->unix_sockets = true;
		return true;
	}
	return t->count < TRUST_MAX && cidr_parse(text, &t->networks[t->count++]);
}

bool
trust_add(struct trust *t, const char *list)
{
	for (;;) {
		size_t length;

		list += strspn(list, " ");
		length = strcspn(list, ", ");
		if (!add_one(t, list, length))
			return false;
		list += length;
		list += strspn(list, " ");
		if (*list == '\0')
			return true;
		if (*list++ != ',')
			return false;
	}
}

static bool
holds(const struct trust *t, const struct cidr *host)
{
	for (unsigned i = 0; i < t->count; i++)
		if (cidr_holds(&t->networks[i], host))
			return true;
	return false;
}

bool
trust_holds(const struct trust *t, const struct address *a)
{
	return a->kind == ADDRESS_INET && holds(t, &a->host);
}

bool
trust_peer(const struct trust *t, const char *peer)
{
	struct cidr host;

	if (strcmp(peer, "unix") == 0 || strncmp(peer, "unix:", 5) == 0)
		return t->unix_sockets;
	return cidr_of_peer(peer, &host) && holds(t, &host);
}
