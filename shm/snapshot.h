/*
 * snapshot.h - the newest roster as text, for those who read it.
 *
 * The ticker renders a snapshot once; every child sends it from where it
 * lies.  A child that reads one pins it: it stores the snapshot's number in
 * its own slot, and the ticker fills no generation that anybody has pinned.
 *
 *	child:	c = current; pinned = number(c); fence; current == c still?
 *		yes: it is pinned.  no: start again
 *	ticker:	current = new; ...; fence; look at everybody's pinned; fill a
 *		generation that is neither current nor pinned
 *
 * If the child's fence is before the ticker's, the ticker sees the pin.  If it
 * is after, the child sees the new current and pins that one instead.
 *
 * Child killed with a pin:	the ticker clears it when it frees the slot.
 * Ticker killed while filling:	current is still the one before; number of the
 *				one being filled is 0, so the dump tool skips it.
 *
 * tests/model/snapshot.pml is this protocol.
 */
#ifndef SHM_SNAPSHOT_H
#define SHM_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "layout.h"
#include "text.h"

struct slot;

/* The fixed pieces of the two packets of the server. */
#define SNAPSHOT_HEAD "{\"from\":\"server\",\"type\":\"metadata\",\"metadata\":{\"index\":\""
#define SNAPSHOT_NAMES "\",\"indexes\":["
#define SNAPSHOT_PEOPLE "],\"properties\":{"
#define SNAPSHOT_VERSION "},\"version\":"
#define SNAPSHOT_END "}}"
#define SNAPSHOT_OPENED "{\"from\":\"server\",\"type\":\"changes\",\"changes\":{\"opened\":["
#define SNAPSHOT_CLOSED "],\"closed\":["
#define SNAPSHOT_CHANGED "],\"properties\":["
#define SNAPSHOT_CHANGES_END "]}}"

/* In the list of names, token number n begins here: "token","token" */
#define SNAPSHOT_TOKEN_STRIDE (TOKEN_LENGTH + 3)

/* A snapshot that is pinned; the pointers lead into the arena. */
struct snapshot {
	uint32_t number;
	uint32_t count; /* clients */
	uint32_t changes_length;
	uint32_t head_length;
	uint32_t tail_length;
	uint64_t names_length;
	uint64_t people_length;
	uint64_t departed; /* entries of the departed ring that it knows */
	/* Compressed, for those who negotiated it; what is not there has length 0. */
	uint32_t deflated_changes_length;
	uint32_t deflated_head_length;
	uint64_t deflated_body_length;
	const char *changes;
	const char *head;
	const char *names;
	const char *people;
	const char *tail;
	const char *deflated_changes;
	const char *deflated_head;
	const char *deflated_body;
	const struct row *rows;
};

/* Number of the newest snapshot. */
static inline uint32_t
snapshot_newest(const struct header *header)
{
	return (uint32_t)(load_acquire(&header->current) >> 8);
}

/* The pieces of a generation, which the caller has pinned or otherwise knows to rest. */
void snapshot_view(
    const struct header *header, const struct generation *generation, struct snapshot *view);

/* Pin the newest one. */
void snapshot_pin(const struct header *header, struct slot *slot, struct snapshot *view);
void snapshot_unpin(struct slot *slot);

/* Token number n of a snapshot: TOKEN_LENGTH digits. */
const char *snapshot_token(const struct snapshot *view, uint32_t n);

/*
 * The text of one changes packet for all snapshots after number since up to
 * this one, without a frame header, appended to out.  False if the departed
 * ring does not reach back so far.
 */
bool snapshot_merge(
    const struct header *header, const struct snapshot *view, uint32_t since, struct text *out);

/* The bit in a frame header that says that the message is compressed (RFC 7692, 6). */
#define SNAPSHOT_DEFLATED 0x40

/* Header of an unmasked text frame for length bytes; the return is its size, at most 10. */
size_t snapshot_frame(uint64_t length, unsigned char header[10]);

#endif
