#include "rules.h"

const char *
rules_reserved(struct span type)
{
	static const char *const reserved[] = {"metadata", "changes", "from", "type"};

	for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
		if (span_is(type, reserved[i]))
			return reserved[i];
	return NULL;
}
