/*
 * A random mix of clients that come, go (politely, by FIN, by RST), set and
 * delete properties and relay, with an oracle: what each client is told adds
 * up, in the end everybody knows what was set last, and packets come once, whole
 * and in order.  ROSTERD_SEED repeats a run.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/check.h"
#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

enum { CLIENTS = 24, STEPS = 4000, KEYS = 4 };

struct actor {
	bool here;
	struct ws w;
	struct roster r;
	int serial;               /* tells this one from those that had the place before */
	int keys[KEYS];           /* what was set; 0: deleted or never */
	int sent[CLIENTS];        /* packets sent to each, numbered from 1 */
	int sent_serial[CLIENTS]; /* ... who was there then */
	int got[CLIENTS];         /* last number that came from each */
	int got_serial[CLIENTS];
};

static struct actor actors[CLIENTS];
static struct server s;
static int serial;
static bool compress; /* half of the clients take compressed messages, and send such */

static void
take_relayed(struct actor *a, json_t *packet)
{
	json_t *value = json_object_get(packet, "m");
	int from = (int)json_number_value(json_object_get(value, "place"));
	int who = (int)json_number_value(json_object_get(value, "serial"));
	int number = (int)json_number_value(json_object_get(value, "n"));

	CHECK(from >= 0 && from < CLIENTS, "a packet from nowhere");
	/* Its last words: its process came to read them when another one had come and spoken. */
	if (who < a->got_serial[from])
		return;
	if (a->got_serial[from] != who) {
		a->got_serial[from] = who;
		a->got[from] = 0;
	}
	CHECK(number == a->got[from] + 1, "packet %d of client %d came after %d", number, from,
	    a->got[from]);
	a->got[from] = number;
}

static void
pump(struct actor *a, int timeout_ms)
{
	json_t *packet;

	while ((packet = ws_packet(&a->w, timeout_ms)) != NULL) {
		if (!roster_take(&a->r, packet))
			take_relayed(a, packet);
		json_decref(packet);
		timeout_ms = 0;
	}
	CHECK(!a->w.ended, "a client was closed");
}

static void
come(struct actor *a)
{
	memset(a, 0, sizeof(*a));
	ws_open_with(&a->w, s.port, compress && rand() % 2 == 0 ? WS_OFFER_DEFLATE : "");
	a->here = true;
	a->serial = ++serial;
	for (json_t *first; a->r.ticks == 0; json_decref(first)) {
		first = ws_packet(&a->w, 5000);
		CHECK(first != NULL, "no first metadata");
		if (!roster_take(&a->r, first))
			take_relayed(a, first);
	}
}

static void
go(struct actor *a)
{
	switch (rand() % 3) {
	case 0: ws_close(&a->w); break;
	case 1: ws_drop(&a->w); break;
	default: ws_reset(&a->w); break;
	}
	roster_free(&a->r);
	a->here = false;
}

static void
set(struct actor *a)
{
	int key = rand() % KEYS, value = rand() % 3 == 0 ? 0 : rand() % 1000 + 1;
	char object[64];

	a->keys[key] = value;
	if (value == 0)
		snprintf(object, sizeof(object), "{\"k%d\":null}", key);
	else
		snprintf(object, sizeof(object), "{\"k%d\":%d}", key, value);
	roster_set(&a->w, object);
}

/* To one or to all, who then all have the same next number. */
static void
post(struct actor *a, int place)
{
	int to = rand() % CLIENTS;
	struct actor *b = &actors[to];

	if (!b->here)
		return;
	if (a->sent_serial[to] != b->serial) {
		a->sent_serial[to] = b->serial;
		a->sent[to] = 0;
	}
	ws_text(&a->w,
	    "{\"to\":[\"%s\",\"%s\"],\"packet\":{\"type\":\"m\",\"m\":{\"place\":%d,"
	    "\"serial\":%d,"
	    "\"n\":%d}}}",
	    b->r.me, b->r.me, place, a->serial, ++a->sent[to]);
}

static bool
is_settled(struct actor *a)
{
	for (int i = 0; i < CLIENTS; i++) {
		struct actor *b = &actors[i];
		json_t *properties;

		if (!b->here)
			continue;
		if (b->sent_serial[a - actors] == a->serial &&
		    (a->got_serial[i] != b->serial || a->got[i] != b->sent[a - actors]) &&
		    b->sent[a - actors] > 0)
			return false;
		if ((properties = roster_properties(&a->r, b->r.me)) == NULL)
			return false;
		for (int key = 0; key < KEYS; key++) {
			char name[16];

			snprintf(name, sizeof(name), "k%d", key);
			if ((int)json_number_value(json_object_get(properties, name)) !=
			    b->keys[key])
				return false;
		}
	}
	return true;
}

static int
here(void)
{
	int count = 0;

	for (int i = 0; i < CLIENTS; i++)
		count += actors[i].here;
	return count;
}

static void
step(int place)
{
	struct actor *a = &actors[place];

	if (!a->here) {
		if (rand() % 4 == 0)
			come(a);
	} else if (rand() % 100 < 3) {
		go(a);
	} else if (rand() % 2 == 0) {
		set(a);
	} else {
		post(a, place);
	}
	if (a->here)
		pump(a, 0);
}

static void
check_random_clients(const char *const *options)
{
	const char *given = getenv("ROSTERD_SEED");
	unsigned seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
	long long until;

	fprintf(stderr, "ROSTERD_SEED=%u\n", seed);
	srand(seed);
	server_start(&s, options);
	for (int n = 0; n < STEPS; n++)
		step(rand() % CLIENTS);
	until = now_ms() + 20000;
	for (int i = 0; i < CLIENTS; i++) {
		while (actors[i].here &&
		       (!is_settled(&actors[i]) || roster_count(&actors[i].r) != here())) {
			CHECK(now_ms() < until, "client %d does not learn what is true", i);
			pump(&actors[i], 200);
		}
	}
	server_stop(&s);
}

Test(invariant, random_clients_add_up, .timeout = 240)
{
	check_random_clients((const char *const[]){"--tick", "50", NULL});
}

Test(invariant, random_clients_add_up_compressed_or_not, .timeout = 240)
{
	compress = true;
	check_random_clients((const char *const[]){"--tick", "50", "--compress", "5", NULL});
}
