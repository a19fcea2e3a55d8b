/* permessage-deflate: offers, and a tick compressed once. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../child/extension.h"
#include "../../server/deflate.h"
#include "../../server/registry.h"
#include "../../server/render.h"
#include "../../child/inflate.h"
#include "../../shm/slot.h"
#include "../../shm/snapshot.h"
#include "lone.h"

#include <zlib.h>

#define AGREED "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

/* The answer to a request with this value of Sec-WebSocket-Extensions, or "". */
static const char *
answer_to(const char *value)
{
	static char answer[EXTENSION_ANSWER_MAX], head[1024];
	struct request request;
	struct verdict verdict;
	int length = snprintf(head, sizeof(head),
	    "GET / HTTP/1.1\r\nHost: a\r\nsec-websocket-extensions: %s\r\n\r\n", value);

	cr_assert(request_parse(&request, head, (size_t)length, &verdict));
	return extension_agree(&request, answer) ? answer : "";
}

Test(extension, offers_that_are_taken)
{
	static const char *const offers[] = {
	    "permessage-deflate",
	    "PerMessage-Deflate",
	    "permessage-deflate; client_max_window_bits",
	    "permessage-deflate;client_max_window_bits=8",
	    "permessage-deflate; client_max_window_bits=15; client_no_context_takeover",
	    "permessage-deflate; server_no_context_takeover ; client_no_context_takeover",
	    "permessage-deflate; client_max_window_bits=\"10\"",
	    "x-webkit-deflate-frame, permessage-deflate",
	    "permessage-deflate; server_max_window_bits=9, permessage-deflate",
	    "permessage-deflate; mux, , permessage-deflate",
	};

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		cr_assert_str_eq(answer_to(offers[i]), AGREED, "%s", offers[i]);
	cr_assert_str_eq(answer_to("permessage-deflate; server_max_window_bits=15"),
	    AGREED "; server_max_window_bits=15");
}

Test(extension, offers_that_are_declined)
{
	static const char *const offers[] = {
	    "",
	    "permessage",
	    "permessage-deflate2",
	    "permessage-deflate;",
	    "permessage-deflate; ; client_max_window_bits",
	    "permessage-deflate; server_max_window_bits",
	    "permessage-deflate; server_max_window_bits=",
	    "permessage-deflate; server_max_window_bits=14",
	    "permessage-deflate; server_max_window_bits=16",
	    "permessage-deflate; server_max_window_bits=015",
	    "permessage-deflate; server_max_window_bits=\"15",
	    "permessage-deflate; client_max_window_bits=7",
	    "permessage-deflate; client_max_window_bits=16",
	    "permessage-deflate; client_max_window_bits=08",
	    "permessage-deflate; client_max_window_bits=+9",
	    "permessage-deflate; client_max_window_bits=1x",
	    "permessage-deflate; client_max_window_bits=",
	    "permessage-deflate; client_max_window_bits; client_max_window_bits",
	    "permessage-deflate; server_no_context_takeover=1",
	    "permessage-deflate; client_no_context_takeover=",
	    "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
	    "permessage-deflate; unknown",
	    "permessage-deflate; server_max_window_bits=15; unknown=1",
	};

	for (size_t i = 0; i < sizeof(offers) / sizeof(offers[0]); i++)
		cr_assert_str_eq(answer_to(offers[i]), "", "%s", offers[i]);
}

/* A tick. */

static struct ticker t;

static void
start_ticker(void)
{
	lone_start(&t);
	t.start.compress = 5;
	cr_assert_eq(deflate_make(&t), 0);
}

static uint32_t
add_client(bool deflate)
{
	uint32_t slot = registry_claim(&t, -1, -1, (const char[PEER_LENGTH]){"127.0.0.1:1"}, 1);

	cr_assert_neq(slot, LAYOUT_NO_SLOT);
	store_relaxed(&segment_slot(t.header, slot)->deflate, deflate);
	registry_open(&t, slot);
	return slot;
}

static void
set_text(uint32_t slot, const char *text)
{
	t.clients[slot].length = (uint32_t)strlen(text);
	memcpy(books_text(&t, slot), text, strlen(text));
	t.roster_changed = true;
}

static void
view_newest(struct snapshot *v)
{
	uint64_t current = load_relaxed(&t.header->current);

	snapshot_view(t.header, &t.header->generations[current & 0xff], v);
}

/* The payload of a compressed frame, as its receiver inflates it. */
static size_t
inflate_frame(const char *frame, size_t size, char *out, size_t room)
{
	unsigned char in[65536];
	size_t header = (frame[1] & 0x7f) < 126 ? 2 : (frame[1] & 0x7f) == 126 ? 4 : 10;
	z_stream z = {0};

	cr_assert_eq((unsigned char)frame[0], 0xc1);
	cr_assert_lt(size, sizeof(in) - 4);
	memcpy(in, frame + header, size - header);
	memcpy(in + size - header, "\x00\x00\xff\xff", 4);
	z.next_in = in;
	z.avail_in = (unsigned)(size - header + 4);
	z.next_out = (unsigned char *)out;
	z.avail_out = (unsigned)room;
	cr_assert_eq(inflateInit2(&z, -15), Z_OK);
	cr_assert_eq(inflate(&z, Z_SYNC_FLUSH), Z_OK, "%s", z.msg != NULL ? z.msg : "");
	cr_assert_eq(z.avail_in, 0);
	inflateEnd(&z);
	return room - z.avail_out;
}

/* Both packets of the newest snapshot inflate to what they are plain. */
static void
check_packets(const struct snapshot *v)
{
	static char frame[65536], text[262144], plain[262144];
	static const char token[] = "00112233445566778899aabbccddeeff";
	unsigned char header[10];
	uint64_t body = v->names_length + v->people_length + v->tail_length, length;
	size_t skip = v->head_length - (sizeof(SNAPSHOT_HEAD) - 1);

	cr_assert_gt(v->deflated_body_length, 0);
	memcpy(frame, v->deflated_head, v->deflated_head_length);
	memcpy(frame + v->deflated_head_length, token, TOKEN_LENGTH);
	memcpy(frame + v->deflated_head_length + TOKEN_LENGTH, v->deflated_body,
	    v->deflated_body_length);
	length = inflate_frame(frame,
	    v->deflated_head_length + TOKEN_LENGTH + v->deflated_body_length, text,
	    sizeof(text));
	cr_assert_eq(snapshot_frame(length, header), skip);
	cr_assert_eq(length, v->head_length - skip + TOKEN_LENGTH + body);
	memcpy(plain, v->head + skip, v->head_length - skip);
	memcpy(plain + v->head_length - skip, token, TOKEN_LENGTH);
	memcpy(plain + v->head_length - skip + TOKEN_LENGTH, v->names, body);
	cr_assert_eq(memcmp(text, plain, length), 0);
	if (v->deflated_changes_length == 0)
		return;
	length =
	    inflate_frame(v->deflated_changes, v->deflated_changes_length, text, sizeof(text));
	cr_assert_eq(snapshot_frame(length, header) + length, v->changes_length);
	cr_assert_eq(memcmp(text, v->changes + v->changes_length - length, length), 0);
}

Test(deflate, both_packets_inflate_to_the_text, .init = start_ticker)
{
	struct snapshot v;
	char text[1000];

	for (uint32_t n = 0; n < LONE_CLIENTS; n++) {
		uint32_t slot = add_client(n % 2 == 0);

		snprintf(text, sizeof(text), "{\"name\":\"%u\",\"x\":%u}", n, n * n);
		set_text(slot, text);
		cr_assert(render_publish(&t));
		view_newest(&v);
		if (v.deflated_body_length > 0)
			check_packets(&v);
	}
	cr_assert_gt(v.deflated_body_length, 0);
	cr_assert_lt(v.deflated_body_length, v.names_length + v.people_length);
}

/* All of a change: everybody leaves, so that the list of those who left is long. */
Test(deflate, a_long_changes_packet_is_compressed_too, .init = start_ticker)
{
	struct snapshot v;

	for (uint32_t n = 0; n < LONE_CLIENTS; n++)
		add_client(true);
	cr_assert(render_publish(&t));
	view_newest(&v);
	cr_assert_gt(v.deflated_changes_length, 0);
	cr_assert_lt(v.deflated_changes_length, v.changes_length);
	check_packets(&v);
}

Test(deflate, nobody_wants_it, .init = start_ticker)
{
	struct snapshot v;

	for (uint32_t n = 0; n < LONE_CLIENTS; n++)
		add_client(false);
	cr_assert(render_publish(&t));
	view_newest(&v);
	cr_assert_eq(v.deflated_body_length, 0);
	cr_assert_eq(v.deflated_changes_length, 0);
	cr_assert_eq(load_relaxed(&t.header->counters.deflate_in_bytes), 0);
}

/* Text that does not get shorter by a quarter is left as it is. */
Test(deflate, what_does_not_pay_is_left_out, .init = start_ticker)
{
	uint32_t slot = add_client(true);
	struct snapshot v;
	char text[1000] = "{\"text\":\"";
	size_t length = strlen(text);
	uint64_t end;

	srand(1);
	while (length < 900)
		text[length++] = (char)('#' + rand() % 88);
	strcpy(text + length, "\"}");
	set_text(slot, text);
	cr_assert(render_publish(&t));
	view_newest(&v);
	cr_assert_eq(v.deflated_body_length, 0);
	end = t.header->generations[load_relaxed(&t.header->current) & 0xff].end;
	cr_assert_leq(end, (uint64_t)((const char *)(v.rows + v.count) -
				      ((const char *)t.header + t.header->layout.arena)));
}

/* The arena has no room for both: then there is the text alone. */
Test(deflate, where_there_is_no_room_the_text_goes_first, .init = start_ticker)
{
	struct snapshot v;

	for (uint32_t n = 0; n < LONE_CLIENTS; n++)
		add_client(true);
	cr_assert(render_publish(&t));
	view_newest(&v);
	cr_assert_gt(v.deflated_body_length, 0);
	t.roster_changed = true;
	/* Just behind the current one there is room for the text of one more. */
	t.header->layout.arena_size =
	    t.header->generations[load_relaxed(&t.header->current) & 0xff].end +
	    v.changes_length + v.head_length + v.names_length + v.people_length +
	    v.tail_length + v.count * sizeof(struct row) + 200;
	t.header->generations[load_relaxed(&t.header->current) & 0xff].at = 0;
	cr_assert(render_publish(&t));
	view_newest(&v);
	cr_assert_eq(v.count, LONE_CLIENTS);
	cr_assert_eq(v.deflated_body_length, 0);
}

/* Client's messages. */

static void
take_nothing(void *user, const char *bytes, size_t length, bool first, bool last)
{
	(void)user, (void)bytes, (void)length, (void)first, (void)last;
}

/* One byte too much and then no deflate data: the same whether zlib sees it at once or not. */
Test(inflate, too_large_comes_before_what_is_wrong_behind_it)
{
	enum { MAX = 10 };
	unsigned char data[128];
	struct frames frames = {.max_message = MAX}; /* its mask is 0 */
	z_stream z = {0};
	size_t length;

	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char[]){"aaaaaaaaaaa"};
	z.avail_in = MAX + 1;
	z.next_out = data;
	z.avail_out = sizeof(data) - 1;
	cr_assert_eq(deflate(&z, Z_SYNC_FLUSH), Z_OK);
	length = sizeof(data) - 1 - z.avail_out;
	deflateEnd(&z);
	data[length++] = 0x07; /* a block of a kind that there is not */
	for (size_t step = 1; step <= length; step += length - 1) {
		struct inflate inflate;
		struct violation v = {0};
		bool good = true;

		inflate_start(&inflate, MAX, take_nothing, NULL);
		for (size_t at = 0; good && at < length; at += step)
			good = inflate_piece(
			    &inflate, &frames, (const char *)data + at, step, false, &v);
		cr_assert(!good);
		cr_assert_eq(v.code, 1009, "in pieces of %zu: %u", step, v.code);
		inflate_end(&inflate);
	}
}
