#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dump.h"
#include "emit.h"
#include "snapshot.h"

/* Who holds the lock, as far as it can be told from the name in it. */
struct holder {
	uint64_t name; /* 0: it is free */
	uint32_t slot; /* LAYOUT_NO_SLOT: the ticker, or nobody that is known */
	bool ticker;
	bool known;
	struct entry_seen entry; /* if slot is one */
};

static void
find_holder(const struct dump *d, struct holder *holder)
{
	const struct header *h = d->header;
	uint32_t slot;

	memset(holder, 0, sizeof(*holder));
	holder->slot = LAYOUT_NO_SLOT;
	holder->name = load_relaxed(&segment_commons(h)->lock.owner);
	if (holder->name == 0)
		return;
	slot = lock_name_slot(holder->name);
	holder->ticker = slot == LOCK_TICKER;
	holder->known =
	    holder->ticker && lock_name_is(holder->name, slot, load_relaxed(&h->tickers));
	if (slot >= h->limits.max_clients || !segment_look(h, slot, &holder->entry))
		return;
	holder->slot = slot;
	holder->known = holder->entry.state != ENTRY_FREE &&
			lock_name_is(holder->name, slot, holder->entry.generation);
}

static void
describe_holder(const struct holder *o, struct text *out)
{
	if (o->name == 0)
		text_string(out, "free");
	else if (o->ticker)
		text_string(
		    out, o->known ? "held by the ticker" : "held by a ticker of before");
	else if (o->known)
		text_format(out, "held by slot %u, pid %u, token %s", o->slot, o->entry.pid,
		    dump_plain(o->entry.token));
	else
		text_format(out, "held by nobody who is here (name %" PRIx64 ")", o->name);
}

/* The next of several things, with a comma before it. */
static struct text *
next(struct text *out)
{
	if (out->length > 0)
		text_string(out, ", ");
	return out;
}

/* What a client waits for, or lets others wait for, in words; empty if there is nothing. */
static void
describe_waits(const struct header *h, uint32_t slot, struct text *out)
{
	const struct mailbox *box = segment_mailbox(h, slot);
	const struct slot *s = segment_slot(h, slot);
	uint32_t pinned = load_relaxed(&s->pinned), backlog = load_relaxed(&s->backlog);

	out->length = 0;
	if (pinned != 0)
		text_format(next(out), "pins snapshot %u (the newest is %u)", pinned,
		    snapshot_newest(h));
	if (load_relaxed(&s->crowded) != 0)
		text_string(next(out), "waits for room in its outbox");
	if (load_relaxed(&box->wanted) != 0)
		text_string(next(out), "others wait for it to take its mail");
	if (load_relaxed(&box->stop) != STOP_NOT)
		text_string(next(out), "is told to close");
	if (backlog != 0)
		text_format(
		    next(out), "its client reads too slowly: %u bytes are kept", backlog);
}

static void
write_waits(const struct dump *d, struct text *out)
{
	struct text waits = {0};
	bool first = true;

	for (uint32_t slot = 0; slot < d->header->limits.max_clients; slot++) {
		struct entry_seen entry;

		if (!segment_look(d->header, slot, &entry) || entry.state == ENTRY_FREE)
			continue;
		describe_waits(d->header, slot, &waits);
		if (waits.length == 0)
			continue;
		if (!d->json) {
			text_format(out, "slot %5u pid %8u %s: %.*s\n", slot, entry.pid,
			    dump_plain(entry.token), (int)waits.length, waits.bytes);
			continue;
		}
		text_string(out, first ? "{" : ",{");
		emit_number(out, "slot", slot);
		emit_number(out, "pid", entry.pid);
		emit_text(out, "token", entry.token);
		emit_key(out, "waits");
		emit_string(out, waits.bytes, waits.length);
		text_string(out, "}");
		first = false;
	}
	text_clear(&waits, 0);
}

static void
write_json(const struct dump *d, const struct holder *o, struct text *out)
{
	const struct lock *lock = &segment_commons(d->header)->lock;
	struct text holder = {0};

	describe_holder(o, &holder);
	text_string(out, "{");
	emit_key(out, "lock");
	emit_string(out, holder.bytes, holder.length);
	emit_number(out, "owner", o->name);
	emit_number(out, "waiters", load_relaxed(&lock->waiters));
	emit_number(out, "posts", load_relaxed(&lock->room));
	emit_number(out, "closed", load_relaxed(&d->header->closed));
	emit_key(out, "clients");
	text_string(out, "[");
	write_waits(d, out);
	text_string(out, "]}\n");
	text_clear(&holder, 0);
}

int
dump_locks(struct dump *d)
{
	const struct lock *lock = &segment_commons(d->header)->lock;
	struct text out = {0};
	struct holder holder;

	find_holder(d, &holder);
	if (d->json) {
		write_json(d, &holder, &out);
		return dump_text(&out);
	}
	text_string(&out, "the lock is ");
	describe_holder(&holder, &out);
	text_format(&out, "; %u wait for it, %u posts are left\n", load_relaxed(&lock->waiters),
	    load_relaxed(&lock->room));
	if (load_relaxed(&d->header->closed) != 0)
		text_string(&out, "the commons are closed: all do without the lock\n");
	write_waits(d, &out);
	return dump_text(&out);
}
