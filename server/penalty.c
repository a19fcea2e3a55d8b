#include "penalty.h"

uint32_t
penalty_debt(const struct penalty *p, uint64_t now_ms)
{
	return p->free_ms > now_ms ? (uint32_t)(p->free_ms - now_ms) : 0;
}

void
penalty_add(struct penalty *p, uint32_t ms, uint64_t now_ms)
{
	uint32_t debt = penalty_debt(p, now_ms) + ms;

	p->free_ms = now_ms + (debt < PENALTY_MOST_MS ? debt : PENALTY_MOST_MS);
}

uint32_t
penalty_wait(struct penalty *p, uint32_t served, uint64_t now_ms)
{
	uint32_t debt = penalty_debt(p, now_ms);
	uint64_t forgiven = (uint64_t)served * PENALTY_PATIENCE_MS;

	p->shut = debt > forgiven + (p->shut ? 0 : PENALTY_PATIENCE_MS);
	return p->shut ? debt - (uint32_t)forgiven : 0;
}
