#include "census.h"

#include <string.h>
#include <sys/mman.h>

#include "../shm/segment.h"

#define LOOK_MS 1000  /* between looks at the directory */
#define SWEEP_MS 1000 /* between searches for debts that are paid */

/* Zeroed memory of this process alone. */
static void *
make_table(uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return NULL;
	(void)madvise(at, size, MADV_DONTFORK);
	return at;
}

/* Tables are at most half full, so that a search is short and always ends. */
static uint32_t
mask_for(uint32_t entries)
{
	uint32_t size = 16;

	while (size < 2 * entries)
		size *= 2;
	return size - 1;
}

int
census_make(struct census *c, uint32_t max_clients)
{
	memset(c, 0, sizeof(*c));
	c->children_mask = mask_for(max_clients);
	c->places_mask = mask_for(max_clients + CENSUS_DEBTORS);
	c->children = make_table((c->children_mask + 1UL) * sizeof(*c->children));
	c->places = make_table((c->places_mask + 1UL) * sizeof(*c->places));
	return c->children != NULL && c->places != NULL ? 0 : -1;
}

/* Mixes all bits into the low ones (the finisher of MurmurHash3). */
static uint32_t
hash(uint64_t key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdULL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53ULL;
	return (uint32_t)(key ^ key >> 33);
}

/* Where it stands, or the free place where it would. */

static uint32_t
find_child(const struct census *c, pid_t pid)
{
	uint32_t at = hash((uint64_t)pid) & c->children_mask;

	while (c->children[at].pid != 0 && c->children[at].pid != pid)
		at = (at + 1) & c->children_mask;
	return at;
}

static uint32_t
find_place(const struct census *c, uint64_t key)
{
	uint32_t at = hash(key) & c->places_mask;

	while (c->places[at].used && c->places[at].key != key)
		at = (at + 1) & c->places_mask;
	return at;
}

/*
 * Is the entry at `at`, which belongs at `home`, one that could not stand where
 * it belongs because of the one that is now a hole?
 */
static bool
is_past(uint32_t home, uint32_t hole, uint32_t at, uint32_t mask)
{
	return ((at - home) & mask) >= ((at - hole) & mask);
}

static void
remove_child(struct census *c, uint32_t hole)
{
	uint32_t mask = c->children_mask;

	for (uint32_t at = (hole + 1) & mask; c->children[at].pid != 0; at = (at + 1) & mask) {
		uint32_t home = hash((uint64_t)c->children[at].pid) & mask;

		if (!is_past(home, hole, at, mask))
			continue;
		c->children[hole] = c->children[at];
		hole = at;
	}
	memset(&c->children[hole], 0, sizeof(c->children[hole]));
}

static void
remove_place(struct census *c, uint32_t hole)
{
	uint32_t mask = c->places_mask;

	for (uint32_t at = (hole + 1) & mask; c->places[at].used; at = (at + 1) & mask) {
		uint32_t home = hash(c->places[at].key) & mask;

		if (!is_past(home, hole, at, mask))
			continue;
		c->places[hole] = c->places[at];
		hole = at;
	}
	memset(&c->places[hole], 0, sizeof(c->places[hole]));
}

struct census_place *
census_find(const struct census *c, const struct source *source)
{
	uint32_t at;

	if (!source->known)
		return NULL;
	at = find_place(c, source->key);
	return c->places[at].used ? &c->places[at] : NULL;
}

static void
enter_place(struct census *c, const struct source *source)
{
	struct census_place *place;

	if (!source->known)
		return;
	place = &c->places[find_place(c, source->key)];
	if (!place->used) {
		place->used = true;
		place->key = source->key;
	} else if (place->children == 0) {
		c->debtors--;
	}
	place->children++;
}

void
census_enter(struct census *c, const struct source *source, pid_t pid)
{
	struct census_child *child = &c->children[find_child(c, pid)];

	*child = (struct census_child){pid, source->known, source->key};
	c->running++;
	enter_place(c, source);
}

bool
census_is_unplaced(const struct census *c, pid_t pid)
{
	const struct census_child *child = &c->children[find_child(c, pid)];

	return child->pid != 0 && !child->known;
}

void
census_settle(struct census *c, const struct source *source, pid_t pid)
{
	struct census_child *child = &c->children[find_child(c, pid)];

	child->known = source->known;
	child->key = source->key;
	enter_place(c, source);
}

/* Debtors who have paid make room for new ones. */
static void
sweep(struct census *c, uint64_t now_ms)
{
	if (now_ms - c->swept_ms < SWEEP_MS)
		return;
	c->swept_ms = now_ms;
	for (uint32_t at = 0; at <= c->places_mask; at++) {
		/* What moves up to here when one is removed is looked at, too. */
		while (c->places[at].used && c->places[at].children == 0 &&
		       penalty_debt(&c->places[at].penalty, now_ms) == 0) {
			remove_place(c, at);
			c->debtors--;
		}
	}
}

static void
leave_place(struct census *c, uint64_t key, uint32_t owed, uint64_t now_ms)
{
	uint32_t at = find_place(c, key);
	struct census_place *place = &c->places[at];

	place->children--;
	if (place->served > place->children)
		place->served = place->children;
	if (owed != 0)
		penalty_add(&place->penalty, owed, now_ms);
	if (place->children > 0)
		return;
	if (c->debtors >= CENSUS_DEBTORS)
		sweep(c, now_ms);
	if (penalty_debt(&place->penalty, now_ms) == 0 || c->debtors >= CENSUS_DEBTORS)
		remove_place(c, find_place(c, key));
	else
		c->debtors++;
}

bool
census_leave(struct census *c, pid_t pid, uint32_t owed, uint64_t now_ms)
{
	uint32_t at = find_child(c, pid);
	struct census_child child = c->children[at];

	if (child.pid == 0)
		return false;
	remove_child(c, at);
	c->running--;
	if (child.known)
		leave_place(c, child.key, owed, now_ms);
	return true;
}

void
census_look(struct census *c, const struct header *h, uint64_t now_ms)
{
	if (now_ms - c->looked_ms < LOOK_MS)
		return;
	c->looked_ms = now_ms;
	for (uint32_t at = 0; at <= c->places_mask; at++)
		c->places[at].served = 0;
	for (uint32_t slot = 0; slot < h->limits.max_clients; slot++) {
		const struct entry *e = segment_entry(h, slot);
		const struct census_child *child;

		if (load_acquire(&e->state) != ENTRY_OPEN)
			continue;
		child = &c->children[find_child(c, (pid_t)load_relaxed(&e->pid))];
		if (child->pid != 0 && child->known)
			c->places[find_place(c, child->key)].served++;
	}
}
