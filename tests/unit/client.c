/* The child's readers of what clients send: frames, requests, packets, properties. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../../child/answer.h"
#include "../../child/fields.h"
#include "../../child/frames.h"
#include "../../child/origin.h"
#include "../../child/outbound.h"
#include "../../child/packet.h"
#include "../../child/properties.h"
#include "../../child/request.h"
#include "../../shm/scan.h"
#include "../../shm/snapshot.h"

#include <sys/socket.h>
#include <unistd.h>

/* Frames. */

/* Walk a stream in pieces of every size: the same frames end at the same places. */
Test(frames, pieces_are_walked_like_the_whole)
{
	unsigned char stream[400];
	size_t length = 0, ends[8], count = 0;
	static const struct {
		unsigned char first;
		size_t payload;
	} parts[] = {{0x81, 0}, {0x01, 5}, {0x89, 3}, {0x80, 7}, {0x81, 130}, {0x8a, 0}};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		stream[length++] = parts[i].first;
		if (parts[i].payload < 126) {
			stream[length++] = (unsigned char)(0x80 | parts[i].payload);
		} else {
			stream[length++] = 0x80 | 126;
			stream[length++] = (unsigned char)(parts[i].payload >> 8);
			stream[length++] = (unsigned char)parts[i].payload;
		}
		length += 4 + parts[i].payload;
		ends[count++] = length;
	}
	for (size_t piece = 1; piece <= length; piece++) {
		struct frames f;
		struct violation v;
		size_t at = 0, end = 0;

		frames_start(&f, 1000);
		while (at < length) {
			size_t there = length - at < piece ? length - at : piece;
			bool ended;
			size_t walked = frames_walk(&f, stream + at, there, &ended, &v);

			cr_assert_gt(walked, 0, "%s", v.reason);
			at += walked;
			if (ended)
				cr_assert_eq(at, ends[end++]);
		}
		cr_assert_eq(end, count);
	}
}

Test(frames, message_limit_counts_all_fragments)
{
	static const unsigned char first[] = {0x01, 0x80 | 60, 0, 0, 0, 0};
	static const unsigned char second[] = {0x80, 0x80 | 41, 0, 0, 0, 0};
	unsigned char payload[60] = {0};
	struct frames f;
	struct violation v;
	bool ended;

	frames_start(&f, 100);
	cr_assert_eq(frames_walk(&f, first, sizeof(first), &ended, &v), sizeof(first));
	cr_assert_eq(frames_walk(&f, payload, 60, &ended, &v), 60);
	cr_assert(ended);
	cr_assert_eq(frames_walk(&f, second, sizeof(second), &ended, &v), 0);
	cr_assert_eq(v.code, 1009);
}

Test(frames, reason_that_is_too_long_is_cut_at_a_character)
{
	struct violation v;
	char text[200] = "";

	for (int i = 0; i < 66; i++)
		strcat(text, "\xc3\xa9");
	violation_set(&v, 1008, "x%s", text);
	cr_assert_eq(strlen(v.reason), 123);
	violation_set(&v, 1008, "%s", text);
	cr_assert_eq(strlen(v.reason), 122);
}

/* Requests. */

static struct verdict
judge(const char *head, const char *origins)
{
	struct request r;
	struct verdict v;
	size_t length = request_length(head, strlen(head));

	cr_assert_eq(length, strlen(head), "not a whole head: %s", head);
	if (request_parse(&r, head, length, &v))
		request_judge(&r, origins, &v);
	return v;
}

#define UPGRADE                                                    \
	"Host: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" \
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

Test(request, length_is_known_when_the_empty_line_is_there)
{
	const char *head = "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n";

	for (size_t i = 0; i < strlen(head); i++)
		cr_assert_eq(request_length(head, i), 0);
	cr_assert_eq(request_length(head, strlen(head)), strlen(head));
}

Test(request, upgrade_is_recognised_in_any_case_and_with_any_space)
{
	cr_assert_eq(judge("GET /any/path?x=y HTTP/1.1\r\n" UPGRADE "\r\n", "self").kind,
	    REQUEST_UPGRADE);
	cr_assert_eq(judge("GET / HTTP/1.1\r\nhost:x\r\nUPGRADE:  WebSocket "
			   "\t\r\nconnection:keep-alive , upgrade\r\n"
			   "sec-websocket-version:13\r\nsec-websocket-key:"
			   "dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 "self")
			 .kind,
	    REQUEST_UPGRADE);
	cr_assert_eq(judge("GET / HTTP/1.1\r\nHost: x\r\nUpgrade: foo, "
			   "websocket\r\nConnection: close\r\n"
			   "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
			 "self")
			 .kind,
	    REQUEST_UPGRADE);
}

Test(request, engine_gets_what_was_understood_and_nothing_else)
{
	static const char head[] =
	    "GET /x HTTP/1.1\r\n" UPGRADE
	    "Cookie: secret\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
	    "Sec-WebSocket-Protocol: a, rosterd\r\n\r\n";
	static const char *const protocols[] = {"rosterd", "echo", NULL};
	char out[REQUEST_UPGRADE_MAX];
	struct request r;
	struct verdict v;

	cr_assert(request_parse(&r, head, strlen(head), &v));
	cr_assert_lt(request_upgrade(&r, protocols, out), REQUEST_UPGRADE_MAX);
	cr_assert_not_null(strstr(out, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
	cr_assert_not_null(strstr(out, "Sec-WebSocket-Protocol: rosterd\r\n"));
	cr_assert_null(strstr(out, "Cookie"));
	cr_assert_null(strstr(out, "Extensions"));
}

Test(request, damage_anywhere_is_no_crash)
{
	static const char head[] = "GET /x?y HTTP/1.1\r\n" UPGRADE "Origin: http://x\r\n\r\n";

	srand(5);
	for (int i = 0; i < 100000; i++) {
		char text[sizeof(head)];
		struct request r;
		struct verdict v;
		size_t length;

		memcpy(text, head, sizeof(head));
		for (int n = rand() % 4; n >= 0; n--)
			text[(size_t)rand() % (sizeof(head) - 1)] = (char)rand();
		length = request_length(text, sizeof(head) - 1);
		if (length > 0 && request_parse(&r, text, length, &v))
			request_judge(&r, "self", &v);
	}
}

Test(request, header_that_must_be_alone_comes_twice)
{
	struct verdict v =
	    judge("GET / HTTP/1.1\r\n" UPGRADE "Host: y\r\nOrigin: http://y\r\n\r\n", "self");

	cr_assert_eq(v.kind, REQUEST_REFUSED);
	cr_assert_eq(v.status, 400);
	v = judge("GET / HTTP/1.1\r\n" UPGRADE "Origin: http://x\r\nOrigin: http://y\r\n\r\n",
	    "self");
	cr_assert_eq(v.kind, REQUEST_REFUSED);
	cr_assert_eq(v.status, 403);
}

Test(request, refused_origin_is_named_if_it_can_be)
{
	struct verdict v =
	    judge("GET / HTTP/1.1\r\n" UPGRADE "Origin: https://evil.example\r\n\r\n", "self");

	cr_assert_eq(v.status, 403);
	cr_assert_str_eq(v.reason,
	    "Pages of https://evil.example may not connect to x; the operator can allow them "
	    "with --origin.");
	v = judge("GET / HTTP/1.1\r\n" UPGRADE "Origin: \" level=fake\xff\r\n\r\n", "self");
	cr_assert_eq(v.status, 403);
	cr_assert_null(strstr(v.reason, "fake"));
	cr_assert_not_null(strstr(v.reason, "--origin"));
}

/* Origins. */

Test(origin, who_may_connect)
{
	static const struct {
		const char *list, *origin, *host;
		bool allowed;
	} cases[] = {
	    {"self", "http://example.org", "example.org", true},
	    {"self", "https://example.org", "example.org", true},
	    {"self", "HTTP://Example.ORG", "example.org", true},
	    {"self", "http://example.org:80", "example.org", true},
	    {"self", "http://example.org", "example.org:80", true},
	    {"self", "https://example.org", "example.org:443", true},
	    {"self", "https://example.org:8443", "example.org:8443", true},
	    {"self", "http://[::1]:13372", "[::1]:13372", true},
	    {"self", "http://[::1]", "[::1]:80", true},
	    {"self", "http://[fe80::80]", "[fe80::80]", true},
	    {"self", "http://[fe80::80]", "[fe80:]", false},
	    {"self", "http://[::1]:13372", "[::1]:13373", false},
	    {"self", "http://example.org", "example.org:443", false},
	    {"self", "http://example.org", "example.org:8080", false},
	    {"self", "http://example.org:8080", "example.org", false},
	    {"self", "http://example.org.evil.example", "example.org", false},
	    {"self", "http://evil.example/example.org", "example.org", false},
	    {"self", "http://www.example.org", "example.org", false},
	    {"self", "http://example.org@evil.example", "evil.example", false},
	    {"self", "file://", "", false},
	    {"self", "http://", "", false},
	    {"self", "", "", false},
	    {"self", "null", "null", false},
	    {"self", "ftp://example.org", "example.org", false},
	    {"https://a.example, https://b.example", "https://b.example", "x", true},
	    {"https://a.example, https://b.example", "https://B.example:443", "x", true},
	    {"https://a.example:443", "https://a.example", "x", true},
	    {"https://a.example", "http://a.example", "x", false},
	    {"https://a.example", "https://a.example:8443", "x", false},
	    {"https://a.example", "https://a.example.evil.example", "x", false},
	    {"https://a.example", "https://x", "x", false},
	    {"https://a.example, self", "https://x", "x", true},
	    {"null", "null", "x", true},
	    {"null", "http://x", "x", false},
	    {"chrome-extension://abc", "chrome-extension://abc", "x", true},
	    {"*", "null", "x", true},
	    {"self,*", "https://anything.example", "x", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		cr_assert_eq(origin_allowed(cases[i].list, fields_of(cases[i].origin),
				 fields_of(cases[i].host)),
		    cases[i].allowed, "%s: %s at %s", cases[i].list, cases[i].origin,
		    cases[i].host);
}

Test(origin, lists_that_can_never_match_are_found)
{
	static const char *const good[] = {"self", "*", "null", "https://a.example",
	    "https://a.example , http://[::1]:8080,self", "moz-extension://0f-1"};
	static const char *const bad[] = {"", " ", "a.example", "https://", "://a.example",
	    "https://a.example/", "https://a.example/x", "https://*.example",
	    "https://a.example,,self", "https://a b", "https://a@b",
	    "https://\xc3\xa9.example"};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(origin_list_good(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(origin_list_good(bad[i]), "%s", bad[i]);
}

/* Pages. */

static struct verdict
judge_page(const char *path, const char *headers)
{
	char head[512];

	snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", path, headers);
	return judge(head, "self");
}

Test(page, known_by_its_tag)
{
	char tag[PAGE_TAG_SIZE], other[PAGE_TAG_SIZE], headers[256];
	struct verdict v = judge_page("/", "");
	static const char *const forms[] = {"If-None-Match: %s\r\n", "if-none-match: W/%s\r\n",
	    "If-None-Match: \"x\", %s\r\n", "If-None-Match: *\r\n",
	    "If-None-Match: \"x\"\r\nIf-None-Match: %s\r\n"};

	cr_assert_eq(v.status, 200);
	page_tag(v.embedded, tag);
	page_tag(judge_page("/rosterd.js", "").embedded, other);
	cr_assert_eq(strlen(tag), PAGE_TAG_SIZE - 1);
	cr_assert_str_neq(tag, other);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		snprintf(headers, sizeof(headers), forms[i], tag);
		cr_assert_eq(judge_page("/", headers).status, 304, "%s", headers);
	}
	snprintf(headers, sizeof(headers), forms[0], tag);
	cr_assert_eq(judge_page("/rosterd.js", headers).status, 200);
	cr_assert_eq(judge_page("/", "If-None-Match: \"\", x\r\n").status, 200);
}

Test(page, paths_are_exact)
{
	static const char *const none[] = {
	    "//", "/rosterd.js/", "/Rosterd.js", "/rosterd", "/index.html", "/../etc/passwd"};

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		cr_assert_eq(judge_page(none[i], "").status, 404, "%s", none[i]);
	cr_assert_eq(judge_page("/rosterd.js?v=1", "").status, 200);
}

/* Packets. */

static bool
parse(const char *text, struct packet *p)
{
	struct violation v;

	return packet_parse(text, strlen(text), p, &v);
}

Test(packet, members_in_any_order)
{
	struct packet p;

	cr_assert(
	    parse("{\"packet\":{\"x\":[1],\"type\":\"x\"},\"to\":[\"*\",\"server\"]}", &p));
	cr_assert(p.to_all && p.to_server);
	cr_assert_eq(p.type.length, 3);
	cr_assert_eq(memcmp(p.value.at, "[1]", 3), 0);
	cr_assert(packet_for_clients(&p));
	cr_assert_not(packet_sets_properties(&p));
}

Test(packet, receivers_are_named_once_and_sorted)
{
	struct packet p;
	unsigned char tokens[8][MAIL_TOKEN];

	cr_assert(parse("{\"to\":[\"ff112233445566778899aabbccddeeff\","
			"\"00112233445566778899aabbccddeeff\","
			"\"server\",\"ff112233445566778899aabbccddeeff\","
			"\"FF112233445566778899aabbccddeeff\",\"x\"],"
			"\"packet\":{\"type\":\"t\"}}",
	    &p));
	cr_assert_eq(p.tokens, 4);
	cr_assert_eq(p.strangers, 1);
	cr_assert_eq(packet_receivers(&p, tokens), 2);
	cr_assert_eq(tokens[0][0], 0x00);
	cr_assert_eq(tokens[1][0], 0xff);
}

/* Properties. */

static enum properties_result
merge(struct properties *p, const char *object, uint32_t max)
{
	struct violation v;
	enum properties_result result =
	    properties_merge(p, span_trim(object, strlen(object)), max, &v);

	if (result == PROPERTIES_CHANGED)
		properties_commit(p);
	return result;
}

static void
expect(const struct properties *p, const char *text)
{
	cr_assert_eq(p->text.length, strlen(text), "%.*s", (int)p->text.length, p->text.bytes);
	cr_assert_eq(memcmp(p->text.bytes, text, p->text.length), 0);
}

Test(properties_text, merge)
{
	struct properties p = {0};

	cr_assert_eq(merge(&p, "{}", 100), PROPERTIES_SAME);
	cr_assert_eq(
	    merge(&p, " { \"a\" : [ 1 , 2 ] , \"b\":\" x \" } ", 100), PROPERTIES_CHANGED);
	expect(&p, "{\"a\":[1,2],\"b\":\" x \"}");
	cr_assert_eq(merge(&p, "{\"a\":[1,2]}", 100), PROPERTIES_SAME);
	cr_assert_eq(merge(&p, "{\"b\":null,\"c\":{\"d\":null}}", 100), PROPERTIES_CHANGED);
	expect(&p, "{\"a\":[1,2],\"c\":{\"d\":null}}");
	cr_assert_eq(merge(&p, "{\"a\":null,\"c\":null}", 100), PROPERTIES_CHANGED);
	expect(&p, "{}");
}

Test(properties_text, refused_merge_changes_nothing)
{
	struct properties p = {0};

	merge(&p, "{\"a\":1}", 20);
	cr_assert_eq(merge(&p, "{\"b\":2,\"c\":\"0123456789\"}", 20), PROPERTIES_REFUSED);
	cr_assert_eq(merge(&p, "[1]", 20), PROPERTIES_REFUSED);
	expect(&p, "{\"a\":1}");
	cr_assert_eq(merge(&p, "{\"b\":2}", 20), PROPERTIES_CHANGED);
	expect(&p, "{\"a\":1,\"b\":2}");
}

Test(properties_text, names_with_anything_in_them)
{
	struct properties p = {0};
	struct scan_error error;

	merge(&p, "{\"x\\u0000y\":1,\"\\\"\":2,\"\\n\":3,\"\xc3\xa9\":4}", 200);
	merge(&p, "{\"\":5}", 200);
	cr_assert_eq(scan_check(p.text.bytes, p.text.length, &error), 0);
	expect(&p, "{\"x\\u0000y\":1,\"\\\"\":2,\"\\n\":3,\"\xc3\xa9\":4,\"\":5}");
}

/* What comes out is always one JSON object, and merging it into nothing gives itself. */
Test(properties_text, random_merges_stay_json)
{
	static const char *const objects[] = {"{\"a\":1e400}", "{\"b\":{\"a\":[]}}",
	    "{\"a\":null}", "{\"c\":\"\\u0041\"}", "{\"\\u0061\":2}", "{\"d\":null,\"e\":1.10}",
	    "{\"e\":null}", "{\"b\":[ 1,2 ]}"};
	struct properties p = {0};

	srand(9);
	for (int i = 0; i < 5000; i++) {
		struct properties again = {0};
		struct scan_error error;

		merge(
		    &p, objects[(size_t)rand() % (sizeof(objects) / sizeof(objects[0]))], 1000);
		if (p.text.length == 0)
			continue;
		cr_assert_eq(scan_check(p.text.bytes, p.text.length, &error), 0);
		text_add(&p.text, "", 1);
		p.text.length--;
		merge(&again, p.text.bytes, 1000);
		if (p.text.length > 2)
			expect(&again, p.text.bytes);
		json_decref(again.members);
		text_clear(&again.text, 0);
		text_clear(&again.next_text, 0);
	}
}

/* Outbound. */

static int reader;

static void
open_pair(struct outbound *o)
{
	int fds[2], size = 4096;

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	setsockopt(fds[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	outbound_start(o, fds[0]);
	reader = fds[1];
}

/* Read what there is, let more be sent, until nothing comes. */
static size_t
read_all(struct outbound *o, char *out, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while ((got = recv(reader, out + length, size - length, MSG_DONTWAIT)) > 0) {
		length += (size_t)got;
		outbound_flush(o);
	}
	return length;
}

Test(outbound, a_tick_that_does_not_fit_is_continued_where_it_stopped)
{
	static char first[30000], second[50000], got[100000];
	struct iovec pieces[] = {{first, sizeof(first)}, {second, sizeof(second)}};
	struct outbound o;

	memset(first, 'a', sizeof(first));
	memset(second, 'b', sizeof(second));
	open_pair(&o);
	outbound_tick(&o, pieces, 2);
	cr_assert_not(outbound_tick_done(&o));
	cr_assert(o.blocked);
	outbound_put(&o, "END", 3);
	cr_assert_eq(read_all(&o, got, sizeof(got)), 80003);
	cr_assert(outbound_idle(&o));
	cr_assert_eq(memcmp(got, first, 30000), 0);
	cr_assert_eq(memcmp(got + 30000, second, 50000), 0);
	cr_assert_eq(memcmp(got + 80000, "END", 3), 0);
}

Test(outbound, a_tick_that_was_copied_keeps_its_place_and_does_not_count)
{
	static char text[60000], got[100000];
	struct iovec piece = {text, sizeof(text)};
	struct outbound o;

	memset(text, 'a', sizeof(text));
	open_pair(&o);
	outbound_tick(&o, &piece, 1);
	outbound_put(&o, "mail", 4);
	outbound_tick_copy(&o);
	memset(text, 'X', sizeof(text));
	cr_assert(outbound_tick_done(&o));
	cr_assert_eq(outbound_backlog(&o), 4);
	cr_assert_eq(read_all(&o, got, sizeof(got)), 60004);
	for (int i = 0; i < 60000; i++)
		cr_assert_eq(got[i], 'a');
	cr_assert_eq(memcmp(got + 60000, "mail", 4), 0);
	cr_assert_eq(outbound_backlog(&o), 0);
}

Test(outbound, what_is_owed_can_be_taken_back_to_be_sent_with_other_text)
{
	struct outbound o;
	struct text text = {0};

	open_pair(&o);
	cr_assert_eq(outbound_take(&o, &text), 0);
	outbound_put(&o, "HTTP/1.1 101", 12);
	text_string(&text, "first ");
	cr_assert_eq(outbound_take(&o, &text), 12);
	cr_assert_eq(text.length, 18);
	cr_assert_eq(memcmp(text.bytes, "first HTTP/1.1 101", 18), 0);
	cr_assert(outbound_idle(&o));
	cr_assert_eq(outbound_backlog(&o), 0);
	text_clear(&text, 0);
}

Test(outbound, a_page_larger_than_the_socket_takes_arrives_whole)
{
	static char got[400000];
	struct verdict v = judge_page("/rosterd.js", "");
	size_t length = page_length(v.embedded);
	struct outbound o;

	open_pair(&o);
	/* Several: the socket pair takes more than one at once. */
	for (int i = 0; i < 8; i++)
		answer_write(&o.owed, &v);
	outbound_flush(&o);
	cr_assert(o.blocked);
	cr_assert_gt(read_all(&o, got, sizeof(got)), 8 * length);
	cr_assert(outbound_idle(&o));
	for (char *at = got, *body; (body = strstr(at, "\r\n\r\n")) != NULL;
	     at = body + length) {
		cr_assert_eq(strncmp(at, "HTTP/1.1 200 OK\r\n", 17), 0);
		body += 4;
		cr_assert_eq(memcmp(body, v.embedded->begin, length), 0);
	}
}

Test(outbound, mail_that_does_not_fit_is_kept)
{
	static char text[40000], got[200000];
	struct outbound o;
	size_t backlog;

	open_pair(&o);
	for (int i = 0; i < 4; i++) {
		struct iovec piece = {text, sizeof(text)};

		memset(text, '0' + i, sizeof(text));
		outbound_mail(&o, &piece, 1);
	}
	backlog = outbound_backlog(&o);
	cr_assert(backlog > 80000 && backlog < 160000);
	cr_assert_eq(read_all(&o, got, sizeof(got)), 160000);
	for (int i = 0; i < 160000; i++)
		cr_assert_eq(got[i], (char)('0' + i / 40000));
}

Test(outbound, a_client_that_is_gone_breaks_it)
{
	struct outbound o;

	open_pair(&o);
	close(reader);
	outbound_put(&o, "x", 1);
	outbound_flush(&o);
	cr_assert(o.broken);
}

Test(outbound, frame_headers)
{
	static const struct {
		uint64_t length;
		size_t size;
		unsigned char bytes[10];
	} cases[] = {{0, 2, {0x81, 0}}, {125, 2, {0x81, 125}}, {126, 4, {0x81, 126, 0, 126}},
	    {65535, 4, {0x81, 126, 255, 255}},
	    {65536, 10, {0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0}}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned char header[10];

		cr_assert_eq(snapshot_frame(cases[i].length, header), cases[i].size);
		cr_assert_eq(memcmp(header, cases[i].bytes, cases[i].size), 0);
	}
}
