#include "farewell.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/log.h"
#include "answer.h"
#include "greet.h"
#include "status.h"
#include "websocket.h"

#define PAGE_MS 20000  /* for a page to arrive: 40 KB over a telephone's worst line */
#define CLOSE_MS 5000  /* for a client to take what is queued before our last words */
#define LINGER_MS 2000 /* for a client to read them */

static void
log_end(const struct child *c)
{
	struct session_log session = child_session(c);
	struct session_end end = {
	    .ms = clock_ms() - c->opened,
	    .counters = &c->seat.self->counters,
	    .code = c->code,
	    .reason = c->reason,
	};

	session_log_close(&session, &end);
}

static void
leave_roster(struct child *c)
{
	if (c->seat.closing)
		return;
	store_relaxed(&c->seat.self->code, c->code);
	seat_close(&c->seat);
	if (c->seat.open)
		log_end(c);
}

static void
enter(struct child *c, enum phase phase, uint64_t limit_ms)
{
	c->phase = phase;
	c->phase_deadline = clock_ms() + limit_ms;
	ask_close(&c->ask); /* what the spawner may be running for it is not wanted any more */
	leave_roster(c);
}

void
farewell_close(struct child *c, const struct violation *v)
{
	if (c->phase != PHASE_SERVING)
		return;
	c->code = v->code;
	memcpy(c->reason, v->reason, sizeof(c->reason));
	c->waiting = SESSION_DONE;
	enter(c, PHASE_CLOSING, CLOSE_MS);
	websocket_close(v->code, v->reason);
}

void
farewell_close_for(struct child *c, uint16_t code, const char *reason)
{
	struct violation v;

	violation_set(&v, code, "%s", reason);
	farewell_close(c, &v);
}

void
farewell_punish(struct child *c, const struct violation *v)
{
	count_add(&c->seat.self->counters.bad_input, 1);
	farewell_close(c, v);
}

void
farewell_return(struct child *c, uint16_t code, const char *reason, size_t length)
{
	c->code = code != 0 ? code : 1005;
	if (length >= sizeof(c->reason))
		length = sizeof(c->reason) - 1;
	memcpy(c->reason, reason, length);
	c->reason[length] = '\0';
	enter(c, PHASE_CLOSING, CLOSE_MS);
}

void
farewell_answer(struct child *c, const struct verdict *v)
{
	/* There is no way yet by which it could be told. */
	if (c->in.tls != NULL && !tls_is_up(c->in.tls)) {
		greet_insecure(c);
		c->in.broken = true;
		return;
	}
	if (v->kind == REQUEST_STATUS)
		status_write(&c->out.owed, &c->seat, v);
	else
		answer_write(&c->out.owed, v);
	if (v->kind == REQUEST_REFUSED) {
		count_add(&c->seat.self->counters.bad_input, 1);
		log_info("request-refused", "slot=%u peer=%s%s%s status=%d reason=\"%s\"",
		    c->seat.slot, c->peer, c->via[0] != '\0' ? " via=" : "", c->via, v->status,
		    v->reason);
	}
	enter(c, PHASE_CLOSING, v->kind == REQUEST_PAGE ? PAGE_MS : CLOSE_MS);
}

void
farewell_silent(struct child *c)
{
	enter(c, PHASE_CLOSING, CLOSE_MS);
}

/* Where TLS is up, its handshake is none of what was said: spare connections have it, too. */
static bool
has_said_something(const struct child *c)
{
	if (c->phase == PHASE_HANDSHAKE && c->in.tls != NULL && tls_is_up(c->in.tls))
		return c->in.end > c->in.begin;
	return load_relaxed(&c->seat.self->counters.received_bytes) > 0;
}

/*
 * A client that was never served: was it in earnest?  One that goes without a
 * byte before its time is over is none (a browser's spare connection, a look
 * whether the port is open).
 */
static enum child_exit
judge_handshake(const struct child *c, bool late)
{
	/* It waits for us. */
	if (c->behind.step == BEHIND_ASKED)
		return CHILD_DONE;
	if (has_said_something(c))
		return CHILD_UNFINISHED;
	return late ? CHILD_SILENT : CHILD_DONE;
}

static void
answer_late(struct child *c)
{
	struct verdict late = {.kind = REQUEST_REFUSED,
	    .status = 408,
	    .reason = "The request did not come in time."};
	struct verdict ours = {
	    .kind = REQUEST_REFUSED, .status = 503, .reason = "The server is too busy."};

	c->exit = judge_handshake(c, true);
	farewell_answer(c, c->behind.step == BEHIND_ASKED ? &ours : &late);
}

void
farewell_turn(struct child *c, uint64_t now)
{
	if (c->phase == PHASE_HANDSHAKE && now >= c->phase_deadline)
		answer_late(c);
	if (c->phase == PHASE_ASKING && now >= c->phase_deadline)
		greet_late(c);
	if (c->phase == PHASE_CLOSING) {
		if (!outbound_idle(&c->out) && !c->out.blocked)
			outbound_flush(&c->out);
		if (outbound_idle(&c->out)) {
			if (c->out.tls != NULL)
				tls_end(c->out.tls);
			c->in.tls = c->out.tls = NULL;
			shutdown(c->in.fd, SHUT_WR);
			enter(c, PHASE_LINGERING, LINGER_MS);
		}
	}
	if ((c->phase == PHASE_HANDSHAKE || c->phase == PHASE_ASKING) &&
	    (c->in.ended || c->in.broken) && now < c->phase_deadline)
		c->exit = judge_handshake(c, false);
	if (c->in.broken || c->out.broken || now >= c->phase_deadline ||
	    (c->in.ended && c->phase != PHASE_CLOSING))
		c->phase = PHASE_OVER;
}

void
farewell_end(struct child *c)
{
	leave_roster(c);
}

_Noreturn void
farewell_turn_away(int client, bool tls, const char *reason)
{
	struct text answer = {0};
	char rest[512];

	if (tls)
		text_add(&answer, CHILD_ALERT, CHILD_ALERT_LENGTH);
	else
		answer_refuse(&answer, 503, reason);
	if (send(client, answer.bytes, answer.length, MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
		struct timeval limit = {.tv_sec = 1};

		shutdown(client, SHUT_WR);
		setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		while (recv(client, rest, sizeof(rest), 0) > 0)
			continue;
	}
	_exit(CHILD_NO_PLACE);
}
