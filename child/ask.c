#include "ask.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "confine.h"
#include "fields.h"

#define GRACE_MS 5000 /* for the spawner to see that time is over, before we do */

void
ask_connect(struct ask *a, const struct child_settings *settings, const struct header *h)
{
	a->line =
	    settings->hook_ms == 0 ? -1 : confine_aside(hook_connect(settings->name, h->door));
}

/* A header that came several times is one with a list (RFC 9110, 5.2), but for this one. */
static const char *
separator(struct span name)
{
	return fields_is(name, "Cookie") ? "; " : ", ";
}

static void
add_header(struct text *out, const struct request *r, struct span name)
{
	struct span value;
	bool first = true;

	for (unsigned i = 0; i < r->count; i++) {
		if (!fields_same(request_name(r, i), name))
			continue;
		if (first) {
			text_add(out, name.at, name.length);
			text_add(out, "", 1);
		} else {
			text_string(out, separator(name));
		}
		value = request_value(r, i);
		text_add(out, value.at, value.length);
		first = false;
	}
	if (!first)
		text_add(out, "", 1);
}

static void
write_question(struct text *out, const struct request *r, const char *headers)
{
	struct span list = fields_of(headers), name;
	bool host = false;

	text_add(out, r->path.at, r->path.length);
	text_add(out, "", 1);
	text_add(out, r->query.at, r->query.length);
	text_add(out, "", 1);
	while (fields_next(&list, &name)) {
		add_header(out, r, name);
		host |= fields_is(name, "Host");
	}
	if (!host) /* SERVER_NAME comes from there */
		add_header(out, r, fields_of("Host"));
}

bool
ask_send(struct ask *a, const struct seat *s, const struct child_start *own,
    const struct request *request)
{
	struct hook_message m = {.kind = HOOK_ASK,
	    .slot = s->slot,
	    .segment = s->header->id,
	    .generation = s->generation};
	struct text text = {0};
	bool sent;

	if (a->line < 0)
		return false;
	memcpy(m.peer, own->own, PEER_LENGTH);
	write_question(&text, request, own->settings->hook_headers);
	sent = !text.failed && hook_send(a->line, &m, text.bytes, text.length, -1) == 0;
	text_clear(&text, 0);
	return sent;
}

enum ask_result
ask_hear(struct ask *a, enum hook_verdict *verdict, struct text *text)
{
	struct hook_message m;
	size_t length;
	int result;

	if (!text_reserve(text, HOOK_ANSWER_MAX + 1))
		return ASK_LOST;
	result = hook_receive(a->line, &m, text->bytes, HOOK_ANSWER_MAX, &length, NULL);
	if (result < 0 && errno == EAGAIN)
		return ASK_QUIET;
	if (result != 1 || m.kind != HOOK_ANSWER)
		return ASK_LOST;
	*verdict = (enum hook_verdict)m.verdict;
	text->length = length;
	text->bytes[length] = '\0';
	return ASK_ANSWERED;
}

void
ask_close(struct ask *a)
{
	if (a->line >= 0)
		close(a->line);
	a->line = -1;
}

uint64_t
ask_wait_ms(const struct child_settings *settings)
{
	return (uint64_t)settings->hook_ms + HOOK_QUEUE_MS + GRACE_MS;
}
