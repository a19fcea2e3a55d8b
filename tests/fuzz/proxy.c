/*
 * Who is behind a proxy: the PROXY header, and the headers of a request.  A header is
 * the same however much of it is there, and what is found is an address that is
 * written in one way.
 */
#include <stdlib.h>
#include <string.h>

#include "../../child/forwarded.h"
#include "../../child/proxy.h"
#include "fuzz.h"

static void
check_address(const struct address *a)
{
	char text[PEER_LENGTH], again[PEER_LENGTH];
	struct address b;

	address_write(a, text);
	FUZZ_CHECK(text[PEER_LENGTH - 1] == '\0', "no end");
	if (a->kind == ADDRESS_NONE)
		return;
	FUZZ_CHECK(address_parse(text, strlen(text), &b), "%s is no address", text);
	address_write(&b, again);
	FUZZ_CHECK(strcmp(text, again) == 0, "%s becomes %s", text, again);
}

/* The parts of a header that is whole are parts of one; what is bad at once stays bad. */
static void
check_header(const uint8_t *data, size_t size)
{
	unsigned char *bytes = (unsigned char *)input_copy(data, size);
	const char *why = NULL;
	struct address a, part;
	size_t length, ignored;
	enum proxy_result result = proxy_read(bytes, size, &length, &a, &why);

	check_address(&a);
	FUZZ_CHECK(result != PROXY_WHOLE || length <= size, "longer than what is there");
	FUZZ_CHECK(result != PROXY_PART || size < PROXY_MAX, "it does not come to an end");
	FUZZ_CHECK(result != PROXY_BAD || why != NULL, "no reason");
	for (size_t there = 0; there < size && there < 300; there++) {
		enum proxy_result early = proxy_read(bytes, there, &ignored, &part, &why);

		if (result == PROXY_WHOLE && there >= length)
			FUZZ_CHECK(
			    early == PROXY_WHOLE && ignored == length, "it depends on more");
		else if (result != PROXY_BAD)
			FUZZ_CHECK(early == PROXY_PART, "%d of %zu bytes", early, there);
		else
			FUZZ_CHECK(early != PROXY_WHOLE, "whole, then bad");
	}
	free(bytes);
}

/* A header whose value is the input, after one that is the client's: that is never believed. */
static void
check_forwarded(enum child_header header, const char *name, const uint8_t *data, size_t size)
{
	static const struct trust nobody;
	static struct request r;
	struct trust proxies = {.count = 0};
	const char *last = header == HEADER_FORWARDED ? "for=203.0.113.7" : "203.0.113.7";
	uint16_t name_length = (uint16_t)strlen(name), last_length = (uint16_t)strlen(last);
	struct address a, b;
	char *head;

	if (size > REQUEST_HEAD_MAX)
		return;
	/* The input stands last, so that a step behind its end is seen. */
	FUZZ_CHECK((head = malloc(name_length + last_length + size)) != NULL, "no memory");
	memcpy(head, name, name_length);
	memcpy(head + name_length, last, last_length);
	memcpy(head + name_length + last_length, data, size);
	r.head = head;
	(void)trust_add(&proxies, "10.0.0.0/8,::1");
	r.count = 1;
	r.headers[0] = (struct request_header){.name_length = name_length,
	    .value = (uint16_t)(name_length + last_length),
	    .value_length = (uint16_t)size};
	if (forwarded_find(&r, header, &proxies, &a))
		check_address(&a);
	/* Where nobody else is trusted, the last one counts, whatever stands before it. */
	r.count = 2;
	r.headers[1] = (struct request_header){
	    .name_length = name_length, .value = name_length, .value_length = last_length};
	if (forwarded_find(&r, header, &nobody, &b))
		FUZZ_CHECK(b.kind == ADDRESS_INET && b.host.bytes[12] == 203, "it was forged");
	else
		FUZZ_CHECK(header == HEADER_FORWARDED, "refused");
	free(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_header(data, size);
	check_forwarded(HEADER_X_FORWARDED_FOR, "X-Forwarded-For", data, size);
	check_forwarded(HEADER_FORWARDED, "Forwarded", data, size);
	return 0;
}
