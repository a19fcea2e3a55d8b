#include "recount.h"

#include <stdio.h>
#include <stdlib.h>

#include "../shm/log.h"
#include "../shm/segment.h"

static int
compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Pids of this process's children, sorted (proc_tid_children(5)); the caller frees them. */
static uint32_t *
list_children(size_t *count)
{
	FILE *file = fopen("/proc/thread-self/children", "re");
	uint32_t *pids = NULL, *more, pid;
	size_t room = 0;

	*count = 0;
	if (file == NULL) {
		log_warning("not-recounted", "why=\"the kernel does not list children\"");
		return NULL;
	}
	while (fscanf(file, "%u", &pid) == 1) {
		if (*count == room) {
			room = 2 * room + 256;
			if ((more = realloc(pids, room * sizeof(*pids))) == NULL)
				break;
			pids = more;
		}
		pids[(*count)++] = pid;
	}
	fclose(file);
	qsort(pids, *count, sizeof(*pids), compare);
	return pids;
}

void
recount_children(struct admission *a, const struct trust *trust, const struct header *h)
{
	size_t count;
	uint32_t *pids = list_children(&count);

	for (uint32_t slot = 0; slot < h->limits.max_clients && count > 0; slot++) {
		struct entry_seen seen;
		struct source source;

		if (!segment_look(h, slot, &seen) || seen.state == ENTRY_FREE ||
		    bsearch(&seen.pid, pids, count, sizeof(*pids), compare) == NULL)
			continue;
		source_of_peer(seen.peer, &source);
		if (seen.via[0] == '\0' && trust_peer(trust, seen.peer))
			source.known = false;
		admission_enter(a, &source, (pid_t)seen.pid);
	}
	free(pids);
}
