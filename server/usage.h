/*
 * usage.h - options as people read them, on stdout.
 */
#ifndef SERVER_USAGE_H
#define SERVER_USAGE_H

#include "options.h"
#include "rows.h"

/* Where a value came from. */
enum usage_source { USAGE_DEFAULT, USAGE_FILE, USAGE_ENVIRONMENT, USAGE_ARGUMENT };

void usage_help(void);

/* `key = value ; source`, as conf.h takes it. */
void
usage_print(const struct rows_option *row, const struct options *o, enum usage_source source);

#endif
