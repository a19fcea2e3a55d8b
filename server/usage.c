#include "usage.h"

#include <stdio.h>

void
usage_help(void)
{
	printf("usage: rosterd [OPTION]...\n\n"
	       "A WebSocket server that keeps a roster: who is connected, and what each "
	       "of them\n"
	       "says about itself.  Every client is served by a process of its own.\n\n");
	for (size_t i = 0; i < ROWS_COUNT; i++) {
		char left[40];

		snprintf(left, sizeof(left), "--%s %s", rows_all[i].name, rows_all[i].argument);
		printf("  %-26s %s", left, rows_all[i].help);
		if (rows_all[i].kind == ROWS_NUMBER && rows_all[i].number != 0)
			printf(" (%u)", rows_all[i].number);
		if (rows_all[i].kind == ROWS_TEXT && rows_all[i].text != NULL)
			printf(" (%s)", rows_all[i].text);
		putchar('\n');
	}
	printf("  %-26s %s\n", "--check",
	    "show what these options come to, and what of the system is too small for it");
	printf("  %-26s %s\n", "--help", "show this");
	printf("  %-26s %s\n\n", "--version", "show the version");
	printf(
	    "Each option is also read from the environment (ROSTERD_MAX_CLIENTS and so on) "
	    "and from\nthe file that --config names (max-clients = 100).  The first of these "
	    "that has it counts.\n");
}

void
usage_print(const struct rows_option *row, const struct options *o, enum usage_source source)
{
	static const char *const from[] = {"default", "file", "environment", "argument"};
	const void *at = (const char *)o + row->offset;
	const struct options_list *list = at;
	char value[32];

	if (row->kind == ROWS_LIST && list->count > 0) {
		for (unsigned i = 0; i < list->count; i++)
			printf("%s = %s ; %s\n", row->name, list->items[i], from[source]);
		return;
	}
	snprintf(
	    value, sizeof(value), "%u", row->kind == ROWS_NUMBER ? *(const uint32_t *)at : 0);
	if (row->kind == ROWS_TEXT && *(const char *const *)at != NULL)
		printf("%s = %s", row->name, *(const char *const *)at);
	else if (row->kind == ROWS_NUMBER)
		printf("%s = %s", row->name, value);
	else
		printf("# %s =", row->name);
	printf(" ; %s\n", from[source]);
}
