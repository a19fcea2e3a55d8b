#include "confine.h"

#include <limits.h>
#include <sched.h>
#include <unistd.h>

/* The lowest number in keep that is at least from; -1 if there is none. */
static int
next_kept(const int *keep, int from)
{
	int lowest = INT_MAX;

	for (; *keep >= 0; keep++)
		if (*keep >= from && *keep < lowest)
			lowest = *keep;
	return lowest == INT_MAX ? -1 : lowest;
}

void
confine_descriptors(const int *keep)
{
	int from = 3, kept;

	while ((kept = next_kept(keep, from)) >= 0) {
		if (kept > from)
			close_range((unsigned)from, (unsigned)kept - 1, 0);
		from = kept + 1;
	}
	close_range((unsigned)from, UINT_MAX, 0);
}

void
confine_schedule(void)
{
	const struct sched_param none = {0};

	/* Where it is not allowed, things are only slower. */
	(void)sched_setscheduler(0, SCHED_BATCH, &none);
}
