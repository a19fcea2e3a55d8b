/*
 * main.c - the table of contents: a rosterd that is started becomes a listener,
 * or the process of the one client that it was given.
 *
 *	inherit.c	how it was started: what it was given
 *	options.c	what the operator wants (conf.c: from a file)
 *	listener.c	accepts (ports.c, sockets.c), has served (spawn.c), finds
 *			or begins the instance (instance.c), keeps the ticker
 *			going (keeper.c)
 *	fit.c		how many clients the limits of the system allow
 *	admission.c	who is let in: how many there are from where (census.c,
 *			source.c), what they owe (penalty.c), how many come in
 *			at once (startups.c), who is behind a proxy (proxied.c)
 *	signing.c	keeps the signer going (signer.c), which alone has the
 *			private key for TLS
 *	guest.c		serves the client that it was given; the first one
 *			starts a listener that has no sockets (host.c), and
 *			each a process that does so if there is none any more
 *			(guardian.c)
 *	ticker.c	the process that owns the truth (see ticker.h)
 *	../child/	the process that serves one client (see child.h)
 *	../shm/		what they share (see layout.h)
 */
#include <bsd/unistd.h>
#include <unistd.h>

#include "../shm/log.h"
#include "fit.h"
#include "guest.h"
#include "handover.h"
#include "host.h"
#include "inherit.h"
#include "listener.h"
#include "options.h"
#include "signing.h"
#include "upgrade.h"

/* Where lines go, before there is one. */
static void
open_log(bool mute)
{
	if (mute) {
		log_to_syslog(LOG_SYSLOG);
		options_log_only();
	}
	log_open();
}

static int
serve(
    const struct options *options, const struct inherit *given, const struct handover *handover)
{
	struct listener_start start = {
	    .options = options, .given = given, .revive = host_revive, .handover = handover};

	switch (given->kind) {
	case INHERIT_BAD:
		log_error("bad-sockets", "why=\"%s\"", given->why);
		return EXIT_CONFIG;
	case INHERIT_GONE: return EXIT_FINE;
	case INHERIT_CONNECTED: return guest_run(options, given);
	case INHERIT_NOTHING:
	case INHERIT_LISTENING: break;
	}
	return listener_run(&start);
}

int
main(int argc, char **argv)
{
	struct handover handover;
	struct inherit given;
	struct options options;
	enum log_level level;
	bool again;

	/* First: it moves the arguments away from where titles are written. */
	setproctitle_init(argc, argv, environ);
	inherit_find(&given);
	again = handover_take(&handover);
	open_log(given.mute || handover.syslog);
	upgrade_remember(argv);
	switch (options_read(&options, argc, argv)) {
	case OPTIONS_DONE: return EXIT_FINE;
	case OPTIONS_BAD: return EXIT_USAGE;
	case OPTIONS_WRONG: return EXIT_CONFIG;
	case OPTIONS_CHECK:
		options_print(&options);
		fit_print(&options);
		return signing_check(&options) ? EXIT_FINE : EXIT_CONFIG;
	case OPTIONS_RUN: break;
	}
	if (log_level_named(options.log_level, &level))
		log_set_level(level);
	return serve(&options, &given, again ? &handover : NULL);
}
