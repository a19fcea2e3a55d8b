/* Rings of mail and doorbells. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shm/mail.h"

enum { SIZE = 65536 };

static char *
new_ring(struct mail_ring *ring)
{
	ring->bytes =
	    mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ring->size = SIZE;
	return ring->bytes;
}

/* Write a record whose bytes are all `fill`; false if there is no room. */
static bool
put(const struct mail_ring *ring, uint64_t *head, uint64_t tail, uint32_t payload, char fill)
{
	uint64_t next;
	struct mail_record *r =
	    mail_reserve(ring, *head, tail, mail_record_size(payload), &next);

	if (r == NULL)
		return false;
	store_relaxed(&r->size, mail_record_size(payload));
	store_relaxed(&r->kind, MAIL_FRAME);
	store_relaxed(&r->length, payload);
	store_relaxed(&r->count, 0);
	store_relaxed(&r->stamp, 77);
	memset(r + 1, fill, payload);
	*head = next;
	return true;
}

static void
take(const struct mail_ring *ring, uint64_t head, uint64_t *tail, uint32_t payload, char fill)
{
	struct mail_item item;

	cr_assert_eq(mail_peek(ring, head, *tail, &item), MAIL_ITEM);
	cr_assert_eq(item.length, payload);
	cr_assert_eq(item.stamp, 77);
	for (uint32_t i = 0; i < payload; i++)
		cr_assert_eq(item.bytes[i], fill);
	*tail = item.next;
}

Test(mail, records_come_out_as_they_went_in)
{
	struct mail_ring ring;
	struct mail_item item;
	uint64_t head = 0, tail = 0;
	uint32_t waiting = 0, first = 0, written = 0;

	new_ring(&ring);
	srand(1);
	for (int i = 0; i < 100000; i++) {
		/* Sizes follow from the number, so that the reader knows them. */
		if (rand() % 2 == 0) {
			if (put(&ring, &head, tail, written * 7919 % 9000, (char)written)) {
				written++;
				waiting++;
			} else {
				cr_assert_gt(
				    waiting, 0, "an empty ring has room for half its size");
			}
		} else if (waiting > 0) {
			take(&ring, head, &tail, first * 7919 % 9000, (char)first);
			first++;
			waiting--;
		} else {
			cr_assert_eq(mail_peek(&ring, head, tail, &item), MAIL_NONE);
		}
		cr_assert_leq(head - tail, SIZE);
	}
	cr_assert_gt(written, 10000);
}

Test(mail, record_of_half_the_ring_always_fits_an_empty_one)
{
	struct mail_ring ring;
	uint64_t head = 0, tail = 0;
	const uint32_t half = SIZE / 2 - sizeof(struct mail_record);

	new_ring(&ring);
	for (int i = 0; i < 1000; i++) {
		cr_assert(put(&ring, &head, tail, (uint32_t)(i * 131) % 5000, 1));
		take(&ring, head, &tail, (uint32_t)(i * 131) % 5000, 1);
		cr_assert(put(&ring, &head, tail, half, 2));
		take(&ring, head, &tail, half, 2);
	}
}

/* A quiet client touches the first pages of its rings only. */
Test(mail, a_ring_that_is_read_at_once_stays_at_its_beginning)
{
	struct mail_ring ring;
	uint64_t head = 0, tail = 0;

	new_ring(&ring);
	for (int i = 0; i < 10000; i++) {
		cr_assert(put(&ring, &head, tail, 150, 'x'));
		take(&ring, head, &tail, 150, 'x');
	}
	for (int i = 8192; i < SIZE; i++)
		cr_assert_eq(ring.bytes[i], 0, "byte %d was touched", i);
}

/* A writer that cannot be believed: each damage is noticed, nothing is read out of bounds. */
Test(mail, damaged_records_are_broken)
{
	struct mail_ring ring;
	struct mail_item item;
	struct mail_record *r;

	new_ring(&ring);
	r = (struct mail_record *)(void *)ring.bytes;
	static const uint32_t sizes[] = {
	    0, 8, 15, 17, 31, 16, SIZE, SIZE + 16, UINT32_MAX, 64 + 16};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		store_relaxed(&r->size, sizes[i]);
		store_relaxed(&r->kind, MAIL_UNICAST);
		cr_assert_eq(mail_peek(&ring, 64, 0, &item), MAIL_BROKEN, "size %u", sizes[i]);
	}
	store_relaxed(&r->size, 64);
	cr_assert_eq(mail_peek(&ring, 64, 0, &item), MAIL_ITEM);
	cr_assert_eq(mail_peek(&ring, 65, 0, &item), MAIL_BROKEN);
	cr_assert_eq(mail_peek(&ring, SIZE + 64, 0, &item), MAIL_BROKEN);
	cr_assert_eq(mail_peek(&ring, 0, 64, &item), MAIL_BROKEN);
	/* A skip with nothing behind it, and one after the other. */
	store_relaxed(&r->kind, MAIL_SKIP);
	cr_assert_eq(mail_peek(&ring, 64, 0, &item), MAIL_BROKEN);
	store_relaxed(&r->size, 16);
	r = (struct mail_record *)(void *)(ring.bytes + 16);
	store_relaxed(&r->size, 48);
	store_relaxed(&r->kind, MAIL_SKIP);
	cr_assert_eq(mail_peek(&ring, 64, 0, &item), MAIL_BROKEN);
	store_relaxed(&r->kind, MAIL_UNICAST);
	cr_assert_eq(mail_peek(&ring, 64, 0, &item), MAIL_ITEM);
	cr_assert_eq(item.size, 16);
}

Test(mail, any_bytes_at_all_lead_nowhere)
{
	struct mail_ring ring;
	struct mail_item item;

	new_ring(&ring);
	srand(3);
	for (int i = 0; i < 200000; i++) {
		uint64_t tail = (uint64_t)(rand() % 8192) * 16,
			 head = tail + (uint64_t)(rand() % 8192) * 16;
		uint32_t *at = (uint32_t *)(void *)(ring.bytes + (tail & (SIZE - 1)));

		at[0] = (uint32_t)(rand() % 4 == 0 ? rand() : rand() % 4096 * 16);
		at[1] = (uint32_t)rand() % 5;
		if (mail_peek(&ring, head, tail, &item) != MAIL_ITEM)
			continue;
		cr_assert_geq(item.bytes, ring.bytes);
		cr_assert_leq(item.bytes + item.size, ring.bytes + SIZE);
		cr_assert_gt(item.next, tail);
		cr_assert_leq(item.next, head);
	}
}

Test(mail, log_wraps_anywhere)
{
	struct mail_ring log;
	char frame[1000], back[1000];
	uint64_t head = 0;

	new_ring(&log);
	for (int i = 0; i < 1000; i++) {
		uint64_t length = (uint64_t)(i * 37 % 999 + 1);

		memset(frame, i, length);
		mail_log_write(&log, head, frame, length);
		for (uint64_t n = 0; n < length; n++)
			back[n] = log.bytes[(head + n) & (SIZE - 1)];
		cr_assert_eq(memcmp(frame, back, length), 0);
		head += length;
	}
}

/*
 * Two processes pass a number to and fro by doorbells only: if a wake-up is lost,
 * both sleep for ever (and the test's timeout fails it).
 */
Test(bell, no_wake_up_is_lost, .timeout = 60)
{
	enum { ROUNDS = 200000 };
	struct side {
		_Alignas(64) _Atomic uint32_t asleep;
		_Atomic uint64_t number;
	} *sides = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int bells[2] = {eventfd(0, 0), eventfd(0, 0)};
	pid_t pid = fork();
	int me = pid == 0, other = !me;

	for (uint64_t n = 1; n <= ROUNDS; n++) {
		uint64_t one = 1;

		if (me == 0 || n > 1)
			store_release(&sides[me].number, n);
		else
			store_release(&sides[me].number, 1);
		fence_full();
		if (bell_take(&sides[other].asleep))
			(void)!write(bells[other], &one, sizeof(one));
		while (load_acquire(&sides[other].number) < n) {
			bell_doze(&sides[me].asleep);
			if (load_acquire(&sides[other].number) < n)
				(void)!read(bells[me], &one, sizeof(one));
			bell_rise(&sides[me].asleep);
		}
	}
	if (pid == 0)
		_exit(0);
	waitpid(pid, NULL, 0);
}
