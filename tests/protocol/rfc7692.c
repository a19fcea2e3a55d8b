/*
 * RFC 7692 by section, with the echo build: messages come back inflated, through
 * the same code that every client is served by.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/deflate.h"
#include "../lib/server.h"
#include "../lib/ws.h"

#define ECHO "Sec-WebSocket-Protocol: echo\r\n"
#define OFFER "Sec-WebSocket-Extensions: "
#define MAX_PACKET (1U << 20)

static struct server s;
static struct ws w;

static void
set_up(void)
{
	setenv("ROSTERD",
	    getenv("ROSTERD_ECHO") != NULL ? getenv("ROSTERD_ECHO") : "build/echo/rosterd", 1);
	server_start(&s, (const char *const[]){"--max-packet", "1m", "--compress", "5", NULL});
	ws_open_with(&w, s.port, ECHO WS_OFFER_DEFLATE);
}

static void
tear_down(void)
{
	server_stop(&s);
}

TestSuite(rfc7692, .init = set_up, .fini = tear_down, .timeout = 60);

static void
expect(int opcode, const void *payload, size_t length)
{
	struct ws_frame *f = ws_next(&w, 5000);

	cr_assert_not_null(f, "nothing came");
	cr_assert_eq(f->opcode, opcode, "opcode %d instead of %d: %s", f->opcode, opcode,
	    f->payload + 2);
	cr_assert(f->fin && f->rsv == 0);
	cr_assert_eq(f->length, length, "%zu bytes instead of %zu", f->length, length);
	cr_assert_eq(memcmp(f->payload, payload, length), 0);
	free(f);
}

#define DEFLATED (WS_FIN | WS_RSV1 | WS_TEXT)

/* A whole compressed message; what comes back. */
static void
check_payload(const char *payload, size_t size, const char *text)
{
	ws_frame(&w, DEFLATED, payload, size);
	expect(WS_TEXT, text, strlen(text));
}

/* Negotiation. */

static void
check_answer(const char *headers, const char *expected)
{
	struct ws other;
	const char *line;

	ws_open_with(&other, s.port, headers);
	line = strcasestr(other.in, "Sec-WebSocket-Extensions: ");
	if (expected == NULL) {
		cr_assert_null(line, "%s is answered %s", headers, line);
	} else {
		cr_assert_not_null(line, "%s is declined", headers);
		line += strlen("Sec-WebSocket-Extensions: ");
		cr_assert_eq(strcspn(line, "\r"), strlen(expected), "%s", line);
		cr_assert_eq(strncmp(line, expected, strlen(expected)), 0, "%s", line);
	}
	ws_drop(&other);
}

#define AGREED "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

Test(rfc7692, s5_1_offers_and_answers)
{
	check_answer("", NULL);
	check_answer(OFFER "permessage-deflate\r\n", AGREED);
	check_answer(OFFER "x-other, permessage-deflate; client_max_window_bits=9\r\n", AGREED);
	check_answer(OFFER "x-other\r\n" OFFER "permessage-deflate\r\n", AGREED);
	check_answer(OFFER "permessage-deflate; server_max_window_bits=10\r\n", NULL);
	check_answer(OFFER
	    "permessage-deflate; server_max_window_bits=10, permessage-deflate\r\n",
	    AGREED);
	check_answer(OFFER "permessage-deflate; server_max_window_bits=\"15\"\r\n",
	    AGREED "; server_max_window_bits=15");
	check_answer(OFFER "permessage-deflate; unknown\r\n", NULL);
}

Test(rfc7692, s6_without_an_agreement_a_message_is_not_compressed)
{
	struct ws other;

	ws_open_with(&other, s.port, ECHO OFFER "permessage-deflate; unknown\r\n");
	ws_frame(&other, DEFLATED, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	ws_expect_close(&other, 1002, "reserved bits");
	ws_drop(&other);
}

/* Frames. */

Test(rfc7692, s6_rsv1_is_for_the_first_frame)
{
	ws_frame(&w, WS_RSV1 | WS_TEXT, "\xf2\x48\xcd", 3);
	ws_frame(&w, WS_FIN | WS_RSV1 | WS_CONTINUATION, "\xc9\xc9\x07\x00", 4);
	ws_expect_close(&w, 1002, "RSV1 in a continuation");
}

Test(rfc7692, s6_rsv1_is_not_for_control_frames)
{
	ws_frame(&w, WS_FIN | WS_RSV1 | WS_PING, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	ws_expect_close(&w, 1002, "RSV1 in a control frame");
}

Test(rfc7692, s6_other_reserved_bits_have_no_meaning)
{
	ws_frame(&w, DEFLATED | WS_RSV2, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);
	ws_expect_close(&w, 1002, "reserved bits");
}

Test(rfc7692, s6_messages_may_be_plain_at_any_time)
{
	check_payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	ws_frame(&w, WS_FIN | WS_TEXT, "plain", 5);
	expect(WS_TEXT, "plain", 5);
	check_payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
}

Test(rfc7692, s6_1_control_frames_between_fragments)
{
	ws_frame(&w, WS_RSV1 | WS_TEXT, "\xf2\x48\xcd", 3);
	ws_frame(&w, WS_FIN | WS_PING, "now", 3);
	expect(WS_PONG, "now", 3);
	ws_frame(&w, WS_CONTINUATION, "", 0);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "\xc9\xc9\x07\x00", 4);
	expect(WS_TEXT, "Hello", 5);
}

Test(rfc7692, s6_1_every_byte_alone)
{
	char bytes[32];
	size_t length = ws_make(bytes, DEFLATED, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7);

	for (int times = 0; times < 2; times++) {
		for (size_t i = 0; i < length; i++)
			ws_raw(&w, bytes + i, 1);
		expect(WS_TEXT, "Hello", 5);
	}
}

/* Data. */

Test(rfc7692, s7_2_3_examples)
{
	/* 1: one block.  3: not compressed.  4: a final one.  5: two.  6: nothing at all. */
	check_payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	check_payload("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00", 11, "Hello");
	check_payload("\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8, "Hello");
	check_payload("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", 13, "Hello");
	check_payload("\x00", 1, "");
}

/* 2, the example with a window that is kept: it was agreed that none is. */
Test(rfc7692, s7_1_1_2_no_window_is_kept_for_the_client)
{
	check_payload("\xf2\x48\xcd\xc9\xc9\x07\x00", 7, "Hello");
	ws_frame(&w, DEFLATED, "\xf2\x00\x11\x00\x00", 5);
	ws_expect_close(&w, 1007, "not deflate data");
}

static void
check_echo(int opcode, size_t length, size_t piece)
{
	unsigned char *bytes = malloc(length + 1);
	unsigned random = 1;
	size_t size;
	char *payload;

	/* Some of it compresses. */
	for (size_t i = 0; i < length; i++) {
		random = random * 1103515245 + 12345;
		bytes[i] = opcode == WS_BINARY ? (unsigned char)(random >> 16)
					       : (unsigned char)('a' + (random >> 16) % 8);
	}
	payload = deflate_payload(bytes, length, &size);
	for (size_t at = 0; at == 0 || at < size; at += piece) {
		size_t count = size - at < piece ? size - at : piece;

		ws_frame(&w,
		    (at == 0 ? WS_RSV1 | opcode : WS_CONTINUATION) |
			(at + count == size ? WS_FIN : 0),
		    payload + at, count);
	}
	expect(opcode, bytes, length);
	free(payload);
	free(bytes);
}

Test(rfc7692, s7_2_2_all_lengths)
{
	static const size_t lengths[] = {
	    0, 1, 125, 126, 4095, 4096, 4097, 8192, 65535, 65536, 300000, MAX_PACKET};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		check_echo(WS_TEXT, lengths[i], SIZE_MAX / 2);
		check_echo(WS_BINARY, lengths[i], 1000);
	}
}

Test(rfc7692, s7_2_2_data_that_do_not_inflate)
{
	ws_frame(&w, DEFLATED, "\xff\xff\xff\xff", 4);
	ws_expect_close(&w, 1007, "not deflate data");
}

Test(rfc7692, s7_2_2_data_that_are_cut_short)
{
	size_t size;
	char *payload = deflate_payload("a text that is long enough", 26, &size);

	ws_frame(&w, DEFLATED, payload, size / 2);
	ws_expect_close(&w, 1007, "cut short");
	free(payload);
}

Test(rfc7692, text_that_is_not_utf8_inside)
{
	ws_frame(&w, DEFLATED, "\x00\x03\x00\xfc\xff\x61\xff\x62\x00", 9);
	ws_expect_close(&w, 1007, "UTF-8");
}

/* Bombs. */

static long
peak_kib(pid_t pid)
{
	char path[64], line[128];
	long kib = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	cr_assert_not_null(file = fopen(path, "re"));
	while (fgets(line, sizeof(line), file) != NULL)
		sscanf(line, "VmHWM: %ld", &kib);
	fclose(file);
	return kib;
}

/* A child whose last words were read lives until its client closes, too. */
Test(rfc7692, a_bomb_of_1_gib_goes_off_at_the_limit)
{
	size_t size;
	char *bomb = deflate_bomb(1024, &size), reason[128];
	pid_t child;

	cr_assert_lt(size, MAX_PACKET * 9 / 8, "the bomb itself has %zu bytes", size);
	cr_assert_gt(size, MAX_PACKET / 2);
	cr_assert_eq(server_processes(&s, "client", &child, 1), 1);
	ws_frame(&w, DEFLATED, bomb, size);
	cr_assert_eq(ws_closed(&w, patience(10000), reason), 1009, "%s", reason);
	cr_assert_not_null(
	    strstr(reason, "message over 1048576 bytes, inflated"), "%s", reason);
	if (getenv("ROSTERD_SLOW") == NULL) /* sanitizers keep memory of their own */
		cr_assert_lt(peak_kib(child), 10000, "%ld KiB", peak_kib(child));
	free(bomb);
}

Test(rfc7692, a_bomb_in_fragments_goes_off_too)
{
	size_t size;
	char *bomb = deflate_bomb(8, &size);

	ws_frame(&w, WS_RSV1 | WS_TEXT, bomb, 100);
	for (size_t at = 100; at < size; at += 100)
		ws_frame(&w, WS_CONTINUATION, bomb + at, size - at < 100 ? size - at : 100);
	ws_expect_close(&w, 1009, "inflated");
	free(bomb);
}

Test(rfc7692, one_byte_over_the_limit_is_too_much)
{
	char *text = calloc(1, MAX_PACKET + 1);
	size_t size;
	char *payload;

	memset(text, 'x', MAX_PACKET + 1);
	payload = deflate_payload(text, MAX_PACKET, &size);
	ws_frame(&w, DEFLATED, payload, size);
	expect(WS_TEXT, text, MAX_PACKET);
	free(payload);
	payload = deflate_payload(text, MAX_PACKET + 1, &size);
	ws_frame(&w, DEFLATED, payload, size);
	ws_expect_close(&w, 1009, "inflated");
	free(payload);
	free(text);
}

/* What comes to nothing is bounded as well. */
Test(rfc7692, a_message_of_empty_blocks_is_too_long)
{
	ws_raw(&w, "\xc1\xff\0\0\0\0\1\0\0\0\1\2\3\4", 14); /* 16 MiB are announced */
	ws_expect_close(&w, 1009, "message over");
}
