#include "judge.h"

#include <string.h>
#include <strings.h>
#include <sys/wait.h>

#include "../shm/scan.h"
#include "../shm/span.h"

#define FORBIDDEN "This client is not admitted."
#define UNAUTHORIZED "This client has to say who it is."
#define CHALLENGE "Basic realm=\"rosterd\""

/* Does that name come again? */
static bool
comes_again(struct span rest, struct span name)
{
	struct span other, value;

	while (span_next_member(&rest, &other, &value))
		if (span_equal(name, other))
			return true;
	return false;
}

/*
 * The object as its child is to publish it: what the seal of it is made of (seal.h)
 * has to be what comes of a merge of it.
 */
static void
add_members(struct text *out, struct span rest)
{
	struct span name, value;
	const char *separator = "{";

	while (span_next_member(&rest, &name, &value)) {
		if ((value.length == 4 && memcmp(value.at, "null", 4) == 0) ||
		    comes_again(rest, name))
			continue;
		text_string(out, separator);
		text_add(out, name.at, name.length);
		text_string(out, ":");
		span_compact(value, out);
		separator = ",";
	}
	text_string(out, *separator == '{' ? "{}" : "}");
}

static enum hook_verdict
admit(const struct text *output, const char *reserved, struct text *answer, const char **why)
{
	struct scan_error error;
	struct span whole, rest, name, value;

	if (output->length == 0 ||
	    strspn(output->bytes, " \t\r\n") >= output->length) /* NUL-terminated by jobs.c */
		return HOOK_ADMITTED;
	if (scan_check(output->bytes, output->length, &error) < 0) {
		*why = "its output is no JSON";
		return HOOK_FAULT;
	}
	whole = rest = span_trim(output->bytes, output->length);
	if (*whole.at != '{') {
		*why = "its output is no JSON object";
		return HOOK_FAULT;
	}
	while (span_next_member(&rest, &name, &value)) {
		if (!span_begins(name, reserved)) {
			*why = "a name in its output does not begin with the reserved prefix";
			return HOOK_FAULT;
		}
	}
	add_members(answer, whole);
	if (!answer->failed)
		return HOOK_ADMITTED;
	*why = "there is no memory for its output";
	return HOOK_FAULT;
}

/* The next line, without white space at its end. */
static bool
next_line(struct span *rest, struct span *line)
{
	const char *end;

	if (rest->length == 0)
		return false;
	end = memchr(rest->at, '\n', rest->length);
	line->at = rest->at;
	line->length = end != NULL ? (size_t)(end - rest->at) : rest->length;
	rest->at += line->length + (end != NULL);
	rest->length -= line->length + (end != NULL);
	while (line->length > 0 && strchr(" \t\r", line->at[line->length - 1]) != NULL)
		line->length--;
	return true;
}

/* Printable ASCII, of at most size - 1 bytes; in a reason, which the log quotes, no quotes. */
static void
add_printable(struct text *out, struct span line, size_t size, bool quotes)
{
	if (line.length > size - 1)
		line.length = size - 1;
	for (size_t i = 0; i < line.length; i++) {
		char c = line.at[i];

		if (c < 0x20 || c >= 0x7f)
			c = '?';
		if (!quotes && (c == '"' || c == '\\'))
			c = '\'';
		text_add(out, &c, 1);
	}
}

static void
add_reason(struct text *out, struct span line, const char *usual)
{
	if (line.length > 0)
		add_printable(out, line, HOOK_REASON_MAX, false);
	else
		text_string(out, usual);
}

static bool
is_challenge(struct span line, struct span *value)
{
	static const char name[] = "WWW-Authenticate:";
	size_t length = sizeof(name) - 1;

	if (line.length <= length || strncasecmp(line.at, name, length) != 0)
		return false;
	for (; length < line.length && line.at[length] == ' '; length++)
		continue;
	*value = (struct span){line.at + length, line.length - length};
	return value->length > 0;
}

static void
refuse_stranger(const struct text *output, struct text *answer)
{
	struct span rest = {output->bytes, output->length}, line;
	struct span challenge = {CHALLENGE, sizeof(CHALLENGE) - 1}, reason = {"", 0};

	while (next_line(&rest, &line))
		if (!is_challenge(line, &challenge) && reason.length == 0)
			reason = line;
	add_printable(answer, challenge, HOOK_CHALLENGE_MAX, true);
	text_add(answer, "", 1);
	add_reason(answer, reason, UNAUTHORIZED);
}

enum hook_verdict
judge_end(int status, const struct text *output, const char *reserved, struct text *answer,
    const char **why)
{
	struct span rest = {output->bytes, output->length}, line = {"", 0};

	*why = "it died of a signal";
	if (!WIFEXITED(status))
		return HOOK_FAULT;
	switch (WEXITSTATUS(status)) {
	case 0: return admit(output, reserved, answer, why);
	case 1:
		(void)next_line(&rest, &line);
		add_reason(answer, line, FORBIDDEN);
		return HOOK_FORBIDDEN;
	case JUDGE_UNAUTHORIZED: refuse_stranger(output, answer); return HOOK_UNAUTHORIZED;
	default: *why = "it ended with another code than 0, 1 or 77"; return HOOK_FAULT;
	}
}
