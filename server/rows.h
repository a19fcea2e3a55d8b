/*
 * rows.h - the table of options that options.def becomes.
 */
#ifndef SERVER_ROWS_H
#define SERVER_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum rows_kind { ROWS_TEXT, ROWS_NUMBER, ROWS_LIST };

struct rows_option {
	const char *name; /* without the dashes */
	const char *argument;
	const char *help;
	enum rows_kind kind;
	size_t offset;    /* in struct options: const char *, uint32_t or struct options_list */
	const char *text; /* default; or NULL */
	uint32_t number, least, most; /* default and range */
};

enum {
#define OPTION_TEXT(field, name, argument, initial, help) ROWS_INDEX_##field,
#define OPTION_NUMBER(field, name, argument, initial, least, most, help) ROWS_INDEX_##field,
#define OPTION_LIST(field, name, argument, help) ROWS_INDEX_##field,
#include "options.def"
	ROWS_COUNT
};

extern const struct rows_option rows_all[ROWS_COUNT];

#endif
