/*
 * What the spawner reads: a child's question, of which a program's environment is made,
 * and what a program has printed.  The first byte says which, or how that ended.
 */
#include <string.h>

#include "../../child/properties.h"
#include "../../server/cgi.h"
#include "../../server/judge.h"
#include "../../server/seal.h"
#include "../../shm/scan.h"
#include "fuzz.h"

#define HEADERS "Host, Cookie ,X-Name"
#define RESERVED "auth."
#define MAX (1U << 16) /* bytes of properties */

/* Is it one that a client may have something to say in, or one that is made of our own words? */
static bool
is_expected(const char *variable, size_t length)
{
	static const char *const names[] = {"PATH", "GATEWAY_INTERFACE", "SERVER_SOFTWARE",
	    "ROSTERD_TOKEN", "REMOTE_ADDR", "REMOTE_PORT", "REQUEST_METHOD", "SERVER_PROTOCOL",
	    "SCRIPT_NAME", "QUERY_STRING", "REQUEST_URI", "PATH_INFO", "HTTP_HOST",
	    "HTTP_COOKIE", "HTTP_X_NAME", "SERVER_ADDR", "SERVER_PORT", "SERVER_NAME"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == length && memcmp(names[i], variable, length) == 0)
			return true;
	return length > 5 && memcmp(variable, "HOOK_", 5) == 0;
}

static void
check_variable(const struct cgi *c, const char *variable)
{
	const char *equals = strchr(variable, '=');

	FUZZ_CHECK(variable >= c->bytes && variable < c->bytes + c->used, "it lies elsewhere");
	FUZZ_CHECK(equals != NULL, "%s is no variable", variable);
	FUZZ_CHECK(is_expected(variable, (size_t)(equals - variable)), "%s", variable);
	for (const char *at = equals; *at != '\0'; at++)
		FUZZ_CHECK(
		    ((unsigned char)*at >= 0x20 && *at != 0x7f) || *at == '\t', "%s", variable);
}

static void
ask(const char *text, size_t length)
{
	static struct cgi c;
	const struct cgi_client client = {
	    "c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0", "[2001:db8::1]:5", "127.0.0.1:80"};

	if (!cgi_ask(&c, &client, HEADERS, text, length))
		return;
	FUZZ_CHECK(c.used <= sizeof(c.bytes), "%zu bytes", c.used);
	FUZZ_CHECK(c.variables[c.count] == NULL, "the list has no end");
	for (unsigned i = 0; i < c.count; i++)
		check_variable(&c, c.variables[i]);
}

static void
check_line(const char *at, size_t length, size_t size)
{
	FUZZ_CHECK(length > 0 && length < size, "%zu bytes", length);
	for (size_t i = 0; i < length; i++)
		FUZZ_CHECK(at[i] >= 0x20 && at[i] < 0x7f, "byte %d", at[i]);
}

static void
check_reason(const char *at, size_t length)
{
	check_line(at, length, HOOK_REASON_MAX);
	FUZZ_CHECK(memchr(at, '"', length) == NULL, "the log would end there");
}

/* As child and ticker have it: merged, then read again, it has the seal that the spawner made. */
static void
check_seal(const struct properties *p, const unsigned char seal[SEAL_LENGTH])
{
	unsigned char again[SEAL_LENGTH];

	seal_make(p->text.length > 0 ? (struct span){p->text.bytes, p->text.length}
				     : (struct span){"{}", 2},
	    RESERVED, again);
	FUZZ_CHECK(memcmp(seal, again, SEAL_LENGTH) == 0, "a child of ours would be killed");
}

static void
merge(struct properties *p, struct span object)
{
	struct violation v;

	switch (properties_merge(p, object, MAX, &v)) {
	case PROPERTIES_REFUSED: FUZZ_CHECK(false, "refused: %s", v.reason);
	case PROPERTIES_CHANGED: properties_commit(p);
	case PROPERTIES_SAME: break;
	}
}

static void
check_grant(const struct text *answer)
{
	char *bytes = input_copy(answer->bytes, answer->length);
	struct span object = {bytes, answer->length};
	struct properties p = {0};
	struct scan_error error;
	unsigned char seal[SEAL_LENGTH];

	FUZZ_CHECK(object.length <= HOOK_ANSWER_MAX, "%zu bytes", object.length);
	FUZZ_CHECK(scan_check(object.at, object.length, &error) == 0, "%s", error.what);
	seal_make(object, RESERVED, seal);
	merge(&p, object);
	check_seal(&p, seal);
	p.reserved = RESERVED;
	merge(&p, (struct span){"{\"own\":1}", 9});
	check_seal(&p, seal);
	json_decref(p.members);
	json_decref(p.next_members);
	text_clear(&p.text, 0);
	text_clear(&p.next_text, 0);
	free(bytes);
}

static void
judge(int status, const uint8_t *data, size_t size)
{
	struct text output = {0}, answer = {0};
	const char *why = NULL;
	size_t challenge;

	text_add(&output, (const char *)data, size);
	text_add(&output, "", 1);
	output.length--;
	switch (judge_end(status, &output, RESERVED, &answer, &why)) {
	case HOOK_ADMITTED:
		if (answer.length > 0)
			check_grant(&answer);
		break;
	case HOOK_FORBIDDEN: check_reason(answer.bytes, answer.length); break;
	case HOOK_UNAUTHORIZED:
		challenge = strnlen(answer.bytes, answer.length);
		FUZZ_CHECK(challenge < answer.length, "no end of the challenge");
		check_line(answer.bytes, challenge, HOOK_CHALLENGE_MAX);
		check_reason(answer.bytes + challenge + 1, answer.length - challenge - 1);
		break;
	default: FUZZ_CHECK(why != NULL, "no reason");
	}
	text_clear(&output, 0);
	text_clear(&answer, 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int statuses[] = {0, 1 << 8, JUDGE_UNAUTHORIZED << 8};
	struct input in = {data, size};
	uint8_t which = input_byte(&in);
	char *text;

	if (which % 4 < 3) {
		judge(statuses[which % 4], in.at, in.left);
		return 0;
	}
	text = input_copy(in.at, in.left);
	ask(text, in.left);
	free(text);
	return 0;
}
