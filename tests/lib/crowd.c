#include "crowd.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "server.h"

#define SET_MS 250
#define SEND_MS 40
#define SETTLE_MS 8000
#define STILL_MS 250 /* a turn takes some milliseconds of work */

/* The clock by which is measured: it stands still when this process does. */
static long long
crowd_ms(const struct crowd *c)
{
	return now_ms() - c->stood_still_ms;
}

/* Packet number n of a sender goes to all, or to one of the others. */
static bool
is_for(const struct crowd *c, int sender, int n, int receiver)
{
	if (n % 4 == 3)
		return true;
	return (sender + 1 + n % (c->count - 1)) % c->count == receiver;
}

static void
send_packet(struct crowd *c, int sender)
{
	struct crowd_member *m = &c->members[sender];
	int n = ++m->sent;
	const char *to = "*";

	for (int i = 0; n % 4 != 3 && i < c->count; i++)
		if (is_for(c, sender, n, i))
			to = c->members[i].r.me;
	ws_text(&m->w, "{\"to\":\"%s\",\"packet\":{\"type\":\"crowd\",\"crowd\":[%d,%lld]}}",
	    to, n, crowd_ms(c));
}

static void
set_property(const struct crowd *c, struct crowd_member *m)
{
	char object[32];

	m->set++;
	m->set_ms[m->set % CROWD_MOMENTS] = crowd_ms(c);
	snprintf(object, sizeof(object), "{\"n\":%d}", m->set);
	roster_set(&m->w, object);
	/* Pings need no answer of their own: it lives. */
	ws_frame(&m->w, WS_FIN | WS_PONG, "", 0);
}

static void
act(struct crowd *c)
{
	for (int i = 0; i < c->count && !c->quiet; i++) {
		struct crowd_member *m = &c->members[i];

		if (now_ms() >= m->next_set_ms) {
			set_property(c, m);
			m->next_set_ms += SET_MS;
		}
		if (now_ms() >= m->next_send_ms) {
			send_packet(c, i);
			m->next_send_ms += SEND_MS;
		}
	}
}

static void
note(const struct crowd *c, long long *worst, long long since)
{
	if (crowd_ms(c) - since > *worst)
		*worst = crowd_ms(c) - since;
}

/* A tick has come: what does it say about the others that was not known? */
static void
look(struct crowd *c, struct crowd_member *m)
{
	for (int i = 0; i < c->count; i++) {
		const struct crowd_member *other = &c->members[i];
		json_t *n = json_object_get(roster_properties(&m->r, other->r.me), "n");
		int value = (int)json_number_value(n);

		CHECK(value >= m->seen[i], "a property went back from %d to %d", m->seen[i],
		    value);
		for (int k = m->seen[i] + 1; k <= value; k++)
			note(c, &c->worst_tick_ms, other->set_ms[k % CROWD_MOMENTS]);
		m->seen[i] = value;
	}
}

static int
member_named(const struct crowd *c, const char *token)
{
	for (int i = 0; i < c->count; i++)
		if (token != NULL && strcmp(c->members[i].r.me, token) == 0)
			return i;
	return -1;
}

/* The number of the next packet that has to come; over what was sent if there is none. */
static int
next_packet(const struct crowd *c, int receiver, int sender)
{
	int n = c->members[receiver].got[sender] + 1;

	while (n <= c->members[sender].sent && !is_for(c, sender, n, receiver))
		n++;
	return n;
}

static void
take_packet(struct crowd *c, int receiver, const json_t *packet)
{
	int sender = member_named(c, json_string_value(json_object_get(packet, "from")));
	const json_t *value = json_object_get(packet, "crowd");
	int n = (int)json_number_value(json_array_get(value, 0));

	if (sender < 0) {
		if (c->stranger != NULL)
			c->stranger(receiver, packet);
		return;
	}
	CHECK(n == next_packet(c, receiver, sender), "packet %d of %d came to %d instead of %d",
	    n, sender, receiver, next_packet(c, receiver, sender));
	c->members[receiver].got[sender] = n;
	note(c, &c->worst_packet_ms, (long long)json_number_value(json_array_get(value, 1)));
}

static void
hear(struct crowd *c, int i)
{
	struct crowd_member *m = &c->members[i];
	json_t *packet;

	while ((packet = ws_packet(&m->w, 0)) != NULL) {
		int ticks = m->r.ticks;

		if (c->witness != NULL)
			c->witness(packet);
		if (!roster_take(&m->r, packet))
			take_packet(c, i, packet);
		if (m->r.ticks != ticks)
			look(c, m);
		json_decref(packet);
	}
	CHECK(!m->w.ended, "client %d of the crowd was closed", i);
}

static void
note_standstill(struct crowd *c, long long ms)
{
	if (ms < STILL_MS)
		return;
	c->stood_still_ms += ms;
	fprintf(stderr, "the crowd stood still for %lld ms\n", ms);
}

/* One turn of at most wait_ms. */
static void
turn(struct crowd *c, int wait_ms)
{
	long long begun = now_ms();
	struct pollfd p[CROWD_MAX];

	for (int i = 0; i < c->count; i++)
		p[i] = (struct pollfd){.fd = c->members[i].w.fd, .events = POLLIN};
	CHECK(poll(p, (nfds_t)c->count, wait_ms) >= 0, "poll: %s", strerror(errno));
	/* Before anything is noted that has come meanwhile. */
	note_standstill(c, now_ms() - begun - wait_ms);
	for (int i = 0; i < c->count; i++)
		if (p[i].revents != 0)
			hear(c, i);
}

void
crowd_open(struct crowd *c, int port, int count)
{
	crowd_open_mixed(c, port, count, "");
}

void
crowd_open_mixed(struct crowd *c, int port, int count, const char *headers)
{
	long long until = now_ms() + SETTLE_MS;

	CHECK(count <= CROWD_MAX, "a crowd of %d is too large", count);
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < count; i++)
		roster_open_with(
		    &c->members[i].r, &c->members[i].w, port, i % 2 == 1 ? headers : "");
	c->count = count;
	c->quiet = true;
	while (!crowd_alone(c)) {
		CHECK(now_ms() < until, "the crowd did not get to know each other");
		turn(c, 10);
	}
	for (int i = 0; i < count; i++) {
		c->members[i].next_set_ms = now_ms() + i * SET_MS / count;
		c->members[i].next_send_ms = now_ms() + i * SEND_MS / count;
	}
	c->quiet = false;
	crowd_measure(c);
}

void
crowd_measure(struct crowd *c)
{
	c->worst_tick_ms = c->worst_packet_ms = 0;
}

void
crowd_run(struct crowd *c, int ms)
{
	long long until = now_ms() + ms;

	while (now_ms() < until) {
		act(c);
		turn(c, 5);
	}
}

static bool
complete(const struct crowd *c)
{
	for (int r = 0; r < c->count; r++)
		for (int s = 0; s < c->count; s++)
			if (next_packet(c, r, s) <= c->members[s].sent ||
			    c->members[r].seen[s] != c->members[s].set)
				return false;
	return true;
}

void
crowd_settle(struct crowd *c)
{
	long long until = now_ms() + patience(SETTLE_MS);

	c->quiet = true;
	while (!complete(c)) {
		CHECK(now_ms() < until, "something that was sent has not come");
		turn(c, 10);
	}
	c->quiet = false;
	for (int i = 0; i < c->count; i++)
		c->members[i].next_set_ms = c->members[i].next_send_ms = now_ms();
}

bool
crowd_alone(const struct crowd *c)
{
	for (int i = 0; i < c->count; i++)
		if (roster_count(&c->members[i].r) != c->count)
			return false;
	return true;
}
