#include "seat.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "../shm/fault.h"

/*
 * Connect without waiting.  EAGAIN means that the ticker's queue is full, which
 * is like nobody being there: try again later.
 */
static int
connect_line(struct seat *s)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	assert(fd == SEAT_LINE);
	if (connect(fd, (struct sockaddr *)&s->address, s->address_length) < 0) {
		close(fd);
		return -1;
	}
	s->line = fd;
	FAULT("seat.connected");
	return 0;
}

static int
say(struct seat *s, enum register_kind kind, const char *peer)
{
	struct register_message m = {
	    .kind = kind,
	    .slot = s->slot,
	    .segment = s->header->id,
	    .generation = s->generation,
	};

	memcpy(m.token, s->token, TOKEN_LENGTH);
	if (peer != NULL)
		memcpy(m.peer, peer, PEER_LENGTH);
	return register_send(s->line, &m, NULL, 0);
}

static void
replace(int *old, int fd)
{
	if (*old >= 0)
		close(*old);
	*old = fd;
}

/* Take the next message of the ticker, with the bells if there are some. */
static int
hear(struct seat *s, struct register_message *m)
{
	int bells[2], got, result = register_receive(s->line, m, bells, 2, &got);

	if (got == 2) {
		replace(&s->ticker_bell, bells[0]);
		replace(&s->bell, bells[1]);
	} else if (got == 1) {
		close(bells[0]);
	}
	return result;
}

static enum seat_answer
judge(struct seat *s, const struct register_message *m)
{
	switch (m->kind) {
	case REGISTER_WELCOME:
		if (m->slot >= s->header->limits.max_clients || m->segment != s->header->id ||
		    s->bell < 0)
			return SEAT_CLOSED;
		s->slot = m->slot;
		s->generation = m->generation;
		memcpy(s->token, m->token, TOKEN_LENGTH);
		s->welcome = true;
		FAULT("seat.welcome");
		return SEAT_TAKEN;
	case REGISTER_FULL: return SEAT_FULL;
	default: return SEAT_CLOSED;
	}
}

/* One try to get an answer until the deadline; SEAT_NO_TICKER if the line broke. */
static enum seat_answer
ask(struct seat *s, const struct child_start *start, uint64_t deadline)
{
	struct register_message m;
	uint64_t now;
	int result;

	if (connect_line(s) < 0)
		return SEAT_NO_TICKER;
	if (say(s, start->guardian >= 0 ? REGISTER_GUEST : REGISTER_CHILD, start->peer) == 0) {
		FAULT("seat.hello");
		while ((now = clock_ms()) < deadline) {
			struct pollfd p = {.fd = s->line, .events = POLLIN};

			if (poll(&p, 1, (int)(deadline - now)) <= 0)
				continue;
			if ((result = hear(s, &m)) == 1)
				return judge(s, &m);
			if (result == 0 || errno != EAGAIN)
				break;
		}
	}
	close(s->line);
	s->line = -1;
	return SEAT_NO_TICKER;
}

static void
find_parts(struct seat *s)
{
	s->entry = segment_entry(s->header, s->slot);
	s->mailbox = segment_mailbox(s->header, s->slot);
	lock_introduce(&s->user, &s->commons->lock, s->slot, s->generation);
	lock_register(&s->user, &s->self->badge, &s->header->closed);
}

enum seat_answer
seat_take(struct seat *s, const struct child_start *start, int wait_ms)
{
	uint64_t deadline = clock_ms() + (uint64_t)wait_ms;
	enum seat_answer answer;

	memset(s, 0, sizeof(*s));
	s->line = s->bell = s->ticker_bell = -1;
	s->parent = (uint32_t)getppid();
	s->header = start->header;
	s->address_length =
	    register_address(&s->address, start->settings->name, s->header->door);
	while ((answer = ask(s, start, deadline)) == SEAT_NO_TICKER) {
		/* Nobody to wait for: the next ticker is on its way, or none will be. */
		if (clock_ms() >= deadline)
			return SEAT_NO_TICKER;
		poll(NULL, 0, 20);
	}
	if (answer != SEAT_TAKEN)
		return answer;
	s->self = segment_map_child(s->header, start->parts, s->slot, &s->commons);
	if (s->self == NULL)
		return SEAT_NO_TICKER;
	FAULT("seat.mapped");
	find_parts(s);
	return SEAT_TAKEN;
}

static int
say_client(struct seat *s)
{
	struct register_message m = {
	    .kind = REGISTER_TOLD, .slot = s->parent, .segment = s->header->id};

	memcpy(m.peer, s->told, PEER_LENGTH);
	return register_send(s->line, &m, NULL, 0);
}

void
seat_tell(struct seat *s, const char *client)
{
	s->told = client;
	FAULT("seat.telling");
	if (s->line >= 0 && s->welcome && say_client(s) < 0)
		s->welcome = false;
	FAULT("seat.told");
}

void
seat_open(struct seat *s)
{
	s->open = true;
	store_release(&s->self->state, SLOT_SERVING);
	FAULT("seat.opening");
	/* If there is no ticker now, the next one is told by seat_return(). */
	if (s->line >= 0 && s->welcome && say(s, REGISTER_OPEN, NULL) < 0)
		s->welcome = false;
	FAULT("seat.open");
}

void
seat_close(struct seat *s)
{
	s->closing = true;
	store_release(&s->self->state, SLOT_CLOSING);
	FAULT("seat.closing");
	if (s->line >= 0 && s->welcome && s->open && say(s, REGISTER_CLOSE, NULL) < 0)
		s->welcome = false;
	FAULT("seat.closed");
}

static void
lose(struct seat *s)
{
	close(s->line);
	s->line = -1;
	s->welcome = false;
	FAULT("seat.lost");
}

enum seat_event
seat_hear(struct seat *s)
{
	struct register_message m;
	int result;

	while ((result = hear(s, &m)) == 1) {
		/* It woke us: that is all. */
		if (m.kind == REGISTER_RING)
			continue;
		if (m.kind == REGISTER_PASS || m.kind == REGISTER_DENY) {
			s->told = NULL;
			s->retry_s = m.kind == REGISTER_DENY ? (uint32_t)m.retry_s : 0;
			return m.kind == REGISTER_PASS ? SEAT_PASSED : SEAT_DENIED;
		}
		if (m.kind != REGISTER_WELCOME || m.slot != s->slot ||
		    m.generation != s->generation || m.segment != s->header->id)
			return SEAT_EVICTED;
		s->welcome = true;
		FAULT("seat.back");
		/* What happened while no ticker was there. */
		if (s->open && say(s, s->closing ? REGISTER_CLOSE : REGISTER_OPEN, NULL) < 0)
			break;
		if (s->told != NULL && say_client(s) < 0)
			break;
		return SEAT_BACK;
	}
	if (result < 0 && errno == EAGAIN)
		return SEAT_QUIET;
	lose(s);
	return SEAT_LOST;
}

bool
seat_return(struct seat *s)
{
	if (connect_line(s) < 0)
		return false;
	if (say(s, REGISTER_RETURN, NULL) < 0) {
		lose(s);
		return false;
	}
	FAULT("seat.returned");
	return true;
}

void
seat_ring_ticker(struct seat *s)
{
	uint64_t one = 1;

	if (!bell_wanted(&s->header->asleep))
		return;
	/* It fails only if the counter is full: then the ticker has been rung enough. */
	FAULT("seat.ringing");
	if (write(s->ticker_bell, &one, sizeof(one)) < 0)
		return;
	FAULT("seat.rang");
}
