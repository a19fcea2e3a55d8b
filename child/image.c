#include "image.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../shm/log.h"

#define LARGE ((uintptr_t)2 << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* since Linux 6.1 */
#endif

/* Of pages.ld, somewhere in what children run; NULL without it. */
extern const char image_inside[] __attribute__((weak));

struct copying {
	uintptr_t begin; /* of the text */
	char *to;
	bool written; /* there is something in it that is written */
};

/* The part of each segment of the program that is within these 2 MiB. */
static int
copy_segments(struct dl_phdr_info *program, size_t size, void *user)
{
	struct copying *c = user;

	(void)size;
	for (int i = 0; i < program->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &program->dlpi_phdr[i];
		uintptr_t from = program->dlpi_addr + p->p_vaddr, end = from + p->p_memsz;

		if (p->p_type != PT_LOAD || from >= c->begin + LARGE || end <= c->begin)
			continue;
		if ((p->p_flags & PF_W) != 0) {
			c->written = true;
			continue;
		}
		from = from < c->begin ? c->begin : from;
		end = end > c->begin + LARGE ? c->begin + LARGE : end;
		memcpy(c->to + (from - c->begin), (const void *)from, end - from);
	}
	return 1; /* the first is the program itself */
}

/* Fill the file, and have the kernel make one page of it. */
static bool
copy_into(int fd, uintptr_t begin)
{
	struct copying c = {.begin = begin};
	bool done = false;
	uintptr_t room;
	char *rooms;

	if (ftruncate(fd, (off_t)LARGE) < 0)
		return false;
	/* Twice as much, for one half that begins where a large page can. */
	rooms = mmap(NULL, 2 * LARGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (rooms == MAP_FAILED)
		return false;
	room = ((uintptr_t)rooms + LARGE - 1) & ~(LARGE - 1);
	c.to = mmap((void *)room, LARGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	if (c.to != MAP_FAILED) {
		(void)dl_iterate_phdr(copy_segments, &c);
		done = !c.written && madvise(c.to, LARGE, MADV_COLLAPSE) == 0;
	}
	munmap(rooms, 2 * LARGE);
	return done;
}

/* Nobody may write it; then over what is being run, which is the same. */
static bool
put_in_place(int fd, uintptr_t begin)
{
	int seals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

	return fcntl(fd, F_ADD_SEALS, seals) == 0 &&
	       mmap((void *)begin, LARGE, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED, fd,
		   0) != MAP_FAILED;
}

void
image_enlarge(void)
{
	uintptr_t begin = (uintptr_t)image_inside & ~(LARGE - 1);
	int fd;

	if (begin == 0)
		return;
	fd = memfd_create("rosterd-text", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || !copy_into(fd, begin) || !put_in_place(fd, begin))
		log_info("small-text", "errno=\"%s\"", strerror(errno));
	if (fd >= 0)
		close(fd);
}
