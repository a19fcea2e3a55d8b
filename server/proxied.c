#include "proxied.h"

void
proxied_admit(struct listener *l, const struct register_message *told)
{
	const struct header *h = l->keeper.segment.header;
	struct admission_ruling ruling;
	struct entry_seen seen;
	struct source source;

	if (h == NULL || told->slot >= h->limits.max_clients ||
	    !segment_look(h, told->slot, &seen) || seen.generation != told->generation)
		return; /* it has gone meanwhile */
	source_of_peer(seen.peer, &source);
	ruling = admission_tell(&l->admission, &source, (pid_t)seen.pid, h);
	if (ruling.verdict == ADMISSION_SOURCE)
		LISTENING_COUNT(l, refused_source);
	else if (ruling.verdict == ADMISSION_PENALTY)
		LISTENING_COUNT(l, refused_penalty);
	keeper_answer(&l->keeper, told, ruling.verdict == ADMISSION_WELCOME, ruling.retry_s);
}
