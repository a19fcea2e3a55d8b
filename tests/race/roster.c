/*
 * The ticker's directory and snapshots: a row is of one client, with its properties; a
 * snapshot that is pinned rests, a copy of one that is not is whole, and so is what is
 * merged from those who have left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../server/books.h"
#include "../../server/departure.h"
#include "../../server/registry.h"
#include "../../server/render.h"
#include "../../shm/newest.h"
#include "../unit/lone.h"
#include "race.h"

enum { READERS = 2, CLIENTS = 4, LEAVERS = 20, TEXT = 512 };

static struct ticker ticker;

/* Directory. */

static void
directory_set_up(void)
{
	lone_start(&ticker);
}

static uint32_t
describe(char peer[PEER_LENGTH], uint64_t generation)
{
	memset(peer, (int)('a' + generation % 26), PEER_LENGTH);
	peer[PEER_LENGTH - 1] = '\0';
	return (uint32_t)generation + 7;
}

/* The next client of slot 0 comes, says something and goes. */
static bool
come_and_go(struct worker *w)
{
	uint64_t generation = w->turns + 1;
	char peer[PEER_LENGTH], text[TEXT];
	uint32_t pid = describe(peer, generation), slot;

	slot = registry_claim(&ticker, -1, -1, peer, pid);
	CHECK(slot == 0, "slot %u", slot);
	for (int i = 0; i < 2; i++) {
		race_fill(text, TEXT, generation << 8 | (uint64_t)(i + 1));
		slot_write(
		    books_slot(&ticker, slot), ticker.header->layout.buffer_size, text, TEXT);
		slot_flip(books_slot(&ticker, slot));
	}
	/* Nobody has this pid, and so nobody is to be killed. */
	store_relaxed(&books_entry(&ticker, slot)->pid, 0);
	departure_leave(&ticker, slot);
	return true;
}

static bool
look_up(struct worker *w)
{
	const struct header *h = ticker.header;
	struct entry_seen seen;
	char peer[PEER_LENGTH], text[1024];
	uint32_t pid, length;
	uint64_t version;

	if (!segment_look(h, 0, &seen) || seen.state == ENTRY_FREE)
		return false;
	CHECK(seen.generation >= w->kept, "a generation came back");
	w->kept = seen.generation;
	pid = describe(peer, seen.generation);
	CHECK(seen.pid == pid || seen.pid == 0, "pid %u of generation %llu", seen.pid,
	    (unsigned long long)seen.generation);
	CHECK(strcmp(seen.peer, peer) == 0, "peer %s of generation %llu", seen.peer,
	    (unsigned long long)seen.generation);
	version =
	    slot_read(segment_slot(h, 0), h->layout.buffer_size, text, sizeof(text), &length);
	if (version == UINT64_MAX || version == 0 || !segment_is_still(h, 0, &seen))
		return false;
	CHECK(race_whole(text, length, seen.generation << 8 | version),
	    "version %llu is not of generation %llu", (unsigned long long)version,
	    (unsigned long long)seen.generation);
	return true;
}

const struct hunt hunt_directory = {"directory", directory_set_up,
    (const struct role[]){{"ticker", 1, come_and_go}, {"reader", READERS, look_up}, {0}}};

/* Snapshots. */

static void
snapshot_set_up(void)
{
	lone_start(&ticker);
	for (int i = 0; i < CLIENTS; i++)
		(void)lone_client(&ticker, -1, 0);
}

/* What everybody has said in that snapshot; its length is another in the next one. */
static uint32_t
object(char *text, uint32_t number)
{
	int padding = (int)(number % 37 * 11), length;

	length = sprintf(text, "{\"n\":%u,\"p\":\"", number);
	memset(text + length, (int)('a' + number % 26), (size_t)padding);
	return (uint32_t)(length + padding + sprintf(text + length + padding, "\"}"));
}

static void
say(uint32_t slot, uint32_t number)
{
	struct client *c = &ticker.clients[slot];

	c->length = object(books_text(&ticker, slot), number);
	c->changed = number;
	ticker.fresh[ticker.fresh_count++] = slot;
}

/* Some have left in every odd one; only in these all is rendered anew. */
static bool
publish(struct worker *w)
{
	uint32_t number = ticker.number + 1;
	bool done;

	(void)w;
	ticker.fresh_count = ticker.leaver_count = 0;
	for (uint32_t i = 0; i < ticker.order_count; i++)
		say(ticker.order[i], number);
	for (uint32_t i = 0; number % 2 == 1 && i < LEAVERS; i++) {
		struct leaver *l = &ticker.leavers[ticker.leaver_count++];
		char token[TOKEN_LENGTH + 1];

		snprintf(token, sizeof(token), "%016x%016x", number, i);
		memcpy(l->token, token, TOKEN_LENGTH);
		l->opened = 1;
		ticker.roster_changed = true;
	}
	done = render_publish(&ticker);
	ticker.roster_changed |= !done;
	return done;
}

static void
check_people(const struct snapshot *v, const char *who)
{
	const char *at = v->people + strlen(SNAPSHOT_PEOPLE);
	char text[TEXT];
	uint32_t length = object(text, v->number);

	CHECK(v->count == CLIENTS, "%s: %u clients", who, v->count);
	CHECK(v->people_length ==
		  strlen(SNAPSHOT_PEOPLE) + CLIENTS * (TOKEN_LENGTH + 4ULL + length) - 1,
	    "%s: snapshot %u has another length", who, v->number);
	for (int i = 0; i < CLIENTS; i++) {
		CHECK(memcmp(at + 1, snapshot_token(v, (uint32_t)i), TOKEN_LENGTH) == 0,
		    "%s: snapshot %u has a torn token", who, v->number);
		at += TOKEN_LENGTH + 3;
		CHECK(memcmp(at, text, length) == 0, "%s: snapshot %u is torn", who, v->number);
		at += length + 1;
	}
}

/* Those who have left after snapshot since, as they have to be told. */
static void
check_closed(const struct text *changes, uint32_t since, uint32_t number)
{
	char token[TOKEN_LENGTH + 1];
	const char *at = strstr(changes->bytes, SNAPSHOT_CLOSED) + strlen(SNAPSHOT_CLOSED);

	for (uint32_t n = (since + 1) | 1; n <= number; n += 2)
		for (uint32_t i = 0; i < LEAVERS; i++) {
			snprintf(token, sizeof(token), "%016x%016x", n, i);
			CHECK(memcmp(at + 1, token, TOKEN_LENGTH) == 0,
			    "%.32s has left where %s has", at + 1, token);
			at += TOKEN_LENGTH + 3;
		}
}

static bool
merge(const struct snapshot *v, uint32_t since)
{
	struct text changes = {0};
	bool done = snapshot_merge(ticker.header, v, since, &changes);

	text_add(&changes, "", 1);
	if (done)
		check_closed(&changes, since, v->number);
	text_clear(&changes, 0);
	return done;
}

/* A child: it pins, reads, and lets go; it has missed as many as the ring may remember. */
static bool
pin(struct worker *w)
{
	const struct header *h = ticker.header;
	struct slot *own = segment_slot(h, w->number);
	struct snapshot v;
	uint32_t back = (uint32_t)(1 + h->layout.departed_count / LEAVERS * 2);
	bool done = true;

	snapshot_pin(h, own, &v);
	CHECK(v.number >= w->kept, "snapshot %u came after %llu", v.number,
	    (unsigned long long)w->kept);
	w->kept = v.number;
	if (v.number > 1)
		check_people(&v, "pinned");
	/* That takes long; others come and go while it is done. */
	if (v.number > back + 2 && w->turns % 32 == 0)
		done = merge(&v, v.number - 1 - (uint32_t)rand_r(&w->seed) % back);
	snapshot_unpin(own);
	return done;
}

static bool
copy(struct worker *w)
{
	struct newest n;
	const char *why;

	(void)w;
	if (!newest_copy(ticker.header, &n, &why)) {
		CHECK(strstr(why, "still") != NULL, "%s", why);
		return false;
	}
	if (n.view.number > 1)
		check_people(&n.view, "copied");
	newest_free(&n);
	return true;
}

const struct hunt hunt_snapshot = {"snapshot", snapshot_set_up,
    (const struct role[]){
	{"ticker", 1, publish}, {"child", READERS, pin}, {"dump", 1, copy}, {0}}};
