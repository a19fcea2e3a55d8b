#include "rows.h"

#include "options.h"

const struct rows_option rows_all[ROWS_COUNT] = {
#define OPTION_TEXT(field, name, argument, initial, help) \
	{name, argument, help, ROWS_TEXT, offsetof(struct options, field), initial, 0, 0, 0},
#define OPTION_NUMBER(field, name, argument, initial, least, most, help)                    \
	{name, argument, help, ROWS_NUMBER, offsetof(struct options, field), NULL, initial, \
	    least, most},
#define OPTION_LIST(field, name, argument, help) \
	{name, argument, help, ROWS_LIST, offsetof(struct options, field), NULL, 0, 0, 0},
#include "options.def"
};
