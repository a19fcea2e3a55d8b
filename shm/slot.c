#include "slot.h"

#include <string.h>

#include "copy.h"
#include "fault.h"

#define READ_TRIES 64

static char *
buffer(struct slot *slot, uint64_t buffer_size, unsigned which, uint32_t length)
{
	if (length <= SLOT_SMALL)
		return slot->small[which];
	return (char *)slot + SLOT_HEAD_SIZE + which * buffer_size;
}

static const char *
buffer_const(const struct slot *slot, uint64_t buffer_size, unsigned which, uint32_t length)
{
	if (length <= SLOT_SMALL)
		return slot->small[which];
	return (const char *)slot + SLOT_HEAD_SIZE + which * buffer_size;
}

void
slot_write(struct slot *slot, uint64_t buffer_size, const char *text, uint32_t length)
{
	unsigned next = (load_relaxed(&slot->version) + 1) & 1;

	/*
	 * The buffer is that of the version before this one.  Who still copies from it
	 * and gets some of the new text has to find that its version has moved on.
	 */
	fence_release();
	memcpy(buffer(slot, buffer_size, next, length), text, length);
	FAULT("slot.text");
	store_relaxed(&slot->length[next], length);
	FAULT("slot.written");
}

void
slot_flip(struct slot *slot)
{
	store_release(&slot->version, load_relaxed(&slot->version) + 1);
	FAULT("slot.flipped");
}

/*
 * The copy is one of bytes that the owner may be writing: if the version has
 * moved on it is thrown away.  The fence keeps the second look at the version
 * behind the copy.
 */
uint64_t
slot_read(
    const struct slot *slot, uint64_t buffer_size, char *out, uint32_t max, uint32_t *length)
{
	for (int tries = 0; tries < READ_TRIES; tries++) {
		uint64_t version = load_acquire(&slot->version);
		unsigned which = version & 1;

		*length = 0;
		if (version == 0)
			return 0;
		*length = load_relaxed(&slot->length[which]);
		if (*length <= max)
			copy_unsure(
			    out, buffer_const(slot, buffer_size, which, *length), *length);
		fence_acquire();
		if (load_relaxed(&slot->version) == version)
			return *length <= max ? version : UINT64_MAX;
	}
	*length = 0;
	return UINT64_MAX;
}

void
slot_wipe(struct slot *slot)
{
	copy_zeros(slot, offsetof(struct slot, small));
}
