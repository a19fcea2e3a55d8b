/* How fast a client may send. */
#include <criterion/criterion.h>

#include "../../child/rate.h"

#define S 1000000ULL

Test(rate, no_limit_takes_everything)
{
	struct rate r;

	rate_start(&r, 0, 0, 2);
	cr_assert_not(rate_limited(&r));
	for (int i = 0; i < 1000; i++) {
		rate_take_frame(&r, 5 * S);
		rate_take_bytes(&r, 1 << 20, 5 * S);
	}
	cr_assert_leq(rate_due_us(&r), 5 * S);
}

/* Ten a second and a burst of two seconds: twenty at once, and then one each 100 ms. */
Test(rate, frames_come_in_a_burst_and_then_evenly)
{
	struct rate r;
	uint64_t now = 1000 * S;

	rate_start(&r, 10, 0, 2);
	for (int i = 0; i < 20; i++) {
		cr_assert_leq(rate_due_us(&r), now, "frame %d", i);
		rate_take_frame(&r, now);
	}
	rate_take_frame(&r, now);
	cr_assert_eq(rate_due_us(&r), now + S / 10);
	now += S / 10;
	rate_take_frame(&r, now);
	cr_assert_eq(rate_due_us(&r), now + S / 10);
	/* After a pause all of the burst is there again, and no more. */
	now += 3600 * S;
	for (int i = 0; i < 21; i++)
		rate_take_frame(&r, now);
	cr_assert_eq(rate_due_us(&r), now + S / 10);
}

Test(rate, bytes_are_counted_beside_frames_and_the_longer_wait_counts)
{
	struct rate r;
	uint64_t now = 1000 * S;

	rate_start(&r, 10, 1000, 1);
	rate_take_bytes(&r, 1500, now);
	cr_assert_eq(rate_due_us(&r), now + S / 2);
	for (int i = 0; i < 10; i++)
		rate_take_frame(&r, now);
	cr_assert_eq(rate_due_us(&r), now + S / 2);
	for (int i = 0; i < 10; i++)
		rate_take_frame(&r, now);
	cr_assert_eq(rate_due_us(&r), now + S);
}

Test(rate, a_rate_above_the_clock_still_counts)
{
	struct rate r;

	rate_start(&r, 0, 1 << 30, 1);
	for (int i = 0; i < 100; i++)
		rate_take_bytes(&r, 1, S);
	cr_assert_eq(r.bytes_us, S + 100);
}
