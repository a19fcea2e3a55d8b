/* Who is behind a proxy: addresses as text, whom to trust, PROXY headers, headers of requests. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../child/forwarded.h"
#include "../../child/proxy.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* Addresses. */

static const char *
written(const struct address *a)
{
	static char text[PEER_LENGTH];

	address_write(a, text);
	return text;
}

Test(address, one_is_written_in_one_way_however_it_was_read)
{
	static const struct {
		const char *text, *written;
	} cases[] = {
	    {"203.0.113.7:50312", "203.0.113.7:50312"},
	    {"203.0.113.7", "203.0.113.7"},
	    {"203.0.113.7:0", "203.0.113.7:0"},
	    {"203.0.113.7:65535", "203.0.113.7:65535"},
	    {"2001:DB8:0:0::1", "2001:db8::1"},
	    {"[2001:db8::1]", "2001:db8::1"},
	    {"[2001:db8::1]:443", "[2001:db8::1]:443"},
	    {"::ffff:203.0.113.7", "203.0.113.7"},
	    {"[::ffff:203.0.113.7]:8", "203.0.113.7:8"},
	    {"::1", "::1"},
	    {"unix", "unix"},
	};

	for (size_t i = 0; i < COUNT(cases); i++) {
		struct address a, again;

		cr_assert(address_parse(cases[i].text, strlen(cases[i].text), &a), "%s",
		    cases[i].text);
		cr_assert_str_eq(written(&a), cases[i].written);
		cr_assert(address_parse(cases[i].written, strlen(cases[i].written), &again));
		cr_assert_str_eq(written(&again), cases[i].written);
	}
}

Test(address, what_is_none)
{
	static const char *const bad[] = {"", "a", "localhost", "unknown", "_hidden", "1.2.3",
	    "1.2.3.4.5", "01.2.3.4", "1.2.3.256", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:08",
	    "1.2.3.4:x", "1.2.3.4:-1", "1.2.3.4: 1", " 1.2.3.4", "1.2.3.4 ", "1.2.3.4/8", "[",
	    "[]", "[1.2.3.4]", "[::1", "[::1]x", "[::1]:", "::1]", "[[::1]]", "fe80::1%eth0",
	    "::1::", "1:2:3:4:5:6:7:8:9", "::1/128", "unix:/run/x",
	    "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc:dddd:eeee"};
	struct address a;

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_assert_not(address_parse(bad[i], strlen(bad[i]), &a), "%s", bad[i]);
	cr_assert_not(address_parse("1.2.3.4\0", 8, &a), "a NUL in it");
}

/* Trust. */

static struct address
at(const char *text)
{
	struct address a;

	cr_assert(address_parse(text, strlen(text), &a), "%s", text);
	return a;
}

Test(trust, networks_and_unix_sockets_from_lists)
{
	struct trust t = {.count = 0};
	struct address in = at("10.1.2.3:5"), out = at("11.0.0.1"), path = at("unix");

	cr_assert_not(trust_peer(&t, "127.0.0.1:5"), "nobody, as long as nobody is named");
	cr_assert_not(trust_peer(&t, "unix"));
	cr_assert(trust_add(&t, "10.0.0.0/8, 192.0.2.1"));
	cr_assert(trust_add(&t, "2001:db8::/32"));
	cr_assert(trust_holds(&t, &in));
	cr_assert_not(trust_holds(&t, &out));
	cr_assert(trust_peer(&t, "192.0.2.1:80"));
	cr_assert(trust_peer(&t, "[2001:db8::9]:80"));
	cr_assert_not(trust_peer(&t, "192.0.2.2:80"));
	cr_assert_not(trust_peer(&t, "unix:/run/x"));
	cr_assert(trust_add(&t, "unix"));
	cr_assert(trust_peer(&t, "unix:/run/x"));
	cr_assert(trust_peer(&t, "unix"));
	cr_assert_not(trust_peer(&t, "unixy"));
	cr_assert_not(trust_holds(&t, &path), "the Unix socket of another machine is none");
}

Test(trust, lists_that_are_none)
{
	static const char *const bad[] = {"", ",", "10.0.0.0/8,", "10.0.0.0/8,,::1", "x",
	    "10.0.0.0/33", "10.0.0.0/8 ::1", "*"};

	for (size_t i = 0; i < COUNT(bad); i++) {
		struct trust t = {.count = 0};

		cr_assert_not(trust_add(&t, bad[i]), "%s", bad[i]);
	}
}

Test(trust, too_many_networks_are_refused)
{
	struct trust t = {.count = 0};

	for (unsigned i = 0; i < TRUST_MAX; i++)
		cr_assert(trust_add(&t, "10.0.0.0/8"));
	cr_assert_not(trust_add(&t, "10.0.0.0/8"));
}

/* PROXY headers. */

/*
 * Read it from a buffer of its own, with what follows: whatever piece of it is
 * there, a header that is good is good and ends at the same place.
 */
static const char *
proxied(const void *bytes, size_t size)
{
	static const char request[] = "GET / HTTP/1.1\r\n";
	size_t all = size + sizeof(request) - 1, length;
	unsigned char *copy = malloc(all);
	enum proxy_result result;
	struct address a;
	const char *why = "";

	memcpy(copy, bytes, size);
	memcpy(copy + size, request, sizeof(request) - 1);
	result = proxy_read(copy, all, &length, &a, &why);
	for (size_t part = 0; part < size && result == PROXY_WHOLE; part++)
		cr_assert_eq(
		    proxy_read(copy, part, &length, &a, &why), PROXY_PART, "%zu", part);
	if (result == PROXY_WHOLE) {
		cr_assert_eq(proxy_read(copy, size, &length, &a, &why), PROXY_WHOLE);
		cr_assert_eq(length, size);
	}
	free(copy);
	if (result == PROXY_BAD)
		cr_assert_neq(*why, '\0');
	return result == PROXY_WHOLE ? written(&a) : result == PROXY_BAD ? "bad" : "part";
}

static const char *
line(const char *text)
{
	return proxied(text, strlen(text));
}

Test(proxy, version_1)
{
	static const char head[] = "PROXY UNKNOWN ";
	char longest[200];

	cr_assert_str_eq(
	    line("PROXY TCP4 203.0.113.7 192.0.2.1 50312 443\r\n"), "203.0.113.7:50312");
	cr_assert_str_eq(
	    line("PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n"), "[2001:db8::1]:1");
	cr_assert_str_eq(
	    line("PROXY TCP6 ::ffff:192.0.2.9 ::ffff:192.0.2.1 1 2\r\n"), "192.0.2.9:1");
	cr_assert_str_eq(line("PROXY UNKNOWN\r\n"), "");
	cr_assert_str_eq(line("PROXY UNKNOWN 203.0.113.7 192.0.2.1 50312 443\r\n"), "");
	/* 107 bytes are the most, and they may be anything then. */
	memset(longest, 'f', sizeof(longest));
	memcpy(longest, head, sizeof(head) - 1);
	memcpy(longest + 105, "\r\n", 3);
	cr_assert_str_eq(line(longest), "");
	longest[105] = 'f';
	memcpy(longest + 106, "\r\n", 3);
	cr_assert_str_eq(line(longest), "bad");
}

Test(proxy, version_1_that_is_wrong)
{
	static const char *const bad[] = {
	    "PROXY \r\n",
	    "PROXY TCP4\r\n",
	    "PROXY TCP5 203.0.113.7 192.0.2.1 1 2\r\n",
	    "PROXY tcp4 203.0.113.7 192.0.2.1 1 2\r\n",
	    "proxy TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4  203.0.113.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1 2 \r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1 2 3\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 01 2\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 65536 2\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1 65536\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 -1 2\r\n",
	    "PROXY TCP4 203.0.113.7:1 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 203.0.113 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 203.0.113.007 192.0.2.1 1 2\r\n",
	    "PROXY TCP4 203.0.113.7 nonsense 1 2\r\n",
	    "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
	    "PROXY TCP6 203.0.113.7 192.0.2.1 1 2\r\n",
	    "PROXY TCP6 203.0.113.7:1 192.0.2.1:1 1 2\r\n",
	    "PROXY TCP6 [2001:db8::1] [2001:db8::2] 1 2\r\n",
	    "PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n",
	    "PROXY TCP4 203.0.113.7 192.0.2.1 1 2\n",
	    "PROXY\r\n",
	    "GET / HTTP/1.1\r\n",
	    "\r\nPROXY TCP4 203.0.113.7 192.0.2.1 1 2\r\n",
	    "\r\n\r\n",
	    "\x16\x03\x01",
	};

	for (size_t i = 0; i < COUNT(bad); i++)
		cr_assert_str_eq(line(bad[i]), "bad", "%s", bad[i]);
}

/* A header of version 2 with so many bytes behind the addresses, as the length says. */
static const char *
second(int command, int family, const void *addresses, size_t size, size_t more)
{
	static const char signature[] = "\r\n\r\n\0\r\nQUIT\n";
	static unsigned char bytes[70000];
	size_t length = size + more;

	memcpy(bytes, signature, 12);
	bytes[12] = (unsigned char)command;
	bytes[13] = (unsigned char)family;
	bytes[14] = (unsigned char)(length >> 8);
	bytes[15] = (unsigned char)length;
	memcpy(bytes + 16, addresses, size);
	memset(bytes + 16 + size, 0xee, more);
	return proxied(bytes, 16 + length);
}

static const unsigned char four[12] = {203, 0, 113, 7, 192, 0, 2, 1, 0xc4, 0x88, 1, 0xbb};
static const unsigned char six[36] = {0x20, 0x01, 0x0d, 0xb8, [15] = 1, [16] = 0x20, 0x01, 0x0d,
    0xb8, [31] = 2, 0xc4, 0x88, 1, 0xbb};
static const unsigned char paths[216] = "/run/client";

Test(proxy, version_2)
{
	static const unsigned char clothes[36] = {[10] = 0xff, 0xff, 192, 0, 2, 9, [33] = 5};

	cr_assert_str_eq(second(0x21, 0x11, four, 12, 0), "203.0.113.7:50312");
	cr_assert_str_eq(
	    second(0x21, 0x11, four, 12, 3), "203.0.113.7:50312", "TLVs are skipped");
	cr_assert_str_eq(second(0x21, 0x21, six, 36, 0), "[2001:db8::1]:50312");
	cr_assert_str_eq(second(0x21, 0x21, clothes, 36, 0), "192.0.2.9:5");
	cr_assert_str_eq(second(0x21, 0x31, paths, 216, 0), "unix");
	cr_assert_str_eq(second(0x21, 0x00, "", 0, 0), "", "it does not know");
	cr_assert_str_eq(second(0x21, 0x00, four, 12, 9), "");
	cr_assert_str_eq(second(0x20, 0x00, "", 0, 0), "", "LOCAL: the proxy itself");
	cr_assert_str_eq(second(0x20, 0x11, four, 12, 0), "", "whatever stands there");
	cr_assert_str_eq(second(0x20, 0x12, four, 12, 0), "");
	cr_assert_str_eq(second(0x20, 0xff, "", 0, 5), "");
	cr_assert_str_eq(second(0x21, 0x11, four, 12, PROXY_MAX - 28), "203.0.113.7:50312");
}

Test(proxy, version_2_that_is_wrong)
{
	cr_assert_str_eq(
	    second(0x21, 0x11, four, 12, PROXY_MAX - 27), "bad", "over 4096 bytes");
	cr_assert_str_eq(second(0x21, 0x11, four, 12, 65523), "bad");
	cr_assert_str_eq(second(0x20, 0x00, "", 0, 65535), "bad", "LOCAL, too");
	cr_assert_str_eq(second(0x21, 0x11, four, 11, 0), "bad");
	cr_assert_str_eq(second(0x21, 0x21, six, 35, 0), "bad");
	cr_assert_str_eq(second(0x21, 0x31, paths, 215, 0), "bad");
	cr_assert_str_eq(second(0x21, 0x12, four, 12, 0), "bad", "UDP");
	cr_assert_str_eq(second(0x21, 0x10, four, 12, 0), "bad");
	cr_assert_str_eq(second(0x21, 0x41, four, 12, 0), "bad");
	cr_assert_str_eq(second(0x22, 0x11, four, 12, 0), "bad", "no such command");
	cr_assert_str_eq(second(0x11, 0x11, four, 12, 0), "bad", "version 1 is not binary");
	cr_assert_str_eq(second(0x31, 0x11, four, 12, 0), "bad");
}

/* Headers of requests. */

static const char *
behind(enum child_header header, const char *headers)
{
	static struct request r;
	struct trust t = {.count = 0};
	struct address a;
	struct verdict v;
	char head[1024];

	cr_assert(trust_add(&t, "10.0.0.0/8,2001:db8:ffff::/48"));
	snprintf(head, sizeof(head), "GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
	cr_assert(request_parse(&r, head, strlen(head), &v), "%s", v.reason);
	return forwarded_find(&r, header, &t, &a) ? written(&a) : "bad";
}

#define FOR(list) behind(HEADER_X_FORWARDED_FOR, "X-Forwarded-For: " list "\r\n")
#define RFC(list) behind(HEADER_FORWARDED, "Forwarded: " list "\r\n")

Test(forwarded, the_rightmost_of_x_forwarded_for_that_is_no_proxy)
{
	cr_assert_str_eq(FOR("203.0.113.7"), "203.0.113.7");
	cr_assert_str_eq(FOR("203.0.113.7, 10.0.0.2"), "203.0.113.7");
	cr_assert_str_eq(FOR("192.0.2.66, 203.0.113.7,10.0.0.2 ,10.0.0.3"), "203.0.113.7");
	cr_assert_str_eq(FOR("10.9.9.9, 203.0.113.7"), "203.0.113.7", "what it says itself");
	cr_assert_str_eq(FOR("10.0.0.9, 10.0.0.2"), "10.0.0.9", "a client among the proxies");
	cr_assert_str_eq(FOR("203.0.113.7:5, 10.0.0.2"), "203.0.113.7:5");
	cr_assert_str_eq(FOR("2001:db8::1, 2001:db8:ffff::1"), "2001:db8::1");
	cr_assert_str_eq(FOR("[2001:db8::1]:77"), "[2001:db8::1]:77");
	cr_assert_str_eq(FOR("\"; drop, %00, 203.0.113.7"), "203.0.113.7");
	cr_assert_str_eq(FOR(", 203.0.113.7 , ,"), "203.0.113.7");
}

Test(forwarded, several_headers_are_one_list)
{
	cr_assert_str_eq(behind(HEADER_X_FORWARDED_FOR,
			     "X-Forwarded-For: 192.0.2.66\r\nx-forwarded-for: 203.0.113.7\r\n"),
	    "203.0.113.7");
	cr_assert_str_eq(
	    behind(HEADER_FORWARDED,
		"Forwarded: for=192.0.2.66\r\nA: b\r\nFORWARDED: for=203.0.113.7\r\n"),
	    "203.0.113.7");
}

Test(forwarded, a_proxy_that_does_not_say_is_the_last_that_is_known)
{
	cr_assert_str_eq(FOR(""), "");
	cr_assert_str_eq(FOR("unknown"), "");
	cr_assert_str_eq(FOR("203.0.113.7, unknown"), "");
	cr_assert_str_eq(FOR("203.0.113.7, unknown, 10.0.0.2"), "10.0.0.2");
	cr_assert_str_eq(FOR("203.0.113.7, unix"), "");
	cr_assert_str_eq(behind(HEADER_X_FORWARDED_FOR, ""), "");
	cr_assert_str_eq(RFC("for=unknown"), "");
	cr_assert_str_eq(RFC("for=203.0.113.7, for=_hidden"), "");
	cr_assert_str_eq(RFC("for=203.0.113.7, proto=http"), "");
	cr_assert_str_eq(RFC("for=203.0.113.7, for=_x, for=\"10.0.0.2:_p\""), "");
	cr_assert_str_eq(RFC("for=203.0.113.7, for=_x, for=10.0.0.2"), "10.0.0.2");
}

Test(forwarded, the_elements_of_forwarded)
{
	cr_assert_str_eq(RFC("for=203.0.113.7"), "203.0.113.7");
	cr_assert_str_eq(RFC("For=\"203.0.113.7:47011\""), "203.0.113.7:47011");
	cr_assert_str_eq(RFC("for=\"[2001:db8::1]\""), "2001:db8::1");
	cr_assert_str_eq(RFC("for=\"[2001:db8::1]:4711\", for=10.0.0.2"), "[2001:db8::1]:4711");
	cr_assert_str_eq(RFC("for=[2001:db8::1]:4711"), "[2001:db8::1]:4711", "not quoted");
	cr_assert_str_eq(
	    RFC("for=203.0.113.7;proto=https;by=203.0.113.43 , for=10.0.0.3"), "203.0.113.7");
	cr_assert_str_eq(RFC("proto=https; host=\"a,b;for=192.0.2.66\" ;for=203.0.113.7;"),
	    "203.0.113.7", "commas in quotes are none");
	cr_assert_str_eq(RFC("host=\"a\\\"b\";for=203.0.113.7"), "203.0.113.7");
	cr_assert_str_eq(RFC(",, for=203.0.113.7,"), "203.0.113.7");
}

/* A quote that is left open would hide what the proxy has appended. */
Test(forwarded, what_is_not_forwarded_is_refused)
{
	cr_assert_str_eq(RFC("for=\"203.0.113.7, for=10.0.0.2"), "bad");
	cr_assert_str_eq(RFC("for=\"203.0.113.7\\"), "bad");
	cr_assert_str_eq(RFC("x=\", for=203.0.113.7"), "bad");
	cr_assert_str_eq(RFC("for 203.0.113.7"), "bad");
	cr_assert_str_eq(RFC("for=203.0.113.7 proto=http"), "bad");
	cr_assert_str_eq(RFC("for=203.0.113.7;for=192.0.2.66"), "bad");
	cr_assert_str_eq(RFC("=203.0.113.7"), "bad");
	cr_assert_str_eq(RFC("203.0.113.7"), "bad");
	cr_assert_str_eq(RFC("for=\"203.0.113.7\"x"), "bad");
}

Test(forwarded, only_the_header_that_was_named_is_looked_at)
{
	static const char both[] =
	    "X-Forwarded-For: 203.0.113.7\r\nForwarded: for=192.0.2.66\r\n";

	cr_assert_str_eq(behind(HEADER_X_FORWARDED_FOR, both), "203.0.113.7");
	cr_assert_str_eq(behind(HEADER_FORWARDED, both), "192.0.2.66");
	cr_assert_str_eq(behind(HEADER_NONE, both), "");
	cr_assert_str_eq(
	    behind(HEADER_X_FORWARDED_FOR, "X-Forwarded-For: 203.0.113.7\r\nForwarded: \"\r\n"),
	    "203.0.113.7");
}
