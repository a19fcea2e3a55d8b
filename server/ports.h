/*
 * ports.h - the sockets on which a listener accepts.
 *
 * They are its own, or were given to it (inherit.h), or come from the listener
 * before it (handover.h).  One that was given is accepted from and closed, but
 * never shut down and never unlinked: it is others', too, and inetd takes it
 * back.
 */
#ifndef SERVER_PORTS_H
#define SERVER_PORTS_H

#include <stdbool.h>

#include "inherit.h"
#include "options.h"

#define PORTS_MAX (2 * OPTIONS_LIST_MAX)
#define PORTS_ADDRESS 112 /* "unix:" and a path, with its NUL */

struct port {
	int fd;
	bool given;
	bool tls;     /* whoever connects there speaks it */
	bool watched; /* by the listener, for somebody to accept */
	char
	    address[PORTS_ADDRESS]; /* as --listen or --listen-tls has it; "" if it was given */
};

struct ports {
	struct port all[PORTS_MAX];
	unsigned count;
};

/*
 * Open what the options say, or take what was given instead.  Sockets that are
 * in *p already (from the listener before) stay as they are if they are still
 * wanted, and are closed if not.  0, or -1 after it was said what is wrong.
 */
int ports_open(struct ports *p, const struct options *options, const struct inherit *given);

/* Does anybody speak TLS? */
bool ports_have_tls(const struct ports *p);

/* Close them; the files of Unix sockets that are our own go, too. */
void ports_close(struct ports *p);

/* " 127.0.0.1:13372 [::1]:13372": as they are bound; what does not fit is left out. */
void ports_title(const struct ports *p, char *title, size_t size);

#endif
