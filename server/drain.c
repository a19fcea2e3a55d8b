#include "drain.h"

#include <sys/timerfd.h>
#include <unistd.h>

#include "../shm/clock.h"
#include "bells.h"
#include "departure.h"
#include "events.h"

#define STEP_MS 20

static uint32_t
count_waiting(const struct ticker *t)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < t->seated_count; i++)
		count += load_relaxed(&books_mailbox(t, t->seated[i])->stop) == STOP_NOT;
	return count;
}

static void
send_away(struct ticker *t, uint32_t count)
{
	for (uint32_t i = 0; i < t->seated_count && count > 0; i++) {
		uint32_t slot = t->seated[i];

		if (load_relaxed(&books_mailbox(t, slot)->stop) != STOP_NOT)
			continue;
		departure_ask(t, slot, STOP_DRAIN);
		count--;
	}
	bells_flush(t);
}

static bool
start_timer(struct ticker *t)
{
	struct timespec step = {.tv_nsec = STEP_MS * 1000000L};
	struct itimerspec timer = {.it_interval = step, .it_value = step};

	t->drain_timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	return t->drain_timer >= 0 && timerfd_settime(t->drain_timer, 0, &timer, NULL) == 0 &&
	       events_watch(t, t->drain_timer, TAG_DRAIN, 0, 0) == 0;
}

void
drain_begin(struct ticker *t, uint32_t spread_ms)
{
	uint64_t enough = (uint64_t)DRAIN_PACE_MS * t->seated_count;

	if (t->draining)
		return;
	t->draining = true;
	t->yielding = false;
	store_release(&t->header->draining, 1);
	if (spread_ms > enough)
		spread_ms = (uint32_t)enough;
	t->drain_until_ms = clock_ms() + spread_ms;
	if (!start_timer(t) || spread_ms < STEP_MS)
		send_away(t, t->seated_count);
	t->over = t->seated_count == 0;
}

void
drain_step(struct ticker *t)
{
	uint64_t now = clock_ms(), steps, times;
	uint32_t waiting = count_waiting(t);

	if (read(t->drain_timer, &times, sizeof(times)) < 0)
		return;
	t->over = t->seated_count == 0;
	steps = t->drain_until_ms > now ? (t->drain_until_ms - now) / STEP_MS + 1 : 1;
	send_away(t, (uint32_t)((waiting + steps - 1) / steps));
}
