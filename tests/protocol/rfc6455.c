/*
 * RFC 6455 by section, with the echo build (make echo-server): its messages come
 * back, through the same code that every client is served by.
 */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static struct ws w;

static void
set_up(void)
{
	setenv("ROSTERD",
	    getenv("ROSTERD_ECHO") != NULL ? getenv("ROSTERD_ECHO") : "build/echo/rosterd", 1);
	server_start(&s, (const char *const[]){"--max-packet", "1m", NULL});
	ws_open_with(&w, s.port, "Sec-WebSocket-Protocol: chat, echo\r\n");
}

static void
tear_down(void)
{
	server_stop(&s);
}

TestSuite(rfc6455, .init = set_up, .fini = tear_down);

static void
expect(int opcode, const void *payload, size_t length)
{
	struct ws_frame *f = ws_next(&w, 5000);

	cr_assert_not_null(f, "nothing came");
	cr_assert_eq(f->opcode, opcode, "opcode %d instead of %d: %s", f->opcode, opcode,
	    f->payload + 2);
	cr_assert(f->fin);
	cr_assert_eq(f->length, length);
	cr_assert_eq(memcmp(f->payload, payload, length), 0);
	free(f);
}

static void
check_echo(int opcode, size_t length)
{
	char *bytes = malloc(length + 1);

	for (size_t i = 0; i < length; i++)
		bytes[i] = (char)(opcode == WS_TEXT ? 'a' + i % 26 : i);
	ws_frame(&w, WS_FIN | opcode, bytes, length);
	expect(opcode, bytes, length);
	free(bytes);
}

static void
expect_close(int code)
{
	ws_expect_close(&w, code, "");
}

Test(rfc6455, s1_3_subprotocol_of_the_list_is_chosen)
{
	cr_assert_not_null(strstr(w.in, "Sec-WebSocket-Protocol: echo"));
}

Test(rfc6455, s4_2_unknown_subprotocol_is_left_out_of_the_answer)
{
	struct ws other;

	ws_open_with(&other, s.port, "Sec-WebSocket-Protocol: chat, superchat\r\n");
	cr_assert_null(strstr(other.in, "Sec-WebSocket-Protocol"));
	ws_close(&other);
}

Test(rfc6455, s5_2_all_forms_of_length_of_text)
{
	static const size_t lengths[] = {0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 300000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_echo(WS_TEXT, lengths[i]);
}

Test(rfc6455, s5_2_all_forms_of_length_of_binary)
{
	static const size_t lengths[] = {0, 1, 125, 126, 127, 128, 65535, 65536, 65537, 300000};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		check_echo(WS_BINARY, lengths[i]);
}

Test(rfc6455, s5_2_length_has_to_be_in_its_shortest_form)
{
	ws_frame(&w, WS_FIN | WS_TEXT | WS_LONG16, "x", 1);
	expect_close(1002);
}

Test(rfc6455, s5_2_length_has_to_be_in_its_shortest_form_64)
{
	ws_frame(&w, WS_FIN | WS_TEXT | WS_LONG64, "x", 1);
	expect_close(1002);
}

Test(rfc6455, s5_2_top_bit_of_a_long_length_has_to_be_0)
{
	ws_raw(&w, "\x81\xff\x80\0\0\0\0\0\0\0\1\2\3\4", 14);
	expect_close(1002);
}

Test(rfc6455, s5_3_every_byte_alone)
{
	char bytes[64];
	size_t length = ws_make(bytes, WS_FIN | WS_TEXT, "byte by byte", 12);

	for (size_t i = 0; i < length; i++)
		ws_raw(&w, bytes + i, 1);
	expect(WS_TEXT, "byte by byte", 12);
}

Test(rfc6455, s5_3_mask_of_zero)
{
	ws_raw(&w, "\x81\x82\0\0\0\0hi", 8);
	expect(WS_TEXT, "hi", 2);
}

Test(rfc6455, s5_4_fragments)
{
	ws_frame(&w, WS_TEXT, "one,", 4);
	ws_frame(&w, WS_CONTINUATION, "two,", 4);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "three", 5);
	expect(WS_TEXT, "one,two,three", 13);
}

Test(rfc6455, s5_4_empty_fragments)
{
	ws_frame(&w, WS_TEXT, "", 0);
	ws_frame(&w, WS_CONTINUATION, "", 0);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "", 0);
	expect(WS_TEXT, "", 0);
	ws_frame(&w, WS_BINARY, "", 0);
	ws_frame(&w, WS_CONTINUATION, "middle", 6);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "", 0);
	expect(WS_BINARY, "middle", 6);
}

Test(rfc6455, s5_4_fragments_of_one_byte)
{
	static const char text[] = "a long enough message";
	size_t length = sizeof(text) - 1;

	for (size_t i = 0; i < length; i++)
		ws_frame(&w,
		    (i == 0 ? WS_TEXT : WS_CONTINUATION) | (i == length - 1 ? WS_FIN : 0),
		    text + i, 1);
	expect(WS_TEXT, text, length);
}

Test(rfc6455, s5_4_control_frames_between_fragments)
{
	ws_frame(&w, WS_TEXT, "one,", 4);
	ws_frame(&w, WS_FIN | WS_PING, "p1", 2);
	ws_frame(&w, WS_CONTINUATION, "two,", 4);
	ws_frame(&w, WS_FIN | WS_PONG, "unasked", 7);
	ws_frame(&w, WS_FIN | WS_PING, "p2", 2);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "three", 5);
	expect(WS_PONG, "p1", 2);
	expect(WS_PONG, "p2", 2);
	expect(WS_TEXT, "one,two,three", 13);
}

Test(rfc6455, s5_4_continuation_after_a_whole_message)
{
	ws_frame(&w, WS_FIN | WS_TEXT, "whole", 5);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "more", 4);
	expect(WS_TEXT, "whole", 5);
	expect_close(1002);
}

Test(rfc6455, s5_4_new_message_inside_a_fragmented_one)
{
	ws_frame(&w, WS_TEXT, "one,", 4);
	ws_frame(&w, WS_FIN | WS_TEXT, "two", 3);
	expect_close(1002);
}

Test(rfc6455, s5_5_control_frames_may_not_be_fragmented)
{
	ws_frame(&w, WS_PING, "x", 1);
	expect_close(1002);
}

Test(rfc6455, s5_5_control_frames_may_not_be_over_125_bytes)
{
	char payload[126] = {0};

	ws_frame(&w, WS_FIN | WS_PING, payload, sizeof(payload));
	expect_close(1002);
}

Test(rfc6455, s5_5_1_close_is_answered_with_its_code)
{
	ws_frame(&w, WS_FIN | WS_CLOSE,
	    "\x0f\xa0"
	    "bye",
	    5);
	cr_assert_eq(ws_closed(&w, 3000, NULL), 4000);
	cr_assert(ws_await_end(&w, 3000));
	cr_assert_not(w.reset);
}

Test(rfc6455, s5_5_1_close_without_a_code_is_answered_without_one)
{
	ws_frame(&w, WS_FIN | WS_CLOSE, "", 0);
	cr_assert_eq(ws_closed(&w, 3000, NULL), 1005);
	cr_assert(ws_await_end(&w, 3000));
}

Test(rfc6455, s5_5_1_close_of_one_byte)
{
	ws_frame(&w, WS_FIN | WS_CLOSE, "\x03", 1);
	expect_close(1002);
}

Test(rfc6455, s5_5_1_nothing_is_answered_after_a_close)
{
	struct ws_frame *f;

	ws_frame(&w, WS_FIN | WS_CLOSE, "\x03\xe8", 2);
	ws_frame(&w, WS_FIN | WS_PING, "late", 4);
	ws_frame(&w, WS_FIN | WS_TEXT, "late", 4);
	f = ws_next(&w, 3000);
	cr_assert_eq(f->opcode, WS_CLOSE);
	cr_assert_null(ws_next(&w, 3000));
	cr_assert(w.ended);
}

Test(rfc6455, s5_5_1_reason_has_to_be_utf8)
{
	ws_frame(&w, WS_FIN | WS_CLOSE, "\x03\xe8\xff\xff", 4);
	expect_close(1007);
}

Test(rfc6455, s5_5_2_ping_is_answered_with_its_payload)
{
	char payload[125];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (char)(200 + i);
	ws_frame(&w, WS_FIN | WS_PING, "", 0);
	expect(WS_PONG, "", 0);
	ws_frame(&w, WS_FIN | WS_PING, payload, sizeof(payload));
	expect(WS_PONG, payload, sizeof(payload));
}

Test(rfc6455, s5_5_2_every_ping_of_a_burst_is_answered_in_order)
{
	char all[60 * 16];
	size_t length = 0;

	for (char i = 0; i < 60; i++)
		length += ws_make(all + length, WS_FIN | WS_PING, &i, 1);
	ws_raw(&w, all, length);
	for (char i = 0; i < 60; i++)
		expect(WS_PONG, &i, 1);
}

Test(rfc6455, s5_5_3_pong_that_nobody_asked_for_is_ignored)
{
	ws_frame(&w, WS_FIN | WS_PONG, "unasked", 7);
	check_echo(WS_TEXT, 5);
}

Test(rfc6455, s7_4_1_codes_that_may_be_sent_are_answered)
{
	static const int codes[] = {
	    1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		unsigned char payload[2] = {
		    (unsigned char)(codes[i] >> 8), (unsigned char)codes[i]};
		struct ws each;

		ws_open_with(&each, s.port, "Sec-WebSocket-Protocol: echo\r\n");
		ws_frame(&each, WS_FIN | WS_CLOSE, payload, 2);
		cr_assert_eq(ws_closed(&each, 3000, NULL), codes[i]);
		ws_drop(&each);
	}
}

Test(rfc6455, s7_4_2_codes_that_may_not_be_sent_are_answered_1002)
{
	static const int codes[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		unsigned char payload[2] = {
		    (unsigned char)(codes[i] >> 8), (unsigned char)codes[i]};
		struct ws each;

		ws_open_with(&each, s.port, "Sec-WebSocket-Protocol: echo\r\n");
		ws_frame(&each, WS_FIN | WS_CLOSE, payload, 2);
		cr_assert_eq(ws_closed(&each, 3000, NULL), 1002, "code %d", codes[i]);
		ws_drop(&each);
	}
}

Test(rfc6455, s8_1_utf8_that_is_split_across_frames)
{
	static const char text[] =
	    "\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xf0\x9f\x98\x80";
	size_t length = sizeof(text) - 1;

	for (size_t i = 0; i < length; i++)
		ws_frame(&w,
		    (i == 0 ? WS_TEXT : WS_CONTINUATION) | (i == length - 1 ? WS_FIN : 0),
		    text + i, 1);
	expect(WS_TEXT, text, length);
}

Test(rfc6455, s8_1_bad_utf8_is_refused_at_once_and_not_at_the_end)
{
	ws_frame(&w, WS_TEXT, "\xce\xba\xf4\x90", 4);
	expect_close(1007);
}

Test(rfc6455, s8_1_utf8_that_ends_in_the_middle)
{
	ws_frame(&w, WS_TEXT, "abc", 3);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "\xe1\xbd", 2);
	expect_close(1007);
}

Test(rfc6455, s8_1_kinds_of_bad_utf8)
{
	static const char *const bad[] = {"\x80", "\xc0\xaf", "\xc1\xbf", "\xe0\x80\xaf",
	    "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80",
	    "\xf5\x80\x80\x80", "\xf8\x88\x80\x80\x80", "\xfe", "\xff", "a\xe2\x82",
	    "\xe2\x28\xa1"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ws each;

		ws_open_with(&each, s.port, "Sec-WebSocket-Protocol: echo\r\n");
		ws_frame(&each, WS_FIN | WS_TEXT, bad[i], strlen(bad[i]));
		ws_expect_close(&each, 1007, "UTF-8");
		ws_drop(&each);
	}
}

Test(rfc6455, s8_1_binary_need_not_be_utf8)
{
	ws_frame(&w, WS_BINARY, "\xff\xfe", 2);
	ws_frame(&w, WS_FIN | WS_CONTINUATION, "\xc0", 1);
	expect(WS_BINARY, "\xff\xfe\xc0", 3);
}

Test(rfc6455, s9_1_extension_that_was_not_agreed_on_is_not_in_the_answer)
{
	struct ws other;

	ws_open_with(&other, s.port,
	    "Sec-WebSocket-Protocol: echo\r\nSec-WebSocket-Extensions: "
	    "permessage-deflate; "
	    "client_max_window_bits, foo\r\n");
	cr_assert_null(strstr(other.in, "Sec-WebSocket-Extensions"));
	ws_frame(&other, WS_FIN | WS_RSV1 | WS_TEXT, "x", 1);
	ws_expect_close(&other, 1002, "reserved bits");
}

Test(rfc6455, frames_behind_the_request_in_one_write)
{
	static const char request[] =
	    "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
	    "Sec-WebSocket-Protocol: echo\r\n\r\n";
	char all[sizeof(request) + 64];
	size_t length = sizeof(request) - 1;
	struct ws other;
	char *answer;

	memcpy(all, request, length);
	length += ws_make(all + length, WS_FIN | WS_TEXT, "early", 5);
	ws_connect(&other, s.port);
	ws_raw(&other, all, length);
	ws_frame(&other, WS_FIN | WS_CLOSE, "", 0);
	answer = ws_rest(&other, 5000);
	cr_assert_not_null(strstr(answer, "\r\n\r\n\x81\x05"
					  "early"),
	    "the answer is: %s", answer);
	free(answer);
}

Test(rfc6455, messages_in_one_write)
{
	char *all = malloc(2000 * 32);
	size_t length = 0;

	for (int i = 0; i < 2000; i++) {
		char text[16];
		int size = snprintf(text, sizeof(text), "message %d", i);

		length += ws_make(all + length, WS_FIN | WS_TEXT, text, (size_t)size);
	}
	ws_raw(&w, all, length);
	for (int i = 0; i < 2000; i++) {
		char text[16];

		expect(WS_TEXT, text, (size_t)snprintf(text, sizeof(text), "message %d", i));
	}
	free(all);
}
