#include "ports.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shm/log.h"
#include "sockets.h"

_Static_assert(PORTS_MAX >= INHERIT_MAX, "there is a port for each socket that is given");

static const char *const usual[] = {"127.0.0.1:13372", "[::1]:13372"};

static void
add(struct ports *p, int fd, const char *address, bool tls)
{
	struct port *port = &p->all[p->count++];

	port->fd = fd;
	port->given = address == NULL;
	port->tls = tls;
	port->watched = false;
	snprintf(port->address, sizeof(port->address), "%s", address != NULL ? address : "");
	/* Others may accept from it as well: then there is nothing left, and that is no error. */
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static void
close_port(struct port *port)
{
	const char *path = sockets_path(port->address);

	close(port->fd);
	port->fd = -1;
	if (path != NULL)
		unlink(path);
}

/* One that the listener before us had, if it has this address. */
static int
take_old(struct ports *old, const char *address)
{
	for (unsigned i = 0; i < old->count; i++) {
		int fd = old->all[i].fd;

		if (fd < 0 || old->all[i].given || strcmp(old->all[i].address, address) != 0)
			continue;
		old->all[i].fd = -1;
		return fd;
	}
	return -1;
}

/* False if it cannot be had, and that is an error. */
static bool
open_one(struct ports *p, struct ports *old, const char *address, mode_t mode, bool tls)
{
	int fd = take_old(old, address);

	if (fd < 0)
		fd = sockets_listen(address, mode);
	if (fd >= 0)
		add(p, fd, address, tls);
	/* Who is served already is not left without any server for the sake of a new address. */
	return fd >= 0 || old->count > 0;
}

static int
open_wanted(struct ports *p, struct ports *old, const struct options *o)
{
	mode_t mode = options_mode(o->socket_mode);

	for (unsigned i = 0; i < o->listen.count; i++)
		if (!open_one(p, old, o->listen.items[i], mode, false))
			return -1;
	for (unsigned i = 0; i < o->listen_tls.count; i++)
		if (!open_one(p, old, o->listen_tls.items[i], mode, true))
			return -1;
	if (o->listen.count + o->listen_tls.count == 0) {
		if (!open_one(p, old, usual[0], mode, false))
			return -1;
		/* A machine without IPv6 is served without it, unless it was asked for. */
		(void)open_one(p, old, usual[1], mode, false);
	}
	return p->count > 0 ? 0 : -1;
}

int
ports_open(struct ports *p, const struct options *options, const struct inherit *given)
{
	struct ports old = *p;
	bool have_given = given->kind == INHERIT_LISTENING;
	bool all_tls = strcmp(options->tls, "on") == 0;
	int result = 0;

	p->count = 0;
	for (unsigned i = 0; i < old.count; i++) {
		if (!old.all[i].given)
			continue;
		add(p, old.all[i].fd, NULL, old.all[i].tls || all_tls);
		old.all[i].fd = -1;
		have_given = true;
	}
	for (unsigned i = 0; i < given->count && given->kind == INHERIT_LISTENING; i++)
		add(p, given->fds[i], NULL, given->tls[i] || all_tls);
	if (!have_given)
		result = open_wanted(p, &old, options);
	for (unsigned i = 0; i < old.count; i++)
		if (old.all[i].fd >= 0)
			close_port(&old.all[i]);
	return result;
}

bool
ports_have_tls(const struct ports *p)
{
	for (unsigned i = 0; i < p->count; i++)
		if (p->all[i].tls)
			return true;
	return false;
}

void
ports_close(struct ports *p)
{
	for (unsigned i = 0; i < p->count; i++)
		close_port(&p->all[i]);
	p->count = 0;
}

void
ports_title(const struct ports *p, char *title, size_t size)
{
	char name[PEER_LENGTH];
	size_t used = 0;

	title[0] = '\0';
	for (unsigned i = 0; i < p->count && used < size; i++) {
		sockets_own_name(p->all[i].fd, name);
		used += (size_t)snprintf(
		    title + used, size - used, " %s%s", p->all[i].tls ? "tls:" : "", name);
	}
}
