#include "rate.h"

#include <string.h>

#define SECOND_US 1000000U

void
rate_start(struct rate *r, uint32_t frames, uint32_t bytes, uint32_t burst_s)
{
	memset(r, 0, sizeof(*r));
	r->frames = frames;
	r->bytes = bytes;
	r->burst_us = (uint64_t)burst_s * SECOND_US;
}

/*
 * Units that take their share of the time behind what is used of it, or from now
 * on if it was all free.  Rounded up: too little for one unit is never nothing.
 */
static uint64_t
use(uint64_t used_us, uint64_t units, uint32_t a_second, uint64_t now_us)
{
	uint64_t from = used_us > now_us ? used_us : now_us;

	return from + (units * SECOND_US + a_second - 1) / a_second;
}

void
rate_take_frame(struct rate *r, uint64_t now_us)
{
	if (r->frames != 0)
		r->frames_us = use(r->frames_us, 1, r->frames, now_us);
}

void
rate_take_bytes(struct rate *r, size_t bytes, uint64_t now_us)
{
	if (r->bytes != 0)
		r->bytes_us = use(r->bytes_us, bytes, r->bytes, now_us);
}

uint64_t
rate_due_us(const struct rate *r)
{
	uint64_t last = r->frames_us > r->bytes_us ? r->frames_us : r->bytes_us;

	return last > r->burst_us ? last - r->burst_us : 0;
}
