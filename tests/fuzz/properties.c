/*
 * Properties that a client sets, one object after the other, with a zero byte
 * between them; the first byte chooses the limit.
 */
#include <string.h>

#include "../../child/properties.h"
#include "../../shm/scan.h"
#include "fuzz.h"

static void
forget(struct properties *p)
{
	json_decref(p->members);
	json_decref(p->next_members);
	text_clear(&p->text, 0);
	text_clear(&p->next_text, 0);
	memset(p, 0, sizeof(*p));
}

/* The text is one object; merged into nothing it is itself, and into itself no change. */
static void
check_text(struct properties *p, uint32_t max)
{
	struct span own = {p->text.bytes, p->text.length};
	struct properties again = {0};
	struct scan_error error;
	struct violation v;
	char *copy;

	if (own.length == 0)
		return;
	FUZZ_CHECK(own.length <= max, "%zu bytes, %u are allowed", own.length, max);
	FUZZ_CHECK(scan_check(own.at, own.length, &error) == 0, "not JSON: %s", error.what);
	FUZZ_CHECK(own.at[0] == '{' && own.at[own.length - 1] == '}', "no object");
	copy = input_copy(own.at, own.length);
	if (properties_merge(&again, (struct span){copy, own.length}, max, &v) ==
	    PROPERTIES_CHANGED)
		properties_commit(&again);
	FUZZ_CHECK(own.length == 2 || (again.text.length == own.length &&
					  memcmp(again.text.bytes, own.at, own.length) == 0),
	    "merged into nothing it is something else");
	FUZZ_CHECK(
	    properties_merge(p, (struct span){copy, own.length}, max, &v) == PROPERTIES_SAME,
	    "merged into itself it changes");
	free(copy);
	forget(&again);
}

static void
set(struct properties *p, const uint8_t *data, size_t size, uint32_t max)
{
	char *text = input_copy(data, size);
	struct scan_error error;
	struct violation v = {0};

	if (scan_check(text, size, &error) == 0) {
		switch (properties_merge(p, span_trim(text, size), max, &v)) {
		case PROPERTIES_CHANGED: properties_commit(p); break;
		case PROPERTIES_SAME: break;
		case PROPERTIES_REFUSED:
			FUZZ_CHECK(v.code == 1008, "refused with %u", v.code);
			break;
		}
		check_text(p, max);
	}
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct properties p = {0};
	uint32_t max = 2 + 16U * input_byte(&in);

	while (in.left > 0) {
		const uint8_t *end = memchr(in.at, '\0', in.left);
		size_t length = end != NULL ? (size_t)(end - in.at) : in.left, got;
		const uint8_t *at = input_bytes(&in, length, &got);

		set(&p, at, got, max);
		(void)input_byte(&in);
	}
	forget(&p);
	return 0;
}
