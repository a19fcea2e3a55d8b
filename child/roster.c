#include "roster.h"

#include <string.h>

#include "../shm/fault.h"

/* Memory of private pieces is given back when it was more than this. */
#define KEEP 1024

static void
add_piece(struct iovec *pieces, int *count, const char *at, size_t length)
{
	pieces[*count].iov_base = (void *)(uintptr_t)at;
	pieces[*count].iov_len = length;
	++*count;
}

static bool
announced(const struct seat *s, uint32_t number)
{
	uint32_t first = load_acquire(&s->entry->announced);

	return first != 0 && first <= number;
}

/*
 * Pieces are put together in r->own, which moves as it grows: so first all text
 * is appended, then the pieces are cut from it.
 */
struct splice {
	size_t front; /* bytes at the beginning: a handshake's answer, or merged changes */
	size_t head;  /* bytes of the frame header and text up to the token, with it */
	size_t name;  /* bytes of ,"token" */
	size_t entry; /* bytes of ,"token":{} */
};

static void
write_merged(struct roster *r, struct splice *splice, const struct text *merged)
{
	unsigned char header[10];
	size_t length = snapshot_frame(merged->length, header);

	text_add(&r->own, header, length);
	text_add(&r->own, merged->bytes, merged->length);
	splice->front = r->own.length;
}

static void
write_splice(struct roster *r, const struct seat *s, struct splice *splice)
{
	const struct snapshot *v = &r->view;
	const char *comma = v->count > 0 ? "," : "";
	size_t name = strlen(comma) + TOKEN_LENGTH + 2;
	size_t entry = name + 3;
	size_t length = sizeof(SNAPSHOT_HEAD) - 1 + TOKEN_LENGTH + v->names_length + name +
			v->people_length + entry + v->tail_length;
	unsigned char header[10];
	size_t start = r->own.length;

	text_add(&r->own, header, snapshot_frame(length, header));
	text_string(&r->own, SNAPSHOT_HEAD);
	text_add(&r->own, s->token, TOKEN_LENGTH);
	splice->head = r->own.length - start;
	for (int twice = 0; twice < 2; twice++) {
		text_string(&r->own, comma);
		text_add(&r->own, "\"", 1);
		text_add(&r->own, s->token, TOKEN_LENGTH);
		text_add(&r->own, "\"", 1);
	}
	text_string(&r->own, ":{}");
	splice->name = name;
	splice->entry = entry;
}

/* The pieces of the metadata packet with this client in it, behind the others. */
static void
cut_splice(
    const struct roster *r, const struct splice *splice, struct iovec *pieces, int *count)
{
	const struct snapshot *v = &r->view;
	const char *at = r->own.bytes + splice->front;

	add_piece(pieces, count, at, splice->head);
	add_piece(pieces, count, v->names, v->names_length);
	add_piece(pieces, count, at + splice->head, splice->name);
	add_piece(pieces, count, v->people, v->people_length);
	add_piece(pieces, count, at + splice->head + splice->name, splice->entry);
	add_piece(pieces, count, v->tail, v->tail_length);
}

/* Compressed or not, only the token in the middle is not shared (server/deflate.h). */
static void
cut_shared(const struct roster *r, const struct seat *s, struct iovec *pieces, int *count)
{
	const struct snapshot *v = &r->view;

	if (r->deflate && v->deflated_body_length > 0) {
		add_piece(pieces, count, v->deflated_head, v->deflated_head_length);
		add_piece(pieces, count, s->token, TOKEN_LENGTH);
		add_piece(pieces, count, v->deflated_body, v->deflated_body_length);
		count_add(&s->self->counters.ticks_deflated, 1);
		return;
	}
	add_piece(pieces, count, v->head, v->head_length);
	add_piece(pieces, count, s->token, TOKEN_LENGTH);
	add_piece(pieces, count, v->names, v->names_length + v->people_length + v->tail_length);
}

static void
cut_changes(const struct roster *r, struct iovec *pieces, int *count)
{
	const struct snapshot *v = &r->view;

	if (r->deflate && v->deflated_changes_length > 0)
		add_piece(pieces, count, v->deflated_changes, v->deflated_changes_length);
	else
		add_piece(pieces, count, v->changes, v->changes_length);
}

static void
finish(struct roster *r, struct seat *s)
{
	snapshot_unpin(s->self);
	text_clear(&r->own, KEEP);
	r->sending = false;
}

static void
begin(
    struct roster *r, struct seat *s, struct outbound *o, const struct iovec *pieces, int count)
{
	r->sending = true;
	r->taken = r->view.number;
	store_relaxed(&s->self->taken, r->taken);
	FAULT("roster.taking");
	count_add(&s->self->counters.ticks, 1);
	if (r->own.failed)
		o->broken = true;
	else
		outbound_tick(o, pieces, count);
	FAULT("roster.sent");
	if (outbound_tick_done(o))
		finish(r, s);
}

void
roster_choose(struct roster *r, struct seat *s)
{
	snapshot_pin(s->header, s->self, &r->view);
}

void
roster_first(struct roster *r, struct seat *s, struct outbound *o)
{
	struct iovec pieces[OUTBOUND_PIECES];
	struct splice splice = {0};
	int count = 0;

	splice.front = outbound_take(o, &r->own);
	write_splice(r, s, &splice);
	if (!r->own.failed) {
		add_piece(pieces, &count, r->own.bytes, splice.front);
		cut_splice(r, &splice, pieces, &count);
	}
	begin(r, s, o, pieces, count);
}

static bool
send_newest(struct roster *r, struct seat *s, struct outbound *o)
{
	struct iovec pieces[OUTBOUND_PIECES];
	struct splice splice = {0};
	struct text merged = {0};
	bool shared, remembered = true;
	int count = 0;

	snapshot_pin(s->header, s->self, &r->view);
	shared = announced(s, r->view.number);
	if (r->view.number == r->taken + 1) {
		cut_changes(r, pieces, &count);
	} else {
		remembered = snapshot_merge(s->header, &r->view, r->taken, &merged);
		write_merged(r, &splice, &merged);
		count_add(&s->self->counters.ticks_merged, 1);
		FAULT("roster.merged");
	}
	if (!shared)
		write_splice(r, s, &splice);
	if (remembered && !r->own.failed && !merged.failed) {
		if (splice.front > 0)
			add_piece(pieces, &count, r->own.bytes, splice.front);
		if (shared)
			cut_shared(r, s, pieces, &count);
		else
			cut_splice(r, &splice, pieces, &count);
	}
	text_clear(&merged, 0);
	begin(r, s, o, pieces, count);
	return remembered;
}

static uint32_t
behind(const struct roster *r, const struct seat *s)
{
	return snapshot_newest(s->header) - r->taken;
}

bool
roster_pending(const struct roster *r, const struct seat *s, const struct outbound *o)
{
	if (r->sending)
		return outbound_tick_done(o) || behind(r, s) >= ROSTER_PATIENCE;
	return behind(r, s) != 0 && outbound_idle(o) && !o->broken;
}

bool
roster_service(struct roster *r, struct seat *s, struct outbound *o)
{
	if (r->sending && !outbound_tick_done(o) && behind(r, s) >= ROSTER_PATIENCE) {
		outbound_tick_copy(o);
		FAULT("roster.copied");
	}
	if (r->sending && outbound_tick_done(o))
		finish(r, s);
	if (!r->sending && behind(r, s) != 0 && outbound_idle(o) && !o->broken)
		return send_newest(r, s, o);
	return true;
}
