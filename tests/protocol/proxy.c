/*
 * Behind a proxy, with a real instance and a client that plays the proxy: whose
 * address counts, and whose word for it.
 */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../lib/server.h"
#include "../lib/ws.h"

#define PROXY "127.0.0.1" /* who is trusted here, and who is not */
#define STRANGER "127.0.0.2"

#define UPGRADE                                                                         \
	"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define CLIENT_7 "PROXY TCP4 203.0.113.7 192.0.2.1 50312 443\r\n"
#define CLIENT_8 "PROXY TCP4 203.0.113.8 192.0.2.1 50312 443\r\n"

static struct server s;

static void
tear_down(void)
{
	if (s.pid != 0)
		server_destroy(&s);
}

TestSuite(proxy, .fini = tear_down, .timeout = 120);

#define START(...)    \
	server_start( \
	    &s, (const char *const[]){"--tick", "50", "--trust", PROXY, __VA_ARGS__, NULL})
#define PROTOCOL "--proxy-protocol", "on"

/* What has come after a moment in which something had to. */
static const char *
answer(struct ws *w)
{
	static char text[2048];
	ssize_t got = -1;

	if (poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, patience(10000)) == 1)
		got = recv(w->fd, text, sizeof(text) - 1, 0);
	text[got > 0 ? got : 0] = '\0';
	return text;
}

/* Say this from there, and be answered with this status. */
static const char *
say(struct ws *w, const char *source, const void *bytes, size_t length, int status)
{
	const char *got;

	ws_connect_from(w, s.port, source);
	ws_raw(w, bytes, length);
	got = answer(w);
	cr_assert(strncmp(got, "HTTP/1.1 ", 9) == 0 && atoi(got + 9) == status, "not %d: %s",
	    status, got);
	return got;
}

static const char *
say_text(struct ws *w, const char *source, const char *text, int status)
{
	return say(w, source, text, strlen(text), status);
}

/* A client with these lines before its request, and these in it. */
static void
open_as(struct ws *w, const char *source, const char *before, const char *headers)
{
	char text[2048];

	snprintf(text, sizeof(text), "%s" UPGRADE "%s\r\n", before, headers);
	say_text(w, source, text, 101);
}

/* The member of the only client that is open, in a buffer that is used again. */
static const char *
shown(const char *key)
{
	static char value[128];
	json_t *clients, *client;
	size_t i;
	int open = 0;

	cr_assert(server_await_counter(&s, "ticker", "opened", 1, 5000));
	clients = server_dump(&s, "clients");
	json_array_foreach(clients, i, client)
	{
		const char *found = json_string_value(json_object_get(client, key));

		if (strcmp(json_string_value(json_object_get(client, "state")), "open") != 0)
			continue;
		snprintf(value, sizeof(value), "%s", found != NULL ? found : "nobody");
		open++;
	}
	cr_assert_eq(open, 1);
	json_decref(clients);
	return value;
}

static bool
is_titled(const char *address)
{
	char token[64], title[128];

	snprintf(token, sizeof(token), "%s", shown("token"));
	snprintf(title, sizeof(title), "client %.8s %s", token, address);
	return server_processes(&s, title, NULL, 0) == 1;
}

/* A client that is open is known by this address, told by the proxy, wherever one looks. */
static void
expect_client(const char *address)
{
	char text[128];

	cr_assert_str_eq(shown("peer"), address);
	cr_assert_eq(strncmp(shown("via"), PROXY ":", strlen(PROXY) + 1), 0);
	cr_assert(is_titled(address), "no title of %s", address);
	snprintf(text, sizeof(text), " peer=%s via=" PROXY ":", address);
	cr_assert(
	    server_await_log(&s, text, 1, patience(5000)), "the log does not say %s", text);
}

/* It is known by its own address, and nothing was told. */
static void
expect_peer(const char *source)
{
	char text[128];

	cr_assert_eq(strncmp(shown("peer"), source, strlen(source)), 0);
	cr_assert_eq(shown("peer")[strlen(source)], ':');
	cr_assert_str_eq(shown("via"), "nobody");
	snprintf(text, sizeof(text), "%s", shown("peer"));
	cr_assert(is_titled(text));
	cr_assert_eq(server_logged(&s, " via="), 0);
	cr_assert_eq(server_counter(&s, "ticker", "told"), 0);
}

/* The PROXY protocol. */

static const char *const lines[][2] = {
    {"PROXY TCP4 203.0.113.7 192.0.2.1 50312 443\r\n", "203.0.113.7:50312"},
    {"PROXY TCP6 2001:db8::7 2001:db8::1 50312 443\r\n", "[2001:db8::7]:50312"},
    {"PROXY TCP6 ::ffff:203.0.113.7 ::ffff:192.0.2.1 50312 443\r\n", "203.0.113.7:50312"},
};

Test(proxy, version_1_says_who_the_client_is)
{
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct ws w;

		START(PROTOCOL);
		open_as(&w, PROXY, lines[i][0], "");
		expect_client(lines[i][1]);
		ws_drop(&w);
		server_destroy(&s);
	}
	s.pid = 0;
}

/* Command, family, addresses; the length is what there is. */
static size_t
second(char *out, int command, int family, const void *addresses, size_t size)
{
	memcpy(out, "\r\n\r\n\0\r\nQUIT\n", 12);
	out[12] = (char)command;
	out[13] = (char)family;
	out[14] = (char)(size >> 8);
	out[15] = (char)size;
	memcpy(out + 16, addresses, size);
	strcpy(out + 16 + size, UPGRADE "\r\n");
	return 16 + size + strlen(UPGRADE "\r\n");
}

static const unsigned char four[15] = {
    203, 0, 113, 7, 192, 0, 2, 1, 0xc4, 0x88, 1, 0xbb, 0x04 /* and a TLV that pads */};
static const unsigned char six[36] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7, [16] = 0x20, 0x01, 0x0d,
    0xb8, [31] = 1, 0xc4, 0x88, 1, 0xbb};

Test(proxy, version_2_says_who_the_client_is)
{
	static const unsigned char paths[216] = "/run/x";
	const struct {
		int family;
		const void *addresses;
		size_t size;
		const char *client;
	} rows[] = {{0x11, four, 12, "203.0.113.7:50312"},
	    {0x11, four, 15, "203.0.113.7:50312"}, {0x21, six, 36, "[2001:db8::7]:50312"},
	    {0x31, paths, 216, "unix"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char bytes[1024];
		struct ws w;

		START(PROTOCOL);
		say(&w, PROXY, bytes,
		    second(bytes, 0x21, rows[i].family, rows[i].addresses, rows[i].size), 101);
		expect_client(rows[i].client);
		ws_drop(&w);
		server_destroy(&s);
	}
	s.pid = 0;
}

Test(proxy, who_speaks_for_itself_or_does_not_know_keeps_its_own_address)
{
	for (int i = 0; i < 4; i++) {
		char bytes[1024];
		struct ws w;

		START(PROTOCOL);
		if (i == 0)
			open_as(&w, PROXY, "PROXY UNKNOWN\r\n", "");
		else if (i == 1)
			open_as(&w, PROXY, "PROXY UNKNOWN 203.0.113.7 192.0.2.1 1 2\r\n", "");
		else if (i == 2)
			say(&w, PROXY, bytes, second(bytes, 0x20, 0x11, four, 12), 101);
		else
			say(&w, PROXY, bytes, second(bytes, 0x21, 0x00, "", 0), 101);
		expect_peer(PROXY);
		ws_drop(&w);
		server_destroy(&s);
	}
	s.pid = 0;
}

/* Its client may send the first bytes with it, and so may the kernel cut it anywhere. */
Test(proxy, a_header_may_come_byte_by_byte)
{
	static const char text[] = CLIENT_7 UPGRADE "\r\n";
	struct ws w;

	START(PROTOCOL);
	ws_connect_from(&w, s.port, PROXY);
	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		ws_raw(&w, text + i, 1);
		/* Until that is read on the other side: it is that quick. */
		if (i < 60)
			poll(NULL, 0, 1);
	}
	cr_assert_eq(strncmp(answer(&w), "HTTP/1.1 101 ", 13), 0);
	expect_client("203.0.113.7:50312");
	ws_drop(&w);
}

Test(proxy, a_trusted_one_without_a_good_header_is_refused_and_logged)
{
	static const char *const bad[] = {UPGRADE "\r\n", "\x16\x03\x01\x02",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 50312\r\n" UPGRADE "\r\n",
	    "PROXY TCP4 203.0.113.777 192.0.2.1 1 2\r\n" UPGRADE "\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n" UPGRADE "\r\n",
	    CLIENT_7 CLIENT_8 UPGRADE "\r\n"};
	static const char long_one[5000];
	char bytes[8192];
	struct ws w;

	START(PROTOCOL);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say_text(&w, PROXY, bad[i], 400);
		ws_drop(&w);
	}
	memset(bytes, 'A', sizeof(bytes));
	memcpy(bytes, "PROXY UNKNOWN ", 14);
	say(&w, PROXY, bytes, 200, 400);
	ws_drop(&w);
	say(&w, PROXY, bytes, second(bytes, 0x25, 0x11, four, 12), 400);
	ws_drop(&w);
	say(&w, PROXY, bytes, second(bytes, 0x21, 0x11, four, 11), 400);
	ws_drop(&w);
	say(&w, PROXY, bytes, second(bytes, 0x21, 0x11, long_one, sizeof(long_one)), 400);
	ws_drop(&w);
	cr_assert(server_await_log(&s, "request-refused", 10, 5000));
	cr_assert_eq(server_logged(&s, "request-refused"), 10);
	cr_assert_eq(server_logged(&s, " status=400 "), 10);
	/* The one with two headers began with a good one. */
	cr_assert_eq(server_counter(&s, "ticker", "told"), 1);
	cr_assert_eq(server_counter(&s, "ticker", "opened"), 0);
}

Test(proxy, a_header_of_somebody_else_is_a_bad_request)
{
	char bytes[1024];
	struct ws w;

	START(PROTOCOL);
	say_text(&w, STRANGER, CLIENT_7 UPGRADE "\r\n", 400);
	ws_drop(&w);
	say(&w, STRANGER, bytes, second(bytes, 0x21, 0x11, four, 12), 400);
	ws_drop(&w);
	cr_assert(server_await_log(&s, "request-refused", 2, 5000));
	cr_assert_eq(server_logged(&s, "203.0.113.7"), 0);
	/* And without one it is served. */
	open_as(&w, STRANGER, "", "");
	expect_peer(STRANGER);
	ws_drop(&w);
}

Test(proxy, without_the_option_a_header_of_a_trusted_one_is_a_bad_request)
{
	struct ws w;

	START("--proxy-protocol", "off");
	say_text(&w, PROXY, CLIENT_7 UPGRADE "\r\n", 400);
	cr_assert_eq(server_counter(&s, "ticker", "told"), 0);
	ws_drop(&w);
}

/* Another proxy is before it: what that has written counts, and what a client wrote does not. */
Test(proxy, headers_count_after_a_proxy_header_only_if_that_names_a_trusted_one)
{
	static const char header[] = "X-Forwarded-For: 203.0.113.7\r\n";
	struct ws w;

	START(PROTOCOL, "--trust", "192.0.2.0/24");
	open_as(&w, PROXY, "PROXY TCP4 192.0.2.9 192.0.2.1 1 2\r\n", header);
	expect_client("203.0.113.7");
	ws_drop(&w);
	server_destroy(&s);
	START(PROTOCOL, "--trust", "192.0.2.0/24");
	open_as(&w, PROXY, CLIENT_8, header);
	expect_client("203.0.113.8:50312");
	ws_drop(&w);
}

/* Headers. */

Test(proxy, a_header_of_a_trusted_one_says_who_the_client_is)
{
	static const char *const rows[][3] = {
	    {"X-Forwarded-For", "X-Forwarded-For: 203.0.113.7\r\n", "203.0.113.7"},
	    {"x-forwarded-for", "X-Forwarded-For: 198.51.100.6, 203.0.113.7, 127.0.0.1\r\n",
		"203.0.113.7"},
	    {"X-Forwarded-For",
		"X-Forwarded-For: 2001:db8::7\r\nForwarded: for=198.51.100.6\r\n",
		"2001:db8::7"},
	    {"Forwarded",
		"Forwarded: for=\"[2001:db8::7]:5\";proto=https\r\nX-Forwarded-For: "
		"198.51.100.6\r\n",
		"[2001:db8::7]:5"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ws w;

		START("--client-header", rows[i][0]);
		open_as(&w, PROXY, "", rows[i][1]);
		expect_client(rows[i][2]);
		ws_drop(&w);
		server_destroy(&s);
	}
	s.pid = 0;
}

Test(proxy, forged_headers_of_somebody_else_change_nothing)
{
	struct ws w;

	START("--client-header", "X-Forwarded-For");
	open_as(&w, STRANGER, "",
	    "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n"
	    "X-Real-IP: 203.0.113.7\r\n");
	expect_peer(STRANGER);
	ws_drop(&w);
}

Test(proxy, a_header_that_was_not_asked_for_changes_nothing)
{
	struct ws w;

	START("--client-header", "none");
	open_as(
	    &w, PROXY, "", "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n");
	expect_peer(PROXY);
	ws_drop(&w);
}

Test(proxy, a_header_that_says_nothing_leaves_the_proxys_address)
{
	struct ws w;

	START("--client-header", "X-Forwarded-For");
	open_as(&w, PROXY, "", "X-Forwarded-For: 203.0.113.7, unknown\r\n");
	expect_peer(PROXY);
	ws_drop(&w);
}

Test(proxy, a_forwarded_that_is_none_is_refused)
{
	struct ws w;

	START("--client-header", "Forwarded");
	say_text(&w, PROXY, UPGRADE "Forwarded: for=\"203.0.113.7, for=127.0.0.1\r\n\r\n", 400);
	ws_drop(&w);
	say_text(&w, STRANGER, UPGRADE "Forwarded: for=\"203.0.113.7\r\n\r\n", 101);
	ws_drop(&w);
}

/* What is sent along with the request is not lost while the ticker is asked. */
Test(proxy, a_frame_may_come_with_the_request)
{
	static const char packet[] =
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":{\"a\":1}}}";
	char bytes[2048];
	struct ws w;
	size_t length;

	START("--client-header", "X-Forwarded-For");
	length = (size_t)snprintf(
	    bytes, sizeof(bytes), "%s", UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
	length += ws_make(bytes + length, WS_TEXT | WS_FIN, packet, sizeof(packet) - 1);
	say(&w, PROXY, bytes, length, 101);
	cr_assert(server_await_counter(&s, "clients", "properties_set", 1, patience(5000)));
	ws_drop(&w);
}

Test(proxy, whoever_can_open_a_unix_socket_may_be_trusted)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char path[64], own[80];
	struct ws w = {0};

	snprintf(path, sizeof(path), "/tmp/rosterd-proxy-%d", (int)getpid());
	snprintf(own, sizeof(own), "unix:%s", path);
	server_start(&s, (const char *const[]){"--tick", "50", "--trust", "192.0.2.1,unix",
			     "--listen", own, NULL});
	strcpy(address.sun_path, path);
	w.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert_eq(connect(w.fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ws_raw_text(&w, UPGRADE "X-Forwarded-For: 203.0.113.7\r\n\r\n");
	cr_assert_eq(strncmp(answer(&w), "HTTP/1.1 101 ", 13), 0);
	cr_assert_str_eq(shown("peer"), "203.0.113.7");
	cr_assert_eq(strncmp(shown("via"), "unix", 4), 0);
	ws_drop(&w);
	unlink(path);
}

/* A program that decides who may come in is told the client's address, not the proxy's. */
Test(proxy, hooks_are_told_the_clients_address)
{
	static const char *const rows[][3] = {{"203.0.113.7:5", "203.0.113.7", "5"},
	    {"203.0.113.7", "203.0.113.7", ""}, {"[2001:db8::7]:5", "2001:db8::7", "5"},
	    {"2001:db8::7", "2001:db8::7", ""}};
	char program[4096], text[1024], told[128];

	cr_assert(realpath("tests/protocol/hook.sh", program) != NULL);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		json_t *clients, *properties;
		struct ws w;

		START("--on-connect", program, "--reserved", "auth.");
		snprintf(text, sizeof(text),
		    "GET /?told HTTP/1.1\r\n%sX-Forwarded-For: %s\r\n\r\n",
		    strchr(UPGRADE, '\n') + 1, rows[i][0]);
		say_text(&w, PROXY, text, 101);
		cr_assert(server_await_counter(&s, "ticker", "opened", 1, 5000));
		clients = server_dump(&s, "clients");
		properties = json_object_get(json_array_get(clients, 0), "properties");
		snprintf(told, sizeof(told), "|%s|", rows[i][1]);
		cr_assert_not_null(
		    strstr(json_string_value(json_object_get(properties, "auth.told")), told));
		cr_assert_str_eq(
		    json_string_value(json_object_get(properties, "auth.port")), rows[i][2]);
		json_decref(clients);
		ws_drop(&w);
		server_destroy(&s);
	}
	s.pid = 0;
}

/* Pages for operators. */

#define PAGE "GET /clients.json HTTP/1.1\r\nHost: here\r\n"

Test(proxy, pages_for_operators_are_for_clients_that_are_named)
{
	struct ws w;

	START("--status-from", "203.0.113.0/24");
	say_text(&w, PROXY, PAGE "X-Forwarded-For: 203.0.113.7\r\n\r\n", 200);
	ws_drop(&w);
	say_text(&w, PROXY, PAGE "X-Forwarded-For: 203.0.113.7, 198.51.100.6\r\n\r\n", 403);
	ws_drop(&w);
	say_text(&w, PROXY, PAGE "X-Forwarded-For: 127.0.0.1\r\n\r\n", 403);
	ws_drop(&w);
	say_text(&w, STRANGER, PAGE "X-Forwarded-For: 203.0.113.7\r\n\r\n", 403);
	ws_drop(&w);
	say_text(&w, PROXY, PAGE "\r\n", 200);
	ws_drop(&w);
}

/* Limits. */

static int
retry_after(const char *got)
{
	const char *at = strstr(got, "\r\nRetry-After: ");

	cr_assert_not_null(at, "%s", got);
	return atoi(at + strlen("\r\nRetry-After: "));
}

Test(proxy, the_limit_for_one_address_holds_for_clients_of_a_proxy)
{
	struct ws w[3], other, direct;

	START(PROTOCOL, "--max-per-source", "2");
	for (int i = 0; i < 2; i++)
		open_as(&w[i], PROXY, CLIENT_7, "");
	cr_assert_gt(retry_after(say_text(&w[2], PROXY, CLIENT_7 UPGRADE "\r\n", 503)), 0);
	ws_drop(&w[2]);
	open_as(&other, PROXY, CLIENT_8, "");
	cr_assert_eq(server_counter(&s, "listener", "refused_source"), 1);
	/* The place is free again when the child is reaped. */
	ws_drop(&w[0]);
	cr_assert(server_await_counter(&s, "listener", "children_ended", 2, patience(10000)));
	open_as(&w[0], PROXY, CLIENT_7, "");
	say_text(&w[2], PROXY, CLIENT_7 UPGRADE "\r\n", 503);
	ws_drop(&w[2]);
	/* By a proxy or directly: it is one address. */
	open_as(&direct, STRANGER, "", "");
	open_as(&w[2], PROXY, "PROXY TCP4 " STRANGER " 192.0.2.1 5 443\r\n", "");
	ws_connect_from(&direct, s.port, STRANGER);
	cr_assert_eq(strncmp(answer(&direct), "HTTP/1.1 503 ", 13), 0);
}

Test(proxy, the_limit_for_one_address_is_for_a_64_of_ipv6)
{
	struct ws w[2];

	START("--max-per-source", "1");
	open_as(&w[0], PROXY, "", "X-Forwarded-For: 2001:db8:1:2::7\r\n");
	say_text(&w[1], PROXY, UPGRADE "X-Forwarded-For: 2001:db8:1:2:9::8\r\n\r\n", 503);
	ws_drop(&w[1]);
	open_as(&w[1], PROXY, "", "X-Forwarded-For: 2001:db8:1:3::7\r\n");
}

/* More of them than any address may have, and each is another one. */
Test(proxy, a_proxy_itself_is_not_limited)
{
	struct ws w[10];

	START(PROTOCOL, "--max-per-source", "1");
	for (int i = 0; i < 10; i++) {
		char line[128];

		snprintf(line, sizeof(line), "PROXY TCP4 203.0.113.%d 192.0.2.1 1 443\r\n", i);
		open_as(&w[i], PROXY, line, "");
	}
	cr_assert_eq(server_counter(&s, "listener", "refused_source"), 0);
}

static void
leave_unfinished(const char *text, int times)
{
	for (int i = 0; i < times; i++) {
		long long before = server_counter(&s, "listener", "penalties");
		struct ws w;

		ws_connect_from(&w, s.port, PROXY);
		ws_raw_text(&w, text);
		cr_assert(server_await_counter(
		    &s, "listener", "penalties", before + 1, patience(15000)));
		ws_drop(&w);
	}
}

Test(proxy, debts_are_the_clients_and_not_the_proxys)
{
	struct ws w;

	START(PROTOCOL, "--handshake", "300");
	/* 10 s each; the patience ends at 15. */
	leave_unfinished(CLIENT_7 "GET / HT", 2);
	cr_assert_gt(retry_after(say_text(&w, PROXY, CLIENT_7 UPGRADE "\r\n", 503)), 2);
	ws_drop(&w);
	cr_assert_eq(server_counter(&s, "listener", "refused_penalty"), 1);
	open_as(&w, PROXY, CLIENT_8, "");
}

/* The proxy's header is nothing that its client has begun. */
Test(proxy, a_header_alone_is_a_client_that_says_nothing)
{
	struct ws w;

	START(PROTOCOL, "--handshake", "300");
	leave_unfinished(CLIENT_7, 3);
	open_as(&w, PROXY, CLIENT_7, "");
	expect_client("203.0.113.7:50312");
}

/* Deaths, while the ticker or the listener is asked. */

/* A child that has its seat, and a listener that does not answer. */
static void
stop_listener_before(struct ws *w)
{
	ws_connect_from(w, s.port, PROXY);
	cr_assert(server_await_counter(&s, "ticker", "claimed", 1, 5000));
	kill(s.pid, SIGSTOP);
	ws_raw_text(w, CLIENT_7 UPGRADE "\r\n");
	cr_assert(server_await_counter(&s, "ticker", "told", 1, 5000));
}

Test(proxy, a_listener_that_is_slow_answers_late)
{
	struct ws w;

	START(PROTOCOL, "--handshake", "30000");
	stop_listener_before(&w);
	kill(s.pid, SIGCONT);
	cr_assert_eq(strncmp(answer(&w), "HTTP/1.1 101 ", 13), 0);
	expect_client("203.0.113.7:50312");
}

Test(proxy, where_no_listener_answers_the_client_is_told_to_come_again)
{
	const char *got;
	struct ws w;

	START(PROTOCOL, "--handshake", "1000");
	stop_listener_before(&w);
	got = answer(&w);
	kill(s.pid, SIGCONT);
	cr_assert_eq(strncmp(got, "HTTP/1.1 503 ", 13), 0, "%s", got);
	ws_drop(&w);
	/* That was not its fault. */
	cr_assert(server_await_counter(&s, "listener", "children_ended", 1, patience(10000)));
	cr_assert_eq(server_counter(&s, "listener", "penalties"), 0);
}

Test(proxy, where_no_listener_is_left_nobody_limits)
{
	struct ws w;

	START(PROTOCOL, "--handshake", "30000", "--max-per-source", "1");
	stop_listener_before(&w);
	kill(s.pid, SIGKILL);
	waitpid(s.pid, NULL, 0);
	cr_assert_eq(strncmp(answer(&w), "HTTP/1.1 101 ", 13), 0);
	expect_client("203.0.113.7:50312");
}

Test(proxy, the_next_ticker_is_told_again)
{
	struct ws w, more;
	pid_t ticker;

	START(PROTOCOL, "--handshake", "30000", "--max-per-source", "1");
	cr_assert_eq(server_processes(&s, "ticker", &ticker, 1), 1);
	stop_listener_before(&w);
	kill(ticker, SIGKILL);
	kill(s.pid, SIGCONT);
	cr_assert_eq(strncmp(answer(&w), "HTTP/1.1 101 ", 13), 0);
	expect_client("203.0.113.7:50312");
	/* It was counted, once. */
	say_text(&more, PROXY, CLIENT_7 UPGRADE "\r\n", 503);
	ws_drop(&more);
	ws_drop(&w);
	cr_assert(server_await_counter(&s, "listener", "children_ended", 2, patience(10000)));
	open_as(&more, PROXY, CLIENT_7, "");
}

Test(proxy, a_listener_that_takes_over_knows_whose_clients_there_are)
{
	struct ws w[3];

	START(PROTOCOL, "--max-per-source", "1", "--handshake", "30000");
	open_as(&w[0], PROXY, CLIENT_7, "");
	/* Whose the second is nobody knows yet. */
	ws_connect_from(&w[1], s.port, PROXY);
	cr_assert(server_await_counter(&s, "ticker", "claimed", 2, 5000));
	kill(s.pid, SIGHUP);
	cr_assert(server_await_log(&s, "segment-adopted", 1, patience(10000)));
	cr_assert(server_await_counter(&s, "ticker", "returned", 2, patience(10000)));
	say_text(&w[2], PROXY, CLIENT_7 UPGRADE "\r\n", 503);
	ws_drop(&w[2]);
	ws_raw_text(&w[1], CLIENT_7 UPGRADE "\r\n");
	cr_assert_eq(strncmp(answer(&w[1]), "HTTP/1.1 503 ", 13), 0);
	ws_drop(&w[1]);
	open_as(&w[2], PROXY, CLIENT_8, "");
}
