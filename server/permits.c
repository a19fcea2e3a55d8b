#include "permits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shm/fault.h"
#include "../shm/log.h"
#include "../shm/register.h"
#include "seal.h"

#define TRIES 8 /* tickers that may die before one answers */

struct permit {
	struct permit *next;
	int line; /* of the child */
	int fd;   /* to the ticker; -1: there is none */
	unsigned tries;
	struct hook_message asked;
	struct register_message m;
	size_t length;
	char text[]; /* of the answer */
};

static struct {
	const struct options *options;
	const struct header *header;
	permits_watch *watch;
	struct permit *first;
} permits;

void
permits_make(const struct options *options, const struct header *header, permits_watch *watch)
{
	permits.options = options;
	permits.header = header;
	permits.watch = watch;
}

static void
drop(struct permit *p)
{
	struct permit **at = &permits.first;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	if (p->fd >= 0)
		close(p->fd);
	free(p);
}

/* One that does not take it is gone, and its line closes. */
static void
answer(struct permit *p, enum hook_verdict verdict)
{
	(void)hook_answer(
	    p->line, &p->asked, verdict, p->text, verdict == HOOK_ADMITTED ? p->length : 0);
	drop(p);
}

static void
give_up(struct permit *p, const char *why)
{
	log_error("no-permit", "slot=%u token=%.*s why=\"%s\"", p->asked.slot,
	    (int)TOKEN_LENGTH, p->asked.token, why);
	answer(p, HOOK_BUSY);
}

/* While there is no ticker it waits in the queue of the listener's socket. */
static void
say(struct permit *p)
{
	struct sockaddr_un address;
	socklen_t length =
	    register_address(&address, permits.options->name, permits.header->door);

	if (p->tries++ == TRIES) {
		give_up(p, "no ticker answers");
		return;
	}
	p->fd = register_connect(&address, length);
	if (p->fd < 0 || register_send(p->fd, &p->m, NULL, 0) < 0) {
		give_up(p, strerror(errno));
		return;
	}
	FAULT("permits.said");
	permits.watch(p->fd);
}

void
permits_give(int line, const struct hook_message *asked, const struct text *properties)
{
	struct permit *p = malloc(sizeof(*p) + properties->length);
	struct span object = {properties->bytes, properties->length};

	if (p == NULL) {
		(void)hook_answer(line, asked, HOOK_BUSY, NULL, 0);
		return;
	}
	memset(p, 0, sizeof(*p));
	p->line = line;
	p->asked = *asked;
	p->m.kind = REGISTER_PERMIT;
	p->m.slot = asked->slot;
	p->m.segment = asked->segment;
	p->m.generation = asked->generation;
	snprintf(p->m.peer, sizeof(p->m.peer), "%s", permits.options->reserved);
	if (object.length > 0) {
		seal_make(object, permits.options->reserved, p->m.seal);
		memcpy(p->text, object.at, object.length);
	}
	p->length = object.length;
	p->next = permits.first;
	permits.first = p;
	say(p);
}

void
permits_hear(int fd)
{
	struct permit *p = permits.first;
	struct register_message m;
	int none, got, result;

	while (p != NULL && p->fd != fd)
		p = p->next;
	if (p == NULL)
		return;
	result = register_receive(fd, &m, &none, 0, &got);
	if (result < 0 && errno == EAGAIN)
		return;
	FAULT("permits.heard");
	if (result == 1 && m.kind == REGISTER_DONE) {
		answer(p, HOOK_ADMITTED);
	} else if (result == 1) {
		give_up(p, "other names are reserved, or it has gone");
	} else {
		close(fd);
		p->fd = -1;
		say(p);
	}
}

void
permits_forget(int line)
{
	for (struct permit *p = permits.first; p != NULL; p = p->next) {
		if (p->line != line)
			continue;
		drop(p);
		return;
	}
}
