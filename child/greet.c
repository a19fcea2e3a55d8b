#include "greet.h"

#include <stdio.h>
#include <string.h>

#include "../shm/clock.h"
#include "../shm/log.h"
#include "../shm/session_log.h"
#include "extension.h"
#include "farewell.h"
#include "misbehave.h"
#include "request.h"
#include "status.h"
#include "websocket.h"

/*
 * The handshake is through: the client learns who is there, the others of it.  The answer
 * to the handshake is still owed, and goes with the first metadata in one send.
 */
static void
open_client(struct child *c)
{
	struct session_log session;

	if (websocket_is_echo()) {
		outbound_flush(&c->out);
		return;
	}
	store_relaxed(&c->seat.self->deflate, c->roster.deflate);
	roster_choose(&c->roster, &c->seat);
	seat_open(&c->seat);
	roster_first(&c->roster, &c->seat, &c->out);
	session = child_session(c);
	session_log_open(&session);
}

/* 101, and what follows from it. */
static void
let_in(struct child *c)
{
	c->phase = PHASE_HANDSHAKE;
	websocket_feed(c->ask.upgrade, c->ask.upgrade_length);
	if (c->phase == PHASE_SERVING)
		open_client(c);
}

static void
refuse(struct child *c, int status, const char *reason, const char *challenge)
{
	struct verdict v = {.kind = REQUEST_REFUSED, .status = status};

	snprintf(v.reason, sizeof(v.reason), "%s", reason);
	snprintf(v.challenge, sizeof(v.challenge), "%s", challenge);
	farewell_answer(c, &v);
}

/* Nobody decides: the client may come again. */
static void
refuse_undecided(struct child *c, const char *reason)
{
	count_add(&c->seat.self->counters.hooks_failed, 1);
	refuse(c, 503, reason, "");
}

static void
ask(struct child *c, const struct request *request)
{
	if (!ask_send(&c->ask, &c->seat, c->start, request)) {
		refuse_undecided(c, "There is nobody who could decide about this client.");
		return;
	}
	c->phase = PHASE_ASKING;
	c->phase_deadline = clock_ms() + ask_wait_ms(c->settings);
	misbehave_early(c, request->query);
}

void
greet_late(struct child *c)
{
	refuse_undecided(c, "It took too long to decide about this client.");
}

/* Initial properties, which the client cannot change. */
static void
admit(struct child *c, const struct text *text)
{
	struct span object = {text->bytes, text->length};
	struct violation v;

	if (text->length > 0 && !session_grant(&c->session, &c->seat, object, &v)) {
		log_warning("hook-useless", "slot=%u peer=%s why=\"%s\"", c->seat.slot, c->peer,
		    v.reason);
		refuse_undecided(c, "What was decided about this client cannot be used.");
		return;
	}
	count_add(&c->seat.self->counters.hooks_admitted, 1);
	ask_close(&c->ask);
	let_in(c);
}

static void
obey(struct child *c, enum hook_verdict verdict, const struct text *text)
{
	const char *reason = text->bytes;

	if (verdict == HOOK_FORBIDDEN || verdict == HOOK_UNAUTHORIZED)
		count_add(&c->seat.self->counters.hooks_refused, 1);
	switch (verdict) {
	case HOOK_ADMITTED: admit(c, text); break;
	case HOOK_FORBIDDEN: refuse(c, 403, reason, ""); break;
	case HOOK_UNAUTHORIZED:
		refuse(c, 401, reason + strnlen(reason, text->length - 1) + 1, reason);
		break;
	case HOOK_BUSY: refuse_undecided(c, "Too many clients wait to be let in."); break;
	default: refuse_undecided(c, "It could not be decided about this client."); break;
	}
}

void
greet_answer(struct child *c)
{
	struct text text = {0};
	enum hook_verdict verdict = HOOK_FAULT;

	if (c->phase != PHASE_ASKING) {
		ask_close(&c->ask);
		return;
	}
	switch (ask_hear(&c->ask, &verdict, &text)) {
	case ASK_QUIET: break;
	case ASK_LOST:
	case ASK_ANSWERED: obey(c, verdict, &text); break;
	}
	text_clear(&text, 0);
}

/*
 * No TLS came of it.  Perhaps a word of ours, or of TLS's own (an alert), is on
 * its way: so it is a farewell like others, but with nothing that had to be
 * encrypted.
 */
static void
give_up_tls(struct child *c)
{
	struct verdict http = {.kind = REQUEST_REFUSED,
	    .status = 400,
	    .reason = "This port speaks TLS: the address begins with https: or wss:."};
	bool is_http = tls_is_http(c->in.tls);

	c->in.tls = c->out.tls = NULL;
	c->in.broken = false;
	if (is_http) {
		farewell_answer(c, &http);
		return;
	}
	c->exit = CHILD_SILENT;
	farewell_silent(c);
}

void
greet_insecure(struct child *c)
{
	const char *tls = tls_why(c->in.tls), *why = tls;

	if (why == NULL && c->in.broken)
		why = "the connection was lost";
	else if (why == NULL && c->in.ended)
		why = "the client has left";
	else if (why == NULL && clock_ms() >= c->phase_deadline)
		why = "it was not finished in time";
	if (why == NULL)
		return; /* it goes on */
	count_add(&c->seat.self->counters.tls_failed, 1);
	log_info("tls-failed", "slot=%u peer=%s why=\"%s\"", c->seat.slot, c->peer, why);
	if (tls != NULL)
		give_up_tls(c);
}

static void
agree_on_extensions(struct child *c, const struct request *request)
{
	static char answer[EXTENSION_ANSWER_MAX];

	if (!c->settings->compress || !extension_agree(request, answer))
		return;
	c->roster.deflate = c->in.frames.compressed = true;
	websocket_extend(answer);
}

/*
 * Judge the request, and answer if it is to be refused.  True: nobody else has to be asked.
 * What it needs of the stack is given back before the client is let in, which needs it
 * again: all of it that was ever used is a client's own memory.
 */
__attribute__((noinline)) static bool
judge_request(struct child *c)
{
	struct request request;
	struct verdict verdict = {.kind = REQUEST_REFUSED,
	    .status = 431,
	    .reason = "The head of the request is over 8192 bytes."};
	const char *head;
	size_t length;

	if (inbound_begins_tls(&c->in)) {
		verdict.status = 400;
		snprintf(verdict.reason, sizeof(verdict.reason), "%s",
		    "This port does not speak TLS: the address begins with http: or ws:.");
		farewell_answer(c, &verdict);
		return false;
	}
	switch (inbound_head(&c->in, &head, &length)) {
	case INBOUND_HEAD_PART: return false;
	case INBOUND_HEAD_LONG: farewell_answer(c, &verdict); return false;
	case INBOUND_HEAD_WHOLE: break;
	}
	if (request_parse(&request, head, length, &verdict) &&
	    behind_judge(c, &request, &verdict))
		request_judge(&request, c->settings->origin, &verdict);
	if (c->behind.step == BEHIND_ASKED) {
		inbound_again(&c->in, length);
		return false;
	}
	if (verdict.kind == REQUEST_STATUS)
		status_judge(&request, c->settings, c->peer, c->via, &verdict);
	if (verdict.kind != REQUEST_UPGRADE) {
		farewell_answer(c, &verdict);
		return false;
	}
	agree_on_extensions(c, &request);
	c->ask.upgrade_length =
	    request_upgrade(&request, websocket_subprotocols, c->ask.upgrade);
	if (c->settings->hook_ms == 0)
		return true;
	ask(c, &request);
	return false;
}

void
greet_request(struct child *c)
{
	if (judge_request(c))
		let_in(c);
}
