/* Properties: a version that is read is the one that it says it is, whole. */
#include <stdlib.h>

#include "../../shm/slot.h"
#include "race.h"

enum { BUFFER = 8192 };

static struct slot *slot;

static void
set_up(void)
{
	slot = race_memory(SLOT_HEAD_SIZE + 2 * BUFFER);
}

/* Short ones lie elsewhere than long ones. */
static bool
publish(struct worker *w)
{
	static char text[BUFFER];
	uint32_t length = (uint32_t)(rand_r(&w->seed) % (rand_r(&w->seed) % 2 ? 64 : BUFFER));

	race_fill(text, length, w->turns + 1);
	slot_write(slot, BUFFER, text, length);
	slot_flip(slot);
	return true;
}

static bool
look(struct worker *w)
{
	char text[BUFFER];
	uint32_t length;
	uint64_t version = slot_read(slot, BUFFER, text, BUFFER, &length);

	if (version == UINT64_MAX)
		return false;
	CHECK(version >= w->kept, "version %llu came after %llu", (unsigned long long)version,
	    (unsigned long long)w->kept);
	CHECK(race_whole(text, length, version), "a torn text of %u bytes of version %llu",
	    length, (unsigned long long)version);
	w->kept = version;
	return version != 0;
}

const struct hunt hunt_slot = {
    "slot", set_up, (const struct role[]){{"owner", 1, publish}, {"reader", 2, look}, {0}}};
