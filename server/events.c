#include "events.h"

#include <sys/epoll.h>

int
events_watch(struct ticker *t, int fd, enum event_tag tag, uint32_t number, uint64_t generation)
{
	struct epoll_event e = {
	    .events = EPOLLIN,
	    .data.u64 = (uint64_t)tag << 56 | (uint64_t)number << 32 | (uint32_t)generation,
	};

	return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &e);
}

struct event
events_decode(uint64_t data)
{
	return (struct event){
	    .tag = (enum event_tag)(data >> 56),
	    .number = (uint32_t)(data >> 32) & 0xffffff,
	    .generation = (uint32_t)data,
	};
}
