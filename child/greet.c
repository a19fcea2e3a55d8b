#include "greet.h"

#include "../shm/session_log.h"
#include "farewell.h"
#include "request.h"
#include "status.h"
#include "websocket.h"

/* The handshake is through: the client learns who is there, the others of it. */
static void
open_client(struct child *c)
{
	struct session_log session;

	outbound_flush(&c->out);
	if (websocket_is_echo())
		return;
	/* A socket that is full before anything was sent is a client that will not read. */
	if (!outbound_idle(&c->out)) {
		c->out.broken = true;
		return;
	}
	roster_choose(&c->roster, &c->seat);
	seat_open(&c->seat);
	roster_first(&c->roster, &c->seat, &c->out);
	session = child_session(c);
	session_log_open(&session);
}

void
greet_request(struct child *c)
{
	char upgrade[REQUEST_UPGRADE_MAX];
	struct request request;
	struct verdict verdict = {.kind = REQUEST_REFUSED,
	    .status = 431,
	    .reason = "The head of the request is over 8192 bytes."};
	const char *head;
	size_t length;

	switch (inbound_head(&c->in, &head, &length)) {
	case INBOUND_HEAD_PART: return;
	case INBOUND_HEAD_LONG: farewell_answer(c, &verdict); return;
	case INBOUND_HEAD_WHOLE: break;
	}
	if (request_parse(&request, head, length, &verdict) &&
	    behind_judge(c, &request, &verdict))
		request_judge(&request, c->settings->origin, &verdict);
	if (c->behind.step == BEHIND_ASKED) {
		inbound_again(&c->in, length);
		return;
	}
	if (verdict.kind == REQUEST_STATUS)
		status_judge(&request, c->settings, c->peer, c->via, &verdict);
	if (verdict.kind != REQUEST_UPGRADE) {
		farewell_answer(c, &verdict);
		return;
	}
	length = request_upgrade(&request, websocket_subprotocols, upgrade);
	websocket_feed(upgrade, length);
	if (c->phase == PHASE_SERVING)
		open_client(c);
}
