#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shm/log.h"
#include "../shm/segment.h"
#include "cgi.h"
#include "group.h"
#include "conf.h"
#include "rows.h"
#include "startups.h"
#include "usage.h"
#include "user.h"

#ifndef ROSTERD_VERSION
#define ROSTERD_VERSION "unknown"
#endif

enum { CODE_HELP = 1000, CODE_VERSION, CODE_CHECK };

/* While the sources are taken together. */
struct reading {
	struct options *o;
	enum usage_source from;
	enum usage_source *sources; /* of each row */
};

static bool quiet; /* stderr is not for people */

void
options_log_only(void)
{
	quiet = true;
}

void
options_complain(const char *format, ...)
{
	char text[512], safe[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (quiet)
		log_error("bad-option", "why=\"%s\"",
		    log_escape(safe, sizeof(safe), text, strlen(text)));
	else
		fprintf(stderr, "rosterd: %s\n", text);
}

static void *
field(struct options *o, const struct rows_option *row)
{
	return (char *)o + row->offset;
}

static void
set_defaults(struct options *o)
{
	memset(o, 0, sizeof(*o));
	for (size_t i = 0; i < ROWS_COUNT; i++) {
		if (rows_all[i].kind == ROWS_TEXT)
			*(const char **)field(o, &rows_all[i]) = rows_all[i].text;
		else if (rows_all[i].kind == ROWS_NUMBER)
			*(uint32_t *)field(o, &rows_all[i]) = rows_all[i].number;
	}
}

static bool
parse_number(const char *text, const struct rows_option *row, uint32_t *number)
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

/* A list of one source replaces that of the source before it. */
static bool
apply_list(struct reading *r, const struct rows_option *row, const char *text, bool first)
{
	struct options_list *list = field(r->o, row);

	if (first)
		list->count = 0;
	if (list->count == OPTIONS_LIST_MAX) {
		options_complain("--%s: more than %d times", row->name, OPTIONS_LIST_MAX);
		return false;
	}
	list->items[list->count++] = text;
	return true;
}

static bool
apply(struct reading *r, const struct rows_option *row, const char *text)
{
	enum usage_source *source = &r->sources[row - rows_all];
	bool first = *source != r->from;

	*source = r->from;
	switch (row->kind) {
	case ROWS_TEXT: *(const char **)field(r->o, row) = text; return true;
	case ROWS_NUMBER:
		if (parse_number(text, row, field(r->o, row)))
			return true;
		options_complain("--%s: \"%s\" is not a number from %u to %u", row->name, text,
		    row->least, row->most);
		return false;
	case ROWS_LIST: return apply_list(r, row, text, first);
	}
	return false;
}

/* ROSTERD_MAX_CLIENTS for max-clients. */
static const char *
from_environment(const struct rows_option *row)
{
	char name[64] = "ROSTERD_";
	size_t at = strlen(name);

	for (const char *c = row->name; *c != '\0' && at < sizeof(name) - 1; c++)
		name[at++] = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
	name[at] = '\0';
	return getenv(name);
}

static bool
read_environment(struct reading *r)
{
	r->from = USAGE_ENVIRONMENT;
	for (size_t i = 0; i < ROWS_COUNT; i++) {
		const char *text = from_environment(&rows_all[i]);

		if (text != NULL && *text != '\0' && !apply(r, &rows_all[i], text))
			return false;
	}
	return true;
}

/* A line of the file. */
static bool
apply_line(void *context, const char *key, const char *value)
{
	for (size_t i = 0; i < ROWS_COUNT; i++) {
		char *copy;

		if (strcmp(rows_all[i].name, key) != 0 || strcmp(key, "config") == 0)
			continue;
		if (*value == '\0')
			return true;
		/* It is read again only by another process (handover.h). */
		if ((copy = strdup(value)) == NULL)
			return false;
		return apply(context, &rows_all[i], copy);
	}
	options_complain("\"%s\" is not an option", key);
	return false;
}

static bool
read_file(struct reading *r, const char *path)
{
	r->from = USAGE_FILE;
	return path == NULL || conf_read(path, apply_line, r) == 0;
}

static void
make_longs(struct option longs[ROWS_COUNT + 4])
{
	memset(longs, 0, (ROWS_COUNT + 4) * sizeof(*longs));
	for (size_t i = 0; i < ROWS_COUNT; i++)
		longs[i] = (struct option){rows_all[i].name, required_argument, NULL, (int)i};
	longs[ROWS_COUNT] = (struct option){"help", no_argument, NULL, CODE_HELP};
	longs[ROWS_COUNT + 1] = (struct option){"version", no_argument, NULL, CODE_VERSION};
	longs[ROWS_COUNT + 2] = (struct option){"check", no_argument, NULL, CODE_CHECK};
}

static enum options_result
read_arguments(struct reading *r, int argc, char **argv)
{
	enum options_result result = OPTIONS_RUN;
	struct option longs[ROWS_COUNT + 4];
	int code;

	make_longs(longs);
	r->from = USAGE_ARGUMENT;
	opterr = !quiet;
	optind = 0; /* from the start, whoever has called it before */
	while ((code = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (code == CODE_HELP) {
			usage_help();
			return OPTIONS_DONE;
		}
		if (code == CODE_VERSION) {
			printf("rosterd %s\n", ROSTERD_VERSION);
			return OPTIONS_DONE;
		}
		if (code == CODE_CHECK)
			result = OPTIONS_CHECK;
		else if (code < 0 || code >= (int)ROWS_COUNT)
			return OPTIONS_BAD;
		else if (!apply(r, &rows_all[code], optarg))
			return OPTIONS_WRONG;
	}
	if (optind == argc)
		return result;
	options_complain("\"%s\" is not an option", argv[optind]);
	return OPTIONS_BAD;
}

static bool
good_networks(const char *name, const struct options_list *list)
{
	struct cidr network;

	for (unsigned i = 0; i < list->count; i++) {
		if (cidr_parse(list->items[i], &network))
			continue;
		options_complain("--%s: \"%s\" is not a network", name, list->items[i]);
		return false;
	}
	return true;
}

static bool
good_trust(const struct options *o)
{
	enum child_header header;
	struct trust trust = {.count = 0};

	for (unsigned i = 0; i < o->trust.count; i++) {
		if (trust_add(&trust, o->trust.items[i]))
			continue;
		options_complain("--trust: \"%s\" is no list of up to %u networks, or unix",
		    o->trust.items[i], TRUST_MAX);
		return false;
	}
	if (strcmp(o->proxy_protocol, "on") != 0 && strcmp(o->proxy_protocol, "off") != 0) {
		options_complain("--proxy-protocol: on or off");
		return false;
	}
	if (!child_header_named(o->client_header, &header)) {
		options_complain("--client-header: X-Forwarded-For, Forwarded or none");
		return false;
	}
	return true;
}

static bool
good_tls(const struct options *o)
{
	bool on = strcmp(o->tls, "on") == 0;

	if (!on && strcmp(o->tls, "off") != 0) {
		options_complain("--tls: on or off");
		return false;
	}
	if ((o->cert == NULL) != (o->key == NULL)) {
		options_complain("--cert and --key: neither is of use without the other");
		return false;
	}
	if (o->cert == NULL && (on || o->listen_tls.count > 0)) {
		options_complain("%s needs --cert and --key", on ? "--tls" : "--listen-tls");
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

/* It is run as it is: no shell, no arguments, no search. */
static bool
good_program(const char *name, const char *path)
{
	if (path == NULL || (*path == '/' && access(path, X_OK) == 0))
		return true;
	options_complain("--%s: \"%s\" is no program with its whole path", name, path);
	return false;
}

/* What can stand in a name of a property, and in a sentence, as it is. */
static bool
good_prefix(const char *prefix)
{
	size_t length = strlen(prefix);

	for (size_t i = 0; i < length; i++)
		if (prefix[i] <= 0x20 || prefix[i] >= 0x7f || strchr("\"\\", prefix[i]) != NULL)
			return false;
	return length > 0 && length <= 32;
}

static bool
good_hooks(const struct options *o)
{
	if (!good_program("on-connect", o->on_connect) ||
	    !good_program("on-close", o->on_close))
		return false;
	if (!good_prefix(o->reserved)) {
		options_complain("--reserved: 1 to 32 letters, digits or signs, as in auth.");
		return false;
	}
	if (cgi_headers_good(o->hook_headers))
		return true;
	options_complain("--hook-headers: names of headers with commas; Proxy is none of them");
	return false;
}

/* What only shows when all is there. */
static bool
is_sound(const struct options *o)
{
	struct limits limits;
	struct layout layout;
	enum log_level level;
	enum child_sandbox sandbox;
	struct startups startups;
	gid_t gid;

	if (!segment_name_good(o->name)) {
		options_complain("--name: letters, digits, '-', '_' and '.' only");
		return false;
	}
	if (!sandbox_named(o->sandbox, &sandbox)) {
		options_complain("--sandbox: on, report or off");
		return false;
	}
	if (!log_level_named(o->log_level, &level)) {
		options_complain("--log-level: error, warning, info or debug");
		return false;
	}
	if (!good_networks("status-from", &o->status_from) ||
	    !good_networks("penalty-exempt", &o->penalty_exempt) || !good_trust(o))
		return false;
	if (!startups_parse(&startups, o->max_startups, o->max_clients)) {
		options_complain("--max-startups: START:RATE:FULL, as in 64:30:256");
		return false;
	}
	if (o->user != NULL && !user_known(o->user)) {
		options_complain("--user: there is no user \"%s\"", o->user);
		return false;
	}
	if (o->group != NULL && !group_find(o->group, &gid)) {
		options_complain("--group: there is no group \"%s\"", o->group);
		return false;
	}
	if (!good_tls(o))
		return false;
	if (options_mode(o->socket_mode) == 0) {
		options_complain("--socket-mode: permissions in octal, as in 0660");
		return false;
	}
	if (!child_origins_good(o->origin)) {
		options_complain("--origin: self, *, null, or what browsers send, as in "
				 "https://example.org:8443");
		return false;
	}
	if (!good_hooks(o))
		return false;
	options_limits(o, &limits);
	if (layout_compute(&limits, &layout) < 0) {
		options_complain("these limits need too much address space together");
		return false;
	}
	return true;
}

static enum usage_source sources[ROWS_COUNT];

/* All sources are read twice, because two of them may name the third. */
enum options_result
options_read(struct options *o, int argc, char **argv)
{
	struct reading r = {.o = o, .sources = sources};
	enum options_result result;
	const char *path;

	memset(sources, 0, sizeof(sources));
	set_defaults(o);
	if (!read_environment(&r))
		return OPTIONS_WRONG;
	if ((result = read_arguments(&r, argc, argv)) != OPTIONS_RUN && result != OPTIONS_CHECK)
		return result;
	path = o->config;
	memset(sources, 0, sizeof(sources));
	set_defaults(o);
	if (!read_file(&r, path))
		return OPTIONS_WRONG;
	(void)read_environment(&r);
	(void)read_arguments(&r, argc, argv);
	return is_sound(o) ? result : OPTIONS_WRONG;
}

void
options_print(const struct options *o)
{
	for (size_t i = 0; i < ROWS_COUNT; i++)
		if (i != ROWS_INDEX_config)
			usage_print(&rows_all[i], o, sources[i]);
}

mode_t
options_mode(const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);

	return *text != '\0' && *end == '\0' && mode <= 0777 ? (mode_t)mode : 0;
}

void
options_limits(const struct options *o, struct limits *limits)
{
	limits->max_clients = o->max_clients;
	limits->max_packet = o->max_packet;
	limits->max_properties = o->max_properties;
}

const char *
options_reserved(const struct options *o)
{
	return o->on_connect != NULL ? o->reserved : NULL;
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
	settings->hook_ms = o->on_connect != NULL ? o->hook_ms : 0;
	settings->hook_headers = o->hook_headers;
	settings->reserved = options_reserved(o);
	settings->compress = o->compress != 0;
	settings->rate = o->rate;
	settings->rate_bytes = o->rate_bytes;
	settings->rate_burst = o->rate_burst;
	settings->status_from_count = o->status_from.count;
	for (unsigned i = 0; i < o->status_from.count; i++)
		(void)cidr_parse(o->status_from.items[i], &settings->status_from[i]);
	options_trust(o, &settings->trust);
	settings->proxy_protocol = strcmp(o->proxy_protocol, "on") == 0;
	(void)child_header_named(o->client_header, &settings->client_header);
	(void)sandbox_named(o->sandbox, &settings->sandbox);
}

void
options_trust(const struct options *o, struct trust *trust)
{
	memset(trust, 0, sizeof(*trust));
	for (unsigned i = 0; i < o->trust.count; i++)
		(void)trust_add(trust, o->trust.items[i]);
}
