/*
 * main.c - the table of contents: a rosterd that is started becomes a listener.
 *
 *	inherit.c	how it was started: what it was given
 *	options.c	what the operator wants (conf.c: from a file)
 *	listener.c	accepts (ports.c, sockets.c), has served (spawn.c), keeps the
 *			ticker going (keeper.c)
 *	admission.c	who is let in: how many there are from where (census.c,
 *			source.c), what they owe (penalty.c), how many come in
 *			at once (startups.c)
 *	ticker.c	the process that owns the truth (see ticker.h)
 *	../child/	the process that serves one client (see child.h)
 *	../shm/		what they share (see layout.h)
 */
#include <bsd/unistd.h>
#include <unistd.h>

#include "../shm/log.h"
#include "listener.h"
#include "options.h"

int
main(int argc, char **argv)
{
	struct inherit given;
	struct options options;
	enum log_level level;

	/* First: it moves the arguments away from where titles are written. */
	setproctitle_init(argc, argv, environ);
	inherit_find(&given);
	if (given.mute) {
		log_to_syslog(LOG_SYSLOG);
		options_log_only();
	}
	log_open();
	switch (options_read(&options, argc, argv)) {
	case OPTIONS_DONE: return EXIT_FINE;
	case OPTIONS_BAD: return EXIT_USAGE;
	case OPTIONS_WRONG: return EXIT_CONFIG;
	case OPTIONS_CHECK: options_print(&options); return EXIT_FINE;
	case OPTIONS_RUN: break;
	}
	if (log_level_named(options.log_level, &level))
		log_set_level(level);
	if (given.kind == INHERIT_BAD) {
		log_error("bad-sockets", "why=\"%s\"", given.why);
		return EXIT_CONFIG;
	}
	if (given.kind == INHERIT_GONE)
		return EXIT_FINE;
	return listener_run(&options, &given);
}
