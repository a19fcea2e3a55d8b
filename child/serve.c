#include "serve.h"

#include "../shm/clock.h"
#include "../shm/utf8.h"
#include "farewell.h"
#include "misbehave.h"
#include "outbox.h"

/* Bytes queued for a client that does not read, above which it is not read: pongs, echoes. */
#define QUEUE_MAX 65536U

/* Conformance suites want their messages back. */
static void
echo(struct child *c, const char *bytes, size_t length)
{
	bool binary = c->in.frames.message_binary;
	unsigned char header[10];
	size_t size = snapshot_frame(length, header);
	uint32_t state = 0;

	if (!binary && (utf8_check(&state, bytes, length) < length || state != 0)) {
		farewell_close_for(c, 1007, "not UTF-8");
		return;
	}
	if (binary)
		header[0] = 0x82;
	outbound_put(&c->out, header, size);
	outbound_put(&c->out, bytes, length);
	message_done(&c->message);
}

static void
handle_packet(struct child *c, const char *bytes, size_t length)
{
	struct violation v;

	if (misbehave(c, bytes, length)) {
		message_done(&c->message);
		return;
	}
	c->waiting = session_packet(&c->session, &c->seat, bytes, length, &v);
	switch (c->waiting) {
	case SESSION_WAIT_ROOM:
		c->packet = bytes;
		c->packet_length = length;
		if (!message_keep(&c->message, &c->packet, length))
			farewell_close_for(c, 1011, "out of memory for a message");
		return;
	case SESSION_REFUSED:
		c->waiting = SESSION_DONE;
		farewell_punish(c, &v);
		break;
	case SESSION_DONE: break;
	}
	message_done(&c->message);
}

static void
on_data(void *user, const char *bytes, size_t length, bool first, bool last)
{
	struct child *c = user;
	struct violation v;
	const char *whole;
	size_t whole_length;

	if (c->phase != PHASE_SERVING)
		return;
	c->message.binary = c->in.frames.message_binary;
	switch (
	    message_add(&c->message, bytes, length, first, last, &whole, &whole_length, &v)) {
	case MESSAGE_PART: break;
	case MESSAGE_BAD: farewell_punish(c, &v); break;
	case MESSAGE_WHOLE:
		if (websocket_is_echo())
			echo(c, whole, whole_length);
		else
			handle_packet(c, whole, whole_length);
		break;
	}
}

/* What has come out of a compressed message goes the way of all. */
static void
on_inflated(void *user, const char *bytes, size_t length, bool first, bool last)
{
	struct child *c = user;

	count_add(&c->seat.self->counters.inflated_bytes, length);
	count_add(&c->seat.self->counters.inflated_packets, last);
	on_data(user, bytes, length, first, last);
}

static void
on_opened(void *user)
{
	struct child *c = user;

	c->phase = PHASE_SERVING;
	c->phase_deadline = NEVER;
	c->session.properties.reserved = c->settings->reserved;
	c->opened = c->last_pong = clock_ms();
	c->next_ping = c->opened + c->settings->ping_ms;
	c->in.frames.binary = websocket_is_echo();
	inflate_start(&c->inflate, c->settings->max_packet, on_inflated, c);
}

static void
on_closing(void *user, uint16_t code, const char *reason, size_t length)
{
	struct child *c = user;
	uint32_t state = 0;

	if (c->phase != PHASE_SERVING)
		return;
	if (utf8_check(&state, reason, length) < length || state != 0)
		farewell_close_for(c, 1007, "the reason for closing is not UTF-8");
	else
		farewell_return(c, code, reason, length);
}

static void
on_output(void *user, const void *bytes, size_t length)
{
	struct child *c = user;

	outbound_put(&c->out, bytes, length);
}

static void
on_ended(void *user)
{
	struct child *c = user;

	if (c->phase == PHASE_HANDSHAKE || c->phase == PHASE_SERVING)
		farewell_silent(c);
}

const struct websocket_events serve_events = {
    .opened = on_opened,
    .data = on_data,
    .closing = on_closing,
    .output = on_output,
    .ended = on_ended,
};

static void
note_pong(struct child *c)
{
	c->last_pong = clock_ms();
	store_relaxed(&c->seat.self->pong_wall_ms, clock_wall_ms());
	count_add(&c->seat.self->counters.pongs, 1);
}

/*
 * A frame is complete.  The engine says nothing of a pong without payload, which
 * is what our pings are answered with; and it writes only when it is let.
 */
static void
end_frame(struct child *c)
{
	if (c->in.frames.opcode == FRAMES_PONG)
		note_pong(c);
	if (c->in.frames.opcode >= FRAMES_CONTROL)
		websocket_let_write();
}

/*
 * May another frame be taken?  The time for which a client is not read is not
 * held against it: its pongs wait with all the rest.
 */
static bool
within_rate(struct child *c)
{
	struct rate *r = &c->rate;
	uint64_t now;

	if (!rate_limited(r))
		return true;
	now = clock_us();
	if (rate_due_us(r) > now) {
		if (r->since_us == 0) {
			r->since_us = now;
			count_add(&c->seat.self->counters.rate_waits, 1);
		}
		return false;
	}
	if (r->since_us != 0)
		c->last_pong += (now - r->since_us) / 1000;
	r->since_us = 0;
	return true;
}

/* A piece of a compressed message; it may be the end of it. */
static void
inflate_frame(struct child *c, const char *bytes, size_t length, bool ended)
{
	bool last = ended && !c->in.frames.in_message;
	struct violation v;

	if (!inflate_piece(&c->inflate, &c->in.frames, bytes, length, last, &v))
		farewell_punish(c, &v);
}

static void
take_frames(struct child *c)
{
	struct violation v;
	const char *bytes;
	size_t length;

	while (c->phase == PHASE_SERVING && within_rate(c) && c->waiting == SESSION_DONE) {
		enum inbound_frame found = inbound_frame(&c->in, &bytes, &length, &v);

		if (found == INBOUND_FRAME_NONE)
			break;
		if (found == INBOUND_FRAME_BAD) {
			farewell_punish(c, &v);
			break;
		}
		if (frames_deflated(&c->in.frames))
			inflate_frame(c, bytes, length, found == INBOUND_FRAME_END);
		else
			websocket_feed(bytes, length);
		if (found != INBOUND_FRAME_END)
			continue;
		rate_take_frame(&c->rate, clock_us());
		end_frame(c);
	}
}

void
serve_frames(struct child *c)
{
	/* The packet that could not be handled may be by now. */
	if (c->waiting != SESSION_DONE)
		handle_packet(c, c->packet, c->packet_length);
	take_frames(c);
	session_ring(&c->session, &c->seat);
}

static void
obey_ticker(struct child *c)
{
	switch (load_acquire(&c->seat.mailbox->stop)) {
	case STOP_NOT: break;
	case STOP_KICK: farewell_close_for(c, 1008, "closed by the operator"); break;
	default: farewell_close_for(c, 1001, "the server is going down"); break;
	}
}

/* Until when its client has to answer a ping. */
static uint64_t
patience_ends(const struct child *c)
{
	return c->rate.since_us != 0 ? NEVER
				     : c->last_pong + 2 * (uint64_t)c->settings->ping_ms;
}

static void
keep_alive(struct child *c, uint64_t now)
{
	static const unsigned char ping[] = {0x89, 0x00};

	if (now >= patience_ends(c)) {
		farewell_close_for(c, 1008, "no answer to pings for two periods");
		return;
	}
	if (now < c->next_ping)
		return;
	c->next_ping += c->settings->ping_ms;
	if (c->next_ping <= now) /* we were stopped for a while */
		c->next_ping = now + c->settings->ping_ms;
	outbound_put(&c->out, ping, sizeof(ping));
	count_add(&c->seat.self->counters.pings, 1);
}

/* Ticks as far as the client takes them; mail is never left in the rings. */
void
serve_turn(struct child *c, uint64_t now)
{
	obey_ticker(c);
	if (c->phase != PHASE_SERVING)
		return;
	keep_alive(c, now);
	if (!outbound_idle(&c->out) && !c->out.blocked)
		outbound_flush(&c->out);
	if (websocket_is_echo() || c->phase != PHASE_SERVING)
		return;
	if (!roster_service(&c->roster, &c->seat, &c->out))
		farewell_close_for(c, 1013, "too slow: missed more ticks than are remembered");
	mailbag_service(&c->mailbag, &c->seat, &c->out);
	store_relaxed(&c->seat.self->backlog, (uint32_t)outbound_backlog(&c->out));
	if (outbound_backlog(&c->out) > c->settings->backlog)
		farewell_close_for(c, 1013, "too slow: backlog over its limit");
}

bool
serve_pending(struct child *c)
{
	return (c->waiting == SESSION_WAIT_ROOM && outbox_moved(&c->seat)) ||
	       load_relaxed(&c->seat.mailbox->stop) != STOP_NOT ||
	       roster_pending(&c->roster, &c->seat, &c->out) ||
	       mailbag_pending(&c->mailbag, &c->seat);
}

bool
serve_may_read(const struct child *c)
{
	return c->waiting == SESSION_DONE && c->rate.since_us == 0 &&
	       outbound_backlog(&c->out) <= QUEUE_MAX;
}

uint64_t
serve_due(const struct child *c)
{
	uint64_t due = patience_ends(c);

	if (c->rate.since_us != 0)
		due = (rate_due_us(&c->rate) + 999) / 1000;
	return due < c->next_ping ? due : c->next_ping;
}
