#include "post.h"

#include <stdlib.h>
#include <string.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "bells.h"
#include "kill.h"
#include "parcel.h"
#include "registry.h"

/* A token in `to` takes at least its digits, two quotes and a comma. */
#define TARGET_TEXT (TOKEN_LENGTH + 3)

/* Nobody's outbox is drained further than this before the others get their turn. */
#define TURN_BYTES 65536U

enum outcome { DELIVERED, NO_ROOM };

int
post_make(struct ticker *t)
{
	uint32_t packet = t->header->limits.max_packet;

	t->targets_max = packet / TARGET_TEXT + 1;
	t->targets = malloc((size_t)t->targets_max * MAIL_TOKEN);
	t->frame = malloc((size_t)packet + MAIL_RECORD_EXTRA + LAYOUT_FRAME_EXTRA);
	return t->targets != NULL && t->frame != NULL ? 0 : -1;
}

/* Where the child stands in its inbox; what it says is cut to what can be. */
static uint64_t
inbox_tail(const struct ticker *t, uint32_t slot, uint64_t head)
{
	uint64_t tail = load_acquire(&books_slot(t, slot)->inbox_tail);

	/* A wrong one makes its inbox full for ever or overwrites its own mail. */
	return tail > head || head - tail > t->header->layout.inbox_size ? head : tail;
}

/* Somebody waits for this client to take its mail: have it ring us when it has. */
static void
want(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	store_relaxed(&books_mailbox(t, slot)->wanted, 1);
	FAULT("post.wanted");
	if (c->wanted_ms == 0)
		c->wanted_ms = clock_ms();
	bells_touch(t, slot);
}

static void
satisfy(struct ticker *t, uint32_t slot)
{
	struct client *c = &t->clients[slot];

	if (c->wanted_ms == 0)
		return;
	c->wanted_ms = 0;
	store_relaxed(&books_mailbox(t, slot)->wanted, 0);
}

static struct mail_record *
reserve(struct ticker *t, uint32_t slot, uint32_t length, uint64_t *next)
{
	struct mail_ring inbox = segment_inbox(t->header, slot);
	uint64_t head = load_relaxed(&books_mailbox(t, slot)->inbox_head);
	uint32_t size = mail_record_size(length);
	struct mail_record *r;

	if ((r = mail_reserve(&inbox, head, inbox_tail(t, slot, head), size, next)) != NULL) {
		satisfy(t, slot);
		return r;
	}
	want(t, slot);
	fence_full();
	return mail_reserve(&inbox, head, inbox_tail(t, slot, head), size, next);
}

/*
 * So many targets of the record are done, and nobody is being served.  What is
 * noted for the next one is not stored before that.
 */
static void
step(struct mailbox *journal, uint32_t done)
{
	store_release(&journal->work, (uint64_t)done << 32 | MAILBOX_NOBODY);
	fence_release();
}

/* One target of a unicast; the steps of the journal are told in layout.h. */
static enum outcome
deliver_one(struct ticker *t, const struct parcel *d, uint32_t target)
{
	struct mailbox *journal = books_mailbox(t, d->sender), *box;
	uint32_t receiver = roll_find(&t->roll, t->targets[target]);
	struct mail_record *r;
	uint64_t next;

	if (receiver == ROLL_NOBODY || !registry_is_open(t, receiver)) {
		count_add(&t->header->counters.mail_unknown, 1);
		return DELIVERED;
	}
	if ((r = reserve(t, receiver, d->length, &next)) == NULL)
		return NO_ROOM;
	box = books_mailbox(t, receiver);
	store_relaxed(
	    &journal->receiver_generation, load_relaxed(&books_entry(t, receiver)->generation));
	FAULT("post.noting");
	store_relaxed(&journal->receiver_head, load_relaxed(&box->inbox_head));
	store_release(&journal->work, (uint64_t)target << 32 | receiver);
	FAULT("post.journal");
	store_relaxed(&r->size, mail_record_size(d->length));
	store_relaxed(&r->kind, MAIL_FRAME);
	store_relaxed(&r->length, d->length);
	store_relaxed(&r->count, 0);
	store_relaxed(&r->stamp, load_relaxed(&t->header->log_head));
	FAULT("post.writing");
	memcpy(r + 1, d->frame, d->length);
	FAULT("post.written");
	store_release(&box->inbox_head, next);
	FAULT("post.delivered");
	bells_touch(t, receiver);
	count_add(&t->header->counters.mail_unicast, 1);
	return DELIVERED;
}

/*
 * The oldest place in the log that somebody still has to read, and who that is.
 * A child that claims to be ahead of the log, or not to have got as far as where
 * it began, is taken to stand where it began.
 */
static uint64_t
log_tail(struct ticker *t, uint32_t *laggard)
{
	uint64_t head = load_relaxed(&t->header->log_head), oldest = head;

	for (uint32_t i = 0; i < t->order_count; i++) {
		uint32_t slot = t->order[i];
		uint64_t start = load_relaxed(&books_mailbox(t, slot)->log_start);
		uint64_t at = load_acquire(&books_slot(t, slot)->log_tail);

		if (at < start || at > head)
			at = start;
		if (at < oldest) {
			oldest = at;
			*laggard = slot;
		}
	}
	return oldest;
}

/* Wait for another laggard than before, or for none (LAYOUT_NO_SLOT). */
static void
want_log(struct ticker *t, uint32_t laggard)
{
	if (t->log_laggard != LAYOUT_NO_SLOT && t->log_laggard != laggard)
		satisfy(t, t->log_laggard);
	t->log_laggard = laggard;
	if (laggard != LAYOUT_NO_SLOT)
		want(t, laggard);
}

static bool
log_has_room(struct ticker *t, uint32_t length)
{
	uint64_t head = load_relaxed(&t->header->log_head);
	uint64_t size = t->header->layout.log_size;
	uint32_t laggard = LAYOUT_NO_SLOT;

	if (head + length - t->log_tail <= size)
		return true;
	t->log_tail = log_tail(t, &laggard);
	if (head + length - t->log_tail > size) {
		want_log(t, laggard);
		fence_full();
		t->log_tail = log_tail(t, &laggard);
	}
	if (head + length - t->log_tail > size)
		return false;
	want_log(t, LAYOUT_NO_SLOT);
	return true;
}

static enum outcome
deliver_to_all(struct ticker *t, const struct parcel *d)
{
	struct mailbox *journal = books_mailbox(t, d->sender);
	struct mail_ring log = segment_log(t->header);
	uint64_t head = load_relaxed(&t->header->log_head);

	registry_open_all(t);
	if (!log_has_room(t, d->length))
		return NO_ROOM;
	store_relaxed(&journal->receiver_head, head);
	store_release(&journal->work, (uint64_t)MAILBOX_LOG);
	FAULT("post.log-journal");
	mail_log_write(&log, head, d->frame, d->length);
	FAULT("post.log-written");
	store_release(&t->header->log_head, head + d->length);
	FAULT("post.log-published");
	bells_touch_all(t);
	count_add(&t->header->counters.mail_broadcast, 1);
	return DELIVERED;
}

/* The target that the journal names: did it get the record before the ticker died? */
static bool
arrived(const struct ticker *t, const struct mailbox *journal, uint32_t receiver)
{
	uint64_t before = load_relaxed(&journal->receiver_head);

	if (receiver == MAILBOX_LOG)
		return load_relaxed(&t->header->log_head) != before;
	return receiver < t->max_clients &&
	       load_relaxed(&books_entry(t, receiver)->generation) ==
		   load_relaxed(&journal->receiver_generation) &&
	       load_relaxed(&books_mailbox(t, receiver)->inbox_head) != before;
}

void
post_settle(struct ticker *t, uint32_t slot)
{
	struct mailbox *journal = books_mailbox(t, slot);
	uint64_t work = load_relaxed(&journal->work);
	uint32_t receiver = (uint32_t)work, done = (uint32_t)(work >> 32);

	if (receiver != MAILBOX_NOBODY)
		step(journal, arrived(t, journal, receiver) ? done + 1 : done);
}

/* How many targets of this record have got it; the journal is begun if none has yet. */
static uint32_t
progress(struct mailbox *journal, uint64_t record_at)
{
	if (load_relaxed(&journal->work_at) == record_at)
		return (uint32_t)(load_relaxed(&journal->work) >> 32);
	step(journal, 0);
	FAULT("post.begin");
	store_release(&journal->work_at, record_at);
	FAULT("post.begun");
	return 0;
}

/* All targets from the first that has not got it; NO_ROOM leaves the rest for later. */
static enum outcome
deliver(struct ticker *t, const struct parcel *d, uint64_t record_at)
{
	struct mailbox *journal = books_mailbox(t, d->sender);
	uint32_t done = progress(journal, record_at), targets = d->broadcast ? 1 : d->targets;

	for (; done < targets; done++) {
		enum outcome o = d->broadcast ? deliver_to_all(t, d) : deliver_one(t, d, done);

		if (o == NO_ROOM)
			return NO_ROOM;
		step(journal, done + 1);
		FAULT("post.step");
	}
	count_add(&t->header->counters.mail_unknown, d->strangers);
	return DELIVERED;
}

/* The sender's oldest record has to wait for room where its next target is. */
static void
block(struct ticker *t, const struct parcel *d)
{
	struct client *c = &t->clients[d->sender];
	uint32_t done = (uint32_t)(load_relaxed(&books_mailbox(t, d->sender)->work) >> 32);

	c->waits_for = d->broadcast ? LAYOUT_NO_SLOT : roll_find(&t->roll, t->targets[done]);
	c->waits_length = d->length;
	if (c->blocked)
		return;
	c->blocked = true;
	t->blocked[t->blocked_count++] = d->sender;
	FAULT("post.blocked");
	count_add(&t->header->counters.mail_full, 1);
}

/*
 * A record that no child of ours would write: the child is not ours any more.
 * What it has posted is passed over; the tail stays where a record may begin.
 */
static void
punish(struct ticker *t, uint32_t slot)
{
	struct mailbox *box = books_mailbox(t, slot);
	uint64_t head = load_relaxed(&books_slot(t, slot)->outbox_head);

	store_release(&box->outbox_tail, head - head % MAIL_ALIGN);
	kill_child(t, slot, KILL_LIE, "nonsense in its outbox");
}

/* Room was made in an outbox: does its child wait for it? */
static void
relieve(struct ticker *t, uint32_t slot)
{
	fence_full();
	if (load_relaxed(&books_slot(t, slot)->crowded) != 0)
		bells_touch(t, slot);
}

enum drained { DRAINED_ALL, DRAINED_ONE, DRAINED_NO_MORE };

/* The oldest record.  NO_MORE: it has to wait, or its sender is not to be believed. */
static enum drained
drain_one(struct ticker *t, uint32_t slot)
{
	struct mail_ring outbox = segment_outbox(t->header, slot);
	struct mailbox *box = books_mailbox(t, slot);
	uint64_t head = load_acquire(&books_slot(t, slot)->outbox_head);
	struct mail_item item;
	struct parcel d;
	enum mail_found found =
	    mail_peek(&outbox, head, load_relaxed(&box->outbox_tail), &item);

	if (found == MAIL_NONE)
		return DRAINED_ALL;
	if (found == MAIL_BROKEN || !parcel_take(t, slot, &item, &d)) {
		punish(t, slot);
		return DRAINED_NO_MORE;
	}
	if (deliver(t, &d, item.at) == NO_ROOM) {
		block(t, &d);
		return DRAINED_NO_MORE;
	}
	store_release(&box->outbox_tail, item.next);
	FAULT("post.taken");
	histogram_add_span(&t->header->histograms.relay_delay, item.posted_us, clock_us());
	return DRAINED_ONE;
}

/* False if there is more than these many bytes: a child may post as fast as it is read. */
static bool
drain(struct ticker *t, uint32_t slot, uint64_t most)
{
	const struct mailbox *box = books_mailbox(t, slot);
	uint64_t start = load_relaxed(&box->outbox_tail);
	enum drained d;

	while ((d = drain_one(t, slot)) == DRAINED_ONE)
		if (load_relaxed(&box->outbox_tail) - start >= most)
			break;
	if (load_relaxed(&box->outbox_tail) != start)
		relieve(t, slot);
	return d != DRAINED_ONE;
}

void
post_drain(struct ticker *t, uint32_t slot)
{
	(void)drain(t, slot, t->header->layout.outbox_size);
}

static bool
may_post(const struct ticker *t, uint32_t slot)
{
	return slot < t->max_clients && t->clients[slot].open && !t->clients[slot].blocked;
}

/* One word of marks; what there is no time for is marked again. */
static void
scan_word(struct ticker *t, uint32_t word, uint64_t until_us)
{
	_Atomic uint64_t *marks = &t->commons->dirty[word];
	uint64_t bits = atomic_exchange_explicit(marks, 0, memory_order_acq_rel);
	uint64_t left = 0;

	bits |= t->marks[word];
	FAULT("post.dirty");
	for (; bits != 0; bits &= bits - 1) {
		uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(bits);

		if (!may_post(t, slot))
			continue;
		if (clock_us() >= until_us) {
			left |= bits;
			break;
		}
		if (!drain(t, slot, TURN_BYTES))
			left |= bits & -bits;
	}
	t->marks[word] = left;
}

bool
post_scan(struct ticker *t, uint64_t until_us)
{
	uint32_t words = (t->max_clients + 63) / 64;
	bool any = false;

	/* It begins where it stopped last time, so that everybody has a turn. */
	for (uint32_t i = 0; i < words; i++) {
		uint32_t word = t->scan_word;

		if (load_relaxed(&t->commons->dirty[word]) != 0 || t->marks[word] != 0) {
			any = true;
			scan_word(t, word, until_us);
			if (clock_us() >= until_us)
				break;
		}
		t->scan_word = word + 1 < words ? word + 1 : 0;
	}
	return any;
}

/*
 * Is there still no room for what this sender's oldest record needs?  *too_long
 * is the shortest frame for which the log was found to have none.
 */
static bool
must_wait(struct ticker *t, uint32_t slot, uint32_t *too_long)
{
	const struct client *c = &t->clients[slot];
	uint64_t next;

	if (c->waits_for == LAYOUT_NO_SLOT) {
		if (c->waits_length < *too_long && log_has_room(t, c->waits_length))
			return false;
		if (c->waits_length < *too_long)
			*too_long = c->waits_length;
		return true;
	}
	return c->waits_for < t->max_clients && t->clients[c->waits_for].open &&
	       reserve(t, c->waits_for, c->waits_length, &next) == NULL;
}

void
post_retry(struct ticker *t)
{
	uint32_t count = t->blocked_count, too_long = UINT32_MAX;

	t->blocked_count = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint32_t slot = t->blocked[i];

		/* To look for room costs less than to read the record again. */
		if (must_wait(t, slot, &too_long)) {
			t->blocked[t->blocked_count++] = slot;
			continue;
		}
		t->clients[slot].blocked = false;
		if (!drain(t, slot, TURN_BYTES))
			books_mark_outbox(t, slot);
	}
}

bool
post_mark_all(struct ticker *t)
{
	bool any = false;

	for (uint32_t i = 0; i < t->order_count; i++) {
		uint32_t slot = t->order[i];

		if (t->clients[slot].blocked ||
		    load_relaxed(&books_slot(t, slot)->outbox_head) ==
			load_relaxed(&books_mailbox(t, slot)->outbox_tail))
			continue;
		books_mark_outbox(t, slot);
		any = true;
	}
	return any;
}
