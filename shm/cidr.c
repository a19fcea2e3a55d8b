#include "cidr.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 80
#define MAPPED_BITS 96

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* An address alone; *most is how many bits of it there are to choose a prefix from. */
static bool
parse_address(const char *text, struct cidr *out, unsigned *most)
{
	if (inet_pton(AF_INET6, text, out->bytes) == 1) {
		*most = 128;
	} else if (inet_pton(AF_INET, text, out->bytes + 12) == 1) {
		memcpy(out->bytes, mapped, sizeof(mapped));
		*most = 32;
	} else {
		return false;
	}
	out->bits = 128;
	return true;
}

bool
cidr_parse(const char *text, struct cidr *network)
{
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char address[TEXT_MAX], *end;
	unsigned long bits;
	unsigned most;

	if (length >= sizeof(address))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (!parse_address(address, network, &most))
		return false;
	if (slash == NULL)
		return true;
	bits = strtoul(slash + 1, &end, 10);
	if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || bits > most)
		return false;
	network->bits = 128 - most + (unsigned)bits;
	return true;
}

bool
cidr_of_peer(const char *peer, struct cidr *address)
{
	char text[TEXT_MAX], *at = text, *end;
	unsigned most;

	if (strlen(peer) >= sizeof(text))
		return false;
	strcpy(text, peer);
	if (*at == '[') {
		if ((end = strchr(++at, ']')) == NULL)
			return false;
	} else if ((end = strchr(at, ':')) == NULL || strchr(end + 1, ':') != NULL) {
		end = at + strlen(at); /* no port, or an IPv6 address without its brackets */
	}
	*end = '\0';
	at[strcspn(at, "%")] = '\0';
	return parse_address(at, address, &most);
}

bool
cidr_holds(const struct cidr *network, const struct cidr *address)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	unsigned char mask = (unsigned char)(0xff00 >> rest);

	return memcmp(network->bytes, address->bytes, whole) == 0 &&
	       (rest == 0 || ((network->bytes[whole] ^ address->bytes[whole]) & mask) == 0);
}

bool
cidr_is_loopback(const struct cidr *address)
{
	static const struct cidr four = {
	    {[10] = 0xff, [11] = 0xff, [12] = 127}, MAPPED_BITS + 8};
	static const struct cidr six = {{[15] = 1}, 128};

	return cidr_holds(&four, address) || cidr_holds(&six, address);
}
