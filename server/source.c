#include "source.h"

#include <netinet/in.h>
#include <string.h>

static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

/* The prefix, or for IPv4 what no prefix in use is like: ::/8 is reserved. */
static uint64_t
key_of(const unsigned char bytes[16])
{
	unsigned from = memcmp(bytes, mapped, sizeof(mapped)) == 0 ? 8 : 0;
	uint64_t key = 0;

	for (unsigned i = from; i < from + 8; i++)
		key = key << 8 | bytes[i];
	return key;
}

void
source_of(const struct sockaddr_storage *address, struct source *source)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
	unsigned char *bytes = source->address.bytes;

	memset(source, 0, sizeof(*source));
	if (address->ss_family == AF_INET) {
		memcpy(bytes, mapped, sizeof(mapped));
		memcpy(bytes + sizeof(mapped), &in->sin_addr, 4);
	} else if (address->ss_family == AF_INET6) {
		memcpy(bytes, &in6->sin6_addr, 16);
	} else {
		return;
	}
	source->known = true;
	source->address.bits = 128;
	source->key = key_of(bytes);
}

void
source_of_peer(const char *peer, struct source *source)
{
	memset(source, 0, sizeof(*source));
	source->known = cidr_of_peer(peer, &source->address);
	source->key = key_of(source->address.bytes);
}
