/* Options, the roll of tokens, and snapshots as text. */
#include <criterion/criterion.h>
#include <getopt.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../server/options.h"
#include "../../server/books.h"
#include "../../server/render.h"
#include "../../server/roll.h"
#include "../../server/tick.h"
#include "../../shm/snapshot.h"

/* Options. */

static enum options_result
read_options(struct options *o, const char *const *arguments)
{
	char *argv[16] = {(char *)(uintptr_t) "rosterd"};
	int argc = 1;

	for (; *arguments != NULL; arguments++)
		argv[argc++] = strdup(*arguments);
	optind = 0;
	(void)!freopen("/dev/null", "w", stderr);
	return options_read(o, argc, argv);
}

#define READ(o, ...) read_options((o), (const char *const[]){__VA_ARGS__, NULL})

Test(options, defaults)
{
	struct options o;

	cr_assert_eq(READ(&o, NULL), OPTIONS_RUN);
	cr_assert_str_eq(o.name, "default");
	cr_assert_eq(o.max_clients, 4096);
	cr_assert_eq(o.max_packet, 65536);
	cr_assert_eq(o.max_properties, 16384);
	cr_assert_eq(o.backlog, 1048576);
	cr_assert_eq(o.tick_ms, 500);
	cr_assert_eq(o.ping_ms, 20000);
	cr_assert_eq(o.handshake_ms, 5000);
	cr_assert_str_eq(o.app_version, "DEV");
	cr_assert_str_eq(o.origin, "self");
	cr_assert_eq(o.listen.count, 0);
}

Test(options, origins_that_can_never_match_are_bad)
{
	struct options o;

	cr_assert_eq(READ(&o, "--origin", "example.org"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--origin", "https://example.org/"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--origin", "self, https://example.org"), OPTIONS_RUN);
}

Test(options, nobody_is_trusted_by_mistake)
{
	struct child_settings settings;
	struct options o;

	cr_assert_eq(READ(&o, NULL), OPTIONS_RUN);
	options_child(&o, &settings);
	cr_assert_not(trust_peer(&settings.trust, "127.0.0.1:5"));
	cr_assert_not(settings.proxy_protocol);
	cr_assert_eq(settings.client_header, HEADER_X_FORWARDED_FOR);
	cr_assert_eq(READ(&o, "--trust", "10.0.0.0/8,unix", "--trust", "::1",
			 "--proxy-protocol", "on", "--client-header", "forwarded"),
	    OPTIONS_RUN);
	options_child(&o, &settings);
	cr_assert(trust_peer(&settings.trust, "[::1]:5"));
	cr_assert(trust_peer(&settings.trust, "10.0.0.1:5"));
	cr_assert(trust_peer(&settings.trust, "unix"));
	cr_assert_not(trust_peer(&settings.trust, "127.0.0.1:5"));
	cr_assert(settings.proxy_protocol);
	cr_assert_eq(settings.client_header, HEADER_FORWARDED);
	cr_assert_eq(READ(&o, "--trust", "10.0.0.0/8;::1"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--trust", "proxy.example.org"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--proxy-protocol", "optional"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--client-header", "X-Real-IP"), OPTIONS_WRONG);
}

Test(options, flags_win_over_the_environment_and_that_over_defaults)
{
	struct options o;

	setenv("ROSTERD_MAX_CLIENTS", "7", 1);
	setenv("ROSTERD_APP_VERSION", "env", 1);
	setenv("ROSTERD_LISTEN", "[::1]:1", 1);
	cr_assert_eq(READ(&o, "--max-clients", "9"), OPTIONS_RUN);
	cr_assert_eq(o.max_clients, 9);
	cr_assert_str_eq(o.app_version, "env");
	cr_assert_eq(o.listen.count, 1);
	cr_assert_eq(READ(&o, "--listen", "a:1", "--listen=b:2"), OPTIONS_RUN);
	cr_assert_eq(o.max_clients, 7);
	cr_assert_eq(o.listen.count, 2);
	cr_assert_str_eq(o.listen.items[1], "b:2");
}

Test(options, numbers_with_units)
{
	struct options o;

	cr_assert_eq(READ(&o, "--max-packet", "1m", "--backlog", "64K"), OPTIONS_RUN);
	cr_assert_eq(o.max_packet, 1 << 20);
	cr_assert_eq(o.backlog, 65536);
}

Test(options, nonsense_is_refused)
{
	struct options o;

	cr_assert_eq(READ(&o, "--max-clients", "0"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--max-clients", "-1"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--max-clients", "12x"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--max-clients", ""), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--max-clients", "99999999999999999999"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--max-packet", "4194304k"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--no-such-option"), OPTIONS_BAD);
	cr_assert_eq(READ(&o, "stray"), OPTIONS_BAD);
	cr_assert_eq(READ(&o, "--name", "../x"), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--log-level", "chatty"), OPTIONS_WRONG);
	setenv("ROSTERD_PING", "often", 1);
	cr_assert_eq(READ(&o, NULL), OPTIONS_WRONG);
}

/* Write a file of options; its path. */
static const char *
file_of(const char *text)
{
	static char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/options-%d.conf", (int)getpid());
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	return path;
}

Test(options, a_file_counts_less_than_the_environment_and_that_less_than_flags)
{
	struct options o;
	const char *path = file_of("# a comment\nmax-clients = 5\n max-packet = 2k ; two\n"
				   "listen = [::1]:3\nlisten = unix:/a b\napp-version = file\n"
				   "name =\norigin = https://a.example,*\n");

	setenv("ROSTERD_APP_VERSION", "env", 1);
	cr_assert_eq(READ(&o, "--config", path), OPTIONS_RUN);
	cr_assert_eq(o.max_clients, 5);
	cr_assert_eq(o.max_packet, 2048);
	cr_assert_eq(o.listen.count, 2);
	cr_assert_str_eq(o.listen.items[1], "unix:/a b");
	cr_assert_str_eq(o.app_version, "env");
	cr_assert_str_eq(o.name, "default");
	cr_assert_str_eq(o.origin, "https://a.example,*");
	cr_assert_eq(READ(&o, "--app-version", "flag", "--listen", "a:1", "--config", path),
	    OPTIONS_RUN);
	cr_assert_str_eq(o.app_version, "flag");
	cr_assert_eq(o.listen.count, 1);
	setenv("ROSTERD_LISTEN", "b:2", 1);
	setenv("ROSTERD_CONFIG", path, 1);
	cr_assert_eq(READ(&o, "--check"), OPTIONS_CHECK);
	cr_assert_eq(o.max_clients, 5);
	cr_assert_str_eq(o.listen.items[0], "b:2");
	unlink(path);
}

Test(options, nonsense_in_a_file_is_refused)
{
	static const char *const bad[] = {"max-clients = 0\n", "no-such-option = 1\n",
	    "max-clients\n", "[section]\nmax-clients = 1\n", "config = /etc/passwd\n",
	    "socket-mode = rw\n", "socket-mode = 0\n", "max-clients = \"5\"\n"};
	char longest[400];
	struct options o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_assert_eq(
		    READ(&o, "--config", file_of(bad[i])), OPTIONS_WRONG, "%s", bad[i]);
	snprintf(longest, sizeof(longest), "app-version = %0300d\n", 1);
	cr_assert_eq(READ(&o, "--config", file_of(longest)), OPTIONS_WRONG);
	cr_assert_eq(READ(&o, "--config", file_of("max-clients = 1")), OPTIONS_RUN,
	    "the last line needs no end");
	unlink(file_of(""));
	cr_assert_eq(READ(&o, "--config", file_of("") /* it is there */), OPTIONS_RUN);
	cr_assert_eq(READ(&o, "--config", "/no/such/file"), OPTIONS_WRONG);
}

/* Roll: against a plain list. */
Test(roll, finds_who_was_added_and_not_removed)
{
	enum { TOKENS = 500 };
	static unsigned char tokens[TOKENS][MAIL_TOKEN];
	static bool there[TOKENS];
	struct roll r;

	srand(11);
	cr_assert_eq(roll_make(&r, TOKENS), 0);
	for (int i = 0; i < TOKENS; i++) {
		for (unsigned n = 0; n < MAIL_TOKEN; n++)
			tokens[i][n] = (unsigned char)rand();
		/* Many that want the same places. */
		tokens[i][0] = (unsigned char)(i % 8);
		tokens[i][1] = tokens[i][2] = 0;
	}
	for (int step = 0; step < 50000; step++) {
		int i = rand() % TOKENS, look = rand() % TOKENS;

		if (there[i])
			roll_remove(&r, tokens[i]);
		else
			roll_add(&r, tokens[i], (uint32_t)i);
		there[i] = !there[i];
		cr_assert_eq(
		    roll_find(&r, tokens[look]), there[look] ? (uint32_t)look : ROLL_NOBODY);
	}
	roll_remove(&r, (const unsigned char *)"0123456789abcdef");
}

/* Snapshots: a ticker without processes around it. */

static struct ticker t;
static char name[32];

static void
start_ticker(void)
{
	static const struct limits small = {32, 1024, 1024};

	memset(&t, 0, sizeof(t));
	snprintf(name, sizeof(name), "unit-%d", (int)getpid());
	cr_assert_eq(segment_create(&t.segment, name, &small, 0600), 0);
	segment_unlink(name);
	t.header = t.segment.header;
	t.commons = segment_commons(t.header);
	t.max_clients = 32;
	cr_assert_eq(books_make(&t), 0);
	cr_assert_eq(tick_make(&t), 0);
	text_string(&t.version, "\"DEV\"");
	for (uint32_t slot = 32; slot-- > 0;)
		t.free_slots[t.free_count++] = slot;
	cr_assert(render_publish(&t));
}

/* A client that is there, without a child. */
static uint32_t
add_client(char fill)
{
	uint32_t slot = t.free_slots[--t.free_count];
	struct entry *e = segment_entry(t.header, slot);

	books_seat(&t, slot);
	memset(e->token, fill, TOKEN_LENGTH);
	store_relaxed(&e->state, ENTRY_OPEN);
	books_enlist(&t, slot);
	return slot;
}

static void
remove_client(uint32_t slot)
{
	uint32_t at = 0;

	while (t.order[at] != slot)
		at++;
	memmove(&t.order[at], &t.order[at + 1], (t.order_count - at - 1) * sizeof(*t.order));
	t.order_count--;
	t.roster_changed = true;
	memcpy(t.leavers[t.leaver_count].token, segment_entry(t.header, slot)->token,
	    TOKEN_LENGTH);
	if (t.clients[slot].opened != 0)
		t.leavers[t.leaver_count++].opened = t.clients[slot].opened;
}

static void
set_properties(uint32_t slot, const char *text)
{
	t.clients[slot].length = (uint32_t)strlen(text);
	memcpy(books_text(&t, slot), text, strlen(text));
	t.clients[slot].changed = t.number + 1;
	t.fresh[t.fresh_count++] = slot;
}

static struct snapshot
newest(void)
{
	struct snapshot view;
	uint64_t current = load_relaxed(&t.header->current);

	snapshot_view(t.header, &t.header->generations[current & 0xff], &view);
	cr_assert_eq(view.number, t.number);
	return view;
}

/* Payload of a frame as JSON; its header has to be right. */
static json_t *
frame_json(const char *frame, size_t length)
{
	unsigned char header[10];
	size_t size = 2;

	while (snapshot_frame(length - size, header) != size)
		size = size == 2 ? 4 : 10;
	cr_assert_eq(memcmp(frame, header, size), 0, "the header of a frame is wrong");
	return json_loadb(frame + size, length - size, 0, NULL);
}

static json_t *
metadata_of(const struct snapshot *v, const char *token)
{
	size_t rest = v->names_length + v->people_length + v->tail_length;
	char *frame = malloc(v->head_length + TOKEN_LENGTH + rest);
	json_t *packet;

	memcpy(frame, v->head, v->head_length);
	memcpy(frame + v->head_length, token, TOKEN_LENGTH);
	memcpy(frame + v->head_length + TOKEN_LENGTH, v->names, rest);
	packet = frame_json(frame, v->head_length + TOKEN_LENGTH + rest);
	free(frame);
	cr_assert_not_null(packet, "metadata is no JSON");
	return json_object_get(packet, "metadata");
}

static size_t
size_of(const json_t *packet, const char *list)
{
	return json_array_size(json_object_get(json_object_get(packet, "changes"), list));
}

Test(render, snapshot_of_nobody_and_of_many, .init = start_ticker)
{
	struct snapshot v = newest();
	json_t *metadata = metadata_of(&v, "0123456789abcdef0123456789abcdef"), *changes;

	cr_assert_eq(json_array_size(json_object_get(metadata, "indexes")), 0);
	for (char c = 'a'; c < 'a' + 20; c++) {
		uint32_t slot = add_client(c);
		char text[64];

		if (c % 2 == 0) {
			snprintf(text, sizeof(text), "{\"letter\":\"%c\",\"more\":[1,2,3]}", c);
			set_properties(slot, text);
		}
	}
	cr_assert(render_publish(&t));
	v = newest();
	metadata = metadata_of(&v, "0123456789abcdef0123456789abcdef");
	cr_assert_eq(json_array_size(json_object_get(metadata, "indexes")), 20);
	cr_assert_eq(json_object_size(json_object_get(metadata, "properties")), 20);
	cr_assert_str_eq(json_string_value(json_object_get(metadata, "version")), "DEV");
	changes = frame_json(v.changes, v.changes_length);
	cr_assert_not_null(changes);
	cr_assert_eq(size_of(changes, "opened"), 20);
	cr_assert_eq(size_of(changes, "closed"), 0);
	cr_assert_eq(size_of(changes, "properties"), 10);
}

/* All of a snapshot that lasts: its text but for changes, and its rows. */
static char *
lasting(const struct snapshot *v, size_t *length)
{
	size_t text = v->head_length + v->names_length + v->people_length + v->tail_length;
	size_t rows = v->count * sizeof(struct row);
	char *copy = malloc(text + rows);

	memcpy(copy, v->head, text);
	memcpy(copy + text, v->rows, rows);
	*length = text + rows;
	return copy;
}

Test(render, what_is_amended_is_as_if_made_anew, .init = start_ticker)
{
	uint32_t slots[20];
	int amended = 0;

	srand(5);
	for (int i = 0; i < 20; i++)
		slots[i] = add_client((char)('a' + i));
	cr_assert(render_publish(&t));
	for (int round = 0; round < 300; round++) {
		struct snapshot v;
		size_t length, again;
		char *one, *other;

		for (int i = 0; i < 20; i++) {
			char text[80];

			if (rand() % 4 != 0)
				continue;
			snprintf(
			    text, sizeof(text), "{\"n\":\"%0*d\"}", 1 + rand() % 50, round);
			set_properties(slots[i], text);
		}
		amended += !t.roster_changed && t.fresh_count > 0;
		cr_assert(render_publish(&t));
		v = newest();
		one = lasting(&v, &length);
		t.ends_number = 0; /* as a ticker that has just begun */
		cr_assert(render_publish(&t));
		v = newest();
		other = lasting(&v, &again);
		cr_assert_eq(length, again);
		cr_assert_eq(memcmp(one, other, length), 0, "round %d", round);
		free(one);
		free(other);
	}
	cr_assert_gt(amended, 250);
}

Test(render, a_generation_that_is_pinned_is_not_written_over, .init = start_ticker)
{
	static char before[4096];
	uint32_t slot = add_client('a');
	struct slot *s = segment_slot(t.header, slot);
	struct snapshot pinned, v;

	cr_assert(render_publish(&t));
	snapshot_pin(t.header, s, &pinned);
	cr_assert_eq(pinned.number, t.number);
	memcpy(before, pinned.names, pinned.names_length + pinned.people_length);
	for (int i = 0; i < 50; i++) {
		char text[64];

		snprintf(text, sizeof(text), "{\"i\":%d}", i);
		set_properties(slot, text);
		cr_assert(render_publish(&t));
	}
	cr_assert_eq(
	    memcmp(before, pinned.names, pinned.names_length + pinned.people_length), 0);
	snapshot_unpin(s);
	snapshot_pin(t.header, s, &v);
	cr_assert_eq(v.number, t.number);
}

/* As many pins as there are generations: no snapshot, until one lets go. */
Test(render, there_is_no_snapshot_when_all_generations_are_pinned, .init = start_ticker)
{
	uint32_t slots[LAYOUT_GENERATIONS];
	uint32_t before;

	for (uint32_t i = 0; i < LAYOUT_GENERATIONS - 1; i++) {
		struct snapshot v;

		slots[i] = add_client((char)('a' + i));
		cr_assert(render_publish(&t));
		snapshot_pin(t.header, segment_slot(t.header, slots[i]), &v);
	}
	add_client('y');
	cr_assert(render_publish(&t));
	before = t.number;
	add_client('z');
	cr_assert_not(render_publish(&t));
	cr_assert_eq(t.number, before);
	snapshot_unpin(segment_slot(t.header, slots[2]));
	cr_assert(render_publish(&t));
	cr_assert_eq(t.number, before + 1);
}

/* Whatever happened in between: before + opened - closed = after, for every earlier snapshot. */
Test(render, merged_changes_add_up_from_any_snapshot_to_the_newest, .init = start_ticker)
{
	enum { ROUNDS = 60 };
	static json_t *history[ROUNDS + 1];
	static uint32_t numbers[ROUNDS + 1];
	uint32_t slots[20];
	int count = 0;

	srand(17);
	for (int round = 0; round < ROUNDS; round++) {
		struct snapshot v;
		json_t *after;

		for (int n = rand() % 3; n >= 0; n--) {
			if (count < 20 && rand() % 2 == 0 && t.free_count > 0) {
				static int serial;

				slots[count] = add_client('0');
				snprintf(segment_entry(t.header, slots[count])->token,
				    TOKEN_LENGTH, "%031d", ++serial);
				segment_entry(t.header, slots[count])->token[31] = 'f';
				count++;
			} else if (count > 0) {
				int i = rand() % count;

				remove_client(slots[i]);
				slots[i] = slots[--count];
			}
		}
		if (count > 0) {
			char text[32];

			snprintf(text, sizeof(text), "{\"r\":%d}", round);
			set_properties(slots[rand() % count], text);
		}
		cr_assert(render_publish(&t));
		v = newest();
		after = metadata_of(&v, "0123456789abcdef0123456789abcdef");
		history[round] = after;
		numbers[round] = v.number;
		for (int from = 0; from < round; from++) {
			struct text merged = {0};
			json_t *changes, *set = json_object(), *value, *lists;
			size_t i;

			cr_assert(snapshot_merge(t.header, &v, numbers[from], &merged));
			changes = json_loadb(merged.bytes, merged.length, 0, NULL);
			cr_assert_not_null(changes);
			lists = json_object_get(changes, "changes");
			json_array_foreach(json_object_get(history[from], "indexes"), i, value)
			    json_object_set(set, json_string_value(value), json_true());
			json_array_foreach(json_object_get(lists, "opened"), i, value)
			{
				cr_assert_null(json_object_get(set, json_string_value(value)));
				json_object_set(set, json_string_value(value), json_true());
			}
			json_array_foreach(json_object_get(lists, "closed"), i, value)
			    cr_assert_eq(json_object_del(set, json_string_value(value)), 0);
			cr_assert_eq(json_object_size(set),
			    json_array_size(json_object_get(after, "indexes")));
			json_array_foreach(json_object_get(after, "indexes"), i, value)
			    cr_assert_not_null(json_object_get(set, json_string_value(value)));
			json_array_foreach(json_object_get(lists, "properties"), i, value)
			    cr_assert_not_null(json_object_get(set, json_string_value(value)));
			json_decref(set);
			json_decref(changes);
			text_clear(&merged, 0);
		}
	}
}

Test(render, history_that_was_written_over_is_not_invented, .init = start_ticker)
{
	struct text merged = {0};
	struct snapshot v;
	uint32_t first = t.number;

	for (uint64_t n = 0; n <= t.header->layout.departed_count / 8 + 1; n++) {
		uint32_t slots[8];

		for (int i = 0; i < 8; i++)
			slots[i] = add_client((char)('a' + i));
		cr_assert(render_publish(&t));
		for (int i = 0; i < 8; i++) {
			remove_client(slots[i]);
			t.free_slots[t.free_count++] = slots[i];
			t.seated_count = 0;
		}
		cr_assert(render_publish(&t));
	}
	v = newest();
	cr_assert_not(snapshot_merge(t.header, &v, first, &merged));
	text_clear(&merged, 0);
	cr_assert(snapshot_merge(t.header, &v, t.number - 1, &merged));
}
