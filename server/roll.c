#include "roll.h"

#include <stdlib.h>
#include <string.h>

int
roll_make(struct roll *r, uint32_t max)
{
	uint32_t size = 16;

	/* At most half full, so that a search is short and always finds a free place. */
	while (size < 2 * max)
		size *= 2;
	if ((r->places = malloc(size * sizeof(*r->places))) == NULL)
		return -1;
	r->mask = size - 1;
	for (uint32_t i = 0; i < size; i++)
		r->places[i].slot = ROLL_NOBODY;
	return 0;
}

static uint32_t
home(const struct roll *r, const unsigned char token[MAIL_TOKEN])
{
	uint32_t hash;

	memcpy(&hash, token, sizeof(hash));
	return hash & r->mask;
}

/* Where the token stands, or the free place where it would. */
static uint32_t
find(const struct roll *r, const unsigned char token[MAIL_TOKEN])
{
	uint32_t at = home(r, token);

	while (r->places[at].slot != ROLL_NOBODY &&
	       memcmp(r->places[at].token, token, MAIL_TOKEN) != 0)
		at = (at + 1) & r->mask;
	return at;
}

void
roll_add(struct roll *r, const unsigned char token[MAIL_TOKEN], uint32_t slot)
{
	struct roll_place *place = &r->places[find(r, token)];

	memcpy(place->token, token, MAIL_TOKEN);
	place->slot = slot;
}

void
roll_remove(struct roll *r, const unsigned char token[MAIL_TOKEN])
{
	uint32_t hole = find(r, token), at = hole;

	if (r->places[hole].slot == ROLL_NOBODY)
		return;
	/* Move those up that could not stand where they belong because of this one. */
	for (;;) {
		uint32_t belongs;

		at = (at + 1) & r->mask;
		if (r->places[at].slot == ROLL_NOBODY)
			break;
		belongs = home(r, r->places[at].token);
		if (((at - belongs) & r->mask) < ((at - hole) & r->mask))
			continue;
		r->places[hole] = r->places[at];
		hole = at;
	}
	r->places[hole].slot = ROLL_NOBODY;
}

uint32_t
roll_find(const struct roll *r, const unsigned char token[MAIL_TOKEN])
{
	return r->places[find(r, token)].slot;
}
