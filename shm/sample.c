#include "sample.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"

static bool
make_room(struct sample *s, uint32_t room)
{
	struct view *views;

	if (room <= s->room)
		return true;
	if ((views = realloc(s->views, room * sizeof(*views))) == NULL)
		return false;
	s->views = views;
	s->room = room;
	return true;
}

bool
sample_take(const struct dump *d, struct sample *s)
{
	const struct header *h = d->header;
	char *properties = malloc(h->limits.max_properties);
	bool fine = properties != NULL;

	s->us = clock_us();
	s->count = 0;
	totals_take(h, d->live, d->now.boot_ms, &s->totals);
	for (uint32_t slot = 0; fine && slot < h->limits.max_clients; slot++) {
		if (!(fine = make_room(s, s->count == s->room ? 2 * s->count + 64 : 0)))
			break;
		s->count += view_take(h, &d->now, slot, properties, &s->views[s->count]);
	}
	free(properties);
	return fine;
}

void
sample_free(struct sample *s)
{
	free(s->views);
	memset(s, 0, sizeof(*s));
}

double
sample_seconds(const struct sample *now, const struct sample *before)
{
	return before->us != 0 && now->us > before->us ? (double)(now->us - before->us) / 1e6
						       : 0;
}

double
sample_rate(uint64_t now, uint64_t before, double seconds)
{
	return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

void
sample_since(const struct histogram_seen *now, const struct histogram_seen *before,
    struct histogram_seen *out)
{
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		if (now->buckets[i] > before->buckets[i])
			out->buckets[i] = now->buckets[i] - before->buckets[i];
		out->count += out->buckets[i];
	}
}

static int
compare_slot(const void *key, const void *view)
{
	uint32_t slot = *(const uint32_t *)key, other = ((const struct view *)view)->slot;

	return (slot > other) - (slot < other);
}

const struct view *
sample_before(const struct sample *before, const struct view *v)
{
	const struct view *found;

	if (before->count == 0)
		return NULL;
	found = bsearch(&v->slot, before->views, before->count, sizeof(*found), compare_slot);
	return found != NULL && found->entry.generation == v->entry.generation ? found : NULL;
}
