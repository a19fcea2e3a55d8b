#include "instance.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../server/adopt.h"
#include "../../server/departure.h"
#include "../../server/events.h"
#include "../../server/latch.h"
#include "../../server/post.h"
#include "../../server/registry.h"
#include "../../server/tick.h"
#include "../../shm/log.h"
#include "fuzz.h"

#define PARTS_MAX 16

/* Memory that is brought back. */
static struct part {
	void *at;
	void *saved;
	size_t size;
} parts[PARTS_MAX];

static unsigned part_count;
static unsigned shared_count; /* of these, the first ones lie in the segment */
static struct ticker ticker;

static void
keep(void *at, size_t size)
{
	FUZZ_CHECK(part_count < PARTS_MAX, "too many parts");
	parts[part_count++] = (struct part){at, malloc(size), size};
	FUZZ_CHECK(parts[part_count - 1].saved != NULL, "no memory");
}

static void
save(void)
{
	for (unsigned i = 0; i < part_count; i++)
		memcpy(parts[i].saved, parts[i].at, parts[i].size);
}

static void
restore(unsigned from)
{
	for (unsigned i = from; i < part_count; i++)
		memcpy(parts[i].at, parts[i].saved, parts[i].size);
}

static void
keep_segment(struct ticker *t)
{
	const struct layout *l = &t->header->layout;

	/* Departed clients are left out: the ticker reads none that it did not write. */
	keep(t->header, l->departed);
	keep((char *)t->header + l->log, l->size - l->log);
	shared_count = part_count;
}

static void
keep_lists(struct ticker *t)
{
	uint32_t max = t->max_clients;

	keep(t, sizeof(*t));
	keep(t->clients, max * sizeof(*t->clients));
	keep(t->texts, (max + 1) * t->text_stride);
	keep(t->free_slots, max * sizeof(uint32_t));
	keep(t->seated, max * sizeof(uint32_t));
	keep(t->claimed, max * sizeof(uint32_t));
	keep(t->order, max * sizeof(uint32_t));
	keep(t->look, max * sizeof(uint32_t));
	keep(t->touched, max * sizeof(uint32_t));
	keep(t->blocked, max * sizeof(uint32_t));
	keep(t->leavers, max * sizeof(*t->leavers));
	keep(t->roll.places, (t->roll.mask + 1) * sizeof(*t->roll.places));
}

static void
make_sockets(struct ticker *t, const char *name)
{
	struct sockaddr_un address;
	socklen_t length = register_address(&address, name, t->start.door);

	t->start.registration =
	    socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	t->start.bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	FUZZ_CHECK(bind(t->start.registration, (struct sockaddr *)&address, length) == 0 &&
		       listen(t->start.registration, 64) == 0,
	    "no socket");
	events_watch(t, t->start.registration, TAG_REGISTRATION, 0, 0);
}

static void
make(void)
{
	struct limits limits = {INSTANCE_CLIENTS, INSTANCE_PACKET, INSTANCE_PROPERTIES};
	struct ticker *t = &ticker;
	static char name[32];

	log_set_level(LOG_LEVEL_ERROR);
	snprintf(name, sizeof(name), "fuzz-%d", (int)getpid());
	t->start.name = name;
	t->start.door = (uint64_t)getpid();
	t->start.limits = limits;
	t->start.claim_ms = 20000;
	t->start.hung_ms = 10000;
	FUZZ_CHECK(segment_create(&t->segment, name, &limits, 0600) == 0, "no segment");
	segment_unlink(name);
	t->header = t->segment.header;
	t->header->door = t->start.door;
	t->commons = segment_commons(t->header);
	t->max_clients = limits.max_clients;
	FUZZ_CHECK(books_make(t) == 0 && tick_make(t) == 0 && post_make(t) == 0, "no memory");
	text_string(&t->version, "\"DEV\"");
	lock_make(&t->commons->lock);
	lock_introduce(&t->user, &t->commons->lock, LOCK_TICKER, 1);
	make_sockets(t, name);
	keep_segment(t);
	keep_lists(t);
	adopt_nothing(t);
	store_release(&t->header->ready, 1);
	save();
}

void
instance_token(uint32_t slot, char token[TOKEN_LENGTH])
{
	for (unsigned i = 0; i < TOKEN_LENGTH; i += 2) {
		token[i] = 'c';
		token[i + 1] = (char)('0' + slot);
	}
}

/* A client with a token that does not depend on chance. */
static void
seat_client(struct ticker *t)
{
	char peer[PEER_LENGTH] = "127.0.0.1:1";
	uint32_t slot = registry_claim(t, -1, -1, peer, world_pid);

	books_strike(t, slot);
	instance_token(slot, books_entry(t, slot)->token);
	books_enroll(t, slot);
	store_relaxed(&books_slot(t, slot)->state, SLOT_SERVING);
	registry_open(t, slot);
}

struct ticker *
instance_reset(uint32_t open)
{
	world_pid = WORLD_PID;
	if (part_count == 0)
		make();
	restore(0);
	for (uint32_t i = 0; i < open; i++)
		seat_client(&ticker);
	return &ticker;
}

unsigned
instance_kills(void)
{
	return (unsigned)load_relaxed(&ticker.header->counters.kills_lie);
}

void
instance_seat(struct seat *s, uint32_t slot)
{
	struct ticker *t = &ticker;

	memset(s, 0, sizeof(*s));
	s->line = s->bell = -1;
	s->ticker_bell = t->start.bell;
	s->slot = slot;
	s->header = t->header;
	s->entry = segment_entry(t->header, slot);
	s->generation = load_relaxed(&s->entry->generation);
	memcpy(s->token, s->entry->token, TOKEN_LENGTH);
	s->mailbox = segment_mailbox(t->header, slot);
	s->commons = t->commons;
	s->self = segment_slot(t->header, slot);
	lock_introduce(&s->user, &t->commons->lock, slot, s->generation);
}

/* Registration and bell are the listener's. */
void
instance_close(struct ticker *t)
{
	for (uint32_t slot = 0; slot < t->max_clients; slot++) {
		if (t->clients[slot].line >= 0)
			close(t->clients[slot].line);
		if (t->clients[slot].bell >= 0)
			close(t->clients[slot].bell);
	}
	for (uint32_t i = 0; i < t->stranger_count; i++)
		close(t->strangers[i].fd);
	for (uint32_t i = 0; i < TICKER_LISTENERS_MAX; i++)
		if (t->listeners[i] >= 0)
			close(t->listeners[i]);
	if (t->drain_timer >= 0)
		close(t->drain_timer);
	if (t->latch >= 0)
		latch_remove(t->latch, t->start.name);
}

void
instance_succeed(void)
{
	struct ticker *t = &ticker;

	instance_close(t);
	restore(shared_count);
	t->free_count = 0;
	t->number = 0;
	lock_introduce(&t->user, &t->commons->lock, LOCK_TICKER, 2);
	adopt_segment(t);
}

void
instance_check(void)
{
	const struct ticker *t = &ticker;
	uint32_t open = 0;

	FUZZ_CHECK(t->free_count + t->seated_count == t->max_clients, "%u free and %u seated",
	    t->free_count, t->seated_count);
	FUZZ_CHECK(t->order_count + t->claimed_count <= t->seated_count, "%u open, %u claimed",
	    t->order_count, t->claimed_count);
	for (uint32_t i = 0; i < t->seated_count; i++) {
		const struct client *c = &t->clients[t->seated[i]];
		uint32_t state = load_relaxed(&books_entry(t, t->seated[i])->state);

		FUZZ_CHECK(c->seat == i, "client %u does not know its place", i);
		FUZZ_CHECK(c->open == (state == ENTRY_OPEN), "open, but in state %u", state);
		open += c->open;
	}
	FUZZ_CHECK(open == t->order_count, "%u open, %u in order", open, t->order_count);
	FUZZ_CHECK(t->blocked_count <= t->max_clients && t->touched_count <= t->max_clients &&
		       t->look_count <= t->max_clients && t->leaver_count <= t->max_clients,
	    "a list is longer than it may be");
}
