/* A message of a client: any bytes.  What is accepted is JSON, and its spans lie within. */
#include <string.h>

#include "../../child/packet.h"
#include "../../shm/rules.h"
#include "../../shm/scan.h"
#include "fuzz.h"

static void
check_span(const char *text, size_t length, struct span s)
{
	FUZZ_CHECK(s.at >= text && s.length <= length && s.at + s.length <= text + length,
	    "a span leads out of the text");
}

/* Receivers are tokens, sorted, each once. */
static void
check_receivers(const struct packet *p)
{
	unsigned char(*tokens)[MAIL_TOKEN] = malloc((p->tokens + 1UL) * MAIL_TOKEN);
	uint32_t count;

	FUZZ_CHECK(tokens != NULL, "no memory");
	if (p->tokens > 0) {
		count = packet_receivers(p, tokens);
		FUZZ_CHECK(count <= p->tokens, "%u receivers of %u", count, p->tokens);
		for (uint32_t i = 1; i < count; i++)
			FUZZ_CHECK(memcmp(tokens[i - 1], tokens[i], MAIL_TOKEN) < 0,
			    "a receiver twice");
	}
	free(tokens);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = input_copy(data, size);
	struct scan_error error;
	struct violation v = {0};
	struct packet p;

	if (packet_parse(text, size, &p, &v)) {
		FUZZ_CHECK(scan_check(text, size, &error) == 0, "accepted, but not JSON");
		check_span(text, size, p.to);
		check_span(text, size, p.type);
		if (p.value.at < text || p.value.at >= text + size)
			FUZZ_CHECK(
			    span_is((struct span){"\"{}\"", 4}, "{}") && p.value.length == 2,
			    "a value from nowhere");
		else
			check_span(text, size, p.value);
		if (packet_for_clients(&p))
			FUZZ_CHECK(rules_reserved(p.type) == NULL, "a reserved type");
		check_receivers(&p);
	} else {
		FUZZ_CHECK(v.code == 1007 || v.code == 1008, "refused with %u", v.code);
		FUZZ_CHECK(v.reason[0] != '\0' && strlen(v.reason) <= 123, "no good reason");
	}
	free(text);
	return 0;
}
