/* check_snapshot.c - the newest roster as text. */
#include <inttypes.h>
#include <string.h>

#include "check.h"
#include "newest.h"
#include "scan.h"
#include "span.h"

#define NOBODY "00000000000000000000000000000000"

static bool
begins(const struct text *t, const char *with)
{
	return t->length >= strlen(with) && memcmp(t->bytes, with, strlen(with)) == 0;
}

static void
check_text(struct check *c, const struct newest *n, const char *rule, const struct text *t,
    const char *head)
{
	struct scan_error error;

	if (!begins(t, head))
		check_add(c, rule, n->view.number, "does not begin as it has to");
	else if (scan_check(t->bytes, t->length, &error) < 0)
		check_add(c, rule, n->view.number, "not JSON at byte %zu: %s", error.offset,
		    error.what);
}

static void
check_rows(struct check *c, const struct newest *n)
{
	for (uint32_t i = 0; i < n->view.count; i++) {
		const struct row *row = &n->view.rows[i];

		if (!check_token(snapshot_token(&n->view, i)))
			check_add(
			    c, "snapshot-token", i, "\"%.32s\"", snapshot_token(&n->view, i));
		if (row->opened == 0 || row->opened > n->view.number ||
		    row->changed > n->view.number)
			check_add(c, "snapshot-row", i,
			    "opened in %u, changed in %u, this is %u", row->opened,
			    row->changed, n->view.number);
	}
}

/* The keys of "properties" are the names, in the same order. */
static void
check_people(struct check *c, const struct newest *n, const struct text *metadata)
{
	struct span whole = {metadata->bytes, metadata->length}, inner, rest, key, value;
	uint32_t i = 0;

	if (!span_member(whole, "metadata", &inner) || *inner.at != '{' ||
	    !span_member(inner, "properties", &rest) || *rest.at != '{') {
		check_add(c, "snapshot-people", n->view.number, "there are no properties");
		return;
	}
	for (; span_next_member(&rest, &key, &value); i++) {
		if (i >= n->view.count || key.length != TOKEN_LENGTH + 2 ||
		    memcmp(key.at + 1, snapshot_token(&n->view, i), TOKEN_LENGTH) != 0) {
			check_add(c, "snapshot-people", i, "not in the order of the names");
			return;
		}
		if (*value.at != '{')
			check_add(c, "snapshot-people", i, "not an object");
	}
	if (i != n->view.count)
		check_add(c, "snapshot-people", i, "%u have names", n->view.count);
}

static void
check_packets(struct check *c, const struct newest *n)
{
	struct text changes = {0}, metadata = {0};
	unsigned before = c->count;

	if (newest_changes(n, &changes))
		check_text(c, n, "snapshot-changes", &changes, SNAPSHOT_OPENED);
	else
		check_add(c, "snapshot-changes", n->view.number, "not framed as it has to be");
	if (newest_metadata(n, NOBODY, &metadata))
		check_text(c, n, "snapshot-metadata", &metadata, SNAPSHOT_HEAD);
	else
		check_add(c, "snapshot-metadata", n->view.number, "not framed as it has to be");
	/* Text is walked only if it is JSON. */
	if (c->count == before && c->count < CHECK_FINDINGS_MAX)
		check_people(c, n, &metadata);
	text_clear(&changes, 0);
	text_clear(&metadata, 0);
}

void
check_snapshot(struct check *c)
{
	struct newest n;
	const char *why;

	if (load_acquire(&c->header->current) == 0)
		return;
	if (!newest_copy(c->header, &n, &why)) {
		check_add(c, "snapshot-bounds", snapshot_newest(c->header), "%s", why);
		return;
	}
	check_rows(c, &n);
	check_packets(c, &n);
	newest_free(&n);
}
