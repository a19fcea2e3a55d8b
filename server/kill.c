#include "kill.h"

#include <unistd.h>

#include "../shm/fault.h"
#include "../shm/log.h"
#include "peer.h"

static void
count_kill(struct ticker_counters *n, enum kill_reason reason)
{
	switch (reason) {
	case KILL_LIE: count_add(&n->kills_lie, 1); break;
	case KILL_LOCK: count_add(&n->kills_lock, 1); break;
	case KILL_HUNG: count_add(&n->kills_hung, 1); break;
	case KILL_STALL: count_add(&n->kills_stall, 1); break;
	case KILL_PIN: count_add(&n->kills_pin, 1); break;
	case KILL_COMMONS: count_add(&n->kills_commons, 1); break;
	case KILL_LOST: count_add(&n->kills_lost, 1); break;
	case KILL_KICK: count_add(&n->kills_kick, 1); break;
	}
}

void
kill_child(struct ticker *t, uint32_t slot, enum kill_reason reason, const char *why)
{
	struct client *c = &t->clients[slot];
	const struct entry *e = books_entry(t, slot);
	int fd;

	if (c->doomed)
		return;
	c->doomed = true;
	count_kill(&t->header->counters, reason);
	log_warning("client-killed", "slot=%u pid=%u token=%.32s peer=%s why=\"%s\"", slot,
	    c->pid, e->token, segment_client(e), why);
	fd = peer_pidfd(c->line, load_relaxed(&e->pid), load_relaxed(&e->since));
	if (fd >= 0) {
		peer_kill(fd);
		close(fd);
	}
	FAULT("kill.done");
}
