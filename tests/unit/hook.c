/* What is said on the spawner's socket, what a program's end means, and the seal of it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../server/judge.h"
#include "../../server/seal.h"
#include "../../shm/hook.h"

static int ends[2];
static struct hook_message got;
static char text[8];
static size_t length;

static void
set_up(void)
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, ends), 0);
}

TestSuite(hook, .init = set_up);

static int
receive(int *passed)
{
	return hook_receive(ends[1], &got, text, sizeof(text), &length, passed);
}

/* How many descriptors there are. */
static int
count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < 1024; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

Test(hook, message_arrives_with_its_text_and_nothing_is_no_error)
{
	struct hook_message m = {.kind = HOOK_CLOSED, .slot = 3, .generation = 1ULL << 40};

	cr_assert_eq(receive(NULL), -1);
	cr_assert_eq(errno, EAGAIN);
	memset(m.peer, 'x', sizeof(m.peer));
	cr_assert_eq(hook_send(ends[0], &m, "12345678", 8, -1), 0);
	cr_assert_eq(hook_send(ends[0], &m, NULL, 0, -1), 0);
	cr_assert_eq(receive(NULL), 1);
	cr_assert_eq(length, 8);
	cr_assert_eq(memcmp(text, "12345678", 8), 0);
	cr_assert_eq(got.kind, HOOK_CLOSED);
	cr_assert_eq(got.generation, 1ULL << 40);
	cr_assert_eq(strnlen(got.peer, PEER_LENGTH), PEER_LENGTH - 1, "it has no end");
	cr_assert_eq(receive(NULL), 1);
	cr_assert_eq(length, 0);
	close(ends[0]);
	cr_assert_eq(receive(NULL), 0);
}

Test(hook, what_is_too_short_or_too_long_is_no_message)
{
	struct hook_message m = {.kind = HOOK_ASK};

	cr_assert_eq(send(ends[0], &m, sizeof(m) - 1, 0), (ssize_t)sizeof(m) - 1);
	cr_assert_eq(hook_send(ends[0], &m, "123456789", 9, -1), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(receive(NULL), -1);
		cr_assert_eq(errno, EPROTO);
	}
}

Test(hook, descriptor_is_taken_only_by_who_wants_one)
{
	struct hook_message m = {.kind = HOOK_SOCKET};
	int passed = -1, before = count_descriptors();

	cr_assert_eq(hook_send(ends[0], &m, NULL, 0, ends[0]), 0);
	cr_assert_eq(receive(NULL), 1);
	cr_assert_eq(count_descriptors(), before);
	cr_assert_eq(hook_send(ends[0], &m, NULL, 0, ends[0]), 0);
	cr_assert_eq(receive(&passed), 1);
	cr_assert_geq(passed, 0);
	cr_assert_eq(fcntl(passed, F_GETFD), FD_CLOEXEC);
	cr_assert_eq(hook_send(ends[0], &m, NULL, 0, -1), 0);
	cr_assert_eq(receive(&passed), 1);
	cr_assert_eq(passed, -1);
}

/* A program that has ended so; the answer is to be freed. */
static enum hook_verdict
judge(int status, const char *said, struct text *answer)
{
	struct text output = {0};
	const char *why = NULL;
	enum hook_verdict verdict;

	text_add(&output, said, strlen(said) + 1);
	output.length--;
	verdict = judge_end(status, &output, "auth.", answer, &why);
	cr_assert(verdict != HOOK_FAULT || (why != NULL && answer->length == 0), "%s", said);
	text_clear(&output, 0);
	return verdict;
}

Test(judge, what_a_program_prints_becomes_one_object_without_doubles)
{
	static const struct {
		const char *said, *answer; /* NULL: it is a fault */
	} all[] = {
	    {"", ""},
	    {" \n", ""},
	    {"{}", "{}"},
	    {" { \"auth.n\" : 1.10 }\n", "{\"auth.n\":1.10}"},
	    {"{\"auth.a\":1,\"auth.b\":2,\"\\u0061uth.a\":3}",
		"{\"auth.b\":2,\"\\u0061uth.a\":3}"},
	    {"{\"auth.a\":null}", "{}"},
	    {"{\"auth.a\":1,\"auth.b\":2,\"auth.a\":null}", "{\"auth.b\":2}"},
	    {"{\"auth.\":[ null ]}", "{\"auth.\":[null]}"},
	    {"{\"auth\":1}", NULL},
	    {"{\"auth.a\":1,\"b\":2}", NULL},
	    {"[]", NULL},
	    {"{\"auth.a\":1}{}", NULL},
	    {"welcome", NULL},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct text answer = {0};
		enum hook_verdict verdict = judge(0, all[i].said, &answer);

		cr_assert_eq(verdict, all[i].answer == NULL ? HOOK_FAULT : HOOK_ADMITTED, "%s",
		    all[i].said);
		text_add(&answer, "", 1);
		cr_assert_str_eq(answer.bytes, all[i].answer == NULL ? "" : all[i].answer);
		text_clear(&answer, 0);
	}
}

/* As waitpid(2) has it. */
#define EXIT(code) ((code) << 8)
#define DIED(signal) (signal)

Test(judge, the_end_of_a_program_decides)
{
	struct text answer = {0};

	cr_assert_eq(judge(DIED(9), "{}", &answer), HOOK_FAULT);
	cr_assert_eq(judge(EXIT(2), "{}", &answer), HOOK_FAULT);
	cr_assert_eq(judge(EXIT(1), "No \"way\"\t \r\nin.\n", &answer), HOOK_FORBIDDEN);
	cr_assert_eq(answer.length, 8);
	cr_assert_eq(memcmp(answer.bytes, "No 'way'", 8), 0);
	text_clear(&answer, 0);
	cr_assert_eq(judge(EXIT(77), "Who?\nWWW-authenticate:  X a=\"b\"\n", &answer),
	    HOOK_UNAUTHORIZED);
	cr_assert_eq(answer.length, 12);
	cr_assert_eq(memcmp(answer.bytes, "X a=\"b\"\0Who?", 12), 0);
	text_clear(&answer, 0);
}

static void
seal(const char *object, unsigned char out[SEAL_LENGTH])
{
	seal_make((struct span){object, strlen(object)}, "auth.", out);
}

static bool
same_seal(const char *a, const char *b)
{
	unsigned char one[SEAL_LENGTH], other[SEAL_LENGTH];

	seal(a, one);
	seal(b, other);
	return memcmp(one, other, SEAL_LENGTH) == 0;
}

Test(seal, is_about_reserved_members_however_they_are_written)
{
	static const unsigned char none[SEAL_LENGTH];
	unsigned char own[SEAL_LENGTH];

	seal("{\"auth\":1,\"n\":2}", own);
	cr_assert_eq(memcmp(own, none, SEAL_LENGTH), 0);
	cr_assert(same_seal("{\"auth.a\":1}", "{\"n\":1,\"\\u0061uth.a\":1,\"author\":2}"));
	cr_assert_not(same_seal("{\"auth.a\":1}", "{}"));
	cr_assert_not(same_seal("{\"auth.a\":1}", "{\"auth.a\":2}"));
	cr_assert_not(same_seal("{\"auth.a\":1}", "{\"auth.a\":1,\"auth.a\":1}"));
	cr_assert_not(same_seal("{\"auth.a\":12}", "{\"auth.a1\":2}"));
	cr_assert_not(same_seal("{\"auth.a\":1,\"auth.b\":2}", "{\"auth.b\":2,\"auth.a\":1}"));
	cr_assert_not(same_seal("{\"auth.\\u0000\":1}", "{\"auth.\":1}"));
}
