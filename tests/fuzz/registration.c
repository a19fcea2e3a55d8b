/*
 * Whatever is said on the ticker's socket, by whoever and in whatever order:
 * connections, messages with and without descriptors, garbage, ends, and a
 * ticker that dies in between.  At the end, when all connections are closed,
 * nothing is left of them.
 */
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/bells.h"
#include "../../server/departure.h"
#include "../../server/drain.h"
#include "../../server/events.h"
#include "../../server/post.h"
#include "../../server/reception.h"
#include "../../server/tick.h"
#include "../../shm/clock.h"
#include "fuzz.h"
#include "instance.h"

#define LINES 6U
#define OPEN 2U /* clients that are there already */

enum step { CONNECT, SAY, GARBAGE, CLOSE, TURN, TICK, SUCCEED, STEPS };

static int lines[LINES];
static uint64_t later_ms; /* the ticks' clock is ahead of the real one */

static void
dispatch(struct ticker *t, struct event e)
{
	switch (e.tag) {
	case TAG_REGISTRATION: reception_accept(t); break;
	case TAG_STRANGER: reception_stranger(t, (int)e.number); break;
	case TAG_LISTENER: reception_listener(t, e.number); break;
	case TAG_LINE: reception_line(t, e.number, e.generation); break;
	case TAG_DRAIN: drain_step(t); break;
	case TAG_DEATH: departure_death(t, e.number, e.generation); break;
	default: break;
	}
}

/* Events until there are none; true if there were any, and the ticker goes on. */
static bool
turn(struct ticker *t)
{
	struct epoll_event ready[8];
	int count = epoll_wait(t->epoll, ready, 8, 0);

	for (int i = 0; i < count && !t->over; i++)
		dispatch(t, events_decode(ready[i].data.u64));
	post_scan(t, UINT64_MAX);
	bells_flush(t);
	return count > 0 && !t->over;
}

/* From a process of its own, or from one that has a slot already. */
static void
connect_line(struct ticker *t, unsigned number, bool again)
{
	int *line = &lines[number];
	struct sockaddr_un address;
	socklen_t length = register_address(&address, t->start.name, t->header->door);

	if (*line >= 0)
		return;
	*line = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (connect(*line, (struct sockaddr *)&address, length) < 0) {
		close(*line);
		*line = -1;
	}
	world_pid = again ? WORLD_PID : WORLD_PID + 1 + number;
	reception_accept(t);
}

/* A message that may be right in every field, or wrong in some. */
static void
say(const struct ticker *t, struct input *in, int line)
{
	struct register_message m = {.kind = REGISTER_CHILD + input_byte(in) % 21U};
	uint8_t wrong = input_byte(in);
	uint32_t slot = input_byte(in), seated = slot % t->max_clients;
	int bells[2] = {-1, -1}, count = wrong >> 6;

	m.slot = (wrong & 1) != 0 ? slot * 0x01010101U : seated;
	m.segment = t->header->id + ((wrong & 2) != 0);
	m.generation = load_relaxed(&segment_entry(t->header, seated)->generation) +
		       ((wrong & 4) != 0 ? input_byte(in) - 3U : 0);
	memcpy(m.token, segment_entry(t->header, seated)->token, TOKEN_LENGTH);
	if ((wrong & 8) != 0)
		m.token[input_byte(in) % TOKEN_LENGTH] = (char)input_byte(in);
	memset(m.peer, (wrong & 16) != 0 ? input_byte(in) : 0, PEER_LENGTH);
	if ((wrong & 32) != 0)
		snprintf(m.peer, PEER_LENGTH, "203.0.113.%u", input_byte(in));
	for (int i = 0; i < count && i < 2; i++)
		bells[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)register_send(line, &m, bells, count < 2 ? count : 2);
	for (int i = 0; i < 2; i++)
		if (bells[i] >= 0)
			close(bells[i]);
}

static void
say_garbage(struct input *in, int line)
{
	size_t length;
	const uint8_t *bytes = input_bytes(in, input_byte(in), &length);

	(void)send(line, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void
do_step(struct ticker *t, struct input *in)
{
	enum step step = input_byte(in) % STEPS;
	uint8_t number = input_byte(in);
	int *line = &lines[number % LINES];

	switch (step) {
	case CONNECT: connect_line(t, number % LINES, number >= 128); break;
	case SAY: say(t, in, *line); break;
	case GARBAGE: say_garbage(in, *line); break;
	case CLOSE:
		if (*line >= 0)
			close(*line);
		*line = -1;
		break;
	case TURN: turn(t); break;
	case TICK:
		later_ms += 16U * input_byte(in);
		tick_run(t, clock_ms() + later_ms);
		break;
	case SUCCEED: instance_succeed(); break;
	default: break;
	}
	instance_check();
}

/* The lowest descriptor that is free: it is the same when none was left open. */
static int
lowest_free(void)
{
	int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void
end_all(struct ticker *t)
{
	for (unsigned i = 0; i < LINES; i++)
		if (lines[i] >= 0)
			close(lines[i]);
	while (turn(t))
		continue;
	/* Those who were there have no line: a time after which they must have gone. */
	for (uint32_t slot = 0; slot < t->max_clients; slot++)
		if (load_relaxed(&books_entry(t, slot)->state) != ENTRY_FREE)
			departure_leave(t, slot);
	tick_run(t, clock_ms() + later_ms + 60000);
	instance_check();
	FUZZ_CHECK(t->seated_count == 0, "%u slots are still in use", t->seated_count);
	FUZZ_CHECK(
	    t->over || t->stranger_count == 0, "%u strangers are left", t->stranger_count);
	FUZZ_CHECK(t->over || !books_has_listener(t), "a listener is left");
	for (uint32_t i = 0; i <= t->roll.mask; i++)
		FUZZ_CHECK(t->roll.places[i].slot == ROLL_NOBODY, "a token is left");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ticker *t = instance_reset(OPEN);
	int before = lowest_free();

	later_ms = 0;
	memset(lines, -1, sizeof(lines));
	while (in.left > 0 && !t->over)
		do_step(t, &in);
	end_all(t);
	instance_close(t);
	FUZZ_CHECK(lowest_free() == before, "descriptors are left open");
	return 0;
}
