#include "layout.h"

#include <errno.h>
#include <string.h>

#include "mail.h"
#include "slot.h"

#define LAYOUT_SIZE_MAX (1ULL << 46)

/*
 * How many departed clients are remembered.  A client that answers no ping
 * lives 40 s, which is 80 ticks; a slower one is told to come back (1013).
 */
#define DEPARTED_PER_CLIENT 16U
#define DEPARTED_MIN 4096U

static uint64_t
round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t
power_of_two(uint64_t n)
{
	uint64_t power = LAYOUT_PAGE;

	while (power < n)
		power *= 2;
	return power;
}

/* The most that one snapshot can take: everybody's properties as long as allowed. */
static uint64_t
snapshot_max(const struct limits *l)
{
	uint64_t per_client = 3 * (TOKEN_LENGTH + 3) /* changes: in three lists at worst */
			      + TOKEN_LENGTH + 3     /* its name */
			      + TOKEN_LENGTH + 4 + l->max_properties + sizeof(struct row);

	return LAYOUT_PAGE + l->max_clients * per_client;
}

static void
place(struct layout *layout, uint64_t *at, uint64_t size)
{
	*at = layout->size;
	layout->size += round_up(size, LAYOUT_PAGE);
}

int
layout_compute(const struct limits *l, struct layout *layout)
{
	uint64_t clients = l->max_clients;
	uint64_t record = (uint64_t)l->max_packet + MAIL_RECORD_EXTRA;

	if (l->max_clients == 0 || l->max_clients > LAYOUT_CLIENTS_MAX || l->max_packet == 0 ||
	    l->max_packet > LAYOUT_PACKET_MAX || l->max_properties < 2 ||
	    l->max_properties > LAYOUT_PROPERTIES_MAX) {
		errno = EINVAL;
		return -1;
	}
	memset(layout, 0, sizeof(*layout));
	layout->departed_count = power_of_two(DEPARTED_PER_CLIENT * clients);
	if (layout->departed_count < DEPARTED_MIN)
		layout->departed_count = DEPARTED_MIN;
	layout->ring_count = power_of_two(2 * clients);
	layout->commons_size = round_up(
	    sizeof(struct commons) + layout->ring_count * sizeof(struct change), LAYOUT_PAGE);
	layout->inbox_size = power_of_two(2 * record);
	layout->outbox_size = power_of_two(2 * record);
	layout->log_size = power_of_two(8 * record);
	layout->arena_size = round_up(LAYOUT_GENERATIONS * snapshot_max(l), LAYOUT_PAGE);
	layout->buffer_size = round_up(l->max_properties, LAYOUT_PAGE);
	layout->slot_size = SLOT_HEAD_SIZE + 2 * layout->buffer_size + layout->outbox_size;

	layout->size = round_up(sizeof(struct header), LAYOUT_PAGE);
	place(layout, &layout->front, sizeof(struct front));
	place(layout, &layout->directory, clients * sizeof(struct entry));
	place(layout, &layout->mailboxes, clients * sizeof(struct mailbox));
	place(layout, &layout->commons, layout->commons_size);
	place(layout, &layout->departed, layout->departed_count * sizeof(struct departed));
	place(layout, &layout->log, layout->log_size);
	place(layout, &layout->arena, layout->arena_size);
	place(layout, &layout->inboxes, clients * layout->inbox_size);
	place(layout, &layout->slots, clients * layout->slot_size);
	if (layout->size > LAYOUT_SIZE_MAX) {
		errno = EOVERFLOW;
		return -1;
	}
	return 0;
}

static int
refuse(const char **why, const char *because)
{
	*why = because;
	return -1;
}

int
layout_check(const struct header *header, uint64_t size, const char **why)
{
	struct layout expected;

	if (size < sizeof(*header))
		return refuse(why, "shorter than its header");
	if (header->magic != LAYOUT_MAGIC)
		return refuse(why, "not a segment of rosterd");
	if (header->version != LAYOUT_VERSION || header->size != sizeof(*header))
		return refuse(why, "made by another build");
	if (!load_acquire(&header->ready))
		return refuse(why, "never finished");
	if (layout_compute(&header->limits, &expected) < 0)
		return refuse(why, "limits out of range");
	if (memcmp(&expected, &header->layout, sizeof(expected)) != 0)
		return refuse(why, "offsets do not fit its limits");
	if (size < expected.size)
		return refuse(why, "cut short");
	return 0;
}
