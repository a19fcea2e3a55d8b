/*
 * child.c - the start of a child, and its loop.
 *
 * The loop waits for the client's socket, the doorbell and the life line.  The
 * doorbell is edge-triggered and never read: each ring is an event, and what it
 * means is found by looking at the segment.  Deadlines are the timeout of the
 * wait, so an idle child makes no system call but for pings.
 */
#include "child.h"

#include <bsd/unistd.h>
#include <errno.h>
#include <jansson.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "behind.h"
#include "cage.h"
#include "confine.h"
#include "farewell.h"
#include "greet.h"
#include "image.h"
#include "origin.h"
#include "serve.h"
#include "state.h"

#define TAKE_MS 5000 /* longest wait for a ticker before the client is told to come back */
#define RETURN_MS 50 /* between tries to find the next ticker, at first ... */
#define RETURN_MAX_MS 1000 /* ... and after a while */
#define GIVE_UP_MS 60000   /* without a ticker for so long there will be none */

/* Bytes from which memory goes back to the kernel when it is freed, not to be kept. */
#define LARGE (64 * 1024)

enum source { SOURCE_CLIENT, SOURCE_BELL, SOURCE_LINE, SOURCE_SPAWNER, SOURCE_GUARDIAN };

static struct child self;

/* May the client be read now? */
static bool
may_read(const struct child *c)
{
	switch (c->phase) {
	case PHASE_HANDSHAKE: return !c->in.ended && c->behind.step != BEHIND_ASKED;
	case PHASE_LINGERING: return !c->in.ended;
	case PHASE_SERVING: return !c->in.ended && serve_may_read(c);
	default: return false;
	}
}

static void
read_client(struct child *c)
{
	size_t got;

	if (c->phase == PHASE_LINGERING) {
		inbound_discard(&c->in);
		return;
	}
	if (!may_read(c))
		return;
	if (c->behind.step == BEHIND_PROXY) {
		behind_read(c);
		return;
	}
	got = inbound_read(&c->in);
	if (c->in.tls != NULL && !tls_is_up(c->in.tls)) {
		greet_insecure(c);
		return;
	}
	if (c->phase == PHASE_SERVING)
		rate_take_bytes(&c->rate, got, clock_us());
	if (c->phase == PHASE_HANDSHAKE)
		greet_request(c);
	if (c->phase == PHASE_SERVING)
		serve_frames(c);
}

static void
watch_client(struct child *c)
{
	/* While it is decided about the client it is not read; but does it wait? */
	uint32_t wanted = (may_read(c) ? EPOLLIN : 0) |
			  (c->phase == PHASE_ASKING ? EPOLLRDHUP : 0) |
			  (c->out.blocked && !outbound_idle(&c->out) ? EPOLLOUT : 0) |
			  (may_read(c) && inbound_wants_write(&c->in) ? EPOLLOUT : 0);
	struct epoll_event e = {.events = wanted, .data.u32 = SOURCE_CLIENT};

	if (wanted == c->interest)
		return;
	epoll_ctl(c->epoll, EPOLL_CTL_MOD, c->in.fd, &e);
	c->interest = wanted;
}

static void
on_client(struct child *c, uint32_t events)
{
	/* Errors are reported whatever was asked for: leave, or they are for ever. */
	if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0 && !may_read(c))
		c->in.broken = true;
	if ((events & EPOLLOUT) != 0)
		outbound_flush(&c->out);
	if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 || inbound_wants_write(&c->in))
		read_client(c);
}

static void
watch_line(struct child *c)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = SOURCE_LINE};

	epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->seat.line, &e);
}

/* Edge-triggered and never read (the first event comes at once if it was rung already). */
static void
watch_bell(struct child *c)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = SOURCE_BELL};

	epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->seat.bell, &e);
}

/* It cannot go on: the client may come again. */
static void
send_away(struct child *c, const char *reason)
{
	if (c->phase == PHASE_HANDSHAKE || c->phase == PHASE_ASKING)
		c->in.broken = true;
	farewell_close_for(c, 1012, reason);
}

static void
hear_ticker(struct child *c)
{
	switch (seat_hear(&c->seat)) {
	case SEAT_QUIET: break;
	case SEAT_BACK: watch_bell(c); break;
	case SEAT_PASSED: behind_passed(c); break;
	case SEAT_DENIED: behind_denied(c, c->seat.retry_s); break;
	case SEAT_LOST: c->next_return = c->lost_line = clock_ms(); break;
	case SEAT_EVICTED: send_away(c, "the server was restarted"); break;
	}
}

static void
find_ticker(struct child *c, uint64_t now)
{
	uint64_t lost = now - c->lost_line;

	if (c->seat.line >= 0 || now < c->next_return)
		return;
	if (seat_return(&c->seat)) {
		watch_line(c);
	} else if (lost >= GIVE_UP_MS) {
		farewell_close_for(c, 1012, "the server is gone");
		c->next_return = NEVER;
	} else {
		c->next_return = now + (lost < 2000 ? RETURN_MS : RETURN_MAX_MS);
	}
}

static void
watch_spawner(struct child *c)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u32 = SOURCE_SPAWNER};

	if (c->ask.line >= 0)
		epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->ask.line, &e);
}

/* A guest's: it dies once. */
static void
watch_guardian(struct child *c, int guardian)
{
	struct epoll_event e = {.events = EPOLLIN | EPOLLET, .data.u32 = SOURCE_GUARDIAN};

	if (guardian >= 0)
		epoll_ctl(c->epoll, EPOLL_CTL_ADD, guardian, &e);
}

static uint64_t
earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Milliseconds until something is due; -1: nothing ever is. */
static int
until_due(const struct child *c, uint64_t now)
{
	uint64_t due = c->phase_deadline;

	if (c->phase == PHASE_SERVING)
		due = earliest(due, serve_due(c));
	if (c->seat.line < 0)
		due = earliest(due, c->next_return);
	if (due == NEVER)
		return -1;
	return due > now ? (int)(due - now) : 0;
}

/* What the ticker may have said since we looked: to be asked after bell_doze(). */
static bool
something_to_do(struct child *c)
{
	if (inbound_is_waiting(&c->in) && may_read(c))
		return true;
	if (c->phase == PHASE_HANDSHAKE || c->phase == PHASE_ASKING)
		return load_relaxed(&c->seat.mailbox->stop) != STOP_NOT;
	return c->phase == PHASE_SERVING && serve_pending(c);
}

/* The flag is gone: the ticker has taken it, and said when. */
static void
note_bell(struct slot *slot)
{
	if (load_acquire(&slot->asleep) == 0)
		histogram_add_span(
		    &slot->histograms.wake_delay, load_relaxed(&slot->rung_us), clock_us());
}

static void
wait_for_events(struct child *c)
{
	struct slot *slot = c->seat.self;
	struct epoll_event ready[4];
	bool pending;
	int count;

	bell_doze(&slot->asleep);
	FAULT("child.dozing");
	pending = something_to_do(c);
	count = epoll_wait(c->epoll, ready, 4, pending ? 0 : until_due(c, clock_ms()));
	note_bell(slot);
	bell_rise(&slot->asleep);
	FAULT("child.awake");
	store_relaxed(&slot->heartbeat, load_relaxed(&slot->heartbeat) + 1);
	for (int i = 0; i < count; i++) {
		switch ((enum source)ready[i].data.u32) {
		case SOURCE_CLIENT: on_client(c, ready[i].events); break;
		case SOURCE_BELL: break; /* it woke us: that is all */
		case SOURCE_LINE:
			if (c->seat.line >= 0)
				hear_ticker(c);
			break;
		case SOURCE_SPAWNER:
			if (c->ask.line >= 0)
				greet_answer(c);
			break;
		case SOURCE_GUARDIAN: send_away(c, "its guardian was killed"); break;
		}
	}
}

/* Drained before its handshake is done: there is nothing to close, only an answer to give. */
static void
obey_before_service(struct child *c)
{
	struct verdict down = {
	    .kind = REQUEST_REFUSED, .status = 503, .reason = "The server is going down."};

	if ((c->phase == PHASE_HANDSHAKE || c->phase == PHASE_ASKING) &&
	    load_acquire(&c->seat.mailbox->stop) != STOP_NOT)
		farewell_answer(c, &down);
}

static void
loop(struct child *c)
{
	while (c->phase != PHASE_OVER) {
		uint64_t now = clock_ms();

		obey_before_service(c);
		if (inbound_is_waiting(&c->in))
			read_client(c);
		if (c->phase == PHASE_SERVING) {
			serve_frames(c);
			serve_turn(c, now);
		}
		find_ticker(c, now);
		farewell_turn(c, now);
		if (c->phase == PHASE_OVER)
			break;
		watch_client(c);
		wait_for_events(c);
	}
}

_Noreturn void
child_turn_away(int client, bool tls, const char *reason)
{
	farewell_turn_away(client, tls, reason);
}

void
child_close_others(const int *keep)
{
	confine_descriptors(keep);
}

bool
child_origins_good(const char *list)
{
	return origin_list_good(list);
}

int
child_prepare(const struct child_settings *settings)
{
	size_t seed;

	if (getrandom(&seed, sizeof(seed), 0) != (ssize_t)sizeof(seed))
		seed = (size_t)clock_us();
	json_object_seed(seed);
	/* What a slow client had waiting once is not held by each of ten thousand for ever. */
	(void)mallopt(M_MMAP_THRESHOLD, LARGE);
	(void)mallopt(M_TRIM_THRESHOLD, LARGE);
	confine_rseq();
	if (confine_prepare() < 0) {
		log_error("no-null", "errno=\"%s\"", strerror(errno));
		return -1;
	}
	if (websocket_prepare() == 0)
		return cage_prepare(settings->sandbox);
	log_error("no-engine", "why=\"libwebsockets could not be made ready\"");
	return -1;
}

void
child_enlarge(void)
{
	image_enlarge();
}

/* From here on the client may be read; never before. */
static void
enter_cage(const struct child *c)
{
	log_seal();
	if (cage_enter(c->settings, &c->seat.header->layout) == 0)
		return;
	log_error("no-cage", "peer=%s errno=\"%s\"", c->peer, strerror(errno));
	farewell_turn_away(c->in.fd, c->start->tls, "The server is not ready.");
}

static void
take_seat(struct child *c, const struct child_start *start)
{
	switch (seat_take(&c->seat, start, TAKE_MS)) {
	case SEAT_TAKEN: break;
	case SEAT_FULL: farewell_turn_away(start->client, start->tls, "All places are taken.");
	case SEAT_CLOSED:
		farewell_turn_away(start->client, start->tls, "The server is going down.");
	case SEAT_NO_TICKER:
		log_error("no-seat", "peer=%s errno=\"%s\"", start->peer, strerror(errno));
		farewell_turn_away(start->client, start->tls, "The server is not ready.");
	}
}

static void
set_up(struct child *c, const struct child_start *start)
{
	struct epoll_event client = {.events = EPOLLIN, .data.u32 = SOURCE_CLIENT};
	int yes = 1;

	inbound_start(&c->in, start->client, c->settings->max_packet);
	outbound_start(&c->out, start->client);
	text_lend(&c->out.owed, c->rooms[0], sizeof(c->rooms[0]));
	text_lend(&c->roster.own, c->rooms[1], sizeof(c->rooms[1]));
	c->in.counters = c->out.counters = &c->seat.self->counters;
	c->session.max_properties = c->settings->max_properties;
	rate_start(
	    &c->rate, c->settings->rate, c->settings->rate_bytes, c->settings->rate_burst);
	/* Frames are whole when they are sent: waiting for more only delays them. */
	(void)setsockopt(start->client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	c->interest = client.events;
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(c->epoll, EPOLL_CTL_ADD, start->client, &client);
	watch_bell(c);
	watch_line(c);
	watch_spawner(c);
	watch_guardian(c, start->guardian);
	websocket_start(&serve_events, c);
	c->phase = PHASE_HANDSHAKE;
	c->phase_deadline = clock_ms() + c->settings->handshake_ms;
	c->next_return = NEVER;
}

static void
speak_tls(struct child *c, const struct child_start *start)
{
	struct tls *tls =
	    tls_start(start->client, start->signer, (int)c->settings->handshake_ms);

	if (tls == NULL)
		farewell_turn_away(start->client, true, "There is no memory.");
	tls_count(tls, &c->seat.self->counters);
	c->in.tls = c->out.tls = tls;
}

/* Nothing of the listener's is kept, and the life line's number is free. */
static void
stand_apart(struct child_start *own)
{
	int wanted[] = {own->client, own->parts, own->hold, own->signer, own->guardian,
	    websocket_descriptor(), log_descriptor(), cage_descriptor(), confine_nowhere()};
	int keep[sizeof(wanted) / sizeof(wanted[0]) + 1], kept = 0;

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		if (wanted[i] >= 0)
			keep[kept++] = wanted[i];
	keep[kept] = -1;
	confine_descriptors(keep);
	/* Before the client takes its number: one of them may have that. */
	own->parts = confine_aside(own->parts);
	own->hold = confine_aside(own->hold);
	own->signer = confine_aside(own->signer);
	own->guardian = confine_aside(own->guardian);
	own->client = confine_client(own->client);
	confine_standard();
	confine_schedule();
}

_Noreturn void
child_run(const struct child_start *start)
{
	struct child_start own = *start;
	struct child *c = &self;

	FAULT_ROLE(FAULT_CHILD);
	FAULT("child.forked");
	stand_apart(&own);
	c->settings = own.settings;
	c->start = &own;
	c->peer = own.peer;
	behind_start(c);
	take_seat(c, &own);
	ask_connect(&c->ask, c->settings, own.header);
	close(own.parts);
	if (own.hold >= 0)
		close(own.hold);
	setproctitle("client %.8s %s", c->seat.token, c->peer);
	set_up(c, &own);
	if (own.tls)
		speak_tls(c, &own);
	enter_cage(c);
	loop(c);
	farewell_end(c);
	FAULT("child.over");
	_exit((int)c->exit);
}
