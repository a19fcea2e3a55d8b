#include <inttypes.h>
#include <stdio.h>

#include "dump.h"
#include "emit.h"
#include "newest.h"

static uint64_t
age(const struct dump *d, const struct newest *n)
{
	uint64_t then = n->generation.wall_ms;

	return d->now.wall_ms > then ? d->now.wall_ms - then : 0;
}

/* As people see it: a line for each packet.  Text that is damaged is shown as a string. */
static void
add_packet(struct text *out, const char *name, const struct text *packet)
{
	text_format(out, "%-8s ", name);
	emit_value(out, packet->bytes, packet->length);
	text_string(out, "\n");
}

static void
write_all(const struct dump *d, const struct newest *n, const struct text *changes,
    const struct text *metadata, struct text *out)
{
	if (!d->json) {
		text_format(out, "snapshot %u of %u clients, %.1f s ago, %zu bytes\n",
		    n->view.number, n->view.count, (double)age(d, n) / 1000,
		    changes->length + metadata->length);
		add_packet(out, "changes", changes);
		add_packet(out, "metadata", metadata);
		return;
	}
	text_string(out, "{");
	emit_number(out, "number", n->view.number);
	emit_number(out, "clients", n->view.count);
	emit_seconds(out, "age", age(d, n));
	emit_key(out, "changes");
	emit_value(out, changes->bytes, changes->length);
	emit_key(out, "metadata");
	emit_value(out, metadata->bytes, metadata->length);
	text_string(out, "}\n");
}

int
dump_snapshot(struct dump *d)
{
	struct text changes = {0}, metadata = {0}, out = {0};
	const char *why;
	struct newest n;

	if (!newest_copy(d->header, &n, &why)) {
		fprintf(stderr, "rosterd-dump: the newest snapshot: %s\n", why);
		return DUMP_DATA;
	}
	if (!newest_changes(&n, &changes) || !newest_metadata(&n, "", &metadata)) {
		fprintf(stderr,
		    "rosterd-dump: the newest snapshot: it is not framed as it has to be\n");
		newest_free(&n);
		text_clear(&changes, 0);
		return DUMP_DATA;
	}
	write_all(d, &n, &changes, &metadata, &out);
	text_clear(&changes, 0);
	text_clear(&metadata, 0);
	newest_free(&n);
	return dump_text(&out);
}
