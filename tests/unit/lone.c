#include "lone.h"

#include <stdio.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../../server/adopt.h"
#include "../../server/post.h"
#include "../../server/registry.h"
#include "../../server/tick.h"
#include "../lib/check.h"

static void
set_up(struct ticker *t, const struct segment *segment, uint64_t generation)
{
	memset(t, 0, sizeof(*t));
	t->segment = *segment;
	t->header = segment->header;
	t->commons = segment_commons(t->header);
	t->max_clients = LONE_CLIENTS;
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	lock_introduce(&t->user, &t->commons->lock, LOCK_TICKER, generation);
	CHECK(t->epoll >= 0 && books_make(t) == 0 && tick_make(t) == 0 && post_make(t) == 0,
	    "no ticker");
	text_string(&t->version, "\"DEV\"");
}

void
lone_start(struct ticker *t)
{
	static const struct limits small = {LONE_CLIENTS, 1024, 1024};
	struct segment segment;
	char name[32];

	snprintf(name, sizeof(name), "lone-%d", (int)getpid());
	CHECK(segment_create(&segment, name, &small, 0600) == 0, "no segment");
	segment_unlink(name);
	lock_make(&segment_commons(segment.header)->lock);
	set_up(t, &segment, 1);
	adopt_nothing(t);
}

void
lone_succeed(struct ticker *t)
{
	struct segment segment = t->segment;

	set_up(t, &segment, 2);
	adopt_segment(t);
}

uint32_t
lone_client(struct ticker *t, int bell, uint32_t pid)
{
	uint32_t slot =
	    registry_claim(t, -1, bell, (const char[PEER_LENGTH]){"127.0.0.1:1"}, pid);

	CHECK(slot != LAYOUT_NO_SLOT, "no slot");
	store_relaxed(&segment_slot(t->header, slot)->state, SLOT_SERVING);
	registry_open(t, slot);
	return slot;
}

pid_t
lone_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (pid == 0)
		pause();
	return pid;
}
