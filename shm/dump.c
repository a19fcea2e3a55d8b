#include "dump.h"

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "utf8.h"

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

enum exit_code {
	EXIT_FINE = 0,
	EXIT_USAGE = 64,
	EXIT_DATA = 65,
	EXIT_NO_INPUT = 66,
	EXIT_SYSTEM = 71
};

static const struct command {
	const char *name;
	int (*run)(const struct dump *d);
	const char *help;
} commands[] = {
    {"clients", dump_clients, "who is connected"},
    {"changes", dump_changes, "what has changed, oldest first"},
    {"stats", dump_stats, "all counters"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void
help(FILE *to)
{
	fprintf(to, "usage: rosterd-dump [--name NAME | --file IMAGE] [COMMAND] [--json]\n\n"
		    "Shows what the processes of a rosterd instance share in memory, living or "
		    "dead.\n\n");
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(to, "  %-26s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n"
		    "  --name NAME                of the instance (default)\n"
		    "  --file IMAGE               a copy of its segment\n"
		    "  --json                     for programs\n"
		    "  --help                     show this\n"
		    "  --version                  show the version\n");
}

int
dump_json(json_t *value)
{
	int result;

	if (value == NULL)
		return -1;
	result = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(value);
	return result;
}

json_t *
dump_string(const char *text, size_t length)
{
	char safe[1024];
	uint32_t state = 0;

	if (utf8_check(&state, text, length) == length && state == 0)
		return json_stringn(text, length);
	return json_string(log_escape(safe, sizeof(safe), text, length));
}

/* The file was cut while we had it mapped. */
static void
on_bus_error(int signal)
{
	static const char message[] = "rosterd-dump: the segment is shorter than it says\n";

	(void)signal;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(EXIT_DATA);
}

static bool
is_alive(const struct header *h)
{
	uint32_t pid = load_relaxed(&h->ticker_pid);

	return pid != 0 && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
}

static int
open_dump(struct dump *d, const char *name, const char *file)
{
	const char *why = NULL;
	int result = file != NULL ? segment_open_file(&d->segment, file, &why)
				  : segment_open(&d->segment, name, false, &why);

	if (result < 0) {
		fprintf(stderr, "rosterd-dump: %s: %s\n", file != NULL ? file : name,
		    why != NULL ? why : strerror(errno));
		return errno == EPROTO ? EXIT_DATA : EXIT_NO_INPUT;
	}
	d->header = d->segment.header;
	d->live = file == NULL && is_alive(d->header);
	d->now_boot_ms = d->live ? clock_boot_ms() : load_relaxed(&d->header->tick_boot_ms);
	return EXIT_FINE;
}

static int
run(const struct dump *d, const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].run(d) == 0 && fflush(stdout) == 0)
			return EXIT_FINE;
		fprintf(stderr, "rosterd-dump: %s\n", strerror(errno));
		return EXIT_SYSTEM;
	}
	fprintf(stderr, "rosterd-dump: \"%s\" is not a command\n", name);
	return EXIT_USAGE;
}

int
main(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"name", required_argument, NULL, 'n'},
	    {"file", required_argument, NULL, 'f'},
	    {"json", no_argument, NULL, 'j'},
	    {"prometheus", no_argument, NULL, 'p'},
	    {"help", no_argument, NULL, 'h'},
	    {"version", no_argument, NULL, 'v'},
	    {NULL, 0, NULL, 0},
	};
	const char *name = "default", *file = NULL;
	struct dump d = {.segment.fd = -1};
	int code;

	while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (code) {
		case 'n': name = optarg; break;
		case 'f': file = optarg; break;
		case 'j': d.json = true; break;
		case 'p': d.prometheus = true; break;
		case 'h': help(stdout); return EXIT_FINE;
		case 'v': printf("rosterd-dump %s\n", ROSTERD_VERSION); return EXIT_FINE;
		default: help(stderr); return EXIT_USAGE;
		}
	}
	if (argc - optind > 1 || !segment_name_good(name)) {
		help(stderr);
		return EXIT_USAGE;
	}
	signal(SIGBUS, on_bus_error);
	if ((code = open_dump(&d, name, file)) != EXIT_FINE)
		return code;
	return run(&d, optind < argc ? argv[optind] : "clients");
}
