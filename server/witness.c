#include "witness.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096U
#define PRESENT (1ULL << 63)
#define MAPPINGS_MAX 10000 /* an honest child has some dozens */
#define ENTRIES 64U        /* of the page map, read at once */

static bool
is_present(int pagemap, uint64_t page, uint64_t count)
{
	uint64_t entries[ENTRIES];

	while (count > 0) {
		uint64_t n = count < ENTRIES ? count : ENTRIES;
		ssize_t got = pread(
		    pagemap, entries, n * sizeof(*entries), (off_t)(page * sizeof(*entries)));

		if (got <= 0)
			return false;
		n = (uint64_t)got / sizeof(*entries);
		for (uint64_t i = 0; i < n; i++)
			if ((entries[i] & PRESENT) != 0)
				return true;
		page += n;
		count -= n;
	}
	return false;
}

struct mapping {
	unsigned long long from, to, at, inode;
	char mode[5];
};

/* "FROM-TO MODE OFFSET DEVICE INODE NAME" */
static bool
read_mapping(FILE *maps, struct mapping *m)
{
	char line[4096 + 128]; /* the name is a path */

	return fgets(line, sizeof(line), maps) != NULL &&
	       sscanf(line, "%llx-%llx %4s %llx %*s %llu", &m->from, &m->to, m->mode, &m->at,
		   &m->inode) == 5;
}

/* The part of this mapping that is of interest. */
static bool
is_touched(const struct mapping *m, int pagemap, uint64_t at, uint64_t size)
{
	uint64_t first = m->at > at ? m->at : at;
	uint64_t end = m->at + (m->to - m->from);

	if (end > at + size)
		end = at + size;
	return first < end && is_present(pagemap, (m->from + first - m->at) / PAGE,
				  (end - first + PAGE - 1) / PAGE);
}

bool
witness_touched(uint32_t pid, int fd, uint64_t at, uint64_t size)
{
	char path[32];
	struct mapping m;
	struct stat file;
	bool touched = false;
	int pagemap;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%u/pagemap", pid);
	if ((pagemap = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/%u/maps", pid);
	maps = fopen(path, "re");
	if (maps != NULL && fstat(fd, &file) == 0)
		for (int i = 0; i < MAPPINGS_MAX && !touched && read_mapping(maps, &m); i++)
			touched = m.inode == file.st_ino && m.mode[1] == 'w' &&
				  m.mode[3] == 's' && is_touched(&m, pagemap, at, size);
	if (maps != NULL)
		fclose(maps);
	close(pagemap);
	return touched;
}
