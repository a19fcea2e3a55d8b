#include "report.h"

#include <stdio.h>
#include <stdlib.h>

static int count;

void
report_begin(void)
{
	count = 0;
	putchar('{');
}

void
report_add(const char *name, double value)
{
	printf("%s\"%s\":%.10g", count++ > 0 ? "," : "", name, value);
}

void
report_end(void)
{
	printf("}\n");
	fflush(stdout);
}

void
samples_add(struct samples *s, uint64_t value)
{
	if (s->count == s->room) {
		s->room = s->room > 0 ? 2 * s->room : 1024;
		s->values = realloc(s->values, s->room * sizeof(*s->values));
		if (s->values == NULL)
			abort();
	}
	s->values[s->count++] = value;
}

static int
compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

uint64_t
samples_per_mille(struct samples *s, unsigned per_mille)
{
	size_t at;

	if (s->count == 0)
		return 0;
	qsort(s->values, s->count, sizeof(*s->values), compare);
	at = s->count * per_mille / 1000;
	return s->values[at < s->count ? at : s->count - 1];
}
