/* rosterd-dump on segments in which something is not as it has to be. */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../shm/segment.h"
#include "../../shm/snapshot.h"
#include "../lib/check.h"
#include "../lib/image.h"
#include "../lib/server.h"
#include "../lib/tool.h"

static struct image image;

static void
set_up(void)
{
	image_make(&image);
}

static void
tear_down(void)
{
	image_remove(&image);
}

TestSuite(damage, .init = set_up, .fini = tear_down);

/* Parts of the image, for those who damage it. */

static struct entry *
entry(uint32_t slot)
{
	return segment_entry(image.header, slot);
}

static struct slot *
slot(uint32_t number)
{
	return segment_slot(image.header, number);
}

static struct generation *
newest(void)
{
	return &image.header->generations[image.header->current & 0xff];
}

static char *
newest_text(void)
{
	return (char *)image.header + image.header->layout.arena + newest()->at;
}

static struct mail_record *
record(struct mail_ring ring, uint64_t tail)
{
	struct mail_item item;

	CHECK(mail_peek(&ring, tail + 32, tail, &item) != MAIL_NONE, "no record");
	return (struct mail_record *)(void *)(ring.bytes + (tail & (ring.size - 1)));
}

static struct mail_record *
posted(void)
{
	return record(segment_outbox(image.header, image.sender),
	    segment_mailbox(image.header, image.sender)->outbox_tail);
}

static struct mail_record *
delivered(void)
{
	return record(
	    segment_inbox(image.header, image.receiver), slot(image.receiver)->inbox_tail);
}

static struct change *
last_change(void)
{
	struct commons *c = segment_commons(image.header);

	return &c->changes[(c->ring.head - 1) & (image.header->layout.ring_count - 1)];
}

/* Kinds of damage: what is done, and the rule that has to be named for it. */
#define DAMAGE(name, statement) \
	static void name(void)  \
	{                       \
		statement;      \
	}

DAMAGE(no_ticker, image.header->ticker_pid = 0)
DAMAGE(tick_before_it_was_made, image.header->tick_boot_ms = 0)
DAMAGE(no_period, image.header->tick_ms = 0)
DAMAGE(flag_of_seven, image.header->draining = 7)
DAMAGE(clients_miscounted, image.header->clients += 9)
DAMAGE(current_elsewhere, image.header->current |= 0xff)
DAMAGE(number_of_the_future, newest()->number += 100)
DAMAGE(two_of_one_number,
    image.header->generations[(image.header->current & 0xff) ^ 1].number = newest()->number)
DAMAGE(departed_uncounted, image.header->departed_head = 0)
DAMAGE(departed_nonsense, memset(segment_departed(image.header, 0)->token, 'X', 4))
DAMAGE(departed_never_came, segment_departed(image.header, 0)->opened = 1000000)
DAMAGE(state_of_nine, entry(image.large)->state = 9)
DAMAGE(never_claimed, entry(image.large)->generation = 0)
DAMAGE(token_of_letters, entry(image.large)->token[3] = 'Q')
DAMAGE(token_of_another,
    memcpy(entry(image.large)->token, entry(image.sender)->token, TOKEN_LENGTH))
DAMAGE(peer_with_newline, entry(image.large)->peer[4] = '\n')
DAMAGE(peer_without_end, memset(entry(image.large)->peer, 'x', PEER_LENGTH))
DAMAGE(pid_zero, entry(image.large)->pid = 0)
DAMAGE(order_of_the_future, entry(image.large)->order = 1000000)
DAMAGE(order_of_another, entry(image.large)->order = entry(image.sender)->order)
DAMAGE(since_the_future, entry(image.large)->since += 1ULL << 40)
DAMAGE(announced_in_the_future, entry(image.large)->announced = 1U << 30)
DAMAGE(stop_of_nine, segment_mailbox(image.header, image.large)->stop = 9)
DAMAGE(log_starts_later,
    segment_mailbox(image.header, image.large)->log_start = image.header->log_head + 999)
DAMAGE(work_for_nobody, segment_mailbox(image.header, image.large)->work = 5000)
DAMAGE(slot_state, slot(image.large)->state = 77)
DAMAGE(pin_of_the_future, slot(image.large)->pinned = 1U << 30)
DAMAGE(taken_in_the_future, slot(image.large)->taken = 1U << 30)
DAMAGE(
    properties_too_long, slot(image.sender)->length[slot(image.sender)->version & 1] = 1U << 30)
DAMAGE(properties_no_json, slot(image.sender)->small[slot(image.sender)->version & 1][1] = 0x27)
DAMAGE(large_no_json,
    ((char *)slot(
	image.large))[SLOT_HEAD_SIZE +
		      (slot(image.large)->version & 1) * image.header->layout.buffer_size + 9] =
	'\x01')
DAMAGE(outbox_ahead, slot(image.sender)->outbox_head += 1ULL << 40)
DAMAGE(outbox_odd, slot(image.sender)->outbox_head += 3)
DAMAGE(posted_size, posted()->size = 7)
DAMAGE(posted_length, posted()->length = 1U << 30)
DAMAGE(posted_kind, posted()->kind = MAIL_FRAME)
DAMAGE(inbox_back, slot(image.receiver)->inbox_tail += 1ULL << 30)
DAMAGE(delivered_length, delivered()->length = 1U << 20)
DAMAGE(delivered_frame, *(char *)(delivered() + 1) = 0)
DAMAGE(delivered_stamp, delivered()->stamp = 1ULL << 50)
DAMAGE(log_cursor, slot(image.sender)->log_tail = 1ULL << 50)
DAMAGE(log_torn, segment_log(image.header).bytes[0] ^= 0x55)
DAMAGE(lock_of_nobody, segment_commons(image.header)->lock.owner = 0x123456789abcdef)
DAMAGE(lock_crowd, segment_commons(image.header)->lock.waiters = UINT32_MAX)
DAMAGE(ring_cursors, segment_commons(image.header)->ring.tail += 5)
DAMAGE(ring_place, last_change()->place += 7)
DAMAGE(ring_kind, last_change()->kind = 12)
DAMAGE(ring_slot, last_change()->slot = 70000)
DAMAGE(marks_beyond, segment_commons(image.header)->dirty[5] = 1)
DAMAGE(snapshot_beyond, newest()->end = UINT64_MAX)
DAMAGE(snapshot_askew, newest()->at += 1)
DAMAGE(snapshot_lengths, newest()->names_length += 7)
DAMAGE(snapshot_frame_broken, newest_text()[0] = 0)
DAMAGE(snapshot_text, newest_text()[newest()->changes_length + newest()->head_length +
				    newest()->names_length + 3] = '\x02')
DAMAGE(
    snapshot_name, newest_text()[newest()->changes_length + newest()->head_length + 20] ^= 0x40)
DAMAGE(snapshot_row,
    ((struct row *)(void *)((char *)image.header + image.header->layout.arena + newest()->rows))
	->opened = 1U << 30)

static const struct {
	const char *rule;
	void (*apply)(void);
} damages[] = {
    {"header-ticker", no_ticker},
    {"header-tick-time", tick_before_it_was_made},
    {"header-tick-period", no_period},
    {"header-flags", flag_of_seven},
    {"header-clients", clients_miscounted},
    {"header-current", current_elsewhere},
    {"generation-number", number_of_the_future},
    {"generation-twice", two_of_one_number},
    {"departed-head", departed_uncounted},
    {"departed-token", departed_nonsense},
    {"departed-numbers", departed_never_came},
    {"entry-state", state_of_nine},
    {"entry-generation", never_claimed},
    {"entry-token", token_of_letters},
    {"entry-token-twice", token_of_another},
    {"entry-peer", peer_with_newline},
    {"entry-peer", peer_without_end},
    {"entry-pid", pid_zero},
    {"entry-order", order_of_the_future},
    {"entry-order-twice", order_of_another},
    {"entry-since", since_the_future},
    {"entry-announced", announced_in_the_future},
    {"mailbox-stop", stop_of_nine},
    {"mailbox-log", log_starts_later},
    {"mailbox-work", work_for_nobody},
    {"slot-state", slot_state},
    {"slot-pinned", pin_of_the_future},
    {"slot-taken", taken_in_the_future},
    {"slot-length", properties_too_long},
    {"slot-properties", properties_no_json},
    {"slot-properties", large_no_json},
    {"outbox-cursors", outbox_ahead},
    {"outbox-cursors", outbox_odd},
    {"outbox-record", posted_size},
    {"outbox-record", posted_length},
    {"outbox-record", posted_kind},
    {"inbox-cursors", inbox_back},
    {"inbox-record", delivered_length},
    {"inbox-record", delivered_frame},
    {"inbox-record", delivered_stamp},
    {"log-cursor", log_cursor},
    {"log-frame", log_torn},
    {"lock-owner", lock_of_nobody},
    {"lock-waiters", lock_crowd},
    {"ring-cursors", ring_cursors},
    {"ring-place", ring_place},
    {"ring-kind", ring_kind},
    {"ring-slot", ring_slot},
    {"marks", marks_beyond},
    {"snapshot-bounds", snapshot_beyond},
    {"snapshot-bounds", snapshot_askew},
    {"snapshot-bounds", snapshot_lengths},
    {"snapshot-changes", snapshot_frame_broken},
    {"snapshot-metadata", snapshot_text},
    {"snapshot-token", snapshot_name},
    {"snapshot-row", snapshot_row},
};

Test(damage, a_sound_segment_breaks_no_rule)
{
	char *output;
	int code = TOOL(&output, "--file", image.path, "check");

	cr_assert_eq(code, 0, "%s", output);
	free(output);
}

Test(damage, every_kind_is_found_and_named, .timeout = 120)
{
	for (size_t i = 0; i < sizeof(damages) / sizeof(damages[0]); i++) {
		char *output, line[64];
		int code;

		damages[i].apply();
		code = TOOL(&output, "--file", image.path, "check");
		snprintf(line, sizeof(line), "%s ", damages[i].rule);
		cr_assert_eq(code, 65, "damage %zu, %s: exit code %d: %s", i, damages[i].rule,
		    code, output);
		cr_assert(strncmp(output, line, strlen(line)) == 0 ||
			      strstr(output, line)[-1] == '\n',
		    "damage %zu: %s is not named: %s", i, damages[i].rule, output);
		free(output);
		image_restore(&image);
	}
}

/* Any bytes anywhere. */

static uint64_t state;

static uint64_t
chance(uint64_t below)
{
	/* xorshift64*, Vigna 2016 */
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dULL >> 16) % below;
}

/* A place that is likely to matter: the beginning of a part, a slot, a record. */
static char *
somewhere(void)
{
	const struct layout *l = &((const struct header *)(void *)image.before)->layout;
	const uint64_t parts[] = {0, 0, 0, l->front, l->directory, l->directory, l->mailboxes,
	    l->departed, l->commons, l->commons + sizeof(struct commons), l->log, l->arena,
	    l->arena, l->inboxes + image.receiver * l->inbox_size,
	    l->slots + image.sender * l->slot_size, l->slots + image.receiver * l->slot_size,
	    l->slots + image.large * l->slot_size,
	    (uint64_t)(segment_outbox((const struct header *)(void *)image.before, image.sender)
			   .bytes -
		       image.before)};
	uint64_t at = parts[chance(sizeof(parts) / sizeof(parts[0]))] + chance(4096);

	if (chance(8) == 0)
		at = chance(image.size);
	return (char *)image.header + (at < image.size - 4096 ? at : image.size - 4096);
}

static void
corrupt(void)
{
	static const uint64_t extremes[] = {0, 1, UINT64_MAX, INT64_MAX, UINT32_MAX, INT32_MAX,
	    1ULL << 63, 1ULL << 32, 1ULL << 31, 0x7f, 0xff, 0xffff};
	uint64_t word;
	char *at = somewhere();

	switch (chance(6)) {
	case 0: *at = (char)chance(256); break;
	case 1:
	case 2:
		word = extremes[chance(sizeof(extremes) / sizeof(extremes[0]))];
		memcpy((char *)((uintptr_t)at & ~(uintptr_t)7), &word, sizeof(word));
		break;
	case 3:
		for (uint64_t i = 0, length = chance(4096); i < length; i++)
			at[i] = (char)chance(256);
		break;
	case 4: memset(at, chance(2) ? 0 : 0xff, chance(4096)); break;
	default: memcpy(at, image.before + chance(image.size - 4096), chance(4096)); break;
	}
}

static const char *const commands[][4] = {
    {"clients"},
    {"clients", "--json"},
    {"clients", "--long", "--sort", "-sent_bytes"},
    {"changes"},
    {"changes", "--json"},
    {"follow"},
    {"snapshot"},
    {"snapshot", "--json"},
    {"stats"},
    {"stats", "--json"},
    {"stats", "--prometheus"},
    {"locks"},
    {"locks", "--json"},
    {"layout"},
    {"layout", "--json"},
    {"watch", "-1"},
    {"watch", "--json"},
    {"check"},
    {"check", "--json"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
look(int round, const char *const *command)
{
	const char *arguments[8] = {"--file", image.path};
	bool json = false;
	char *output;
	int code, count = 2;

	for (int i = 0; i < 4 && command[i] != NULL; i++) {
		arguments[count++] = command[i];
		json |= strcmp(command[i], "--json") == 0;
	}
	code = tool_run(&output, arguments);
	cr_assert(code == 0 || code == 65, "image %d, %s: exit code %d: %s", round, command[0],
	    code, output);
	cr_assert(code == 0 || *output != '\0', "image %d, %s: no word of what is wrong", round,
	    command[0]);
	if (json && output[0] != 'r') {
		json_t *value = json_loads(output, JSON_ALLOW_NUL, NULL);

		cr_assert_not_null(
		    value, "image %d, %s: no JSON: %s", round, command[0], output);
		json_decref(value);
	}
	free(output);
}

/* Each ends with an error or an answer, never by a signal, and in time. */
Test(damage, a_thousand_corrupted_images, .timeout = 600)
{
	const char *seed = getenv("ROSTERD_SEED");
	int rounds = getenv("ROSTERD_SLOW") != NULL ? 150 : 1000;

	state = seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)now_ms();
	fprintf(stderr, "ROSTERD_SEED=%llu\n", (unsigned long long)state);
	for (int round = 0; round < rounds; round++) {
		for (uint64_t n = 1 + chance(8); n > 0; n--)
			corrupt();
		if (chance(20) == 0)
			cr_assert_eq(truncate(image.path, (off_t)chance(image.size)), 0);
		look(round, commands[(size_t)round % COMMANDS]);
		look(round, commands[COMMANDS - 2 + chance(2)]);
		image_restore(&image);
	}
}
