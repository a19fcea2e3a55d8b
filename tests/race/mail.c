/*
 * Mail: records and the log come whole, once and in order, and no bell is lost: who
 * sleeps and is not woken fails the run.
 */
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "../../shm/clock.h"
#include "../../shm/mail.h"
#include "race.h"

enum { SIZE = 16384, RECORD = 3000, READERS = 2, NAP_MS = 100, LOST_MS = 5000 };

static struct shared {
	/* A ring of records, as an outbox: from the child to the ticker. */
	_Atomic uint64_t head, tail;
	_Atomic uint32_t asleep, crowded, sleeps; /* ticker; child, its bell */
	/* The log, from the ticker to all. */
	_Atomic uint64_t log_head, log_tail[READERS];
	_Alignas(64) char ring[SIZE];
	_Alignas(64) char log[SIZE];
} * s;

static int bell, child_bell;

static void
set_up(void)
{
	s = race_memory(sizeof(*s));
	CHECK((bell = eventfd(0, EFD_NONBLOCK)) >= 0, "no bell");
	CHECK((child_bell = eventfd(0, EFD_NONBLOCK)) >= 0, "no bell");
}

static void
ring_bell(int fd)
{
	CHECK(write(fd, &(uint64_t){1}, 8) == 8, "write");
}

/* Until then, or the end.  Whoever moves the word on from what was seen of it rings. */
static void
sleep_until_rung(int fd, const _Atomic uint64_t *word, uint64_t seen)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	uint64_t last_ms = clock_ms();
	uint64_t times;

	while (poll(&p, 1, NAP_MS) != 1) {
		if (load_acquire(word) == seen) {
			if (race_is_over())
				return;
			last_ms = clock_ms();
		}
		CHECK(clock_ms() - last_ms < LOST_MS, "nobody rang for who sleeps");
	}
	CHECK(read(fd, &times, 8) == 8, "read");
}

/* Room, or asleep until there is: reserve() of child/outbox.c, and its child's sleep. */
static struct mail_record *
reserve(uint32_t size, uint64_t *next)
{
	const struct mail_ring ring = {s->ring, SIZE};
	uint64_t head = load_relaxed(&s->head), tail;
	struct mail_record *r;

	while ((r = mail_reserve(&ring, head, load_acquire(&s->tail), size, next)) == NULL) {
		bell_doze(&s->sleeps);
		store_relaxed(&s->crowded, 1);
		fence_full();
		tail = load_acquire(&s->tail);
		if ((r = mail_reserve(&ring, head, tail, size, next)) == NULL)
			sleep_until_rung(child_bell, &s->tail, tail);
		bell_rise(&s->sleeps);
		if (r != NULL || race_is_over())
			break;
	}
	store_relaxed(&s->crowded, 0);
	return r;
}

/* outbox_post() and outbox_ring() */
static bool
post(struct worker *w)
{
	uint32_t length = (uint32_t)(rand_r(&w->seed) % RECORD);
	struct mail_record *r;
	uint64_t next;

	if ((r = reserve(mail_record_size(length), &next)) == NULL)
		return false;
	race_fill((char *)(r + 1), length, w->kept);
	store_relaxed(&r->size, mail_record_size(length));
	store_relaxed(&r->kind, MAIL_UNICAST);
	store_relaxed(&r->length, length);
	store_relaxed(&r->count, 1);
	store_relaxed(&r->stamp, w->kept++);
	store_release(&s->head, next);
	if (bell_wanted(&s->asleep))
		ring_bell(bell);
	return true;
}

/* relieve() and bells_ring() of the ticker */
static void
relieve(void)
{
	fence_full();
	if (load_relaxed(&s->crowded) != 0 && bell_take(&s->sleeps))
		ring_bell(child_bell);
}

/* As mail_or_doze(): the ticker dozes, looks once more, and sleeps. */
static bool
drain(struct worker *w)
{
	const struct mail_ring ring = {s->ring, SIZE};
	uint64_t head = load_acquire(&s->head);
	struct mail_item item;
	enum mail_found found = mail_peek(&ring, head, load_relaxed(&s->tail), &item);

	if (found == MAIL_NONE) {
		bell_doze(&s->asleep);
		if (load_acquire(&s->head) == head)
			sleep_until_rung(bell, &s->head, head);
		bell_rise(&s->asleep);
		return false;
	}
	CHECK(found == MAIL_ITEM, "a broken record");
	CHECK(item.stamp == w->kept, "record %llu came for %llu",
	    (unsigned long long)item.stamp, (unsigned long long)w->kept);
	CHECK(item.length <= item.size && race_whole(item.bytes, item.length, item.stamp),
	    "record %llu is torn", (unsigned long long)item.stamp);
	w->kept++;
	store_release(&s->tail, item.next);
	relieve();
	return true;
}

const struct hunt hunt_mail = {
    "mail", set_up, (const struct role[]){{"child", 1, post}, {"ticker", 1, drain}, {0}}};

/* The log. */

/* A frame: its length, and what tells its number. */
static bool
broadcast(struct worker *w)
{
	const struct mail_ring log = {s->log, SIZE};
	uint64_t head = load_relaxed(&s->log_head), oldest = head;
	uint32_t length = (uint32_t)(sizeof(length) + rand_r(&w->seed) % RECORD);
	char frame[RECORD + sizeof(length)];

	for (int i = 0; i < READERS; i++) {
		uint64_t at = load_acquire(&s->log_tail[i]);

		oldest = at < oldest ? at : oldest;
	}
	if (head + length - oldest > SIZE) {
		sched_yield();
		return false;
	}
	memcpy(frame, &length, sizeof(length));
	race_fill(frame + sizeof(length), length - sizeof(length), w->kept++);
	mail_log_write(&log, head, frame, length);
	store_release(&s->log_head, head + length);
	return true;
}

static void
from_log(uint64_t at, char *to, uint32_t length)
{
	for (uint32_t i = 0; i < length; i++)
		to[i] = s->log[(at + i) % SIZE];
}

static bool
hear(struct worker *w)
{
	uint64_t head = load_acquire(&s->log_head), tail = w->also;
	char frame[RECORD + sizeof(uint32_t)];
	uint32_t length;

	if (tail == head) {
		sched_yield();
		return false;
	}
	from_log(tail, (char *)&length, sizeof(length));
	CHECK(length >= sizeof(length) && length <= sizeof(frame) && tail + length <= head,
	    "frame %llu has %u bytes", (unsigned long long)w->kept, length);
	from_log(tail + sizeof(length), frame, length - (uint32_t)sizeof(length));
	CHECK(race_whole(frame, length - sizeof(length), w->kept), "frame %llu is torn",
	    (unsigned long long)w->kept);
	w->kept++;
	w->also = tail + length;
	store_release(&s->log_tail[w->number], w->also);
	return true;
}

const struct hunt hunt_log = {"log", set_up,
    (const struct role[]){{"ticker", 1, broadcast}, {"child", READERS, hear}, {0}}};

/* Bells: two that answer each other, and nobody else rings. */

static struct {
	_Alignas(64) _Atomic uint64_t said;
	_Alignas(64) _Atomic uint32_t asleep;
} * sides;

static int bells[2];

static void
bells_set_up(void)
{
	sides = race_memory(2 * sizeof(*sides));
	for (int i = 0; i < 2; i++)
		CHECK((bells[i] = eventfd(0, EFD_NONBLOCK)) >= 0, "no bell");
}

/* Loads: a few, or as many as it takes to be woken. */
static int
some_time(struct worker *w)
{
	return rand_r(&w->seed) % (1 << rand_r(&w->seed) % 15);
}

/* Side 0 says n + 1, side 1 repeats it. */
static bool
answer(struct worker *w)
{
	unsigned me = w->number, other = 1 - me;
	uint64_t wanted = me == 0 ? w->kept : w->kept + 1;

	/* It looks for a while, so that it often goes to sleep just as it is answered. */
	for (int i = some_time(w); i > 0; i--)
		if (load_acquire(&sides[other].said) == wanted)
			break;
	bell_doze(&sides[me].asleep);
	if (load_acquire(&sides[other].said) != wanted)
		sleep_until_rung(bells[me], &sides[other].said, wanted - 1);
	bell_rise(&sides[me].asleep);
	/* It may have been rung for what it has seen by itself. */
	if (load_acquire(&sides[other].said) != wanted)
		return false;
	for (int i = some_time(w); i > 0; i--)
		load_relaxed(&sides[me].said);
	store_release(&sides[me].said, ++w->kept);
	if (bell_wanted(&sides[other].asleep))
		ring_bell(bells[other]);
	return true;
}

const struct hunt hunt_bells = {
    "bells", bells_set_up, (const struct role[]){{"side", 2, answer}, {0}}};
