/* "properties (to server)": each test is a sentence of it. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/roster.h"
#include "../lib/server.h"
#include "../lib/ws.h"

static const char *const quick[] = {"--tick", "50", NULL};

/* Text of the sender's properties in the newest metadata that it is sent, to be freed. */
static char *
text_after(struct ws *w, const char *me, const char *const *objects)
{
	char begin[64], *text = NULL;
	struct ws_frame *f;

	for (; *objects != NULL; objects++)
		roster_set(w, *objects);
	roster_set(w, "{\"last\":1}");
	snprintf(begin, sizeof(begin), "\"properties\":{\"%s\":", me);
	while ((f = ws_next(w, 3000)) != NULL) {
		char *at = strstr(f->payload, begin), *end;

		if (at != NULL && (end = strstr(at, ",\"last\":1}},\"version\"")) != NULL) {
			at += strlen(begin);
			text = strndup(at, (size_t)(end - at));
		}
		free(f);
		if (text != NULL)
			break;
	}
	cr_assert_not_null(text, "the properties did not come");
	return text;
}

static void
check_text(const char *const *objects, const char *expected)
{
	struct server s;
	struct roster r;
	struct ws w;
	char *text;

	server_start(&s, quick);
	roster_open(&r, &w, s.port);
	text = text_after(&w, r.me, objects);
	cr_assert_str_eq(text, expected);
	free(text);
	server_stop(&s);
}

#define CHECK_TEXT(expected, ...) check_text((const char *const[]){__VA_ARGS__, NULL}, expected)

Test(properties, merged_key_by_key)
{
	CHECK_TEXT("{\"a\":2,\"b\":1,\"c\":3", "{\"a\":1,\"b\":1}", "{\"a\":2}", "{\"c\":3}");
}

Test(properties, null_deletes)
{
	CHECK_TEXT("{\"b\":2", "{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"never\":null}");
}

Test(properties, null_inside_a_value_is_a_value)
{
	CHECK_TEXT("{\"a\":[null],\"b\":{\"c\":null}", "{\"a\":[null],\"b\":{\"c\":null}}");
}

Test(properties, any_json_value)
{
	CHECK_TEXT("{\"a\":true,\"b\":false,\"c\":-0,\"d\":[],\"e\":{},\"f\":\"\",\"g\":["
		   "1,[2,{\"h\":3}]]",
	    "{\"a\":true,\"b\":false,\"c\":-0,\"d\":[],\"e\":{},\"f\":\"\",\"g\":[1,[2,{"
	    "\"h\":3}]]}");
}

Test(properties, order_of_keys_is_as_first_set)
{
	CHECK_TEXT("{\"z\":9,\"a\":1,\"m\":2,\"b\":4", "{\"z\":1}", "{\"a\":1,\"m\":2}",
	    "{\"b\":4,\"z\":9}");
}

Test(properties, deleted_and_set_again_goes_to_the_end)
{
	CHECK_TEXT("{\"b\":2,\"a\":3", "{\"a\":1,\"b\":2}", "{\"a\":null}", "{\"a\":3}");
}

Test(properties, numbers_keep_their_digits)
{
	CHECK_TEXT("{\"a\":12345678901234567890,\"b\":1.10,\"c\":1e400,\"d\":-0.0,\"e\":1E+2,"
		   "\"f\":0.1000000000000000055511151231257827",
	    "{\"a\":12345678901234567890,\"b\":1.10,\"c\":1e400,\"d\":-0.0,\"e\":1E+2,"
	    "\"f\":0.1000000000000000055511151231257827}");
}

/* Code points, however they were written: decode what comes out. */
Test(properties, strings_keep_their_code_points)
{
	static const char object[] = "{\"vs\":\"\xef\xb8\x8f\",\"emoji\":\"\xf0\x9f\x98\x80\","
				     "\"nul\":\"a\\u0000b\",\"pair\":\"\\ud83d\\ude00\","
				     "\"mix\":\"\\u00e9\xc3\xa9\\n\\\"\\\\\\/\"}";
	struct server s;
	struct roster r;
	struct ws w;
	json_t *got, *sent = json_loads(object, JSON_ALLOW_NUL, NULL);
	const char *key;
	json_t *value;

	server_start(&s, quick);
	roster_open(&r, &w, s.port);
	roster_set(&w, object);
	roster_await_property(&r, &w, r.me, "vs", "\"\xef\xb8\x8f\"", 3000);
	got = roster_properties(&r, r.me);
	json_object_foreach(sent, key, value)
	    cr_assert(json_equal(json_object_get(got, key), value), "%s is different", key);
	server_stop(&s);
}

Test(properties, names_are_the_same_by_what_they_mean)
{
	CHECK_TEXT(
	    "{\"ab\":2,\"x\\u0000y\":1", "{\"ab\":1}", "{\"a\\u0062\":2}", "{\"x\\u0000y\":1}");
}

Test(properties, duplicate_keys_count_as_the_last)
{
	CHECK_TEXT("{\"a\":2", "{\"a\":1,\"a\":2}");
}

Test(properties, missing_value_is_an_empty_object)
{
	struct server s;
	struct roster r;
	struct ws w;

	server_start(&s, quick);
	roster_open(&r, &w, s.port);
	ws_text(&w, "{\"to\":\"server\",\"packet\":{\"type\":\"properties\"}}");
	roster_set(&w, "{\"a\":1}");
	roster_await_property(&r, &w, r.me, "a", "1", 3000);
	server_stop(&s);
}

/* A packet with something good and something bad in it leaves no trace. */
Test(properties, a_packet_is_applied_whole_or_not_at_all)
{
	const char *const options[] = {"--tick", "50", "--max-properties", "100", NULL};
	struct server s;
	struct roster a, b;
	struct ws wa, wb;
	char big[128];

	server_start(&s, options);
	roster_open(&a, &wa, s.port);
	roster_open(&b, &wb, s.port);
	roster_set(&wb, "{\"keep\":1}");
	roster_await_property(&a, &wa, b.me, "keep", "1", 3000);
	memset(big, 'x', 100);
	big[100] = '\0';
	ws_text(&wb,
	    "{\"to\":\"server\",\"packet\":{\"type\":\"properties\",\"properties\":"
	    "{\"good\":1,\"keep\":2,\"big\":\"%s\"}}}",
	    big);
	ws_expect_close(&wb, 1008, "properties over 100 bytes");
	while (roster_has(&a, b.me)) {
		cr_assert_null(json_object_get(roster_properties(&a, b.me), "good"));
		cr_assert_eq(
		    json_number_value(json_object_get(roster_properties(&a, b.me), "keep")), 1);
		cr_assert(roster_next(&a, &wa, 3000));
	}
	server_stop(&s);
}

Test(properties, limit_is_16_kib_of_text)
{
	struct server s;
	struct roster a, b;
	struct ws wa, wb;
	static char object[20000];
	int length;

	server_start(&s, quick);
	roster_open(&a, &wa, s.port);
	/* {"k":"..."} of exactly 16384 bytes, then one more. */
	length = snprintf(object, sizeof(object), "{\"k\":\"");
	memset(object + length, 'x', 16384 - 8);
	strcpy(object + length + 16384 - 8, "\"}");
	cr_assert_eq(strlen(object), 16384);
	roster_set(&wa, object);
	roster_open(&b, &wb, s.port);
	roster_await(&b, &wb, a.me, true, 3000);
	while (json_object_size(roster_properties(&b, a.me)) == 0)
		cr_assert(roster_next(&b, &wb, 3000));
	roster_set(&wa, "{\"k2\":1}");
	ws_expect_close(&wa, 1008, "properties over 16384 bytes");
	server_stop(&s);
}
