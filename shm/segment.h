/*
 * segment.h - the segment as a file and as memory.
 *
 * Its name is /rosterd.NAME (shm_overview(7)), NAME being the instance's.
 */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "layout.h"
#include "mail.h"
#include "slot.h"

#define SEGMENT_NAME_MAX 64 /* of an instance, with its NUL */

struct segment {
	int fd; /* -1 once it is closed; the mapping stays */
	struct header *header;
	uint64_t size; /* bytes that are mapped */
};

/*
 * An instance's name is 1 to SEGMENT_NAME_MAX - 1 letters, digits, '-', '_' and
 * '.', and does not begin with '.'.
 */
bool segment_name_good(const char *name);

/*
 * Make the segment of that name anew, for the ticker: an old one of that name
 * is unlinked (who has it mapped keeps it).  All is zero but the fixed fields;
 * `ready` is for the caller to store.  0, or -1 and errno.
 */
int
segment_create(struct segment *s, const char *name, const struct limits *limits, mode_t mode);

/*
 * Open one that exists, for the ticker to write or for others to read.  -1 and
 * errno if there is none; -1 and EPROTO with *why if it is not one of this
 * build.  To be written, a segment that belongs to neither this user nor root is
 * refused (EPERM): anybody may make a file in /dev/shm.  Who reads believes
 * nothing anyhow.
 */
int segment_open(struct segment *s, const char *name, bool writable, const char **why);

/* The same for a descriptor of one, to write; it is s->fd then, or closed. */
int segment_open_fd(struct segment *s, int fd, const char **why);

/* The same for a copy in a file, to read. */
int segment_open_file(struct segment *s, const char *path, const char **why);

/* Does the name lead to another segment than the one behind fd by now? */
bool segment_is_replaced(int fd, const char *name);

/*
 * A descriptor for the segment that s has mapped, to map single parts of it
 * writable: -1 if the name leads to another one by now.
 */
int segment_open_parts(const struct segment *s, const char *name);

/* Let members of a group read it.  0, or -1 and errno. */
int segment_share(const struct segment *s, gid_t group);

void segment_close_fd(struct segment *s);
void segment_unmap(struct segment *s);
void segment_unlink(const char *name);

/*
 * Map one from a descriptor that somebody trustworthy gave, to read, and never
 * to write: mprotect(2) cannot change that.  s->fd stays -1.
 */
int segment_map_fd(struct segment *s, int fd, const char **why);

/* Give the pages of a part back to the system; what is read there next is zero. */
void segment_release(const struct segment *s, uint64_t at, uint64_t size);

/*
 * Let this process write to its slot and to the commons of a segment that is mapped to
 * be read, by mapping both from fd a second time.  The slot; or NULL and errno.
 *
 * Where a slot stands in the segment nothing else is that a child touches, and it would
 * have page tables there for itself: two pages a client.  And to map the commons over
 * themselves costs three times as much, since the mapping falls into three.
 */
struct slot *
segment_map_child(struct header *header, int fd, uint32_t slot, struct commons **commons);

/* Where things are. */
struct front *segment_front(const struct header *h);
struct entry *segment_entry(const struct header *h, uint32_t slot);
struct mailbox *segment_mailbox(const struct header *h, uint32_t slot);
struct departed *segment_departed(const struct header *h, uint64_t n);
struct commons *segment_commons(const struct header *h);
struct slot *segment_slot(const struct header *h, uint32_t slot);
struct mail_ring segment_log(const struct header *h);
struct mail_ring segment_inbox(const struct header *h, uint32_t slot);
struct mail_ring segment_outbox(const struct header *h, uint32_t slot);

/* The same of a slot that segment_map_child() has mapped. */
struct mail_ring segment_own_outbox(const struct header *h, struct slot *own);

/* Copy entry n, which was counted before; false if it is, or may be, written over. */
bool segment_read_departed(const struct header *h, uint64_t n, struct departed *d);

/*
 * The client's address: what a trusted proxy has told, else the socket's other
 * end; and that proxy's, or an empty text.
 */
const char *segment_client(const struct entry *entry);
const char *segment_via(const struct entry *entry);

/*
 * Take a look at a directory entry; false if it changed meanwhile.  The second tells of
 * what was read since then in the slot whether it is still that client's.
 */
struct entry_seen {
	uint64_t generation;
	uint64_t order;
	uint64_t since;
	uint32_t state;
	uint32_t pid;
	uint32_t announced;
	char token[TOKEN_LENGTH + 1];
	char peer[PEER_LENGTH + 1]; /* the client's address ... */
	char via[PEER_LENGTH + 1];  /* ... as this proxy has told it; or empty */
};
bool segment_look(const struct header *h, uint32_t slot, struct entry_seen *seen);
bool segment_is_still(const struct header *h, uint32_t slot, const struct entry_seen *seen);

#endif
