#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shm/log.h"
#include "../shm/segment.h"

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

enum kind { KIND_TEXT, KIND_NUMBER, KIND_LIST };

struct option_row {
	const char *name;
	const char *argument;
	const char *help;
	enum kind kind;
	size_t offset; /* in struct options */
	const char *text;
	uint32_t number, least, most;
};

static const struct option_row rows[] = {
#define OPTION_TEXT(field, name, argument, initial, help) \
	{name, argument, help, KIND_TEXT, offsetof(struct options, field), initial, 0, 0, 0},
#define OPTION_NUMBER(field, name, argument, initial, least, most, help)                    \
	{name, argument, help, KIND_NUMBER, offsetof(struct options, field), NULL, initial, \
	    least, most},
#define OPTION_LIST(field, name, argument, help) \
	{name, argument, help, KIND_LIST, offsetof(struct options, field), NULL, 0, 0, 0},
#include "options.def"
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

enum { CODE_HELP = 1000, CODE_VERSION };

static void *
field(struct options *o, const struct option_row *row)
{
	return (char *)o + row->offset;
}

static void
set_defaults(struct options *o)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < ROWS; i++) {
		if (rows[i].kind == KIND_TEXT)
			*(const char **)field(o, &rows[i]) = rows[i].text;
		else if (rows[i].kind == KIND_NUMBER)
			*(uint32_t *)field(o, &rows[i]) = rows[i].number;
	}
}

static bool
parse_number(const char *text, const struct option_row *row, uint32_t *number)
{
	unsigned long long value;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end == 'k' || *end == 'K' || *end == 'm' || *end == 'M') {
		unsigned shift = tolower((unsigned char)*end++) == 'k' ? 10 : 20;

		if (value > UINT32_MAX)
			return false;
		value <<= shift;
	}
	if (errno != 0 || *end != '\0' || value < row->least || value > row->most)
		return false;
	*number = (uint32_t)value;
	return true;
}

static bool
apply(struct options *o, const struct option_row *row, const char *text)
{
	struct options_list *list;

	switch (row->kind) {
	case KIND_TEXT: *(const char **)field(o, row) = text; return true;
	case KIND_NUMBER:
		if (parse_number(text, row, field(o, row)))
			return true;
		fprintf(stderr, "rosterd: --%s: \"%s\" is not a number from %u to %u\n",
		    row->name, text, row->least, row->most);
		return false;
	case KIND_LIST:
		list = field(o, row);
		if (list->count < OPTIONS_LIST_MAX) {
			list->items[list->count++] = text;
			return true;
		}
		fprintf(
		    stderr, "rosterd: --%s: more than %d times\n", row->name, OPTIONS_LIST_MAX);
		return false;
	}
	return false;
}

/* ROSTERD_MAX_CLIENTS for max-clients. */
static const char *
from_environment(const struct option_row *row)
{
	char name[64] = "ROSTERD_";
	size_t at = strlen(name);

	for (const char *c = row->name; *c != '\0' && at < sizeof(name) - 1; c++)
		name[at++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	name[at] = '\0';
	return getenv(name);
}

static bool
read_environment(struct options *o)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *text = from_environment(&rows[i]);

		if (text != NULL && *text != '\0' && !apply(o, &rows[i], text))
			return false;
	}
	return true;
}

static void
help(void)
{
	printf("usage: rosterd [OPTION]...\n\n"
	       "A WebSocket server that keeps a roster: who is connected, and what each "
	       "of them\n"
	       "says about itself.  Every client is served by a process of its own.\n\n");
	for (size_t i = 0; i < ROWS; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", rows[i].name, rows[i].argument);
		printf("  %-26s %s", left, rows[i].help);
		if (rows[i].kind == KIND_NUMBER && rows[i].number != 0)
			printf(" (%u)", rows[i].number);
		if (rows[i].kind == KIND_TEXT && rows[i].text != NULL)
			printf(" (%s)", rows[i].text);
		putchar('\n');
	}
	printf("  %-26s %s\n", "--help", "show this");
	printf("  %-26s %s\n\n", "--version", "show the version");
	printf("Each option is also read from the environment: ROSTERD_MAX_CLIENTS and "
	       "so on.\n");
}

static enum options_result
read_arguments(struct options *o, int argc, char **argv)
{
	struct option longs[ROWS + 3];
	bool listed[ROWS] = {false};
	int code;

	memset(longs, 0, sizeof(longs));
	for (size_t i = 0; i < ROWS; i++)
		longs[i] = (struct option){rows[i].name, required_argument, NULL, (int)i};
	longs[ROWS] = (struct option){"help", no_argument, NULL, CODE_HELP};
	longs[ROWS + 1] = (struct option){"version", no_argument, NULL, CODE_VERSION};
	while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (code == CODE_HELP) {
			help();
			return OPTIONS_DONE;
		}
		if (code == CODE_VERSION) {
			printf("rosterd %s\n", ROSTERD_VERSION);
			return OPTIONS_DONE;
		}
		if (code < 0 || code >= (int)ROWS)
			return OPTIONS_BAD;
		/* A list on the command line replaces the one of the environment. */
		if (rows[code].kind == KIND_LIST && !listed[code])
			memset(field(o, &rows[code]), 0, sizeof(struct options_list));
		listed[code] = true;
		if (!apply(o, &rows[code], optarg))
			return OPTIONS_BAD;
	}
	if (optind == argc)
		return OPTIONS_RUN;
	fprintf(stderr, "rosterd: \"%s\" is not an option\n", argv[optind]);
	return OPTIONS_BAD;
}

_Static_assert(CHILD_NETWORKS_MAX >= OPTIONS_LIST_MAX, "a list has to fit");

static bool
good_networks(const struct options_list *list)
{
	struct cidr network;

	for (unsigned i = 0; i < list->count; i++) {
		if (cidr_parse(list->items[i], &network))
			continue;
		fprintf(stderr, "rosterd: --status-from: \"%s\" is not a network\n",
		    list->items[i]);
		return false;
	}
	return true;
}

static bool
sandbox_named(const char *name, enum child_sandbox *sandbox)
{
	static const char *const names[] = {"on", "report", "off"};

	for (int i = 0; i < 3; i++) {
		if (strcmp(name, names[i]) != 0)
			continue;
		*sandbox = (enum child_sandbox)i;
		return true;
	}
	return false;
}

enum options_result
options_read(struct options *o, int argc, char **argv)
{
	enum options_result result;
	struct limits limits;
	struct layout layout;
	enum log_level level;
	enum child_sandbox sandbox;

	set_defaults(o);
	if (!read_environment(o))
		return OPTIONS_BAD;
	if ((result = read_arguments(o, argc, argv)) != OPTIONS_RUN)
		return result;
	if (!segment_name_good(o->name)) {
		fprintf(stderr, "rosterd: --name: letters, digits, '-', '_' and '.' only\n");
		return OPTIONS_BAD;
	}
	if (!sandbox_named(o->sandbox, &sandbox)) {
		fprintf(stderr, "rosterd: --sandbox: on, report or off\n");
		return OPTIONS_BAD;
	}
	if (!log_level_named(o->log_level, &level)) {
		fprintf(stderr, "rosterd: --log-level: error, warning, info or debug\n");
		return OPTIONS_BAD;
	}
	if (!good_networks(&o->status_from))
		return OPTIONS_BAD;
	options_limits(o, &limits);
	if (layout_compute(&limits, &layout) < 0) {
		fprintf(stderr, "rosterd: these limits need too much address space together\n");
		return OPTIONS_BAD;
	}
	return OPTIONS_RUN;
}

void
options_limits(const struct options *o, struct limits *limits)
{
	limits->max_clients = o->max_clients;
	limits->max_packet = o->max_packet;
	limits->max_properties = o->max_properties;
}

void
options_child(const struct options *o, struct child_settings *settings)
{
	settings->name = o->name;
	settings->origin = o->origin;
	settings->max_packet = o->max_packet;
	settings->max_properties = o->max_properties;
	settings->backlog = o->backlog;
	settings->ping_ms = o->ping_ms;
	settings->handshake_ms = o->handshake_ms;
	settings->status_from_count = o->status_from.count;
	for (unsigned i = 0; i < o->status_from.count; i++)
		(void)cidr_parse(o->status_from.items[i], &settings->status_from[i]);
	(void)sandbox_named(o->sandbox, &settings->sandbox);
}
