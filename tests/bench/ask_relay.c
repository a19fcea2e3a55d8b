/*
 * How many packets does the server carry from client to client?
 *
 * Each sender keeps so many messages under way.  Unicast: its messages go to all
 * the others in turn.  Broadcast: each goes to everybody and counts as delivered
 * when everybody has it.  A receiver checks who sent it, and that from each
 * sender nothing is missing, double or out of order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "fleet.h"
#include "load.h"
#include "measure.h"
#include "report.h"

#define MESSAGE_MAX 4096

/* {"from":"TOKEN","type":"m","m":"SSSSS NNNNNNNNNN TTTTTTTTTTTTTTTTTTT xxx"} */
#define FROM "{\"from\":\""
#define REST "\",\"type\":\"m\",\"m\":\""
#define FROM_LENGTH (sizeof(FROM) - 1)
#define REST_LENGTH (sizeof(REST) - 1)
#define VALUE_AT (FROM_LENGTH + FLEET_TOKEN + REST_LENGTH)
#define VALUE_LENGTH 36 /* of its numbers */

static struct {
	const struct load *load;
	uint32_t senders;
	uint32_t *expected; /* [receiver * senders + sender]: the next number */
	uint32_t *arrived;  /* broadcast: [sender * flight + n % flight]: how many have it */
	struct client **ready;
	uint32_t ready_count;
	bool sending;
	uint64_t delivered; /* to a client */
	uint64_t completed; /* messages that are through */
	struct samples latency;
	uint64_t seen;
} r;

static void
make_ready(struct client *c)
{
	if (c->ready)
		return;
	c->ready = true;
	r.ready[r.ready_count++] = c;
}

static uint64_t
number(const char *digits, int count)
{
	uint64_t n = 0;

	while (count-- > 0)
		n = n * 10 + (uint64_t)(*digits++ - '0');
	return n;
}

static void
put_number(char *at, uint64_t n, int digits)
{
	while (digits-- > 0) {
		at[digits] = (char)('0' + n % 10);
		n /= 10;
	}
}

/* One of many is enough for the percentiles. */
static void
note_latency(uint64_t ns)
{
	if (r.seen++ % 16 == 0 || r.load->flight == 1)
		samples_add(&r.latency, ns);
}

static void
complete(struct client *sender, uint64_t ns)
{
	r.completed++;
	note_latency(ns);
	sender->under_way--;
	make_ready(sender);
}

/* The receivers of sender's message number n, if it is one: all the others in turn. */
static uint32_t
receiver_of(const struct fleet *f, uint32_t sender, uint32_t n)
{
	return (sender + 1 + n % (f->count - 1)) % f->count;
}

static void
take_packet(struct fleet *f, struct client *c, const char *text, size_t length)
{
	uint32_t sender, n, *expected;
	uint64_t sent;

	if (length < VALUE_AT + VALUE_LENGTH || memcmp(text, FROM, FROM_LENGTH) != 0 ||
	    memcmp(text + FROM_LENGTH + FLEET_TOKEN, REST, REST_LENGTH) != 0) {
		f->bad++;
		return;
	}
	sender = (uint32_t)number(text + VALUE_AT, 5);
	n = (uint32_t)number(text + VALUE_AT + 6, 10);
	sent = number(text + VALUE_AT + 17, 19);
	if (sender >= r.senders ||
	    memcmp(text + FROM_LENGTH, f->clients[sender].token, FLEET_TOKEN) != 0) {
		f->bad++;
		return;
	}
	expected = &r.expected[c->number * r.senders + sender];
	if (n != *expected)
		f->bad++;
	r.delivered++;
	if (!r.load->broadcast) {
		*expected = n + f->count - 1;
		complete(&f->clients[sender], f->now - sent);
		return;
	}
	*expected = n + 1;
	n = sender * r.load->flight + n % r.load->flight;
	if (++r.arrived[n] == f->count) {
		r.arrived[n] = 0;
		complete(&f->clients[sender], f->now - sent);
	}
}

/* The message as text; the return is its length. */
static size_t
write_message(const struct fleet *f, const struct client *c, char *text)
{
	uint32_t n = c->next_sequence, to = receiver_of(f, c->number, n);
	size_t length, end;

	if (r.load->broadcast)
		length = (size_t)sprintf(text, "{\"to\":\"*\"");
	else
		length = (size_t)sprintf(
		    text, "{\"to\":\"%.*s\"", FLEET_TOKEN, f->clients[to].token);
	memcpy(text + length, ",\"packet\":{\"type\":\"m\",\"m\":\"", 27);
	length += 27;
	put_number(text + length, c->number, 5);
	text[length + 5] = ' ';
	put_number(text + length + 6, n, 10);
	text[length + 16] = ' ';
	put_number(text + length + 17, clock_ns(), 19);
	length += VALUE_LENGTH;
	end = r.load->size > length + 4 ? r.load->size - 4 : length + 1;
	memset(text + length, 'x', end - length);
	text[length] = ' ';
	memcpy(text + end, "\"}}", 4);
	return end + 3;
}

/* All that a sender may send now, in one go, as a client that is busy does. */
static void
send_all(struct fleet *f, struct client *c)
{
	static char batch[64 * (MESSAGE_MAX + 16)];
	char text[MESSAGE_MAX + 64];
	size_t length = 0;
	int count = 0;

	c->ready = false;
	while (c->under_way < r.load->flight && r.sending && count++ < 64) {
		size_t size = write_message(f, c, text);

		length += fleet_frame(batch + length, text, size);
		c->next_sequence++;
		c->under_way++;
	}
	if (length > 0)
		fleet_send(f, c, batch, length);
}

static void
send_ready(struct fleet *f)
{
	for (uint32_t i = 0; i < r.ready_count; i++)
		send_all(f, r.ready[i]);
	r.ready_count = 0;
}

static void
go_on(struct fleet *f, uint32_t ms)
{
	uint64_t until = clock_ns() + (uint64_t)ms * 1000000;

	while (clock_ns() < until) {
		if (!fleet_turn(f, 5000) || f->closed > 0) {
			fprintf(stderr, "load: it stands still; %u closed\n", f->closed);
			exit(1);
		}
		send_ready(f);
	}
}

/* What is under way arrives, and nothing after it. */
static void
drain(struct fleet *f)
{
	uint64_t sent = 0;

	r.sending = false;
	fleet_until_quiet(f, 500);
	for (uint32_t i = 0; i < r.senders; i++)
		sent += f->clients[i].next_sequence;
	if (sent != r.completed)
		f->bad += (uint32_t)(sent - r.completed);
}

static void
set_up(struct fleet *f, const struct load *l)
{
	r.load = l;
	r.senders = l->senders > 0 && l->senders < l->clients ? l->senders : l->clients;
	if (l->size > MESSAGE_MAX || l->flight > 1024)
		exit(64);
	r.expected = calloc((size_t)l->clients * r.senders, sizeof(*r.expected));
	r.arrived = calloc((size_t)r.senders * l->flight, sizeof(*r.arrived));
	r.ready = calloc(l->clients, sizeof(struct client *));
	fleet_make(f, l);
	fleet_connect_all(f, 32);
	fleet_until_quiet(f, l->tick + 300);
	f->on_packet = take_packet;
	/* The first message of a sender to each receiver. */
	for (uint32_t s = 0; s < r.senders; s++)
		for (uint32_t n = 0; n < l->clients - 1 && !l->broadcast; n++)
			r.expected[receiver_of(f, s, n) * r.senders + s] = n;
}

void
ask_relay(const struct load *l)
{
	struct fleet f;
	struct measure m;
	uint64_t delivered, completed;

	set_up(&f, l);
	r.sending = true;
	for (uint32_t i = 0; i < r.senders; i++)
		send_all(&f, &f.clients[i]);
	go_on(&f, l->ms / 4);
	r.latency.count = 0;
	delivered = r.delivered;
	completed = r.completed;
	measure_begin(&m, &f);
	go_on(&f, l->ms);
	measure_end(&m, &f);
	delivered = r.delivered - delivered;
	completed = r.completed - completed;
	drain(&f);
	report_begin();
	report_add("rate", (double)delivered * 1e9 / (double)m.wall);
	report_add("messages", (double)completed);
	report_add("p50_us", (double)samples_per_mille(&r.latency, 500) / 1e3);
	report_add("p99_us", (double)samples_per_mille(&r.latency, 990) / 1e3);
	report_add("server_us_each", (double)m.server.all / 1e3 / (double)delivered);
	report_add("load_us_each", (double)m.own / 1e3 / (double)delivered);
	report_add("ticker_share", (double)m.server.second / (double)m.wall);
	measure_report(&m, &f);
	report_end();
}
