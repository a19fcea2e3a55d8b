/* "Bad input gets a clear answer": each test is a row or a part of one. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static struct server s;
static struct roster r;
static struct ws witness;

static void
set_up(void)
{
	server_start(&s, (const char *const[]){"--tick", "100", NULL});
	roster_open(&r, &witness, s.port);
	cr_assert(roster_next(&r, &witness, 3000));
}

/* Nobody else notices: the witness is served as ever, and there is a line and a counter. */
static void
tear_down(void)
{
	static int serial;
	char object[32], value[16];

	snprintf(value, sizeof(value), "%d", ++serial);
	snprintf(object, sizeof(object), "{\"w\":%d}", serial);
	roster_set(&witness, object);
	roster_await_property(&r, &witness, r.me, "w", value, 3000);
	cr_assert_eq(roster_count(&r), 1);
	server_stop(&s);
}

TestSuite(input, .init = set_up, .fini = tear_down);

static void
check_logged(int code)
{
	char text[32];

	snprintf(text, sizeof(text), " code=%d ", code);
	cr_assert(server_await_log(&s, text, 1, 3000), "no line in the log");
	cr_assert(server_await_counter(&s, "clients", "bad_input", 1, 3000), "not counted");
}

/* Send one text message; expect this answer. */
static void
check_text(const char *text, int code, const char *reason)
{
	struct ws w;

	ws_open(&w, s.port);
	ws_text(&w, "%s", text);
	ws_expect_close(&w, code, reason);
	check_logged(code);
}

/* HTTP. */

static void
check_http(const char *request, const char *status, const char *body)
{
	char *answer = ws_http(s.port, request), line[64];

	snprintf(line, sizeof(line), "HTTP/1.1 %s", status);
	cr_assert_eq(strncmp(answer, line, strlen(line)), 0, "the answer is: %s", answer);
	cr_assert_not_null(
	    strstr(answer, body), "the answer does not say \"%s\": %s", body, answer);
	free(answer);
}

#define GET "GET / HTTP/1.1\r\nHost: x\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: keep-alive, Upgrade\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

Test(input, no_request_at_all)
{
	check_http("hello\r\n\r\n", "400 ", "not an HTTP request");
	check_http("\x16\x03\x01\x02\r\n\r\n", "400 ", "does not speak TLS");
}

Test(input, header_without_a_colon)
{
	check_http("GET / HTTP/1.1\r\nHost\r\n\r\n", "400 ", "no colon");
}

Test(input, header_with_a_bad_name)
{
	check_http("GET / HTTP/1.1\r\nHo st: x\r\n\r\n", "400 ", "no proper name");
	check_http("GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", "400 ", "no proper name");
}

Test(input, http_1_0)
{
	check_http("GET / HTTP/1.0\r\n\r\n", "505 ", "HTTP/1.1 is needed");
}

Test(input, upgrade_to_something_else)
{
	check_http(GET "Upgrade: h2c\r\nConnection: Upgrade, "
		       "HTTP2-Settings\r\nHTTP2-Settings: \r\n\r\n",
	    "400 ", "only upgrade");
}

Test(input, upgrade_without_connection)
{
	check_http(GET UPGRADE KEY VERSION "\r\n", "400 ", "Connection: Upgrade");
}

Test(input, upgrade_without_host)
{
	check_http("GET / HTTP/1.1\r\n" UPGRADE CONNECTION KEY VERSION "\r\n", "400 ", "Host");
}

Test(input, upgrade_with_post)
{
	check_http("POST / HTTP/1.1\r\nHost: x\r\n" UPGRADE CONNECTION KEY VERSION "\r\n",
	    "400 ", "GET request");
}

Test(input, bad_version_is_answered_426_with_the_one_that_is_spoken)
{
	check_http(GET UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 8\r\n\r\n", "426 ",
	    "Sec-WebSocket-Version: 13");
	check_http(GET UPGRADE CONNECTION KEY "Sec-WebSocket-Version: 130\r\n\r\n", "426 ",
	    "version 13");
	check_http(
	    GET UPGRADE CONNECTION KEY "\r\n", "400 ", "Sec-WebSocket-Version is missing");
}

Test(input, bad_key)
{
	check_http(
	    GET UPGRADE CONNECTION VERSION "\r\n", "400 ", "Sec-WebSocket-Key is missing");
	check_http(GET UPGRADE CONNECTION VERSION "Sec-WebSocket-Key: short\r\n\r\n", "400 ",
	    "16 bytes");
	check_http(GET UPGRADE CONNECTION VERSION
	    "Sec-WebSocket-Key: !GhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
	    "400 ", "16 bytes");
	check_http(GET UPGRADE CONNECTION VERSION
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==AAAA\r\n\r\n",
	    "400 ", "16 bytes");
}

Test(input, head_that_is_too_long)
{
	char *request = calloc(1, 20000);

	strcpy(request, GET "X: ");
	memset(request + strlen(request), 'x', 9000);
	strcat(request, "\r\n\r\n");
	check_http(request, "431 ", "8192 bytes");
	/* Without an end, too. */
	request[strlen(request) - 4] = '\0';
	check_http(request, "431 ", "8192 bytes");
	free(request);
}

Test(input, too_many_headers)
{
	char *request = calloc(1, 20000);

	strcpy(request, GET);
	for (int i = 0; i < 150; i++)
		strcat(request, "A: b\r\n");
	strcat(request, "\r\n");
	check_http(request, "431 ", "more than 100");
	free(request);
}

Test(input, request_that_does_not_come_is_answered_408_after_the_deadline)
{
	struct server t;
	struct ws silent, half;
	long long start;

	server_start(&t, (const char *const[]){"--handshake", "500", NULL});
	start = now_ms();
	ws_connect(&silent, t.port);
	ws_connect(&half, t.port);
	ws_raw_text(&half, "GET / HTTP/1.1\r\nHost:");
	cr_assert(ws_await_end(&silent, 3000));
	cr_assert(ws_await_end(&half, 3000));
	cr_assert(now_ms() - start >= 500 && now_ms() - start < 2500);
	server_stop(&t);
	start = now_ms();
	ws_connect(&silent, s.port);
	cr_assert(ws_await_end(&silent, 9000), "it may take 5 s if not said otherwise");
	cr_assert(now_ms() - start >= 5000 && now_ms() - start < 8000);
}

Test(input, other_paths_and_methods)
{
	check_http("GET /favicon.ico HTTP/1.1\r\nHost: x\r\n\r\n", "404 ", "nothing else");
	check_http("DELETE / HTTP/1.1\r\nHost: x\r\n\r\n", "405 ", "Allow: GET, HEAD");
	check_http("BREW / HTTP/1.1\r\nHost: x\r\n\r\n", "405 ", "Allow: GET, HEAD");
	check_http(
	    "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "405 ", "Only GET");
}

static void
check_origin(const char *option, const char *host, const char *origin, bool allowed)
{
	struct server t;
	char request[512], *answer;

	server_start(
	    &t, option != NULL ? (const char *const[]){"--origin", option, NULL} : NULL);
	snprintf(request, sizeof(request),
	    "GET / HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\n" UPGRADE CONNECTION KEY VERSION
	    "\r\n",
	    host, origin);
	if (allowed) {
		struct ws w;

		/* A close frame without a mask ends it. */
		ws_connect(&w, t.port);
		ws_raw_text(&w, request);
		ws_raw(&w, "\x88\0", 2);
		answer = ws_rest(&w, 5000);
		cr_assert_eq(strncmp(answer, "HTTP/1.1 101", 12), 0, "refused: %s", answer);
		free(answer);
	} else {
		answer = ws_http(t.port, request);
		cr_assert_eq(
		    strncmp(answer, "HTTP/1.1 403 ", 13), 0, "the answer is: %s", answer);
		cr_assert_not_null(strstr(answer, "--origin"));
		cr_assert_not_null(strstr(answer, origin));
		free(answer);
	}
	server_stop(&t);
}

Test(input, origin_of_another_host_is_refused_with_403)
{
	check_origin(NULL, "example.org", "http://evil.example", false);
	check_origin(NULL, "example.org:8080", "http://example.org", false);
	check_origin(NULL, "example.org", "null", false);
}

Test(input, origin_of_the_same_host_is_allowed)
{
	check_origin(NULL, "Example.org:8080", "http://example.org:8080", true);
	check_origin(NULL, "example.org:80", "http://example.org", true);
	check_origin(NULL, "example.org", "https://example.org:443", true);
	check_origin(NULL, "[::1]:8080", "http://[::1]:8080", true);
}

Test(input, origins_of_a_list_are_allowed)
{
	check_origin("https://a.example, https://b.example", "x", "https://b.example", true);
	check_origin("https://a.example, https://b.example", "x", "https://c.example", false);
	check_origin("*", "x", "https://c.example", true);
	check_origin("https://a.example, self", "x:1", "http://x:1", true);
	check_origin("https://a.example", "x:1", "http://x:1", false);
}

Test(input, table_full_is_answered_503_with_retry_after)
{
	struct server t;
	struct ws w[3];
	char *answer;

	server_start(&t, (const char *const[]){"--max-clients", "3", NULL});
	for (int i = 0; i < 3; i++)
		ws_open(&w[i], t.port);
	answer = ws_http(t.port, GET "\r\n");
	cr_assert_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "the answer is: %s", answer);
	cr_assert_not_null(strstr(answer, "\r\nRetry-After: "));
	cr_assert_not_null(strstr(answer, "places are taken"));
	free(answer);
	ws_close(&w[0]);
	/* There is room again when the listener has seen the process end. */
	cr_assert(server_await_counter(&t, "listener", "children_ended", 1, 3000));
	cr_assert(server_await_clients(&t, 2, 3000));
	ws_open(&w[0], t.port);
	server_stop(&t);
}

Test(input, draining_server_answers_503_to_a_client_in_its_handshake)
{
	struct server t;
	struct ws w;
	char *answer;

	server_start(&t, NULL);
	ws_connect(&w, t.port);
	ws_raw_text(&w, "GET / HTTP/1.1\r\n");
	cr_assert(server_await_processes(&t, "client", 1, 3000));
	cr_assert(server_await_counter(&t, "ticker", "claimed", 1, 3000));
	kill(t.pid, SIGTERM);
	answer = ws_rest(&w, 5000);
	cr_assert_eq(strncmp(answer, "HTTP/1.1 503 ", 13), 0, "the answer is: %s", answer);
	free(answer);
	server_stop(&t);
}

/* WebSocket. */

static void
check_frame(int what, const void *payload, size_t length, int code, const char *reason)
{
	struct ws w;

	ws_open(&w, s.port);
	ws_frame(&w, what, payload, length);
	ws_expect_close(&w, code, reason);
	check_logged(code);
}

Test(input, reserved_bits_are_1002)
{
	check_frame(WS_FIN | WS_RSV1 | WS_TEXT, "{}", 2, 1002, "reserved bits");
	check_frame(WS_FIN | WS_RSV2 | WS_TEXT, "{}", 2, 1002, "reserved bits");
	check_frame(WS_FIN | WS_RSV3 | WS_PING, "", 0, 1002, "reserved bits");
}

Test(input, unmasked_frame_is_1002)
{
	check_frame(WS_FIN | WS_TEXT | WS_UNMASKED, "{}", 2, 1002, "unmasked");
	check_frame(WS_FIN | WS_PING | WS_UNMASKED, "", 0, 1002, "unmasked");
	check_frame(WS_FIN | WS_CLOSE | WS_UNMASKED, "", 0, 1002, "unmasked");
}

Test(input, bad_opcode_is_1002)
{
	for (int opcode = 3; opcode <= 15; opcode += opcode == 7 ? 4 : 1)
		check_frame(WS_FIN | opcode, "", 0, 1002, "reserved opcode");
}

Test(input, bad_continuation_is_1002)
{
	struct ws w;

	check_frame(WS_FIN | WS_CONTINUATION, "{}", 2, 1002, "continuation without a start");
	ws_open(&w, s.port);
	ws_frame(&w, WS_TEXT, "{", 1);
	ws_frame(&w, WS_FIN | WS_TEXT, "}", 1);
	ws_expect_close(&w, 1002, "inside a fragmented one");
}

Test(input, binary_message_is_1003)
{
	check_frame(WS_FIN | WS_BINARY, "{}", 2, 1003, "binary");
	check_frame(WS_BINARY, "{}", 2, 1003, "binary");
}

Test(input, text_that_is_not_utf8_is_1007_with_where)
{
	check_text("{\"a\":\"\xc3\xa4\xff\"}", 1007, "not UTF-8: column 8:");
	check_text("\xc0\x80", 1007, "not UTF-8: column 1:");
	check_text("{\"a\":\"\xed\xa0\x80\"}", 1007, "not UTF-8");
}

Test(input, text_that_is_not_json_is_1007_with_where)
{
	check_text("", 1007, "not JSON: column 1:");
	check_text("hello", 1007, "not JSON: column 1: value expected");
	check_text("{\"to\":\"server\",}", 1007, "not JSON: column 16:");
	check_text("{} {}", 1007, "not JSON: column 4: end of text");
	check_text("{\"a\":01}", 1007, "not JSON");
	check_text("{\"a\":\"\\ud800\"}", 1007, "surrogate");
}

Test(input, json_of_the_wrong_shape_is_1008_with_which_rule)
{
	check_text("[]", 1008, "must be an object");
	check_text("\"x\"", 1008, "must be an object");
	check_text("{}", 1008, "no \"to\"");
	check_text("{\"to\":\"server\"}", 1008, "no \"packet\"");
	check_text("{\"to\":5,\"packet\":{\"type\":\"t\"}}", 1008, "\"to\" must be");
	check_text("{\"to\":{},\"packet\":{\"type\":\"t\"}}", 1008, "\"to\" must be");
	check_text("{\"to\":[\"*\",1],\"packet\":{\"type\":\"t\"}}", 1008, "\"to\" must be");
	check_text("{\"to\":[[\"*\"]],\"packet\":{\"type\":\"t\"}}", 1008, "\"to\" must be");
	check_text("{\"to\":\"*\",\"packet\":[]}", 1008, "\"packet\" must be an object");
	check_text("{\"to\":\"*\",\"packet\":{}}", 1008, "no \"type\"");
	check_text("{\"to\":\"*\",\"packet\":{\"type\":1}}", 1008, "\"type\" must be a string");
}

Test(input, properties_of_the_wrong_shape_are_1008)
{
	check_text("{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":[]}}",
	    1008, "\"properties\" must be an object");
	check_text("{\"to\":\"server\",\"packet\":{\"type\":\"properties\","
		   "\"properties\":null}}",
	    1008, "\"properties\" must be an object");
}

Test(input, long_type_is_1008)
{
	char *text = NULL, type[1200];

	memset(type, 't', 1100);
	type[1100] = '\0';
	cr_assert(asprintf(&text, "{\"to\":\"*\",\"packet\":{\"type\":\"%s\"}}", type) > 0);
	check_text(text, 1008, "type over 1024 bytes");
	free(text);
}

Test(input, message_over_the_limit_is_1009_before_it_is_buffered)
{
	struct ws w;
	char header[14];

	/* The header alone: 5 GB are announced and nothing of it is sent. */
	ws_open(&w, s.port);
	ws_make(header, WS_FIN | WS_TEXT | WS_LONG64, "", 0);
	memcpy(header + 2, "\0\0\0\x01\x40\0\0\0", 8);
	ws_raw(&w, header, 14);
	ws_expect_close(&w, 1009, "over 65536 bytes");
	check_logged(1009);
}

Test(input, message_over_the_limit_is_1009_in_fragments_too)
{
	static char piece[30000];
	struct ws w;

	ws_open(&w, s.port);
	memset(piece, ' ', sizeof(piece));
	ws_frame(&w, WS_TEXT, piece, sizeof(piece));
	ws_frame(&w, WS_CONTINUATION, piece, sizeof(piece));
	ws_frame(&w, WS_CONTINUATION, piece, sizeof(piece));
	ws_expect_close(&w, 1009, "over 65536 bytes");
}

Test(input, message_of_exactly_the_limit_is_taken)
{
	char *text = NULL, *space = malloc(65537);
	struct ws w;
	json_t *packet;
	int used;

	ws_open(&w, s.port);
	used = asprintf(&text, "{\"to\":\"*\",\"packet\":{\"type\":\"t\",\"t\":\"\"}}");
	memset(space, 'x', 65536);
	space[65536 - used] = '\0';
	free(text);
	ws_text(&w, "{\"to\":\"*\",\"packet\":{\"type\":\"t\",\"t\":\"%s\"}}", space);
	while ((packet = ws_packet(&w, 3000)) != NULL && json_object_get(packet, "t") == NULL)
		json_decref(packet);
	cr_assert_not_null(packet);
	cr_assert_str_eq(json_string_value(json_object_get(packet, "t")), space);
	ws_close(&w);
	roster_await(&r, &witness, r.me, true, 1000);
	while (roster_count(&r) > 1)
		cr_assert(roster_next(&r, &witness, 3000));
	free(space);
}

Test(input, reason_is_at_most_123_bytes)
{
	struct ws w;
	char reason[128];

	ws_open(&w, s.port);
	ws_text(&w, "{\"to\":\"*\",\"packet\":{\"type\":\"from\"}}");
	cr_assert_eq(ws_closed(&w, 3000, reason), 1008);
	cr_assert_leq(strlen(reason), 123);
}

/* Unread data behind a violation must not turn the close frame into a reset. */
Test(input, close_frame_arrives_though_the_client_goes_on_sending)
{
	static char noise[200000];
	struct ws w;
	char reason[128];

	ws_open(&w, s.port);
	ws_frame(&w, WS_FIN | WS_BINARY, "x", 1);
	ws_raw(&w, noise, sizeof(noise));
	cr_assert_eq(ws_closed(&w, 3000, reason), 1003);
	cr_assert_not(w.reset);
}
