/*
 * main.c - the table of contents: a rosterd that is started becomes a listener.
 *
 *	options.c	what the operator wants
 *	listener.c	accepts (sockets.c), has served (spawn.c), keeps the
 *			ticker going (keeper.c)
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
	struct options options;
	enum log_level level;

	/* First: it moves the arguments away from where titles are written. */
	setproctitle_init(argc, argv, environ);
	log_open();
	switch (options_read(&options, argc, argv)) {
	case OPTIONS_DONE: return EXIT_FINE;
	case OPTIONS_BAD: return EXIT_USAGE;
	case OPTIONS_RUN: break;
	}
	if (log_level_named(options.log_level, &level))
		log_set_level(level);
	return listener_run(&options);
}
