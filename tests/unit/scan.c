/* The scanner, and jansson as its oracle. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "../../shm/scan.h"
#include "../../shm/span.h"
#include "../../shm/utf8.h"

static bool
ours(const char *text, size_t length)
{
	struct scan_error error;

	return scan_check(text, length, &error) == 0;
}

/* What jansson can hold: no numbers out of range, no NUL in names. */
static bool
theirs(const char *text, size_t length, bool *cannot_tell)
{
	json_error_t error;
	json_t *value = json_loadb(
	    text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
	bool good = value != NULL;

	*cannot_tell = !good && (strstr(error.text, "overflow") != NULL ||
				    strstr(error.text, "too big") != NULL ||
				    strstr(error.text, "NUL byte in object key") != NULL ||
				    strstr(error.text, "maximum parsing depth") != NULL);
	json_decref(value);
	return good;
}

static void
compare(const char *text, size_t length)
{
	bool cannot_tell, their = theirs(text, length, &cannot_tell), our = ours(text, length);

	/* jansson 2.14 takes a NUL for the end of the text; there is none in JSON. */
	if (memchr(text, '\0', length) != NULL)
		cr_assert_not(our, "a NUL was let through");
	else if (!cannot_tell)
		cr_assert_eq(our, their, "we say %d, jansson says %d: %.*s", our, their,
		    (int)length, text);
}

static const char *const corpus[] = {"{}", "[]", "null", "true", "false", "0", "-0", "1", "-1",
    "1.5", "1e5", "1E+5", "1e-5", "-1.25e+10", "\"\"", "\"a\"", " {} ", "\t[\n1,\r2 ]",
    "{\"a\":1}", "{\"a\":1,\"b\":[1,2,{\"c\":null}]}", "[[[[]]]]",
    "\"\\u0041\\n\\\"\\\\\\/\\b\\f\\r\\t\"", "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"",
    "\"\xc3\xa9\"", "\"\xef\xb8\x8f\"", "\"\\u0000\"", "{\"a\":1,\"a\":2}", "\"\x7f\"",
    /* bad */
    "", " ", "{", "}", "[", "]", "[1,]", "{\"a\":1,}", "{,}", "[,]", "{\"a\"}", "{\"a\":}",
    "{a:1}", "{'a':1}", "01", "-", "+1", "1.", ".5", "1e", "1e+", "0x10", "NaN", "Infinity",
    "tru", "truex", "nul", "\"", "\"\\", "\"\\u", "\"\\u12\"", "\"\\u12g4\"", "\"\\x41\"",
    "\"\n\"", "\"\t\"", "\"\x01\"", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
    "\"\\ud800\\ud800\"", "\"\x80\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"",
    "\"\xf4\x90\x80\x80\"", "\"\xe2\x82\"", "\"\xff\"", "\xff", "{} {}", "1 2", "[1 2]",
    "{\"a\" 1}", "{\"a\":1 \"b\":2}", "[1}", "{\"a\":1]", "[[]", "\xef\xbb\xbf{}", "{\"a\":1}x",
    "//", "/**/1"};

Test(scan, agrees_with_jansson_on_a_corpus)
{
	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++)
		compare(corpus[i], strlen(corpus[i]));
}

/* Every text of the corpus with every byte changed, left out or doubled. */
Test(scan, agrees_with_jansson_on_damaged_texts, .timeout = 120)
{
	static const char bytes[] = "\"\\{}[],:0129.eE+-tfnu \n\x01\x7f\x80\xc3\xe2\xf0\xff";

	for (size_t i = 0; i < sizeof(corpus) / sizeof(corpus[0]); i++) {
		size_t length = strlen(corpus[i]);

		for (size_t at = 0; at < length; at++) {
			char text[64];

			memcpy(text, corpus[i], length);
			for (const char *b = bytes; *b != '\0'; b++) {
				text[at] = *b;
				compare(text, length);
			}
			text[at] = '\0';
			compare(text, length);
			memcpy(text, corpus[i], at);
			memcpy(text + at, corpus[i] + at + 1, length - at - 1);
			compare(text, length - 1);
			memcpy(text, corpus[i], at + 1);
			memcpy(text + at + 1, corpus[i] + at, length - at);
			compare(text, length + 1);
		}
	}
}

/* Texts made of tokens at random: many are almost right, some are right. */
Test(scan, agrees_with_jansson_on_random_texts, .timeout = 120)
{
	static const char *const tokens[] = {"{", "}", "[", "]", ",", ":", "\"a\"",
	    "\"b\\u0041\"", "\"\"", "1", "-2.5e3", "true", "null", " ", "\n",
	    "\"\xf0\x9f\x98\x80\"", "{}", "[]", "\"a\":1", "\"a\":", "\"\\ud83d\\ude00\""};
	int good = 0;

	srand(4711);
	for (int i = 0; i < 300000; i++) {
		char text[256];
		size_t length = 0;
		int parts = rand() % 9 + 1;
		bool dummy;

		for (int p = 0; p < parts; p++) {
			const char *token =
			    tokens[(size_t)rand() % (sizeof(tokens) / sizeof(tokens[0]))];

			memcpy(text + length, token, strlen(token));
			length += strlen(token);
		}
		compare(text, length);
		good += theirs(text, length, &dummy);
	}
	cr_assert_gt(good, 1000, "too few good ones to say anything");
}

/* A tree at random, written by jansson, with white space put in: always right. */
static json_t *
random_value(int depth)
{
	json_t *value;
	char name[32];

	switch (rand() % (depth > 0 ? 8 : 5)) {
	case 0: return json_null();
	case 1: return json_integer(rand());
	case 2: return json_real(rand() / 1000.0);
	case 3: return json_boolean(rand() % 2);
	case 4:
		snprintf(name, sizeof(name), "s%d\xc3\xa9\n\"\\%c", rand(), rand() % 31 + 1);
		return json_string(name);
	case 5:
	case 6:
		value = json_object();
		for (int i = rand() % 5; i > 0; i--) {
			snprintf(name, sizeof(name), "k%d\"", rand() % 100);
			json_object_set_new(value, name, random_value(depth - 1));
		}
		return value;
	default:
		value = json_array();
		for (int i = rand() % 5; i > 0; i--)
			json_array_append_new(value, random_value(depth - 1));
		return value;
	}
}

Test(scan, takes_what_jansson_writes_and_finds_its_parts)
{
	srand(42);
	for (int i = 0; i < 5000; i++) {
		json_t *object = json_object(), *value;
		struct span rest, key, found;
		struct text compact = {0};
		char *text, *flat, name[32];
		size_t count = 0;

		for (int n = rand() % 6; n > 0; n--) {
			snprintf(name, sizeof(name), "name %d", n);
			json_object_set_new(object, name, random_value(4));
		}
		text = json_dumps(
		    object, JSON_INDENT(rand() % 4) | (rand() % 2 ? JSON_ENSURE_ASCII : 0));
		cr_assert(ours(text, strlen(text)), "%s", text);
		rest = span_trim(text, strlen(text));
		while (span_next_member(&rest, &key, &found)) {
			json_t *part = json_loadb(
			    found.at, found.length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
			size_t length = span_decode(key, name);

			value = json_object_getn(object, name, length);
			cr_assert(json_equal(part, value));
			json_decref(part);
			count++;
		}
		cr_assert_eq(count, json_object_size(object));
		span_compact(span_trim(text, strlen(text)), &compact);
		value = json_loadb(compact.bytes, compact.length, JSON_ALLOW_NUL, NULL);
		cr_assert(json_equal(value, object));
		flat = json_dumps(object, JSON_COMPACT);
		cr_assert_leq(compact.length, strlen(text));
		cr_assert(strchr(flat, '\t') == NULL);
		free(flat);
		json_decref(value);
		json_decref(object);
		text_clear(&compact, 0);
		free(text);
	}
}

Test(scan, numbers_that_no_machine_can_hold_are_numbers)
{
	cr_assert(ours("1e400", 5));
	cr_assert(ours("12345678901234567890123456789012345678901234567890", 50));
	cr_assert(ours("0.10000000000000000000000000000000000000000000000000000001", 58));
}

Test(scan, depth_is_limited)
{
	char text[2 * SCAN_DEPTH_MAX + 4];
	struct scan_error error;

	memset(text, '[', SCAN_DEPTH_MAX);
	memset(text + SCAN_DEPTH_MAX, ']', SCAN_DEPTH_MAX);
	cr_assert(ours(text, 2 * SCAN_DEPTH_MAX));
	memset(text, '[', SCAN_DEPTH_MAX + 1);
	memset(text + SCAN_DEPTH_MAX + 1, ']', SCAN_DEPTH_MAX + 1);
	cr_assert_not(ours(text, 2 * SCAN_DEPTH_MAX + 2));
	cr_assert_eq(scan_check(text, 2 * SCAN_DEPTH_MAX + 2, &error), -1);
	cr_assert_str_eq(error.what, "nested too deep");
	cr_assert_eq(error.offset, SCAN_DEPTH_MAX);
	/* Mixed: the stack of kinds is a bit field, and its words have to be right. */
	for (int i = 0; i < SCAN_DEPTH_MAX; i++)
		text[i] = '[';
	cr_assert_not(ours(text, SCAN_DEPTH_MAX));
}

Test(scan, says_where_and_why)
{
	static const struct {
		const char *text;
		size_t offset;
		bool encoding;
	} cases[] = {{"{\"a\":x}", 5, false}, {"[1,2", 4, false}, {"\"abc", 4, false},
	    {"{\"a\":\"\xff\"}", 6, true}, {"\xff", 0, true}, {"{} x", 3, false},
	    {"\"\\q\"", 2, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scan_error error;

		cr_assert_eq(scan_check(cases[i].text, strlen(cases[i].text), &error), -1);
		cr_assert_eq(
		    error.offset, cases[i].offset, "%s: %zu", cases[i].text, error.offset);
		cr_assert_eq(error.encoding, cases[i].encoding);
	}
}

/* The fast path looks at eight bytes at a time: put what matters at each of their places. */
Test(scan, every_byte_at_every_place_of_a_long_string)
{
	for (int place = 1; place < 40; place++) {
		for (int byte = 0; byte < 256; byte++) {
			char text[48];

			memset(text, 'a', sizeof(text));
			text[0] = text[47] = '"';
			text[place] = (char)byte;
			compare(text, sizeof(text));
		}
	}
}

Test(span, strings_are_compared_by_what_they_mean)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {{"\"a\"", "\"a\"", true}, {"\"a\"", "\"\\u0061\"", true},
	    {"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", true}, {"\"a\"", "\"b\"", false},
	    {"\"a\"", "\"ab\"", false}, {"\"\"", "\"\"", true}, {"\"\\/\"", "\"/\"", true},
	    {"\"\\u00e9\"", "\"\xc3\xa9\"", true}, {"\"\\u0000\"", "\"\"", false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct span a = {cases[i].a, strlen(cases[i].a)},
			    b = {cases[i].b, strlen(cases[i].b)};

		cr_assert_eq(span_equal(a, b), cases[i].same, "%s %s", cases[i].a, cases[i].b);
		cr_assert_eq(span_equal(b, a), cases[i].same);
	}
}

Test(span, is_compares_with_plain_text)
{
	struct span s = {"\"ser\\u0076er\"", 13};

	cr_assert(span_is(s, "server"));
	cr_assert_not(span_is(s, "serve"));
	cr_assert_not(span_is(s, "servers"));
	cr_assert_not(span_is((struct span){"\"\xc3\xa9\"", 4}, "e"));
}

Test(span, member_is_the_last_of_that_name)
{
	const char *text = " { \"a\" : 1 , \"b\":[\"a\",2], \"a\" : {\"x\":\"}\"} } ";
	struct span value;

	cr_assert(span_member(span_trim(text, strlen(text)), "a", &value));
	cr_assert_eq(value.length, 9);
	cr_assert_eq(memcmp(value.at, "{\"x\":\"}\"}", 9), 0);
	cr_assert_not(span_member(span_trim(text, strlen(text)), "c", &value));
}

Test(span, elements)
{
	const char *text = "[1 , \"a,b\" ,[2,3], {\"x\":[]} , null]";
	static const char *const parts[] = {"1", "\"a,b\"", "[2,3]", "{\"x\":[]}", "null"};
	struct span rest = span_trim(text, strlen(text)), value;

	for (int i = 0; i < 5; i++) {
		cr_assert(span_next_element(&rest, &value));
		cr_assert_eq(value.length, strlen(parts[i]));
		cr_assert_eq(memcmp(value.at, parts[i], value.length), 0);
	}
	cr_assert_not(span_next_element(&rest, &value));
	rest = span_trim("[]", 2);
	cr_assert_not(span_next_element(&rest, &value));
}

/* Cut at every place: the same verdict, and at the same byte. */
Test(utf8, pieces_are_checked_like_the_whole)
{
	static const char *const texts[] = {"abc", "\xc3\xa9x", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "a\xffz", "\xe0\x80\x80", "\xed\xa0\x80",
	    "\xf4\x90\x80\x80", "\xc3", "\xe2\x82", "a\xf0\x9f\x98", "\xf4\x8f\xbf\xbf",
	    "\xef\xbf\xbd", "\xc1\x81", "\xf5\x80\x80\x80", "x\x80"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		size_t length = strlen(texts[i]), good;
		uint32_t whole = 0;

		good = utf8_check(&whole, texts[i], length);
		for (size_t cut = 0; cut <= length; cut++) {
			uint32_t state = 0;
			size_t first = utf8_check(&state, texts[i], cut);

			if (first == cut)
				first += utf8_check(&state, texts[i] + cut, length - cut);
			cr_assert_eq(first, good, "text %zu cut at %zu", i, cut);
			if (good == length)
				cr_assert_eq(state, whole);
		}
	}
}

Test(utf8, column_counts_characters)
{
	cr_assert_eq(utf8_column("abc", 0), 1);
	cr_assert_eq(utf8_column("a\xc3\xa9"
				 "b",
			 3),
	    3);
	cr_assert_eq(utf8_column("\xf0\x9f\x98\x80x", 4), 2);
}
