/* Clients that send as fast as they can. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/check.h"
#include "hell.h"

#define LIVE_MS 2500

static void
run(const char *name, const char *const *options, hell_attack *attack, int attackers)
{
	static struct hell h;

	hell_open(&h, options);
	hell_begin(&h, attack, attackers);
	hell_live(&h, LIVE_MS);
	hell_end(&h, name);
}

static void
flood_small_frames(const struct hell *h)
{
	size_t length;
	const char *frame =
	    hell_frame(&length, "{\"to\":\"server\",\"packet\":{\"type\":\"x\"}}");
	struct ws w;

	ws_open(&w, h->server.port);
	hell_flood(&w, frame, length);
}

Test(floods, flood_of_small_frames, .timeout = 60)
{
	run("flood of small frames", NULL, flood_small_frames, 4);
}

static void
flood_pings(const struct hell *h)
{
	char frame[64];
	size_t length = ws_make(frame, WS_FIN | WS_PING, "ping", 4);
	struct ws w;

	ws_open(&w, h->server.port);
	hell_flood(&w, frame, length);
}

Test(floods, flood_of_pings, .timeout = 60)
{
	run("flood of pings", NULL, flood_pings, 4);
}

/* Fragments without a byte in them make no message longer: they may go on for ever. */
static void
flood_fragments(const struct hell *h)
{
	char frame[16];
	struct ws w;

	ws_open(&w, h->server.port);
	ws_frame(&w, WS_TEXT, "{", 1);
	hell_flood(&w, frame, ws_make(frame, WS_CONTINUATION, "", 0));
}

/* One byte each, until the message is over the limit. */
static void
flood_messages_in_fragments(const struct hell *h)
{
	char frame[16];
	size_t length = ws_make(frame, WS_CONTINUATION, " ", 1);

	for (;;) {
		struct ws w;

		ws_open(&w, h->server.port);
		ws_frame(&w, WS_TEXT, "{", 1);
		for (int i = 0; i < 65536; i++)
			ws_raw(&w, frame, length);
		CHECK(ws_closed(&w, patience(5000), NULL) == 1009, "it was not refused");
		ws_drop(&w);
	}
}

Test(floods, flood_of_fragments, .timeout = 60)
{
	run("flood of empty fragments", NULL, flood_fragments, 4);
}

Test(floods, messages_in_fragments_of_one_byte, .timeout = 60)
{
	run("messages in fragments of one byte", NULL, flood_messages_in_fragments, 4);
}

/* Announced, and refused before a byte of it is there. */
static void
announce_giants(const struct hell *h)
{
	static const unsigned char sizes[][8] = {
	    {0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	    {0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, {0, 0, 0, 0, 0, 1, 0, 1}};

	for (int i = 0;; i++) {
		unsigned char head[14] = {0x81, 0xff};
		struct ws w;

		memcpy(head + 2, sizes[i % 3], 8);
		ws_open(&w, h->server.port);
		ws_raw(&w, head, sizeof(head));
		CHECK(ws_closed(&w, patience(3000), NULL) == 1009, "it was not refused");
		ws_drop(&w);
	}
}

Test(floods, giant_frames_announced, .timeout = 60)
{
	run("giant frames announced", NULL, announce_giants, 2);
}

/* Texts: what a parser has to chew on. */

/* Send it again and again; it is refused with that code, or taken (0). */
static void
send_text(const struct hell *h, const char *text, int code)
{
	size_t length;
	const char *frame = hell_frame(&length, "%s", text);
	struct ws w;

	if (code == 0) {
		ws_open(&w, h->server.port);
		hell_flood(&w, frame, length);
	}
	for (;;) {
		int got;

		ws_open(&w, h->server.port);
		ws_raw(&w, frame, length);
		got = ws_closed(&w, patience(5000), NULL);
		CHECK(got == code, "closed with %d instead of %d", got, code);
		ws_drop(&w);
	}
}

/* PROPERTIES or a packet for others around a text that is made of pieces. */
static char *
make_text(const char *before, const char *piece, int times, const char *behind)
{
	size_t size = strlen(piece), head = strlen(before);
	char *text = malloc(head + size * (size_t)times + strlen(behind) + 1);

	strcpy(text, before);
	for (int i = 0; i < times; i++)
		memcpy(text + head + size * (size_t)i, piece, size);
	strcpy(text + head + size * (size_t)times, behind);
	return text;
}

#define PROPERTIES "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":"
#define RELAY "{\"to\":\"00000000000000000000000000000000\",\"packet\":{\"type\":\"x\",\"x\":"

static void
send_deep(const struct hell *h)
{
	send_text(h, make_text(RELAY, "[", 60000, ""), 1007);
}

static void
send_deep_enough(const struct hell *h)
{
	char *open = make_text(RELAY, "[", 500, ""), *whole = make_text(open, "]", 500, "}}");

	send_text(h, whole, 0);
}

Test(floods, deep_json, .timeout = 60)
{
	run("deep JSON that is refused", NULL, send_deep, 2);
}

Test(floods, deep_json_that_is_allowed, .timeout = 60)
{
	run("deep JSON that is allowed", NULL, send_deep_enough, 4);
}

static void
send_huge_numbers(const struct hell *h)
{
	send_text(h, make_text(RELAY "-1", "9", 60000, "e+99999}}"), 0);
}

static void
set_huge_numbers(const struct hell *h)
{
	send_text(h, make_text(PROPERTIES "{\"n\":1", "9", 60000, "}}}"), 1008);
}

Test(floods, huge_numbers, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	hell_begin(&h, send_huge_numbers, 2);
	hell_begin(&h, set_huge_numbers, 2);
	hell_live(&h, LIVE_MS);
	hell_end(&h, "huge numbers");
}

static char *
many_keys(const char *before, int keys)
{
	char *text = malloc(strlen(before) + 16UL * (size_t)keys + 16), *at;

	at = stpcpy(text, before);
	for (int i = 0; i < keys; i++)
		at += sprintf(at, "%c\"%x\":%d", i == 0 ? '{' : ',', i, i);
	strcpy(at, "}}}");
	return text;
}

static void
set_many_keys(const struct hell *h)
{
	send_text(h, many_keys(PROPERTIES, 100000), 1008);
}

static void
send_many_keys(const struct hell *h)
{
	send_text(h, many_keys(RELAY, 100000), 0);
}

Test(floods, a_hundred_thousand_keys, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, (const char *const[]){"--max-packet", "2m", NULL});
	hell_begin(&h, set_many_keys, 2);
	hell_begin(&h, send_many_keys, 2);
	hell_live(&h, LIVE_MS);
	hell_end(&h, "100,000 keys");
}

/* Each replaces the one before; only the last is there at the end. */
static void
set_the_same_key(const struct hell *h)
{
	send_text(h, make_text(PROPERTIES "{", "\"a\":[1],", 7000, "\"a\":null}}}"), 0);
}

static void
name_everything_twice(const struct hell *h)
{
	send_text(h,
	    make_text("{", "\"to\":\"*\",\"packet\":{\"type\":\"x\"},", 1500,
		"\"to\":\"server\",\"packet\":{\"type\":\"y\"}}"),
	    0);
}

Test(floods, duplicate_keys, .timeout = 60)
{
	static struct hell h;

	hell_open(&h, NULL);
	hell_begin(&h, set_the_same_key, 2);
	hell_begin(&h, name_everything_twice, 2);
	hell_live(&h, LIVE_MS);
	hell_end(&h, "duplicate keys");
}

static void
set_too_much(const struct hell *h)
{
	send_text(h, make_text(PROPERTIES "{\"a\":\"", "x", 16384, "\"}}}"), 1008);
}

Test(floods, properties_over_the_limit, .timeout = 60)
{
	run("properties over the limit", NULL, set_too_much, 2);
}
