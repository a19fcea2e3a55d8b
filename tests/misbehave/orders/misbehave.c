#include "../../../child/misbehave.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../child/packet.h"
#include "../../../shm/snapshot.h"
#include "orders.h"

#define ORDER_MAX 128

static const struct order *const tables[] = {
    orders_memory,
    orders_calls,
    orders_network,
    orders_slot,
    orders_commons,
    orders_flood,
    orders_hooks,
};

static const struct order *
find(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct order *o = tables[i]; o->name != NULL; o++)
			if (strcmp(o->name, name) == 0)
				return o;
	return NULL;
}

/* "NAME NUMBER NUMBER..." */
static void
obey(struct child *c, struct span text)
{
	char line[ORDER_MAX], *rest = line, *name, *word;
	long numbers[ORDERS_NUMBERS] = {0};
	const struct order *order;

	snprintf(line, sizeof(line), "%.*s", (int)text.length, text.at);
	name = strsep(&rest, " ");
	for (int i = 0; i < ORDERS_NUMBERS && (word = strsep(&rest, " ")) != NULL; i++)
		numbers[i] = strtol(word, NULL, 0);
	if ((order = find(name)) != NULL)
		order->obey(c, numbers);
	else
		orders_answer(c, "no such order: %s", name);
}

bool
misbehave(struct child *c, const char *bytes, size_t length)
{
	struct violation v;
	struct packet p;

	if (!packet_parse(bytes, length, &p, &v) || !p.to_server ||
	    !span_is(p.type, "misbehave") || *p.value.at != '"')
		return false;
	obey(c, (struct span){p.value.at + 1, p.value.length - 2});
	return true;
}

void
misbehave_early(struct child *c, struct span query)
{
	const char *mark = memchr(query.at, '!', query.length);

	if (mark != NULL)
		obey(c, (struct span){mark + 1, (size_t)(query.at + query.length - mark - 1)});
}

void
orders_answer(struct child *c, const char *format, ...)
{
	char said[256], text[512];
	unsigned char header[10];
	va_list arguments;
	int length;

	va_start(arguments, format);
	vsnprintf(said, sizeof(said), format, arguments);
	va_end(arguments);
	length = snprintf(text, sizeof(text),
	    "{\"from\":\"server\",\"type\":\"misbehave\",\"misbehave\":\"%s\"}", said);
	outbound_put(&c->out, header, snapshot_frame((uint64_t)length, header));
	outbound_put(&c->out, text, (size_t)length);
}

void
orders_answer_result(struct child *c, long result)
{
	orders_answer(c, "%s", result < 0 ? strerrorname_np(errno) : "done");
}

void
orders_pretend(struct child *c, int wait_ms)
{
	struct epoll_event ignored[3];

	store_relaxed(&c->seat.self->heartbeat, load_relaxed(&c->seat.self->heartbeat) + 1);
	if (wait_ms > 0)
		epoll_wait(c->epoll, ignored, 3, wait_ms);
}

_Noreturn void
orders_sleep(void)
{
	uint32_t never = 0;

	for (;;)
		(void)syscall(SYS_futex, &never, FUTEX_WAIT, 0, NULL);
}

pid_t
orders_ticker(const struct child *c)
{
	return (pid_t)load_relaxed(&c->seat.header->ticker_pid);
}

uint32_t
orders_other_slot(const struct child *c)
{
	for (uint32_t slot = 0; slot < c->seat.header->limits.max_clients; slot++)
		if (slot != c->seat.slot &&
		    load_relaxed(&segment_entry(c->seat.header, slot)->state) == ENTRY_OPEN)
			return slot;
	return c->seat.slot == 0 ? 1 : 0;
}

pid_t
orders_somebody(const struct child *c)
{
	return (pid_t)load_relaxed(&segment_entry(c->seat.header, orders_other_slot(c))->pid);
}
