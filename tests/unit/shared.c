/* Layout, lock, ring, slot: the parts of the segment, in memory of the test. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../shm/clock.h"
#include "../../shm/segment.h"
#include "../../shm/text.h"

static const struct limits usual = {4096, 65536, 16384};

static void *
shared_memory(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	cr_assert_neq(at, MAP_FAILED);
	return at;
}

/* Layout. */

Test(layout, parts_do_not_overlap_and_begin_on_pages)
{
	struct layout l;

	cr_assert_eq(layout_compute(&usual, &l), 0);
	const struct {
		uint64_t at, size;
	} parts[] = {{0, sizeof(struct header)}, {l.front, sizeof(struct front)},
	    {l.directory, 4096 * sizeof(struct entry)},
	    {l.mailboxes, 4096 * sizeof(struct mailbox)}, {l.commons, l.commons_size},
	    {l.departed, l.departed_count * sizeof(struct departed)}, {l.log, l.log_size},
	    {l.arena, l.arena_size}, {l.inboxes, 4096 * l.inbox_size},
	    {l.slots, 4096 * l.slot_size}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		cr_assert_eq(parts[i].at % LAYOUT_PAGE, 0);
		cr_assert_leq(parts[i].at + parts[i].size,
		    i + 1 < sizeof(parts) / sizeof(parts[0]) ? parts[i + 1].at : l.size);
	}
	cr_assert_eq(l.slot_size % LAYOUT_PAGE, 0);
	cr_assert_eq(l.inbox_size % LAYOUT_PAGE, 0);
}

Test(layout, limits_that_cannot_be_are_refused)
{
	struct layout l;
	static const struct limits bad[] = {
	    {0, 1, 2}, {60001, 1, 2}, {1, 0, 2}, {1, 17 << 20, 2}, {1, 1, 1}, {1, 1, 2 << 20}};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cr_assert_eq(layout_compute(&bad[i], &l), -1);
		cr_assert_eq(errno, EINVAL);
	}
}

Test(layout, a_segment_of_another_build_is_refused)
{
	struct header h;
	const char *why;

	memset(&h, 0, sizeof(h));
	h.magic = LAYOUT_MAGIC;
	h.version = LAYOUT_VERSION;
	h.size = sizeof(h);
	h.limits = usual;
	layout_compute(&usual, &h.layout);
	cr_assert_eq(layout_check(&h, h.layout.size, &why), -1, "not ready");
	h.ready = 1;
	cr_assert_eq(layout_check(&h, h.layout.size, &why), 0);
	cr_assert_eq(layout_check(&h, h.layout.size - 1, &why), -1);
	cr_assert_eq(layout_check(&h, 10, &why), -1);
	h.version++;
	cr_assert_eq(layout_check(&h, h.layout.size, &why), -1);
	h.version--;
	h.layout.slots += LAYOUT_PAGE;
	cr_assert_eq(layout_check(&h, h.layout.size, &why), -1);
	h.layout.slots -= LAYOUT_PAGE;
	h.limits.max_clients++;
	cr_assert_eq(layout_check(&h, UINT64_MAX, &why), -1);
	h.limits.max_clients--;
	h.magic++;
	cr_assert_eq(layout_check(&h, h.layout.size, &why), -1);
}

/* Lock. */

static struct lock_user
user_of(struct lock *lock, uint32_t slot, uint64_t generation)
{
	struct lock_user user;

	lock_introduce(&user, lock, slot, generation);
	return user;
}

Test(lock, one_holder_at_a_time)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user a, b;
	bool waited;

	lock_make(lock);
	a = user_of(lock, 1, 1);
	b = user_of(lock, 2, 1);
	cr_assert(lock_take(&a, 0, &waited));
	cr_assert_not(waited);
	cr_assert_not(lock_take(&b, 0, &waited));
	cr_assert(waited);
	cr_assert(lock_release(&a));
	cr_assert(lock_take(&b, 0, NULL));
	cr_assert_not(lock_release(&a), "it is not the holder");
	cr_assert(lock_release(&b));
}

Test(lock, name_tells_slot_and_generation)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user a, t;

	lock_make(lock);
	a = user_of(lock, 59999, 123456789);
	t = user_of(lock, LOCK_TICKER, 3);
	cr_assert(lock_take(&a, 0, NULL));
	cr_assert_eq(lock_name_slot(lock->owner), 59999);
	cr_assert(lock_name_is(lock->owner, 59999, 123456789));
	cr_assert_not(lock_name_is(lock->owner, 59999, 123456788));
	cr_assert_not(lock_name_is(lock->owner, 59998, 123456789));
	lock_release(&a);
	cr_assert(lock_take(&t, 0, NULL));
	cr_assert_eq(lock_name_slot(lock->owner), LOCK_TICKER);
	cr_assert_not(lock_name_is(0, 0, 0));
}

Test(lock, each_taking_has_a_name_of_its_own)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user a;
	uint64_t first;

	lock_make(lock);
	a = user_of(lock, 1, 1);
	lock_take(&a, 0, NULL);
	first = lock->owner;
	lock_release(&a);
	lock_take(&a, 0, NULL);
	cr_assert_neq(lock->owner, first);
	/* Who decided to break the first taking breaks nothing now. */
	cr_assert_not(lock_break(lock, first));
	cr_assert_neq(lock->owner, 0);
	cr_assert(lock_break(lock, lock->owner));
	cr_assert_not(lock_release(&a), "it was broken");
}

Test(lock, waiting_ends_in_time)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user a, b;
	uint64_t start;

	lock_make(lock);
	a = user_of(lock, 1, 1);
	b = user_of(lock, 2, 1);
	lock_take(&a, 0, NULL);
	start = clock_ms();
	cr_assert_not(lock_take(&b, 250, NULL));
	cr_assert(clock_ms() - start >= 250 && clock_ms() - start < 1500);
	/* Who waited in vain does not wait again so soon. */
	start = clock_ms();
	cr_assert_not(lock_take(&b, 250, NULL));
	cr_assert_lt(clock_ms() - start, 200);
	/* A spurious post is harmless, and so is whatever else anybody writes there. */
	b.hurry_until_ms = 0;
	store_relaxed(&lock->room, 1);
	cr_assert_not(lock_take(&b, 150, NULL));
	b.hurry_until_ms = 0;
	store_relaxed(&lock->room, 0x81234567U);
	store_relaxed(&lock->waiters, UINT32_MAX);
	cr_assert_not(lock_take(&b, 150, NULL));
}

/* The name is on the badge for as long as one is in, and no longer. */
Test(lock, is_taken_with_a_badge_and_not_while_it_is_closed)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	_Atomic uint64_t badge = 0;
	_Atomic uint32_t closed = 0;
	struct lock_user a, b;

	lock_make(lock);
	a = user_of(lock, 1, 1);
	b = user_of(lock, 2, 1);
	lock_register(&a, &badge, &closed);
	cr_assert(lock_take(&a, 0, NULL));
	cr_assert_eq(badge, lock->owner);
	cr_assert(lock_release(&a));
	cr_assert_eq(badge, 0);
	cr_assert(lock_take(&b, 0, NULL));
	cr_assert_not(lock_take(&a, 50, NULL));
	cr_assert_eq(badge, 0, "it waited in vain");
	cr_assert(lock_release(&b));
	closed = 1;
	cr_assert_not(lock_take(&a, 0, NULL));
	cr_assert_not(lock_enter(&a));
	cr_assert_eq(badge, 0);
	cr_assert_eq(lock->owner, 0);
	closed = 0;
	cr_assert(lock_enter(&a));
	cr_assert_neq(badge, 0);
	lock_leave(&a);
	cr_assert_eq(badge, 0);
}

Test(lock, waiter_is_woken_by_release)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user a, b;
	uint64_t start;
	pid_t pid;

	lock_make(lock);
	a = user_of(lock, 1, 1);
	b = user_of(lock, 2, 1);
	lock_take(&a, 0, NULL);
	if ((pid = fork()) == 0) {
		while (load_relaxed(&lock->waiters) == 0)
			continue;
		_exit(lock_release(&a) ? 0 : 1);
	}
	start = clock_ms();
	cr_assert(lock_take(&b, 5000, NULL));
	cr_assert_lt(clock_ms() - start, 3000);
	waitpid(pid, NULL, 0);
}

Test(lock, a_dead_holder_is_recovered_by_breaking_its_name)
{
	struct lock *lock = shared_memory(sizeof(*lock));
	struct lock_user b;
	pid_t pid;

	lock_make(lock);
	b = user_of(lock, 2, 1);
	if ((pid = fork()) == 0) {
		struct lock_user a = user_of(lock, 1, 7);

		lock_take(&a, 0, NULL);
		raise(SIGKILL);
	}
	waitpid(pid, NULL, 0);
	cr_assert(lock_name_is(lock->owner, 1, 7));
	cr_assert_not(lock_take(&b, 0, NULL));
	cr_assert(lock_break(lock, lock->owner));
	cr_assert(lock_take(&b, 0, NULL));
}

/* Many processes add to a number under the lock, some are killed: none adds twice. */
Test(lock, processes_exclude_each_other, .timeout = 60)
{
	enum { PROCESSES = 8, ROUNDS = 20000 };
	struct shared {
		struct lock lock;
		uint64_t number;
	} *m = shared_memory(sizeof(*m));
	pid_t pids[PROCESSES];

	lock_make(&m->lock);
	for (uint32_t i = 0; i < PROCESSES; i++) {
		if ((pids[i] = fork()) == 0) {
			struct lock_user user = user_of(&m->lock, i, 1);

			for (int n = 0; n < ROUNDS; n++) {
				while (!lock_take(&user, 1000, NULL))
					continue;
				m->number++; /* not atomic: the lock is what makes it one */
				lock_release(&user);
			}
			_exit(0);
		}
	}
	for (int i = 0; i < PROCESSES; i++)
		waitpid(pids[i], NULL, 0);
	cr_assert_eq(m->number, PROCESSES * ROUNDS);
	cr_assert_eq(m->lock.owner, 0);
}

/* Ring. */

enum { RING = 8 };

static struct ring ring;
static struct change changes[RING];

Test(ring, entries_come_in_order)
{
	uint32_t slots[RING];
	bool overflow;

	for (uint32_t round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < 5; i++)
			cr_assert(ring_append(
			    &ring, changes, RING, round * 10 + i, 1, CHANGE_PROPERTIES));
		cr_assert_eq(ring_take(&ring, changes, RING, slots, RING, &overflow), 5);
		cr_assert_not(overflow);
		for (uint32_t i = 0; i < 5; i++)
			cr_assert_eq(slots[i], round * 10 + i);
	}
	cr_assert_eq(ring_take(&ring, changes, RING, slots, RING, &overflow), 0);
}

Test(ring, full_ring_sets_the_overflow_mark)
{
	uint32_t slots[RING];
	bool overflow;

	for (uint32_t i = 0; i < RING; i++)
		cr_assert(ring_append(&ring, changes, RING, i, 1, CHANGE_PROPERTIES));
	cr_assert_not(ring_append(&ring, changes, RING, 99, 1, CHANGE_PROPERTIES));
	cr_assert_eq(ring_take(&ring, changes, RING, slots, RING, &overflow), RING);
	cr_assert(overflow);
	cr_assert(ring_append(&ring, changes, RING, 100, 1, CHANGE_PROPERTIES));
	cr_assert_eq(ring_take(&ring, changes, RING, slots, RING, &overflow), 1);
	cr_assert_not(overflow);
	cr_assert_eq(slots[0], 100);
}

Test(ring, scribbled_cursors_are_an_overflow)
{
	uint32_t slots[RING];
	bool overflow;

	ring.head = 5;
	ring.tail = 1000;
	cr_assert_leq(ring_take(&ring, changes, RING, slots, RING, &overflow), RING);
	cr_assert(overflow);
	cr_assert_eq(ring_take(&ring, changes, RING, slots, RING, &overflow), 0);
	cr_assert_not(overflow);
}

Test(ring, old_entries_stay_for_readers_until_they_are_written_over)
{
	struct change_seen seen;
	uint32_t slots[RING];
	bool overflow;

	for (uint32_t i = 0; i < 12; i++) {
		ring_append(&ring, changes, RING, i, 7, CHANGE_OPENED);
		ring_take(&ring, changes, RING, slots, RING, &overflow);
	}
	cr_assert_not(ring_read(changes, RING, 3, &seen));
	cr_assert_not(ring_read(changes, RING, 12, &seen));
	for (uint32_t i = 4; i < 12; i++) {
		cr_assert(ring_read(changes, RING, i, &seen));
		cr_assert_eq(seen.slot, i);
		cr_assert_eq(seen.generation, 7);
		cr_assert_eq(seen.kind, CHANGE_OPENED);
	}
}

/* Slot. */

enum { BUFFER = 2 * LAYOUT_PAGE };

static struct slot *
new_slot(void)
{
	return shared_memory(SLOT_HEAD_SIZE + 2 * BUFFER);
}

static void
set_text(struct slot *s, const char *text, uint32_t length)
{
	slot_write(s, BUFFER, text, length);
	slot_flip(s);
}

Test(slot, nothing_set_is_version_0)
{
	char out[64];
	uint32_t length = 9;

	cr_assert_eq(slot_read(new_slot(), BUFFER, out, sizeof(out), &length), 0);
	cr_assert_eq(length, 0);
}

Test(slot, what_is_written_is_not_seen_before_it_is_flipped)
{
	struct slot *s = new_slot();
	char out[64];
	uint32_t length;

	set_text(s, "{\"a\":1}", 7);
	slot_write(s, BUFFER, "{\"b\":22}", 8);
	cr_assert_eq(slot_read(s, BUFFER, out, sizeof(out), &length), 1);
	cr_assert_eq(length, 7);
	cr_assert_eq(memcmp(out, "{\"a\":1}", 7), 0);
	slot_flip(s);
	cr_assert_eq(slot_read(s, BUFFER, out, sizeof(out), &length), 2);
	cr_assert_eq(length, 8);
	cr_assert_eq(memcmp(out, "{\"b\":22}", 8), 0);
}

/* Around the border between small and large buffers, up and down. */
Test(slot, texts_of_all_sizes)
{
	static const uint32_t sizes[] = {2, SLOT_SMALL - 1, SLOT_SMALL, SLOT_SMALL + 1,
	    BUFFER - 1, BUFFER, SLOT_SMALL, 3, BUFFER, 2};
	struct slot *s = new_slot();
	static char text[BUFFER], out[BUFFER];
	uint32_t length;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(text, (int)('a' + i), sizes[i]);
		set_text(s, text, sizes[i]);
		cr_assert_eq(slot_read(s, BUFFER, out, sizeof(out), &length), i + 1);
		cr_assert_eq(length, sizes[i]);
		cr_assert_eq(memcmp(out, text, length), 0);
	}
}

Test(slot, a_length_that_cannot_be_is_not_followed)
{
	struct slot *s = new_slot();
	char out[64];
	uint32_t length;

	set_text(s, "{}", 2);
	store_relaxed(&s->length[1], UINT32_MAX);
	cr_assert_eq(slot_read(s, BUFFER, out, sizeof(out), &length), UINT64_MAX);
	cr_assert_gt(length, sizeof(out));
}

/* Another process flips all the time: what is read is always one text, whole. */
Test(slot, no_torn_reads)
{
	struct slot *s = new_slot();
	char text[4000], out[4000];
	uint64_t seen = 0, gaps = 0;
	uint32_t length;
	pid_t pid;

	if ((pid = fork()) == 0) {
		for (uint64_t i = 0;; i++) {
			uint32_t size = 100 + (uint32_t)(i * 37 % 3900);

			memset(text, (int)('a' + i % 26), size);
			set_text(s, text, size);
		}
	}
	for (uint64_t until = clock_ms() + 20000; seen < 20000 && clock_ms() < until;) {
		uint64_t version = slot_read(s, BUFFER, out, sizeof(out), &length);

		if (version == UINT64_MAX) {
			gaps++;
			continue;
		}
		if (version == 0)
			continue;
		cr_assert_eq(length, 100 + (version - 1) * 37 % 3900);
		for (uint32_t c = 0; c < length; c++)
			cr_assert_eq(out[c], (char)('a' + (version - 1) % 26),
			    "torn at %u of %u", c, length);
		seen++;
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	cr_assert_gt(seen, 1000, "%lu read, %lu gaps", seen, gaps);
}

/* Segment. */

Test(segment, made_opened_refused_and_removed)
{
	static const struct limits small = {16, 1024, 1024};
	struct segment a, b;
	const char *why;
	char name[32];

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&a, name, &small, 0600), 0);
	cr_assert_eq(segment_open(&b, name, false, &why), -1, "it is not ready");
	store_release(&a.header->ready, 1);
	cr_assert_eq(segment_open(&b, name, false, &why), 0);
	cr_assert_eq(b.header->id, a.header->id);
	cr_assert_eq(b.header->limits.max_clients, 16);
	segment_unmap(&b);
	segment_close_fd(&b);
	segment_unlink(name);
	cr_assert_eq(segment_open(&b, name, false, &why), -1);
	cr_assert_eq(errno, ENOENT);
}

Test(segment, names_that_lead_elsewhere_are_refused)
{
	static const char *const bad[] = {"", ".", "..", "../x", "a/b", "a b", ".hidden",
	    "0123456789012345678901234567890123456789012345678901234567890123"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(segment_name_good(bad[i]), "%s", bad[i]);
	cr_assert(segment_name_good("default"));
	cr_assert(segment_name_good("a-b_c.1"));
}

static int
dies_by_writing(void *at)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)at = 1;
		_exit(0);
	}
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

/* What the kernel lets a child write to: its slot and the commons. */
Test(segment, child_can_write_its_slot_and_the_commons_and_nothing_else)
{
	static const struct limits small = {16, 1024, 1024};
	struct segment a, b;
	struct commons *commons = NULL;
	struct slot *own;
	const char *why;
	char name[32];
	int parts;

	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&a, name, &small, 0600), 0);
	store_release(&a.header->ready, 1);
	cr_assert_eq(segment_open(&b, name, false, &why), 0);
	parts = segment_open_parts(&b, name);
	cr_assert_geq(parts, 0);
	own = segment_map_child(b.header, parts, 5, &commons);
	cr_assert_not_null(own);
	cr_assert_not(dies_by_writing(own));
	cr_assert_not(dies_by_writing((char *)own + b.header->layout.slot_size - 1));
	store_relaxed(&own->heartbeat, 55);
	cr_assert_eq(load_relaxed(&segment_slot(a.header, 5)->heartbeat), 55);
	cr_assert_eq((char *)segment_own_outbox(b.header, own).bytes - (char *)own,
	    segment_outbox(b.header, 5).bytes - (char *)segment_slot(b.header, 5));
	cr_assert_not(dies_by_writing(commons));
	cr_assert_not(dies_by_writing((char *)commons + b.header->layout.commons_size - 1));
	store_relaxed(&commons->ring.head, 77);
	cr_assert_eq(load_relaxed(&segment_commons(a.header)->ring.head), 77);
	cr_assert(dies_by_writing(segment_commons(b.header)));
	for (uint32_t slot = 4; slot <= 6; slot++)
		cr_assert(dies_by_writing(segment_slot(b.header, slot)));
	cr_assert(dies_by_writing(b.header));
	cr_assert(dies_by_writing(segment_front(b.header)));
	cr_assert(dies_by_writing(segment_entry(b.header, 5)));
	cr_assert(dies_by_writing(segment_mailbox(b.header, 5)));
	cr_assert(dies_by_writing(segment_log(b.header).bytes));
	cr_assert(dies_by_writing(segment_inbox(b.header, 5).bytes));
	cr_assert(dies_by_writing((char *)b.header + b.header->layout.arena));
	/* And it cannot make the rest writable: it was opened to be read. */
	cr_assert_eq(mprotect(b.header, LAYOUT_PAGE, PROT_READ | PROT_WRITE), -1);
	cr_assert_eq(errno, EACCES);
	segment_unlink(name);
}

/* Text. */

Test(text, leaves_memory_that_was_lent_when_it_outgrows_it)
{
	static char lent[8];
	struct text text;

	text_lend(&text, lent, sizeof(lent));
	text_add(&text, "1234567", 7);
	cr_assert_eq(text.bytes, lent);
	text_clear(&text, 0);
	cr_assert_eq(text.bytes, lent, "what was lent is kept, and not given back");
	text_add(&text, "12345678", 8);
	cr_assert_eq(text.bytes, lent);
	text_add(&text, "9", 1);
	cr_assert_neq(text.bytes, lent);
	cr_assert_eq(memcmp(text.bytes, "123456789", 9), 0);
	for (int i = 0; i < 1000; i++)
		text_add(&text, "x", 1);
	cr_assert_eq(text.length, 1009);
	cr_assert_not(text.failed);
	text_clear(&text, 0);
	cr_assert_null(text.bytes);
	text_add(&text, "a", 1);
	cr_assert_eq(text.bytes[0], 'a');
	text_clear(&text, 0);
}
