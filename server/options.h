/*
 * options.h - what the operator wants.
 *
 * A value comes from the command line, else from the environment, else from
 * the file that --config names, else it is the default in options.def.
 */
#ifndef SERVER_OPTIONS_H
#define SERVER_OPTIONS_H

#include <stdint.h>
#include <sys/types.h>

#include "../child/child.h"
#include "../shm/layout.h"

#define OPTIONS_LIST_MAX 16

/* sysexits(3), as far as they are used. */
enum exit_code {
	EXIT_FINE = 0,
	EXIT_USAGE = 64,
	EXIT_SYSTEM = 71,
	EXIT_TRY_AGAIN = 75,
	EXIT_CONFIG = 78,
};

struct options_list {
	const char *items[OPTIONS_LIST_MAX];
	unsigned count;
};

struct options {
#define OPTION_TEXT(field, name, argument, initial, help) const char *field;
#define OPTION_NUMBER(field, name, argument, initial, least, most, help) uint32_t field;
#define OPTION_LIST(field, name, argument, help) struct options_list field;
#include "options.def"
};

enum options_result {
	OPTIONS_RUN,   /* go on */
	OPTIONS_CHECK, /* --check: say what it comes to, and end */
	OPTIONS_DONE,  /* --help or --version was answered */
	OPTIONS_BAD,   /* no such option; it was said which (EXIT_USAGE) */
	OPTIONS_WRONG, /* a value or the file is wrong; it was said how (EXIT_CONFIG) */
};

/* Before that: stderr is not for people; complaints go to the log. */
void options_log_only(void);
void options_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Take all sources together.  Text is not copied: it stays where argv and environ lead. */
enum options_result options_read(struct options *o, int argc, char **argv);

/* What came of it, as lines of a file for --config, each with its source, on stdout. */
void options_print(const struct options *o);

/* --socket-mode as a number; 0 if it is none. */
mode_t options_mode(const char *text);

/* The parts of it that others want to know. */
void options_limits(const struct options *o, struct limits *limits);
void options_child(const struct options *o, struct child_settings *settings);
void options_trust(const struct options *o, struct trust *trust);

/* --reserved, or NULL: no program decides, and no name is reserved. */
const char *options_reserved(const struct options *o);

#endif
