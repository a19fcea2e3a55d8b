/* Who may see the pages for operators, and JSON as it is written for them. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "../../child/status.h"
#include "../../shm/cidr.h"
#include "../../shm/emit.h"

Test(cidr, networks)
{
	static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0", "::/0", "10.1.2.3",
	    "2001:db8::/32", "::1/128", "192.168.1.77/24", "::ffff:10.0.0.0/104"};
	static const char *const bad[] = {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8",
	    "::/129", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0.0/ 8", "localhost",
	    "10.0.0.0/99999999999999999999",
	    "111111111111111111111111111111111111111111111111111111111111111111111111111111111"
	    "1"};
	struct cidr n;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		cr_assert(cidr_parse(good[i], &n), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(cidr_parse(bad[i], &n), "%s", bad[i]);
}

Test(cidr, what_a_network_holds)
{
	static const struct {
		const char *network, *peer;
		bool holds;
	} cases[] = {
	    {"10.0.0.0/8", "10.200.3.4:5", true},
	    {"10.0.0.0/8", "11.0.0.1:5", false},
	    {"10.0.0.0/8", "[::ffff:10.0.0.7]:5", true},
	    {"10.0.0.0/8", "[2001:db8::1]:5", false},
	    {"10.0.0.4/30", "10.0.0.7:5", true},
	    {"10.0.0.4/30", "10.0.0.8:5", false},
	    {"10.0.0.7", "10.0.0.7:5", true},
	    {"10.0.0.7", "10.0.0.7", true},
	    {"10.0.0.7", "10.0.0.6:5", false},
	    {"0.0.0.0/0", "1.2.3.4:5", true},
	    {"0.0.0.0/0", "[2001:db8::1]:5", false},
	    {"::/0", "[2001:db8::1]:5", true},
	    {"::/0", "1.2.3.4:5", true},
	    {"2001:db8::/33", "[2001:db8:7fff::1]:5", true},
	    {"2001:db8::/33", "[2001:db8:8000::1]:5", false},
	    {"fe80::/10", "[fe80::1%eth0]:5", true},
	    {"fe80::/10", "fe80::1", true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct cidr n, a;

		cr_assert(cidr_parse(cases[i].network, &n));
		cr_assert(cidr_of_peer(cases[i].peer, &a), "%s", cases[i].peer);
		cr_assert_eq(cidr_holds(&n, &a), cases[i].holds, "%s in %s", cases[i].peer,
		    cases[i].network);
	}
}

Test(cidr, names_without_an_address)
{
	static const char *const bad[] = {
	    "unix", "unix:/run/x", "", "[", "[]:5", "[::1", "x:5"};
	struct cidr a;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_not(cidr_of_peer(bad[i], &a), "%s", bad[i]);
}

/* The verdict on a request for /metrics from there, with these header lines. */
static int
judged_by(const char *peer, const char *via, const char *network, const char *headers)
{
	static struct request r;
	struct child_settings settings = {0};
	struct verdict v;
	char head[512];

	if (network != NULL) {
		cr_assert(cidr_parse(network, &settings.status_from[0]));
		settings.status_from_count = 1;
	}
	snprintf(head, sizeof(head), "GET /metrics HTTP/1.1\r\nHost: x\r\n%s\r\n", headers);
	cr_assert(request_parse(&r, head, strlen(head), &v));
	request_judge(&r, NULL, &v);
	cr_assert_eq(v.kind, REQUEST_STATUS);
	cr_assert_eq(v.page, STATUS_METRICS);
	status_judge(&r, &settings, peer, via, &v);
	cr_assert_eq(v.kind, v.status == 200 ? REQUEST_STATUS : REQUEST_REFUSED);
	return v.status;
}

static int
judged(const char *peer, const char *network, const char *headers)
{
	return judged_by(peer, "", network, headers);
}

Test(status, this_machine_may_look_and_others_only_if_they_are_named)
{
	cr_assert_eq(judged("127.0.0.1:9", NULL, ""), 200);
	cr_assert_eq(judged("127.9.9.9:9", NULL, ""), 200);
	cr_assert_eq(judged("[::1]:9", NULL, ""), 200);
	cr_assert_eq(judged("[::ffff:127.0.0.1]:9", NULL, ""), 200);
	cr_assert_eq(judged("unix", NULL, ""), 200);
	cr_assert_eq(judged("unix:/run/x", NULL, ""), 200);
	cr_assert_eq(judged("10.0.0.1:9", NULL, ""), 403);
	cr_assert_eq(judged("[::2]:9", NULL, ""), 403);
	cr_assert_eq(judged("", NULL, ""), 403);
	cr_assert_eq(judged("nonsense", NULL, ""), 403);
	cr_assert_eq(judged("10.0.0.1:9", "10.0.0.0/24", ""), 200);
	cr_assert_eq(judged("10.0.1.1:9", "10.0.0.0/24", ""), 403);
	cr_assert_eq(judged("127.0.0.1:9", "10.0.0.0/24", ""), 200);
}

/* A proxy on this machine would make the whole world look like this machine. */
Test(status, what_a_proxy_passes_on_is_not_from_this_machine)
{
	cr_assert_eq(judged("127.0.0.1:9", NULL, "X-Forwarded-For: 10.0.0.1\r\n"), 403);
	cr_assert_eq(judged("127.0.0.1:9", NULL, "x-real-ip: 10.0.0.1\r\n"), 403);
	cr_assert_eq(judged("127.0.0.1:9", NULL, "Forwarded: for=10.0.0.1\r\n"), 403);
	cr_assert_eq(judged("unix", NULL, "Via: 1.1 x\r\n"), 403);
}

/* What it calls 127.0.0.1 is its machine, and need not be this one. */
Test(status, a_client_of_a_trusted_proxy_may_look_only_if_it_is_named)
{
	static const char header[] = "X-Forwarded-For: 192.0.2.7\r\n";

	cr_assert_eq(judged_by("192.0.2.7", "127.0.0.1:9", NULL, header), 403);
	cr_assert_eq(judged_by("192.0.2.7", "127.0.0.1:9", "192.0.2.0/24", header), 200);
	cr_assert_eq(judged_by("192.0.2.7:5", "127.0.0.1:9", "192.0.2.0/24", ""), 200);
	cr_assert_eq(judged_by("192.0.3.7", "127.0.0.1:9", "192.0.2.0/24", header), 403);
	cr_assert_eq(judged_by("127.0.0.1", "127.0.0.1:9", NULL, header), 403);
	cr_assert_eq(judged_by("unix", "127.0.0.1:9", NULL, ""), 403);
}

/* JSON. */

static json_t *
parsed(const struct text *t)
{
	json_error_t error;
	json_t *value = json_loadb(t->bytes, t->length, JSON_ALLOW_NUL, &error);

	cr_assert_not_null(value, "%.*s: %s", (int)t->length, t->bytes, error.text);
	return value;
}

Test(emit, any_bytes_make_a_string_that_is_json)
{
	char all[256];
	struct text t = {0};
	json_t *value;

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	text_string(&t, "[");
	emit_string(&t, all, 128);
	text_string(&t, ",");
	emit_string(&t, all, 256);
	text_string(&t, ",");
	emit_string(&t, "\xc3\xa4\"\\\n", 5);
	text_string(&t, "]");
	value = parsed(&t);
	cr_assert_eq(json_string_length(json_array_get(value, 0)), 128);
	cr_assert_eq(memcmp(json_string_value(json_array_get(value, 0)), all, 128), 0);
	cr_assert_not_null(strstr(json_string_value(json_array_get(value, 1)), "\\xff"));
	cr_assert_str_eq(json_string_value(json_array_get(value, 2)), "\xc3\xa4\"\\\n");
	json_decref(value);
	text_clear(&t, 0);
}

Test(emit, values_keep_their_digits_and_what_is_none_is_a_string)
{
	struct text t = {0};
	json_t *value;

	text_string(&t, "{");
	emit_key(&t, "a");
	emit_value(&t, "{\"n\":1.10}", 10);
	emit_key(&t, "b");
	emit_value(&t, "{\"n\":", 5);
	emit_number(&t, "c", UINT64_MAX);
	emit_seconds(&t, "d", 1005);
	emit_text(&t, "e", "\"");
	text_string(&t, "}");
	cr_assert_eq(strncmp(t.bytes, "{\"a\":{\"n\":1.10},\"b\":\"", 21), 0);
	cr_assert_not_null(memmem(t.bytes, t.length, "\"d\":1.005,", 10));
	t.bytes[t.length] = '\0';
	cr_assert_not_null(strstr(t.bytes, "\"c\":\"18446744073709551615\""));
	text_clear(&t, 0);
	text_string(&t, "{");
	emit_text(&t, "f", "x");
	text_string(&t, "}");
	value = parsed(&t);
	json_decref(value);
	text_clear(&t, 0);
}
