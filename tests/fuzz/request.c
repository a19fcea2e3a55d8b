/*
 * The HTTP request that a connection begins with.  What is let through to the
 * engine is written anew: it has to be a request that would be let through again.
 */
#include <string.h>

#include "../../child/answer.h"
#include "../../child/request.h"
#include "fuzz.h"

static const char *const subprotocols[] = {"rosterd", "echo", NULL};

static void
check_upgrade(const struct request *r)
{
	char out[REQUEST_UPGRADE_MAX];
	struct request again;
	struct verdict verdict;
	size_t length = request_upgrade(r, subprotocols, out);

	FUZZ_CHECK(length < sizeof(out), "a request of %zu bytes", length);
	FUZZ_CHECK(request_length(out, length) == length, "it does not end where it ends");
	FUZZ_CHECK(request_parse(&again, out, length, &verdict), "not a request any more");
	request_judge(&again, "self", &verdict);
	FUZZ_CHECK(verdict.kind == REQUEST_UPGRADE, "refused: %s", verdict.reason);
}

static void
check_answer(const struct verdict *verdict)
{
	struct text out = {0};

	FUZZ_CHECK(
	    verdict->kind == REQUEST_PAGE ||
		(verdict->status >= 400 && verdict->status < 600 && verdict->reason[0] != '\0'),
	    "refused with %d", verdict->status);
	answer_write(&out, verdict);
	FUZZ_CHECK(out.length > 17 && memcmp(out.bytes, "HTTP/1.1 ", 9) == 0, "no answer");
	FUZZ_CHECK(memmem(out.bytes, out.length, "\r\n\r\n", 4) != NULL, "no end of its head");
	text_clear(&out, 0);
}

static void
judge(const char *head, size_t length, const char *origins)
{
	struct request r;
	struct verdict verdict;

	if (request_parse(&r, head, length, &verdict))
		request_judge(&r, origins, &verdict);
	if (verdict.kind == REQUEST_UPGRADE)
		check_upgrade(&r);
	else if (verdict.kind != REQUEST_STATUS) /* which is for status.h to answer */
		check_answer(&verdict);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = input_copy(data, size), *head;
	size_t length = request_length(bytes, size);

	FUZZ_CHECK(length <= size, "longer than what is there");
	if (length > 0 && length <= REQUEST_HEAD_MAX) {
		head = input_copy(bytes, length);
		judge(head, length, "self");
		judge(head, length, "*");
		judge(head, length, "http://a.example, https://b.example:8443 ,");
		free(head);
	}
	free(bytes);
	return 0;
}
