#include "startups.h"

#include <stdio.h>
#include <string.h>

/*
 * Without a text: an eighth of all places, and half of them, but no fewer than a
 * class of people needs that comes in at once.
 */
#define LEAST 64U
#define RATE 30U

bool
startups_parse(struct startups *s, const char *text, uint32_t max_clients)
{
	int end = 0;

	if (text == NULL) {
		s->start = max_clients / 8 > LEAST ? max_clients / 8 : LEAST;
		s->rate = RATE;
		s->full = max_clients / 2 > 2 * LEAST ? max_clients / 2 : 2 * LEAST;
		return true;
	}
	if (strspn(text, "0123456789:") != strlen(text) || strlen(text) > 20 ||
	    sscanf(text, "%u:%u:%u%n", &s->start, &s->rate, &s->full, &end) != 3 ||
	    text[end] != '\0')
		return false;
	return s->start > 0 && s->start <= s->full && s->rate >= 1 && s->rate <= 100;
}

uint32_t
startups_odds(const struct startups *s, uint32_t going_on)
{
	if (going_on < s->start)
		return 0;
	if (going_on >= s->full)
		return 100;
	return s->rate + (100 - s->rate) * (going_on - s->start) / (s->full - s->start);
}
