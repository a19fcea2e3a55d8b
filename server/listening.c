#include "listening.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

void
listening_watch(struct listener *l, int fd, enum listening_source source, unsigned number)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)source << 32 | number};

	epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e);
}

void
listening_map_front(struct listener *l)
{
	const struct header *h = l->keeper.segment.header;

	if (l->front != NULL)
		munmap(l->front, LAYOUT_PAGE);
	l->front = mmap(NULL, LAYOUT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, l->keeper.parts,
	    (off_t)h->layout.front);
	if (l->front == MAP_FAILED) {
		l->front = NULL;
		return;
	}
	/* Nobody else's: not the children's either. */
	(void)madvise(l->front, LAYOUT_PAGE, MADV_DONTFORK);
	store_relaxed(&l->front->listener_pid, (uint32_t)getpid());
}

void
listening_watch_hooks(struct listener *l)
{
	spawn_helper(&l->children, l->hooks.pid);
	listening_watch(l, l->hooks.line, SOURCE_SPAWNER, 0);
	listening_show_counts(l);
}

void
listening_follow_hooks(struct listener *l)
{
	if (hooks_follow(&l->hooks, l->keeper.segment.header))
		listening_watch_hooks(l);
}

void
listening_watch_signer(struct listener *l)
{
	spawn_helper(&l->children, l->signing.pid);
	listening_watch(l, l->signing.line, SOURCE_SIGNER, 0);
	listening_show_counts(l);
}

void
listening_show_counts(struct listener *l)
{
	if (l->front == NULL)
		return;
	store_relaxed(&l->front->counters.children_ended, l->children.ended);
	store_relaxed(&l->front->counters.children_killed, l->children.killed);
	store_relaxed(&l->front->counters.penalties, l->children.fined);
	store_relaxed(&l->front->counters.tickers_started, l->keeper.started);
	store_relaxed(&l->front->counters.hooks_spawners, l->hooks.started);
	store_relaxed(&l->front->counters.signers, l->signing.started);
}
