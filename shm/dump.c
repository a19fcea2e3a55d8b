#include "dump.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "utf8.h"

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

#define INTERVAL_MIN_MS 10
#define INTERVAL_MAX_MS 3600000

static const struct command {
	const char *name;
	int (*run)(struct dump *d);
	const char *argument; /* or NULL */
	const char *help;
} commands[] = {
    {"clients", dump_clients, NULL, "who is connected (this is shown if nothing is asked)"},
    {"changes", dump_changes, NULL, "what has changed, oldest first"},
    {"follow", dump_follow, NULL, "the same, and what changes from now on"},
    {"snapshot", dump_snapshot, NULL, "the newest roster as clients were sent it"},
    {"stats", dump_stats, NULL, "all counters and times"},
    {"locks", dump_locks, NULL, "who holds the lock, and who waits for what"},
    {"layout", dump_layout, NULL, "the parts of the segment, and the memory they use"},
    {"check", dump_check, NULL, "whether all in the segment is as it has to be"},
    {"watch", dump_watch, NULL, "a screen of rates, talkers and slow clients; q ends it"},
    {"kick", dump_kick, "TOKEN",
	"have a client closed (1008); the beginning of a token will do"},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum option_code {
	OPTION_NAME = 1000,
	OPTION_FILE,
	OPTION_JSON,
	OPTION_PROMETHEUS,
	OPTION_SORT,
	OPTION_FILTER,
	OPTION_LONG,
	OPTION_INTERVAL,
	OPTION_KILL,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_ONCE = '1',
};

static const struct {
	enum option_code code;
	const char *name;
	const char *argument; /* or NULL */
	const char *help;
} options[] = {
    {OPTION_NAME, "name", "NAME", "of the instance (default)"},
    {OPTION_FILE, "file", "IMAGE", "a copy of its segment, instead of an instance"},
    {OPTION_JSON, "json", NULL, "for programs"},
    {OPTION_PROMETHEUS, "prometheus", NULL, "stats: for Prometheus"},
    {OPTION_SORT, "sort", "KEY", "clients: smallest first; -KEY: largest first"},
    {OPTION_FILTER, "filter", "EXPR",
	"clients: KEY=X, KEY!=X, KEY<X, KEY>X, KEY~TEXT; all of several"},
    {OPTION_LONG, "long", NULL, "clients: with all counters"},
    {OPTION_ONCE, "once", NULL, "watch: one look and no screen; short: -1"},
    {OPTION_INTERVAL, "interval", "MS", "watch, follow: between looks"},
    {OPTION_KILL, "kill", NULL, "kick: kill its process instead (SIGKILL)"},
    {OPTION_HELP, "help", NULL, "show this"},
    {OPTION_VERSION, "version", NULL, "show the version"},
};

#define OPTIONS (sizeof(options) / sizeof(options[0]))

static void
help(FILE *to)
{
	char left[64];

	fprintf(to, "usage: rosterd-dump [OPTION]... [COMMAND]\n\n"
		    "Shows what the processes of a rosterd instance share in memory, living or "
		    "dead.\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		snprintf(left, sizeof(left), "%s %s", commands[i].name,
		    commands[i].argument != NULL ? commands[i].argument : "");
		fprintf(to, "  %-20s %s\n", left, commands[i].help);
	}
	fputc('\n', to);
	for (size_t i = 0; i < OPTIONS; i++) {
		snprintf(left, sizeof(left), "--%s %s", options[i].name,
		    options[i].argument != NULL ? options[i].argument : "");
		fprintf(to, "  %-20s %s\n", left, options[i].help);
	}
	fprintf(to, "\nKeys to sort and filter by: %s.\n", choose_keys());
}

/* Output. */

int
dump_failed(void)
{
	fprintf(stderr, "rosterd-dump: %s\n", strerror(errno));
	return DUMP_SYSTEM;
}

int
dump_text(struct text *text)
{
	bool fine =
	    !text->failed && fwrite(text->bytes, 1, text->length, stdout) == text->length;

	if (text->failed)
		errno = ENOMEM;
	text_clear(text, 0);
	return fine ? DUMP_FINE : dump_failed();
}

int
dump_json(json_t *value)
{
	int result;

	errno = ENOMEM;
	if (value == NULL)
		return dump_failed();
	result = json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
	putchar('\n');
	json_decref(value);
	return result == 0 ? DUMP_FINE : dump_failed();
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

const char *
dump_plain(const char *text)
{
	static char buffers[8][256];
	static unsigned next;
	char *out = buffers[next++ % 8];

	return log_escape(out, sizeof(buffers[0]), text, strlen(text));
}

/* The segment. */

/* The file was cut while we had it mapped. */
static void
on_bus_error(int signal)
{
	static const char message[] = "rosterd-dump: the segment is shorter than it says\n";

	(void)signal;
	(void)!write(STDERR_FILENO, message, sizeof(message) - 1);
	_exit(DUMP_DATA);
}

/* A pid may be another process's by now: it is ours if it calls itself so. */
static bool
is_ticker(uint32_t pid)
{
	static const char title[] = "rosterd: ticker";
	char path[32], line[sizeof(title)] = "";
	int fd;
	ssize_t length;

	if (pid == 0 || pid > INT32_MAX || (kill((pid_t)pid, 0) < 0 && errno != EPERM))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return errno != ENOENT; /* hidden from us: then the pid has to do */
	length = read(fd, line, sizeof(line) - 1);
	close(fd);
	return length > 0 && strncmp(line, title, sizeof(title) - 1) == 0;
}

void
dump_refresh(struct dump *d)
{
	d->live = !d->file && is_ticker(load_relaxed(&d->header->ticker_pid));
	d->now = view_now(d->header, d->live);
}

bool
dump_is_over(const struct dump *d)
{
	struct stat status;

	return d->file || fstat(d->segment.fd, &status) < 0 || status.st_nlink == 0;
}

static int
open_dump(struct dump *d, const char *file)
{
	const char *why = NULL;
	int result = file != NULL ? segment_open_file(&d->segment, file, &why)
				  : segment_open(&d->segment, d->name, false, &why);

	if (file != NULL)
		d->name = file;
	if (result < 0) {
		fprintf(stderr, "rosterd-dump: %s: %s\n", d->name,
		    why != NULL ? why : strerror(errno));
		return errno == EPROTO   ? DUMP_DATA
		       : errno == EACCES ? DUMP_REFUSED
					 : DUMP_NO_INPUT;
	}
	d->header = d->segment.header;
	d->file = file != NULL;
	dump_refresh(d);
	return DUMP_FINE;
}

/* Options. */

static bool
parse_interval(struct dump *d, const char *text)
{
	char *end;
	unsigned long ms = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || ms < INTERVAL_MIN_MS ||
	    ms > INTERVAL_MAX_MS) {
		fprintf(stderr, "rosterd-dump: --interval: %d to %d ms\n", INTERVAL_MIN_MS,
		    INTERVAL_MAX_MS);
		return false;
	}
	d->interval = (uint32_t)ms;
	return true;
}

/* One option; DUMP_FINE to go on, -1 if that was all there is to do. */
static int
take_option(struct dump *d, const char **file, int code)
{
	switch (code) {
	case OPTION_NAME: d->name = optarg; return DUMP_FINE;
	case OPTION_FILE: *file = optarg; return DUMP_FINE;
	case OPTION_JSON: d->json = true; return DUMP_FINE;
	case OPTION_PROMETHEUS: d->prometheus = true; return DUMP_FINE;
	case OPTION_LONG: d->full = true; return DUMP_FINE;
	case OPTION_ONCE: d->once = true; return DUMP_FINE;
	case OPTION_KILL: d->kill = true; return DUMP_FINE;
	case OPTION_INTERVAL: return parse_interval(d, optarg) ? DUMP_FINE : DUMP_USAGE;
	case OPTION_SORT: return choose_sort(&d->choice, optarg) ? DUMP_FINE : DUMP_USAGE;
	case OPTION_FILTER: return choose_filter(&d->choice, optarg) ? DUMP_FINE : DUMP_USAGE;
	case OPTION_HELP: help(stdout); return -1;
	case OPTION_VERSION: printf("rosterd-dump %s\n", ROSTERD_VERSION); return -1;
	default: help(stderr); return DUMP_USAGE;
	}
}

static int
take_options(struct dump *d, const char **file, int argc, char **argv)
{
	struct option longs[OPTIONS + 1];
	int code, result;

	memset(longs, 0, sizeof(longs));
	for (size_t i = 0; i < OPTIONS; i++)
		longs[i] = (struct option){options[i].name,
		    options[i].argument != NULL ? required_argument : no_argument, NULL,
		    (int)options[i].code};
	while ((code = getopt_long(argc, argv, "1", longs, NULL)) != -1)
		if ((result = take_option(d, file, code)) != DUMP_FINE)
			return result;
	return DUMP_FINE;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	struct dump d = {.segment.fd = -1, .name = "default"};
	const struct command *command;
	const char *file = NULL;
	int code = take_options(&d, &file, argc, argv);

	if (code != DUMP_FINE)
		return code < 0 ? DUMP_FINE : code;
	command = find_command(optind < argc ? argv[optind++] : "clients");
	d.argument = optind < argc ? argv[optind++] : NULL;
	if (command == NULL || optind < argc || !segment_name_good(d.name) ||
	    (command->argument != NULL) != (d.argument != NULL)) {
		help(stderr);
		return DUMP_USAGE;
	}
	signal(SIGBUS, on_bus_error);
	if ((code = open_dump(&d, file)) != DUMP_FINE)
		return code;
	code = command->run(&d);
	return fflush(stdout) == 0 ? code : dump_failed();
}
