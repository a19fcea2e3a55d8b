/*
 * Ticks over slots that may hold anything, the commons scribbled over.  What is
 * published is JSON in whole frames, the honest client is in it with what it
 * said, and a snapshot that somebody has pinned rests.
 */
#include <string.h>

#include "../../server/bells.h"
#include "../../server/render.h"
#include "../../server/tick.h"
#include "../../shm/clock.h"
#include "../../shm/scan.h"
#include "../../shm/snapshot.h"
#include "../../shm/span.h"
#include "fuzz.h"
#include "instance.h"

#define OPEN 4U /* liars in 0 to 2 */
#define HONEST 3U
#define OWN "{\"honest\":[1.10,\"\xf0\x9f\x98\x80\"]}"

static struct snapshot pinned; /* by the honest client */
static struct text pinned_text;

/* Write anything into a liar's slot, as far as it may write there. */
static void
write_text(struct ticker *t, struct input *in, struct slot *s)
{
	uint64_t size = t->header->layout.buffer_size;
	uint64_t version = load_relaxed(&s->version) + 1;
	size_t length;
	const uint8_t *text = input_bytes(in, input_byte(in) * 8U, &length);
	char *large = (char *)s + SLOT_HEAD_SIZE + (version & 1) * size;

	memcpy(s->small[version & 1], text, length < SLOT_SMALL ? length : SLOT_SMALL);
	memcpy(large, text, length);
	store_relaxed(&s->length[version & 1], (uint32_t)length);
	store_relaxed(&s->version, version);
	(void)ring_append(&t->commons->ring, t->commons->changes, t->header->layout.ring_count,
	    input_byte(in) % (OPEN + 1), 1, CHANGE_PROPERTIES);
}

static void
write_words(struct input *in, struct slot *s)
{
	store_relaxed(&s->version, input_byte(in) * 0x0101010101010101ULL);
	store_relaxed(&s->length[0], input_number(in, 4));
	store_relaxed(&s->length[1], input_number(in, 4));
	store_relaxed(&s->state, input_byte(in));
	store_relaxed(&s->heartbeat, input_byte(in));
	store_relaxed(&s->asleep, input_byte(in));
}

static void
scribble(struct ticker *t, struct input *in)
{
	struct commons *c = t->commons;
	uint32_t head = input_number(in, 2), tail = input_number(in, 2);

	store_relaxed(&c->ring.head, head);
	store_relaxed(&c->ring.tail, tail);
	store_relaxed(&c->ring.overflow, input_byte(in));
	for (unsigned i = 0; i < 8; i++)
		store_relaxed(&c->changes[(tail + i) & 4095].slot, input_number(in, 4));
	store_relaxed(&c->dirty[0], input_byte(in));
	if (input_byte(in) == 1)
		store_relaxed(&c->lock.owner, input_number(in, 4) * 0x100000001ULL);
}

static void
add_frame_text(struct text *out, const char *frame, size_t length)
{
	size_t header = (frame[1] & 0x7f) == 126 ? 4 : (frame[1] & 0x7f) == 127 ? 10 : 2;

	FUZZ_CHECK((unsigned char)frame[0] == 0x81 && length >= header, "no frame header");
	text_add(out, frame + header, length - header);
}

/* All that a client is sent of a snapshot. */
static void
gather(const struct snapshot *v, struct text *out)
{
	char token[TOKEN_LENGTH];

	instance_token(HONEST, token);
	text_clear(out, SIZE_MAX);
	add_frame_text(out, v->changes, v->changes_length);
	text_add(out, "\n", 1);
	add_frame_text(out, v->head, v->head_length);
	text_add(out, token, TOKEN_LENGTH);
	text_add(out, v->names, v->names_length);
	text_add(out, v->people, v->people_length);
	text_add(out, v->tail, v->tail_length);
}

static uint64_t
frame_payload(const char *frame)
{
	const unsigned char *at = (const unsigned char *)frame;
	unsigned bytes = (at[1] & 0x7f) == 126 ? 2 : (at[1] & 0x7f) == 127 ? 8 : 0;
	uint64_t length = bytes == 0 ? at[1] & 0x7fU : 0;

	for (unsigned i = 0; i < bytes; i++)
		length = length << 8 | at[2 + i];
	return length;
}

static void
check_metadata(struct span text)
{
	struct scan_error error;
	struct span metadata, people, own, me = {NULL, 0};
	char name[TOKEN_LENGTH + 1] = "";

	FUZZ_CHECK(scan_check(text.at, text.length, &error) == 0, "metadata: %s", error.what);
	FUZZ_CHECK(span_member(text, "metadata", &metadata), "no metadata");
	FUZZ_CHECK(span_member(metadata, "properties", &people), "no properties");
	instance_token(HONEST, name);
	FUZZ_CHECK(span_member(people, name, &own), "the honest client is missing");
	FUZZ_CHECK(own.length == sizeof(OWN) - 1 && memcmp(own.at, OWN, own.length) == 0,
	    "the honest client said something else");
	while (span_next_member(&people, &me, &own))
		FUZZ_CHECK(*own.at == '{', "properties that are no object");
}

static void
check_newest(struct ticker *t)
{
	const struct header *h = t->header;
	struct text text = {0}, merged = {0};
	struct scan_error error;
	struct snapshot v;
	const char *end;

	snapshot_view(h, &h->generations[load_relaxed(&h->current) & 0xff], &v);
	FUZZ_CHECK(v.number == t->number, "the newest is another one");
	gather(&v, &text);
	end = memchr(text.bytes, '\n', text.length);
	FUZZ_CHECK(frame_payload(v.changes) == (uint64_t)(end - text.bytes), "changes: length");
	FUZZ_CHECK(scan_check(text.bytes, (size_t)(end - text.bytes), &error) == 0,
	    "changes: %s", error.what);
	FUZZ_CHECK(frame_payload(v.head) == text.length - (size_t)(end + 1 - text.bytes),
	    "metadata: length");
	check_metadata((struct span){end + 1, text.length - (size_t)(end + 1 - text.bytes)});
	FUZZ_CHECK(snapshot_merge(h, &v, 1, &merged), "the past is forgotten");
	FUZZ_CHECK(
	    scan_check(merged.bytes, merged.length, &error) == 0, "merged: %s", error.what);
	text_clear(&text, 0);
	text_clear(&merged, 0);
}

static void
pin_or_check(struct ticker *t)
{
	struct slot *own = books_slot(t, HONEST);
	struct text now = {0};

	if (load_relaxed(&own->pinned) == 0) {
		snapshot_pin(t->header, own, &pinned);
		gather(&pinned, &pinned_text);
		return;
	}
	gather(&pinned, &now);
	FUZZ_CHECK(now.length == pinned_text.length &&
		       memcmp(now.bytes, pinned_text.bytes, now.length) == 0,
	    "what is pinned has changed");
	text_clear(&now, 0);
	snapshot_unpin(own);
}

static void
tick(struct ticker *t)
{
	bool killed = t->clients[HONEST].doomed;

	tick_run(t, clock_ms());
	instance_check();
	check_newest(t);
	/* One that pins for too long is rightly killed; everything else is for liars. */
	FUZZ_CHECK(killed == t->clients[HONEST].doomed ||
		       load_relaxed(&books_slot(t, HONEST)->pinned) != 0,
	    "the honest client is killed");
}

static void
do_step(struct ticker *t, struct input *in)
{
	uint8_t what = input_byte(in);
	struct slot *s = books_slot(t, (what >> 3) % HONEST);

	switch (what % 8) {
	case 0:
	case 1:
	case 2: write_text(t, in, s); break;
	case 3: write_words(in, s); break;
	case 4: scribble(t, in); break;
	case 5: store_relaxed(&s->pinned, t->number - input_byte(in)); break;
	case 6: pin_or_check(t); break;
	default: tick(t); break;
	}
}

static void
say_own(struct ticker *t)
{
	struct slot *own = books_slot(t, HONEST);

	slot_write(own, t->header->layout.buffer_size, OWN, sizeof(OWN) - 1);
	slot_flip(own);
	books_look(t, HONEST);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct ticker *t = instance_reset(OPEN);

	say_own(t);
	tick(t);
	while (in.left > 0)
		do_step(t, &in);
	tick(t);
	text_clear(&pinned_text, 0);
	return 0;
}
