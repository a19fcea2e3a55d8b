/*
 * choose.h - which clients are shown, and in which order.
 *
 * Keys are the fields of a view, and all counters of clients; times are in
 * seconds.
 */
#ifndef SHM_CHOOSE_H
#define SHM_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>

#include "view.h"

#define CHOOSE_FILTERS_MAX 16

struct choose_filter {
	const struct choose_field *field;
	char operation; /* = ! < > { (at most) } (at least) ~ */
	const char *text;
	double number;
};

struct choice {
	const struct choose_field *sort; /* or NULL: by slot */
	bool descending;
	struct choose_filter filters[CHOOSE_FILTERS_MAX];
	unsigned filter_count;
};

/* KEY or -KEY; KEY=X and so on.  False after it was said on stderr what is wrong. */
bool choose_sort(struct choice *c, const char *text);
bool choose_filter(struct choice *c, const char *text);

/* Does it pass all filters? */
bool choose_fits(const struct choice *c, const struct view *v);

/* For qsort_r(3) on pointers to views. */
int choose_compare(const void *a, const void *b, void *choice);

/* All keys, for --help. */
const char *choose_keys(void);

#endif
