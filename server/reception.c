#include "reception.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "bells.h"
#include "departure.h"
#include "drain.h"
#include "events.h"
#include "guard.h"
#include "kick.h"
#include "kill.h"
#include "peer.h"
#include "registry.h"
#include "tell.h"

#define STRANGER_MS 2000 /* for a connection to say what it is */
#define ACCEPT_BATCH 64  /* connections before other events get their turn */
#define SAID_MAX 4       /* messages of a child on one life line; none has more to say */

static void
answer(struct ticker *t, int fd, enum register_kind kind, uint32_t slot)
{
	struct register_message m = {.kind = kind, .slot = slot, .segment = t->header->id};
	int fds[REGISTER_FDS_MAX] = {t->start.bell, t->start.registration, t->segment.fd};
	int count = kind == REGISTER_READY ? 3 : kind == REGISTER_WELCOME ? 2 : 0;

	if (kind == REGISTER_WELCOME) {
		const struct entry *e = books_entry(t, slot);

		fds[1] = t->clients[slot].bell;
		m.generation = load_relaxed(&e->generation);
		memcpy(m.token, e->token, TOKEN_LENGTH);
	}
	/* Who does not take its answer is about to close its connection. */
	(void)register_send(fd, &m, fds, count);
}

/*
 * The slot of the child with this pid, or LAYOUT_NO_SLOT.  It cannot fork
 * (child/cage.h), so its pid tells.
 */
static uint32_t
find_child(const struct ticker *t, uint32_t pid)
{
	for (uint32_t i = 0; i < t->seated_count; i++)
		if (t->clients[t->seated[i]].pid == pid)
			return t->seated[i];
	return LAYOUT_NO_SLOT;
}

/*
 * Somebody said something that is not for it to say, or nothing.  A child is no
 * listener, whatever it says: it would be given the whole segment to write.  And
 * one that comes without its own slot to show came to keep others from coming.
 */
static void
reject(struct ticker *t, const struct peer *peer)
{
	uint32_t slot = find_child(t, peer->pid);

	if (slot != LAYOUT_NO_SLOT)
		kill_child(t, slot, KILL_LIE, "nonsense at the ticker's door");
}

/* The listener does not get on with its work. */
static void
refuse_told(struct ticker *t, uint32_t slot)
{
	const struct register_message m = {.kind = REGISTER_DENY, .slot = slot};

	t->clients[slot].asked = 0;
	(void)register_send(t->clients[slot].line, &m, NULL, 0);
}

/*
 * The client's address is known.  If it may come in is for the listener to say that
 * has forked its child; where there is none, nobody limits addresses.
 */
static void
ask_listener(struct ticker *t, uint32_t slot, uint32_t listener)
{
	struct register_message m = {.kind = REGISTER_TOLD, .slot = slot};
	struct client *c = &t->clients[slot];
	struct peer peer;

	m.generation = load_relaxed(&books_entry(t, slot)->generation);
	for (uint32_t i = 0; i < TICKER_LISTENERS_MAX; i++) {
		if (t->listeners[i] < 0 || peer_of(t->listeners[i], &peer) < 0 ||
		    peer.pid != listener)
			continue;
		c->asked = i + 1;
		if (register_send(t->listeners[i], &m, NULL, 0) < 0)
			refuse_told(t, slot);
		FAULT("reception.asked");
		return;
	}
	answer(t, c->line, REGISTER_PASS, slot);
}

/* What the listener says goes to the child, if that waits for it. */
static void
pass_answer(struct ticker *t, uint32_t place, const struct register_message *m)
{
	struct client *c;

	if (m->slot >= t->max_clients ||
	    load_relaxed(&books_entry(t, m->slot)->generation) != m->generation)
		return;
	c = &t->clients[m->slot];
	if (c->asked != place + 1 || c->line < 0)
		return;
	c->asked = 0;
	(void)register_send(c->line, m, NULL, 0);
	FAULT("reception.answered");
}

/* It will answer nobody any more. */
static void
pass_all(struct ticker *t, uint32_t place)
{
	for (uint32_t i = 0; i < t->claimed_count; i++) {
		struct client *c = &t->clients[t->claimed[i]];

		if (c->asked != place + 1 || c->line < 0)
			continue;
		c->asked = 0;
		answer(t, c->line, REGISTER_PASS, t->claimed[i]);
	}
}

static bool
add_listener(struct ticker *t, int fd)
{
	for (uint32_t i = 0; i < TICKER_LISTENERS_MAX; i++) {
		if (t->listeners[i] >= 0)
			continue;
		t->listeners[i] = fd;
		answer(t, fd, REGISTER_READY, LAYOUT_NO_SLOT);
		FAULT("reception.ready");
		return events_watch(t, fd, TAG_LISTENER, i, 0) == 0;
	}
	return false;
}

/* A doorbell for a child; it must never block who rings it. */
static int
make_bell(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void
close_bell(int bell)
{
	if (bell >= 0)
		close(bell);
}

/*
 * The child has its bell.  Where descriptors run short we keep none of it and
 * ring by the life line, which costs more, but leaves room for more lines.
 */
static void
spare_bell(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	if (c->bell < t->bells_below)
		return;
	close(c->bell);
	c->bell = -1;
}

static bool
watch_line(struct ticker *t, int fd, uint32_t slot)
{
	uint64_t generation = load_relaxed(&books_entry(t, slot)->generation);

	return events_watch(t, fd, TAG_LINE, slot, generation) == 0;
}

static bool
take_child(struct ticker *t, int fd, const struct register_message *m, uint32_t pid)
{
	uint32_t slot = LAYOUT_NO_SLOT;
	int bell;

	if (t->draining) {
		answer(t, fd, REGISTER_REFUSED, LAYOUT_NO_SLOT);
		return false;
	}
	if ((bell = make_bell()) >= 0)
		slot = registry_claim(t, fd, bell, m->peer, pid);
	if (slot == LAYOUT_NO_SLOT) {
		close_bell(bell);
		count_add(&t->header->counters.full, 1);
		answer(t, fd, REGISTER_FULL, LAYOUT_NO_SLOT);
		return false;
	}
	answer(t, fd, REGISTER_WELCOME, slot);
	spare_bell(t, slot);
	FAULT("reception.welcomed");
	return watch_line(t, fd, slot);
}

/* A child of the time before this ticker shows the slot that it has. */
static bool
take_back(struct ticker *t, int fd, const struct register_message *m, uint32_t pid)
{
	int bell = make_bell();

	if (bell < 0 || !registry_return(t, fd, bell, m, pid)) {
		close_bell(bell);
		answer(t, fd, REGISTER_REFUSED, LAYOUT_NO_SLOT);
		return false;
	}
	answer(t, fd, REGISTER_WELCOME, m->slot);
	spare_bell(t, m->slot);
	FAULT("reception.returned");
	/* Whatever was published while nobody could ring it. */
	bells_ring(t, m->slot);
	return watch_line(t, fd, m->slot);
}

/* Children of the time before this ticker may be on their way back. */
static bool
some_may_return(const struct ticker *t)
{
	return clock_ms() < t->back_ms;
}

enum welcome { WELCOME_STAY, WELCOME_GO, WELCOME_GARBAGE };

static enum welcome
stay_or_go(bool stays)
{
	return stays ? WELCOME_STAY : WELCOME_GO;
}

/* What a connection said first. */
static enum welcome
introduce(struct ticker *t, const struct stranger *s, const struct register_message *m)
{
	uint32_t pid = s->peer.pid, slot = LAYOUT_NO_SLOT;
	bool new = m->kind == REGISTER_CHILD || m->kind == REGISTER_GUEST;

	/* A new child is a child that we do not know, but that is not looked up at each. */
	if (!new || some_may_return(t))
		slot = find_child(t, pid);
	if (slot != LAYOUT_NO_SLOT && !(new &&registry_is_untold(t, slot)) &&
	    (m->kind != REGISTER_RETURN || m->slot != slot))
		return WELCOME_GARBAGE;
	/* Its slot may be another's by now, or nobody's. */
	if ((m->kind == REGISTER_LISTENER || m->kind == REGISTER_KICK ||
		m->kind == REGISTER_KILL || m->kind == REGISTER_PERMIT) &&
	    peer_is_caged(&s->peer))
		return WELCOME_GARBAGE;
	switch (m->kind) {
	case REGISTER_LISTENER: return stay_or_go(add_listener(t, s->fd));
	case REGISTER_GUEST: store_relaxed(&t->header->guests, 1); /* fall through */
	case REGISTER_CHILD: return stay_or_go(take_child(t, s->fd, m, pid));
	case REGISTER_RETURN: return stay_or_go(take_back(t, s->fd, m, pid));
	case REGISTER_KICK:
	case REGISTER_KILL:
		answer(t, s->fd, kick_client(t, m, &s->peer), LAYOUT_NO_SLOT);
		return WELCOME_GO;
	case REGISTER_PERMIT:
		answer(t, s->fd, registry_permit(t, m) ? REGISTER_DONE : REGISTER_REFUSED,
		    m->slot);
		FAULT("reception.permitted");
		return WELCOME_GO;
	default: return WELCOME_GARBAGE;
	}
}

/* Its place in the list; TICKER_STRANGERS_MAX: the event was for one that is gone. */
static uint32_t
find_stranger(const struct ticker *t, int fd)
{
	for (uint32_t i = 0; i < t->stranger_count; i++)
		if (t->strangers[i].fd == fd)
			return i;
	return TICKER_STRANGERS_MAX;
}

/* Take it from the list; it is watched as something else from here on, or not at all. */
static struct stranger
take_stranger(struct ticker *t, uint32_t place)
{
	struct stranger s = t->strangers[place];

	t->strangers[place] = t->strangers[--t->stranger_count];
	(void)epoll_ctl(t->epoll, EPOLL_CTL_DEL, s.fd, NULL);
	return s;
}

void
reception_stranger(struct ticker *t, int fd)
{
	uint32_t place = find_stranger(t, fd);
	enum welcome welcome;
	struct register_message m;
	struct stranger s;
	int none, got, result;

	if (place == TICKER_STRANGERS_MAX)
		return;
	result = register_receive(fd, &m, &none, 0, &got);
	if (result < 0 && errno == EAGAIN)
		return;
	s = take_stranger(t, place);
	if (result == 1)
		welcome = introduce(t, &s, &m);
	else
		welcome = result < 0 || some_may_return(t) ? WELCOME_GARBAGE : WELCOME_GO;
	if (welcome == WELCOME_GARBAGE)
		reject(t, &s.peer);
	if (welcome != WELCOME_STAY)
		close(fd);
}

/* Others may connect as well (the name is for all), but they are not heard. */
static bool
is_welcome(int fd, struct peer *peer)
{
	return peer_of(fd, peer) == 0 && (peer->uid == geteuid() || peer->uid == 0);
}

static void
take_stranger_in(struct ticker *t, int fd)
{
	struct stranger s = {.fd = fd, .since_ms = clock_ms()};

	if (!is_welcome(fd, &s.peer) || t->stranger_count == TICKER_STRANGERS_MAX ||
	    events_watch(t, fd, TAG_STRANGER, (uint32_t)fd, 0) < 0) {
		close(fd);
		return;
	}
	t->strangers[t->stranger_count++] = s;
	FAULT("reception.accepted");
	/* It speaks at once, so it need not wait for the next turn. */
	reception_stranger(t, fd);
}

void
reception_accept(struct ticker *t)
{
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd =
		    accept4(t->start.registration, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		take_stranger_in(t, fd);
	}
}

void
reception_expire(struct ticker *t, uint64_t now_ms)
{
	for (uint32_t i = t->stranger_count; i-- > 0;) {
		if (now_ms < t->strangers[i].since_ms + STRANGER_MS)
			continue;
		close(t->strangers[i].fd);
		t->strangers[i] = t->strangers[--t->stranger_count];
	}
}

/* One has gone, with these last words or none. */
static void
lose_listener(struct ticker *t, uint32_t place, uint32_t kind)
{
	int fd = t->listeners[place];

	t->listeners[place] = -1;
	pass_all(t, place);
	if (kind == REGISTER_RETIRE)
		store_relaxed(&t->header->guests, 1);
	if (kind == REGISTER_LEAVE && t->seated_count == 0 && !books_has_listener(t)) {
		t->listeners[place] = fd; /* it waits for its line to close: when we are gone */
		t->over = true;
		return;
	}
	close(fd);
	guard_look(t, clock_ms());
}

void
reception_listener(struct ticker *t, uint32_t place)
{
	struct register_message m;
	int fd = t->listeners[place], none, got, result;

	if (fd < 0)
		return;
	result = register_receive(fd, &m, &none, 0, &got);
	if (result < 0 && errno == EAGAIN)
		return;
	if (result == 1 && m.kind == REGISTER_DRAIN) {
		drain_begin(t, m.slot);
	} else if (result == 1 && m.kind == REGISTER_YIELD) {
		t->yielding = !t->draining;
		t->yield_ms = clock_ms() + TELL_YIELD_MS;
	} else if (result == 1 && (m.kind == REGISTER_PASS || m.kind == REGISTER_DENY)) {
		pass_answer(t, place, &m);
	} else {
		lose_listener(t, place, result == 1 ? m.kind : 0);
	}
}

void
reception_line(struct ticker *t, uint32_t slot, uint32_t generation)
{
	struct client *c = &t->clients[slot];
	struct register_message m;
	int none, got, result;

	if (c->line < 0 ||
	    (uint32_t)load_relaxed(&books_entry(t, slot)->generation) != generation)
		return;
	result = register_receive(c->line, &m, &none, 0, &got);
	if (result < 0 && errno == EAGAIN)
		return;
	if (result == 0 || (result < 0 && errno != EPROTO)) {
		departure_leave(t, slot);
	} else if (result == 1 && m.kind == REGISTER_TOLD && ++c->said <= SAID_MAX &&
		   registry_tell(t, slot, m.peer)) {
		ask_listener(t, slot, m.slot);
	} else if (result < 0 || ++c->said > SAID_MAX ||
		   (m.kind != REGISTER_OPEN && m.kind != REGISTER_CLOSE)) {
		kill_child(t, slot, KILL_LIE, "nonsense on its life line");
	} else if (m.kind == REGISTER_CLOSE) {
		departure_begin(t, slot);
	} else {
		registry_open(t, slot);
	}
}
