/*
 * fast_clock.h - the delivery's two clocks run CLOCK_RATE times as fast, the
 * wall clock from the second that CRASH_CLOCK names on, so that several
 * processes agree: a lease of 30 s is over after 3.
 *
 * Replaces kl_now() and kl_monotonic_ms().
 */
#ifndef FAST_CLOCK_H
#define FAST_CLOCK_H

#include "internal.h"

#include <stdlib.h>
#include <time.h>

enum { CLOCK_RATE = 10 };

__typeof__(kl_now) __wrap_kl_now;
__typeof__(kl_monotonic_ms) __wrap_kl_monotonic_ms;

static inline int64_t
clock_ms(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t
__wrap_kl_now(void)
{
	int64_t from = atoll(getenv("CRASH_CLOCK")) * 1000;

	return (from + (clock_ms(CLOCK_REALTIME) - from) * CLOCK_RATE) / 1000;
}

int64_t
__wrap_kl_monotonic_ms(void)
{
	return clock_ms(CLOCK_MONOTONIC) * CLOCK_RATE;
}

#endif
