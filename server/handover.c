#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VARIABLE "ROSTERD_HANDOVER"
#define TEXT_MAX (1024 + PORTS_MAX * (PORTS_ADDRESS + 32))

static void
mark(int fd, int flags)
{
	if (fd >= 0)
		fcntl(fd, F_SETFD, flags);
}

static void
mark_all(const struct handover *h, int flags)
{
	mark(h->bequest.registration, flags);
	mark(h->bequest.bell, flags);
	mark(h->bequest.segment, flags);
	mark(h->bequest.line, flags);
	mark(h->hooks, flags);
	mark(h->spawner, flags);
	for (unsigned i = 0; i < h->ports.count; i++)
		mark(h->ports.all[i].fd, flags);
}

int
handover_leave(const struct handover *h)
{
	const struct instance_bequest *b = &h->bequest;
	char text[TEXT_MAX];
	int used;

	used = snprintf(text, sizeof(text),
	    "pid %d\nregistration %d\nbell %d\nsegment %d\nline %d\nticker %d\nstarted %u\n"
	    "running %u\nended %llu\nkilled %llu\nhost %d\ninetd %d\nsyslog %d\n",
	    (int)getpid(), b->registration, b->bell, b->segment, b->line, (int)b->pid,
	    b->started, h->children.running, (unsigned long long)h->children.ended,
	    (unsigned long long)h->children.killed, h->host, h->inetd, h->syslog);
	used += snprintf(text + used, sizeof(text) - (size_t)used, "hooks %d\nspawner %d\n",
	    h->hooks, h->spawner);
	for (unsigned i = 0; i < SPAWN_HELPERS_MAX; i++)
		used += snprintf(text + used, sizeof(text) - (size_t)used, "helper %d\n",
		    (int)h->children.helpers[i]);
	for (unsigned i = 0; i < h->ports.count; i++) {
		used += snprintf(text + used, sizeof(text) - (size_t)used, "port %d %d %s\n",
		    h->ports.all[i].fd, h->ports.all[i].given, h->ports.all[i].address);
		if (h->ports.all[i].tls)
			used += snprintf(text + used, sizeof(text) - (size_t)used, "tls on\n");
	}
	if (setenv(VARIABLE, text, 1) < 0)
		return -1;
	mark_all(h, 0);
	return 0;
}

void
handover_undo(const struct handover *h)
{
	unsetenv(VARIABLE);
	mark_all(h, FD_CLOEXEC);
}

static void
take_port(struct ports *p, const char *value)
{
	struct port *port = &p->all[p->count];
	int given, at = 0;

	if (p->count == PORTS_MAX || sscanf(value, "%d %d %n", &port->fd, &given, &at) < 2)
		return;
	port->given = given != 0;
	snprintf(port->address, sizeof(port->address), "%s", at > 0 ? value + at : "");
	p->count++;
}

static void
take_line(struct handover *h, const char *key, const char *value)
{
	struct instance_bequest *b = &h->bequest;
	long long n = atoll(value);
	const struct {
		const char *key;
		int *number;
	} numbers[] = {{"registration", &b->registration}, {"bell", &b->bell},
	    {"segment", &b->segment}, {"line", &b->line}, {"ticker", &b->pid},
	    {"hooks", &h->hooks}, {"spawner", &h->spawner}};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(key, numbers[i].key) == 0)
			*numbers[i].number = (int)n;
	if (strcmp(key, "started") == 0)
		b->started = (unsigned)n;
	else if (strcmp(key, "running") == 0)
		h->children.running = (uint32_t)n;
	else if (strcmp(key, "ended") == 0)
		h->children.ended = (uint64_t)n;
	else if (strcmp(key, "killed") == 0)
		h->children.killed = (uint64_t)n;
	else if (strcmp(key, "helper") == 0)
		spawn_helper(&h->children, (pid_t)n);
	else if (strcmp(key, "host") == 0)
		h->host = n != 0;
	else if (strcmp(key, "inetd") == 0)
		h->inetd = n != 0;
	else if (strcmp(key, "syslog") == 0)
		h->syslog = n != 0;
	else if (strcmp(key, "port") == 0)
		take_port(&h->ports, value);
	else if (strcmp(key, "tls") == 0 && h->ports.count > 0)
		h->ports.all[h->ports.count - 1].tls = true;
}

bool
handover_take(struct handover *h)
{
	const char *found = getenv(VARIABLE);
	char text[TEXT_MAX], *line, *rest = text;
	bool ours = false;

	memset(h, 0, sizeof(*h));
	h->bequest = (struct instance_bequest){-1, -1, -1, -1, 0, 0};
	h->hooks = h->spawner = -1;
	if (found == NULL)
		return false;
	snprintf(text, sizeof(text), "%s", found);
	unsetenv(VARIABLE);
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *key = strsep(&line, " ");

		if (line == NULL)
			continue;
		if (strcmp(key, "pid") == 0)
			ours = atol(line) == (long)getpid();
		else if (ours)
			take_line(h, key, line);
	}
	if (ours)
		mark_all(h, FD_CLOEXEC);
	return ours && h->bequest.registration >= 0 && h->bequest.segment >= 0;
}
