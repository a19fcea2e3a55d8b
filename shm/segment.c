#include "segment.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "copy.h"

#define SHM_NAME_MAX (SEGMENT_NAME_MAX + 16)
#define VDSO_ROOM 65536 /* bytes: more than the vDSO has on any machine */

bool
segment_name_good(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= SEGMENT_NAME_MAX || name[0] == '.')
		return false;
	for (const char *c = name; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_' && *c != '.')
			return false;
	return true;
}

static void
shm_name(char out[SHM_NAME_MAX], const char *name)
{
	snprintf(out, SHM_NAME_MAX, "/rosterd.%s", name);
}

/*
 * Right above the kernel's own pages, which every process uses: what a child touches of
 * the segment then needs one or two page tables less than where mmap(2) would put it, a
 * segment's length below.  A wish: who has something there gets another place.
 */
static void *
good_place(void)
{
	uintptr_t vdso = getauxval(AT_SYSINFO_EHDR);

	return vdso == 0 ? NULL : (void *)(vdso + VDSO_ROOM);
}

static int
map(struct segment *s, uint64_t size, int protection)
{
	void *at = mmap(good_place(), size, protection, MAP_SHARED, s->fd, 0);

	if (at == MAP_FAILED)
		return -1;
	s->header = at;
	s->size = size;
	return 0;
}

static int
close_failed(struct segment *s)
{
	int error = errno;

	segment_close_fd(s);
	errno = error;
	return -1;
}

int
segment_create(struct segment *s, const char *name, const struct limits *limits, mode_t mode)
{
	char path[SHM_NAME_MAX];
	struct layout layout;
	struct header *h;

	if (layout_compute(limits, &layout) < 0)
		return -1;
	shm_name(path, name);
	shm_unlink(path);
	s->fd = shm_open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (s->fd < 0)
		return -1;
	if (fchmod(s->fd, mode) < 0 || ftruncate(s->fd, (off_t)layout.size) < 0 ||
	    map(s, layout.size, PROT_READ | PROT_WRITE) < 0)
		return close_failed(s);
	h = s->header;
	h->magic = LAYOUT_MAGIC;
	h->version = LAYOUT_VERSION;
	h->size = sizeof(*h);
	h->created = clock_wall_ms();
	h->created_boot = clock_boot_ms();
	h->limits = *limits;
	h->layout = layout;
	if (getrandom(&h->id, sizeof(h->id), 0) != sizeof(h->id)) {
		segment_unmap(s);
		return close_failed(s);
	}
	return 0;
}

/* s->fd is open: who owns it, is it whole, and map it. */
static int
examine(struct segment *s, bool writable, bool trust, const char **why)
{
	struct stat status;

	if (fstat(s->fd, &status) < 0)
		return close_failed(s);
	if (!trust && status.st_uid != geteuid() && status.st_uid != 0 && geteuid() != 0) {
		*why = "belongs to another user";
		errno = EPERM;
		return close_failed(s);
	}
	if (status.st_size < (off_t)sizeof(struct header)) {
		*why = "shorter than its header";
		errno = EPROTO;
		return close_failed(s);
	}
	if (map(s, (uint64_t)status.st_size, PROT_READ | (writable ? PROT_WRITE : 0)) < 0)
		return close_failed(s);
	if (layout_check(s->header, s->size, why) < 0) {
		segment_unmap(s);
		errno = EPROTO;
		return close_failed(s);
	}
	return 0;
}

int
segment_open(struct segment *s, const char *name, bool writable, const char **why)
{
	char path[SHM_NAME_MAX];

	*why = NULL;
	shm_name(path, name);
	s->fd = shm_open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC, 0);
	if (s->fd < 0)
		return -1;
	return examine(s, writable, !writable, why);
}

int
segment_open_file(struct segment *s, const char *path, const char **why)
{
	*why = NULL;
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return -1;
	return examine(s, false, true, why);
}

int
segment_open_fd(struct segment *s, int fd, const char **why)
{
	*why = NULL;
	s->fd = fd;
	return examine(s, true, true, why);
}

int
segment_map_fd(struct segment *s, int fd, const char **why)
{
	char path[32];

	*why = NULL;
	/*
	 * The same file, but opened to be read: what is mapped from fd itself could
	 * be made writable by mprotect(2), in each child that inherits it.
	 */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || examine(s, false, true, why) < 0)
		return -1;
	segment_close_fd(s);
	return 0;
}

static bool
is_same_file(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_ino == y.st_ino &&
	       x.st_dev == y.st_dev;
}

bool
segment_is_replaced(int fd, const char *name)
{
	char path[SHM_NAME_MAX];
	bool replaced;
	int named;

	shm_name(path, name);
	if ((named = shm_open(path, O_RDONLY | O_CLOEXEC, 0)) < 0)
		return errno != ENOENT;
	replaced = !is_same_file(fd, named);
	close(named);
	return replaced;
}

int
segment_open_parts(const struct segment *s, const char *name)
{
	char path[SHM_NAME_MAX];
	int fd;

	shm_name(path, name);
	if ((fd = shm_open(path, O_RDWR | O_CLOEXEC, 0)) < 0)
		return -1;
	if (!is_same_file(s->fd, fd)) {
		close(fd);
		errno = ESTALE;
		return -1;
	}
	return fd;
}

int
segment_share(const struct segment *s, gid_t group)
{
	if (fchown(s->fd, (uid_t)-1, group) < 0)
		return -1;
	return fchmod(s->fd, 0640);
}

void
segment_close_fd(struct segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
segment_unmap(struct segment *s)
{
	if (s->header != NULL)
		munmap(s->header, s->size);
	s->header = NULL;
}

void
segment_unlink(const char *name)
{
	char path[SHM_NAME_MAX];

	shm_name(path, name);
	shm_unlink(path);
}

void
segment_release(const struct segment *s, uint64_t at, uint64_t size)
{
	/* A failure costs memory only: the caller wipes what it relies on. */
	(void)fallocate(
	    s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)size);
}

struct slot *
segment_map_child(struct header *header, int fd, uint32_t slot, struct commons **commons)
{
	const struct layout *l = &header->layout;
	const int writable = PROT_READ | PROT_WRITE;
	off_t at = (off_t)(l->slots + slot * l->slot_size);
	char *own, *all;

	own = mmap(NULL, l->slot_size, writable, MAP_SHARED, fd, at);
	if (own == MAP_FAILED)
		return NULL;
	/* A wish: nothing lies between them, so who runs over an end of one is stopped. */
	all = mmap(own - LAYOUT_PAGE - l->commons_size, l->commons_size, writable, MAP_SHARED,
	    fd, (off_t)l->commons);
	if (all == MAP_FAILED) {
		munmap(own, l->slot_size);
		return NULL;
	}
	*commons = (void *)all;
	return (void *)own;
}

/*
 * The parts are found from a const header by those who only read and by those
 * who may write: what a process may do is decided by its mapping.
 */
static void *
part(const struct header *h, uint64_t at)
{
	return (char *)(uintptr_t)h + at;
}

struct front *
segment_front(const struct header *h)
{
	return part(h, h->layout.front);
}

struct entry *
segment_entry(const struct header *h, uint32_t slot)
{
	return part(h, h->layout.directory + slot * sizeof(struct entry));
}

struct mailbox *
segment_mailbox(const struct header *h, uint32_t slot)
{
	return part(h, h->layout.mailboxes + slot * sizeof(struct mailbox));
}

struct departed *
segment_departed(const struct header *h, uint64_t n)
{
	uint64_t place = n & (h->layout.departed_count - 1);

	return part(h, h->layout.departed + place * sizeof(struct departed));
}

bool
segment_read_departed(const struct header *h, uint64_t n, struct departed *d)
{
	copy_unsure(d, segment_departed(h, n), sizeof(*d));
	fence_acquire();
	/* One more than the count: the ticker writes an entry before it counts it. */
	return load_relaxed(&h->departed_head) + 1 - n <= h->layout.departed_count;
}

struct commons *
segment_commons(const struct header *h)
{
	return part(h, h->layout.commons);
}

struct slot *
segment_slot(const struct header *h, uint32_t slot)
{
	return part(h, h->layout.slots + slot * h->layout.slot_size);
}

struct mail_ring
segment_log(const struct header *h)
{
	return (struct mail_ring){part(h, h->layout.log), h->layout.log_size};
}

struct mail_ring
segment_inbox(const struct header *h, uint32_t slot)
{
	uint64_t size = h->layout.inbox_size;

	return (struct mail_ring){part(h, h->layout.inboxes + slot * size), size};
}

struct mail_ring
segment_own_outbox(const struct header *h, struct slot *own)
{
	uint64_t at = SLOT_HEAD_SIZE + 2 * h->layout.buffer_size;

	return (struct mail_ring){(char *)own + at, h->layout.outbox_size};
}

struct mail_ring
segment_outbox(const struct header *h, uint32_t slot)
{
	return segment_own_outbox(h, segment_slot(h, slot));
}

const char *
segment_client(const struct entry *e)
{
	return load_acquire(&e->proxied) == 1 ? e->client : e->peer;
}

const char *
segment_via(const struct entry *e)
{
	return load_acquire(&e->proxied) == 1 ? e->peer : "";
}

bool
segment_look(const struct header *h, uint32_t slot, struct entry_seen *seen)
{
	const struct entry *e = segment_entry(h, slot);
	bool proxied;

	seen->generation = load_acquire(&e->generation);
	seen->state = load_acquire(&e->state);
	seen->order = load_relaxed(&e->order);
	seen->since = load_relaxed(&e->since);
	seen->pid = load_relaxed(&e->pid);
	seen->announced = load_relaxed(&e->announced);
	copy_unsure(seen->token, e->token, TOKEN_LENGTH);
	seen->token[TOKEN_LENGTH] = '\0';
	proxied = load_acquire(&e->proxied) == 1;
	copy_unsure(seen->peer, proxied ? e->client : e->peer, PEER_LENGTH);
	seen->peer[PEER_LENGTH] = '\0';
	seen->via[0] = '\0';
	if (proxied)
		copy_unsure(seen->via, e->peer, PEER_LENGTH);
	seen->via[PEER_LENGTH] = '\0';
	fence_acquire();
	return load_relaxed(&e->generation) == seen->generation &&
	       load_relaxed(&e->state) == seen->state;
}

bool
segment_is_still(const struct header *h, uint32_t slot, const struct entry_seen *seen)
{
	const struct entry *e = segment_entry(h, slot);

	fence_acquire();
	return load_relaxed(&e->generation) == seen->generation &&
	       load_relaxed(&e->state) != ENTRY_FREE;
}
