#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "dump.h"
#include "emit.h"

#define PARTS_MAX 16

struct part {
	const char *name;
	uint64_t at;
	uint64_t size;
	uint64_t each; /* of `count` like it; 0: it is one */
};

static unsigned
list_parts(const struct header *h, struct part parts[PARTS_MAX])
{
	const struct layout *l = &h->layout;
	uint64_t clients = h->limits.max_clients;
	const struct part all[] = {
	    {"header", 0, l->front, 0},
	    {"front", l->front, l->directory - l->front, 0},
	    {"directory", l->directory, l->mailboxes - l->directory, sizeof(struct entry)},
	    {"mailboxes", l->mailboxes, l->commons - l->mailboxes, sizeof(struct mailbox)},
	    {"commons", l->commons, l->commons_size, 0},
	    {"departed", l->departed, l->departed_count * sizeof(struct departed),
		sizeof(struct departed)},
	    {"log", l->log, l->log_size, 0},
	    {"arena", l->arena, l->arena_size, 0},
	    {"inboxes", l->inboxes, clients * l->inbox_size, l->inbox_size},
	    {"slots", l->slots, clients * l->slot_size, l->slot_size},
	};
	unsigned count = sizeof(all) / sizeof(all[0]);

	for (unsigned i = 0; i < count; i++)
		parts[i] = all[i];
	return count;
}

/* Bytes that have memory (or disk) behind them: the rest has never been touched. */
static uint64_t
used(int fd, uint64_t at, uint64_t size)
{
	off_t end = (off_t)(at + size), place = (off_t)at;
	uint64_t sum = 0;

	while (place < end) {
		off_t data = lseek(fd, place, SEEK_DATA), hole;

		if (data < 0 || data >= end)
			break;
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || hole > end)
			hole = end;
		sum += (uint64_t)(hole - data);
		place = hole;
	}
	return sum;
}

static void
write_json(const struct dump *d, const struct part *parts, unsigned count, struct text *out)
{
	const struct header *h = d->header;

	text_string(out, "{");
	emit_number(out, "version", h->version);
	emit_number(out, "size", h->layout.size);
	emit_number(out, "max_clients", h->limits.max_clients);
	emit_number(out, "max_packet", h->limits.max_packet);
	emit_number(out, "max_properties", h->limits.max_properties);
	emit_key(out, "parts");
	text_string(out, "[");
	for (unsigned i = 0; i < count; i++) {
		text_string(out, i > 0 ? ",{" : "{");
		emit_text(out, "name", parts[i].name);
		emit_number(out, "at", parts[i].at);
		emit_number(out, "size", parts[i].size);
		emit_number(out, "each", parts[i].each);
		emit_number(out, "used", used(d->segment.fd, parts[i].at, parts[i].size));
		text_string(out, "}");
	}
	text_string(out, "]}\n");
}

static void
print_parts(const struct dump *d, const struct part *parts, unsigned count)
{
	const struct header *h = d->header;
	uint64_t sum = 0;

	printf(
	    "layout version %u, for %u clients, packets of %u and properties of %u bytes\n\n",
	    h->version, h->limits.max_clients, h->limits.max_packet, h->limits.max_properties);
	printf("%-10s %16s %16s %10s %16s\n", "PART", "AT", "SIZE", "EACH", "USED");
	for (unsigned i = 0; i < count; i++) {
		uint64_t n = used(d->segment.fd, parts[i].at, parts[i].size);

		sum += n;
		printf("%-10s %16" PRIu64 " %16" PRIu64 " %10" PRIu64 " %16" PRIu64 "\n",
		    parts[i].name, parts[i].at, parts[i].size, parts[i].each, n);
	}
	printf("%-10s %16s %16" PRIu64 " %10s %16" PRIu64 "\n", "all", "", h->layout.size, "",
	    sum);
}

int
dump_layout(struct dump *d)
{
	struct part parts[PARTS_MAX];
	unsigned count = list_parts(d->header, parts);
	struct text out = {0};

	if (!d->json) {
		print_parts(d, parts, count);
		return DUMP_FINE;
	}
	write_json(d, parts, count, &out);
	return dump_text(&out);
}
