#include "render.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "../shm/clock.h"
#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/snapshot.h"
#include "amend.h"
#include "deflate.h"

#define LITERAL_LENGTH(s) (sizeof(s) - 1)

/* Memory is put behind the arena in steps of this. */
#define ENSURE_STEP (256ULL << 10)

/* How long each part will be: all is known before the first byte is written. */
struct plan {
	uint32_t number;
	uint32_t opened, closed, changed; /* entries of the lists of the changes packet */
	uint64_t changes_text;
	uint64_t names, people, tail;
	uint64_t metadata_text;
	uint64_t size;        /* of all, with rows */
	uint64_t spare;       /* room behind them for what is compressed; or 0 */
	uint64_t rows;        /* where they begin, from the start */
	bool amend;           /* most of it is taken from the newest snapshot ... */
	struct snapshot base; /* ... which is this */
};

static uint64_t
list_length(uint64_t entries)
{
	return entries > 0 ? entries * (TOKEN_LENGTH + 3) - 1 : 0;
}

static uint64_t
frame_length(uint64_t text)
{
	unsigned char header[10];

	return snapshot_frame(text, header) + text;
}

/* Nobody came or left: the lists are as before but for who has changed. */
static void
plan_amended(const struct ticker *t, struct plan *p)
{
	amend_base(t, &p->base);
	p->changed = t->fresh_count;
	p->names = p->base.names_length;
	p->people = amend_people_length(t, &p->base);
}

static void
plan_lists(const struct ticker *t, struct plan *p)
{
	uint64_t texts = 0;

	for (uint32_t i = 0; i < t->order_count; i++) {
		const struct client *c = &t->clients[t->order[i]];

		p->opened += c->opened == 0 || c->opened == p->number;
		p->changed += c->changed == p->number;
		texts += c->length;
	}
	p->closed = t->leaver_count;
	p->names = LITERAL_LENGTH(SNAPSHOT_NAMES) + list_length(t->order_count);
	/* "token":{...}, is three bytes and a colon more than token and text */
	p->people = LITERAL_LENGTH(SNAPSHOT_PEOPLE) + texts +
		    (t->order_count > 0 ? t->order_count * (TOKEN_LENGTH + 4ULL) - 1 : 0);
}

static void
plan_all(struct ticker *t, struct plan *p)
{
	unsigned char header[10];

	memset(p, 0, sizeof(*p));
	p->number = t->number + 1;
	p->amend = amend_possible(t);
	if (p->amend)
		plan_amended(t, p);
	else
		plan_lists(t, p);
	p->tail =
	    LITERAL_LENGTH(SNAPSHOT_VERSION) + t->version.length + LITERAL_LENGTH(SNAPSHOT_END);
	p->changes_text = LITERAL_LENGTH(SNAPSHOT_OPENED) + list_length(p->opened) +
			  LITERAL_LENGTH(SNAPSHOT_CLOSED) + list_length(p->closed) +
			  LITERAL_LENGTH(SNAPSHOT_CHANGED) + list_length(p->changed) +
			  LITERAL_LENGTH(SNAPSHOT_CHANGES_END);
	p->metadata_text =
	    LITERAL_LENGTH(SNAPSHOT_HEAD) + TOKEN_LENGTH + p->names + p->people + p->tail;
	p->size = frame_length(p->changes_text) + snapshot_frame(p->metadata_text, header) +
		  p->metadata_text - TOKEN_LENGTH;
	p->rows = (p->size + 7) / 8 * 8;
	p->size = p->rows + t->order_count * sizeof(struct row);
	p->spare = deflate_room(t, p->changes_text + p->metadata_text);
}

/* Generations that rest because somebody has pinned them, or because they are current. */
static uint32_t
resting(const struct ticker *t)
{
	const struct header *h = t->header;
	uint32_t current = (uint32_t)(load_relaxed(&h->current) & 0xff), set;

	set = t->number != 0 ? 1U << current : 0;
	fence_full();
	for (uint32_t i = 0; i < t->seated_count; i++) {
		uint32_t pinned = load_acquire(&segment_slot(h, t->seated[i])->pinned);

		if (pinned == 0 || pinned == t->number)
			continue;
		for (uint32_t g = 0; g < LAYOUT_GENERATIONS; g++)
			if (load_relaxed(&h->generations[g].number) == pinned)
				set |= 1U << g;
	}
	return set;
}

/* The lowest place in the arena that no resting generation is in. */
static bool
find_room(const struct ticker *t, uint32_t set, uint64_t size, uint64_t *at)
{
	const struct generation *all = t->header->generations;
	bool moved = true;

	*at = 0;
	while (moved) {
		moved = false;
		for (uint32_t g = 0; g < LAYOUT_GENERATIONS; g++) {
			if ((set >> g & 1) == 0 || all[g].at >= *at + size || all[g].end <= *at)
				continue;
			*at = (all[g].end + 63) / 64 * 64;
			moved = true;
		}
	}
	return *at + size <= t->header->layout.arena_size;
}

/* Memory behind the arena up to here: better told now than by SIGBUS. */
static bool
ensure(struct ticker *t, uint64_t end)
{
	const struct layout *l = &t->header->layout;
	uint64_t upto = (end + ENSURE_STEP - 1) / ENSURE_STEP * ENSURE_STEP;
	int error;

	if (end <= t->arena_used)
		return true;
	if (upto > l->arena_size)
		upto = l->arena_size;
	error = posix_fallocate(
	    t->segment.fd, (off_t)(l->arena + t->arena_used), (off_t)(upto - t->arena_used));
	if (error != 0) {
		log_error("no-memory", "part=arena bytes=%llu errno=\"%s\"",
		    (unsigned long long)(upto - t->arena_used), strerror(error));
		return false;
	}
	t->arena_used = upto;
	return true;
}

/* Writing. */

static char *
put(char *at, const void *bytes, size_t length)
{
	memcpy(at, bytes, length);
	return at + length;
}

#define PUT_LITERAL(at, s) put((at), (s), LITERAL_LENGTH(s))

static char *
put_token(char *at, const char *token)
{
	*at++ = '"';
	at = put(at, token, TOKEN_LENGTH);
	*at++ = '"';
	return at;
}

static const char *
token_of(const struct ticker *t, uint32_t slot)
{
	return segment_entry(t->header, slot)->token;
}

/* Of these, who has changed since the newest snapshot. */
static char *
put_changed(
    const struct ticker *t, const uint32_t *slots, uint32_t count, uint32_t number, char *at)
{
	char *start = at;

	for (uint32_t i = 0; i < count; i++) {
		if (t->clients[slots[i]].changed != number)
			continue;
		if (at != start)
			*at++ = ',';
		at = put_token(at, token_of(t, slots[i]));
	}
	return at;
}

static char *
put_opened(const struct ticker *t, const struct plan *p, char *at)
{
	char *start = at;

	for (uint32_t i = 0; i < t->order_count && p->opened > 0; i++) {
		if (t->clients[t->order[i]].opened != p->number)
			continue;
		if (at != start)
			*at++ = ',';
		at = put_token(at, token_of(t, t->order[i]));
	}
	return at;
}

static char *
put_changes(const struct ticker *t, const struct plan *p, char *at)
{
	unsigned char header[10];

	at = put(at, header, snapshot_frame(p->changes_text, header));
	at = PUT_LITERAL(at, SNAPSHOT_OPENED);
	at = put_opened(t, p, at);
	at = PUT_LITERAL(at, SNAPSHOT_CLOSED);
	for (uint32_t i = 0; i < t->leaver_count; i++) {
		if (i > 0)
			*at++ = ',';
		at = put_token(at, t->leavers[i].token);
	}
	at = PUT_LITERAL(at, SNAPSHOT_CHANGED);
	at = p->amend ? put_changed(t, t->fresh, t->fresh_count, p->number, at)
		      : put_changed(t, t->order, t->order_count, p->number, at);
	return PUT_LITERAL(at, SNAPSHOT_CHANGES_END);
}

/* And note where each entry ends, for the next snapshot (amend.h). */
static char *
put_people(struct ticker *t, char *at)
{
	const char *start;

	at = PUT_LITERAL(at, SNAPSHOT_PEOPLE);
	start = at;
	for (uint32_t i = 0; i < t->order_count; i++) {
		uint32_t slot = t->order[i];

		if (i > 0)
			*at++ = ',';
		at = put_token(at, token_of(t, slot));
		*at++ = ':';
		at = put(at, books_text(t, slot), t->clients[slot].length);
		t->clients[slot].rank = i;
		t->ends[i] = (uint64_t)(at - start);
	}
	return at;
}

static char *
put_names(const struct ticker *t, char *at)
{
	at = PUT_LITERAL(at, SNAPSHOT_NAMES);
	for (uint32_t i = 0; i < t->order_count; i++) {
		if (i > 0)
			*at++ = ',';
		at = put_token(at, token_of(t, t->order[i]));
	}
	return at;
}

static void
put_rows(const struct ticker *t, struct row *rows)
{
	for (uint32_t i = 0; i < t->order_count; i++) {
		rows[i].opened = t->clients[t->order[i]].opened;
		rows[i].changed = t->clients[t->order[i]].changed;
	}
}

static void
fill(struct ticker *t, const struct plan *p, struct generation *g)
{
	char *start = (char *)t->header + t->header->layout.arena + g->at, *at = start, *from;
	unsigned char header[10];

	at = put_changes(t, p, at);
	g->changes_length = (uint32_t)(at - start);
	from = at;
	at = put(at, header, snapshot_frame(p->metadata_text, header));
	at = PUT_LITERAL(at, SNAPSHOT_HEAD);
	g->head_length = (uint32_t)(at - from);
	at = p->amend ? put(at, p->base.names, p->base.names_length) : put_names(t, at);
	g->names_length = p->names;
	at = p->amend ? amend_people(t, &p->base, at) : put_people(t, at);
	g->people_length = p->people;
	at = PUT_LITERAL(at, SNAPSHOT_VERSION);
	at = put(at, t->version.bytes, t->version.length);
	at = PUT_LITERAL(at, SNAPSHOT_END);
	g->tail_length = (uint32_t)p->tail;
	g->count = t->order_count;
	g->rows = g->at + p->rows;
	if (p->amend)
		amend_rows(t, &p->base, (struct row *)(void *)(start + p->rows), p->number);
	else
		put_rows(t, (struct row *)(void *)(start + p->rows));
}

/* Those who left are remembered for clients that miss this snapshot. */
static void
remember_leavers(struct ticker *t, uint32_t number)
{
	uint64_t head = load_relaxed(&t->header->departed_head);

	for (uint32_t i = 0; i < t->leaver_count; i++) {
		struct departed *d = segment_departed(t->header, head);

		/* Who gets some of it in place of an older one finds the head moved on. */
		fence_release();
		memcpy(d->token, t->leavers[i].token, TOKEN_LENGTH);
		d->opened = t->leavers[i].opened;
		d->closed = number;
		d->slot = t->leavers[i].slot;
		d->generation = t->leavers[i].generation;
		d->wall_ms = clock_wall_ms();
		store_release(&t->header->departed_head, ++head);
		FAULT("render.departed");
	}
}

/* Those who are in it for the first time: their children stop splicing them in. */
static void
announce(struct ticker *t, uint32_t number)
{
	for (uint32_t i = 0; i < t->order_count; i++) {
		uint32_t slot = t->order[i];

		if (t->clients[slot].opened != 0)
			continue;
		t->clients[slot].opened = number;
		store_release(&segment_entry(t->header, slot)->announced, number);
		FAULT("render.announced");
	}
}

static bool
choose(struct ticker *t, struct plan *p, uint32_t *chosen, uint64_t *at)
{
	uint32_t set = resting(t);

	for (*chosen = 0; *chosen < LAYOUT_GENERATIONS; ++*chosen)
		if ((set >> *chosen & 1) == 0)
			break;
	if (*chosen == LAYOUT_GENERATIONS)
		return false;
	/* Compressed it is only to save something: where there is no room it is left out. */
	if (p->spare > 0 && !find_room(t, set, p->size + p->spare, at))
		p->spare = 0;
	return find_room(t, set, p->size + p->spare, at) && ensure(t, *at + p->size + p->spare);
}

bool
render_publish(struct ticker *t)
{
	struct plan plan;
	struct generation *g;
	uint32_t chosen;
	uint64_t at;

	plan_all(t, &plan);
	if (!choose(t, &plan, &chosen, &at))
		return false;
	g = &t->header->generations[chosen];
	store_release(&g->number, 0);
	FAULT("render.begin");
	if (!plan.amend)
		announce(t, plan.number);
	g->at = at;
	g->end = at + plan.size;
	fill(t, &plan, g);
	deflate_generation(t, g, plan.spare);
	FAULT("render.written");
	remember_leavers(t, plan.number);
	g->departed = load_relaxed(&t->header->departed_head);
	g->wall_ms = clock_wall_ms();
	store_release(&g->number, plan.number);
	FAULT("render.filled");
	store_release(&t->header->current, (uint64_t)plan.number << 8 | chosen);
	FAULT("render.published");
	t->number = plan.number;
	t->ends_number = plan.number;
	t->leaver_count = 0;
	t->fresh_count = 0;
	t->roster_changed = false;
	return true;
}
