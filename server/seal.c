#include "seal.h"

#include <sha2.h>
#include <string.h>

#define END 0xff

static void
add_byte(SHA2_CTX *digest, unsigned char byte)
{
	SHA256Update(digest, &byte, 1);
}

/* However it is written: a child writes it in its own way. */
static void
add_name(SHA2_CTX *digest, struct span name)
{
	const char *at = name.at + 1, *end = name.at + name.length - 1;

	while (at < end) {
		char c[4];
		size_t length = span_character(&at, c);

		SHA256Update(digest, (const uint8_t *)c, length);
	}
	add_byte(digest, END);
}

void
seal_make(struct span object, const char *prefix, unsigned char seal[SEAL_LENGTH])
{
	struct span name, value;
	SHA2_CTX digest;
	bool any = false;

	while (span_next_member(&object, &name, &value)) {
		if (!span_begins(name, prefix))
			continue;
		if (!any)
			SHA256Init(&digest);
		any = true;
		add_name(&digest, name);
		SHA256Update(&digest, (const uint8_t *)value.at, value.length);
		add_byte(&digest, END);
	}
	if (any)
		SHA256Final(seal, &digest);
	else
		memset(seal, 0, SEAL_LENGTH);
}
