/*
 * pacer.c - how fast events may go: two rate windows, Klaviyo's own word in
 * its headers, and the waits between attempts.
 *
 * Klaviyo counts in fixed windows of a second and of a minute that we cannot
 * see, at a moment between our sending and its answer.  So that no such window
 * holds more than its limit wherever it begins, and however long a request is
 * on its way, our windows slide: KL_SLOTS full slots and the one that has
 * begun; and a request is in them from its sending until it left them, counted
 * from its answer.
 *
 *   take says  because
 *   wait       a 429 came: nothing goes before Retry-After
 *   wait       the second's or the minute's window is full
 *   wait       RateLimit-Remaining is used up, before RateLimit-Reset
 *   0          go, and it is counted
 *
 * Promises: pure state; the clock and the dice are arguments.  No sum here
 * overflows for any attempt or header.
 *
 * Does not sleep, and keeps nothing beyond the process: what a cron run must
 * obey is in klaviyo_sender.
 */
#include "api.h"

#include <string.h>

enum {
	SLOTS = KL_SLOTS + 1,
	HOUR = 3600, /* s: the longest wait of any kind */
	/* s: once Klaviyo is back, an order must be known well before an
	   abandoned-cart mail goes out, which is an hour or more. */
	BACKOFF_MAX = 900,
	OWN_WAIT = 6 /* 2^6 s: the longest wait for a 429 that names none */
};

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
most(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* ---------------------------------------------------------- sliding window */

static void
window_init(struct kl_window *window, int limit, int slot_ms)
{
	window->limit = limit;
	window->slot_ms = slot_ms;
}

/* Empties the slots that are over. */
static void
window_slide(struct kl_window *window, int64_t now_ms)
{
	int64_t slot = now_ms / window->slot_ms;

	if (slot - window->newest >= SLOTS) {
		memset(window->used, 0, sizeof(window->used));
		window->total = 0;
		window->newest = slot;
	}
	while (window->newest < slot) {
		int *used = &window->used[++window->newest % SLOTS];

		window->total -= *used;
		*used = 0;
	}
}

/* Milliseconds until one more fits beside those in flight. */
static int64_t
window_wait(const struct kl_window *window, int in_flight, int64_t now_ms)
{
	int left = window->total + in_flight;
	int64_t slot = window->newest - KL_SLOTS;

	if (left < window->limit)
		return 0;
	for (; slot < window->newest; slot++) {
		if (slot >= 0)
			left -= window->used[slot % SLOTS];
		if (left < window->limit)
			break;
	}
	return most(1, (slot + SLOTS) * window->slot_ms - now_ms);
}

static void
window_count(struct kl_window *window, int n, int64_t now_ms)
{
	window_slide(window, now_ms);
	window->used[window->newest % SLOTS] += n;
	window->total += n;
}

/* ------------------------------------------------------------------- pacer */

void
kl_pacer_init(struct kl_pacer *pacer, int burst, int steady)
{
	memset(pacer, 0, sizeof(*pacer));
	pacer->burst = burst;
	pacer->steady = steady;
	window_init(&pacer->second, burst, 1000 / KL_SLOTS);
	window_init(&pacer->minute, steady, 60000 / KL_SLOTS);
}

int64_t
kl_pacer_wait(struct kl_pacer *pacer, int64_t now_ms)
{
	int64_t wait = pacer->wait_until - now_ms;

	window_slide(&pacer->second, now_ms);
	window_slide(&pacer->minute, now_ms);
	wait =
	    most(wait, window_wait(&pacer->second, pacer->in_flight, now_ms));
	wait =
	    most(wait, window_wait(&pacer->minute, pacer->in_flight, now_ms));
	if (pacer->remaining <= pacer->in_flight)
		wait = most(wait, pacer->reset_at - now_ms);
	return most(wait, 0);
}

int64_t
kl_pacer_take(struct kl_pacer *pacer, int64_t now_ms)
{
	int64_t wait = kl_pacer_wait(pacer, now_ms);

	if (wait)
		return wait;
	pacer->in_flight++;
	return 0;
}

int
kl_pacer_room(struct kl_pacer *pacer, int64_t now_ms)
{
	int64_t room;

	if (kl_pacer_wait(pacer, now_ms))
		return 0;
	room = pacer->minute.limit - pacer->minute.total - pacer->in_flight;
	if (now_ms < pacer->reset_at)
		room = least(room, pacer->remaining - pacer->in_flight);
	return (int)room;
}

/* ${n} of those in flight are none any more. */
static void
arrived(struct kl_pacer *pacer, int n, int64_t now_ms)
{
	pacer->in_flight -= n;
	window_count(&pacer->second, n, now_ms);
	window_count(&pacer->minute, n, now_ms);
}

void
kl_pacer_drop(struct kl_pacer *pacer, int64_t now_ms)
{
	pacer->remaining -= pacer->in_flight;
	arrived(pacer, pacer->in_flight, now_ms);
}

/* The account's tier may be lower than ours.  The header names the minute's
   limit only; every tier's second is about a tenth of it, or less. */
static void
learn_limit(struct kl_pacer *pacer, int64_t limit)
{
	pacer->minute.limit = (int)least(pacer->steady, limit);
	pacer->second.limit =
	    (int)(limit < pacer->steady
	              ? least(pacer->burst, most(1, limit / 10))
	              : pacer->burst);
}

void
kl_pacer_learn(
    struct kl_pacer *pacer, const struct kl_answer *answer, int64_t now_ms)
{
	int64_t reset_at;

	if (pacer->in_flight > 0)
		arrived(pacer, 1, now_ms);
	if (answer->remaining < 0 || answer->reset < 0)
		pacer->remaining--; /* it may be in Klaviyo's count */
	if (!answer->status)
		return;
	if (answer->status != 429)
		pacer->stops = 0;
	if (answer->limit > 0)
		learn_limit(pacer, answer->limit);
	if (answer->remaining < 0 || answer->reset < 0)
		return;
	reset_at = now_ms + least(answer->reset, 60) * 1000;
	/* Answers come out of order.  Of those of one window the smallest
	   number counts: all that were answered are in it, so that those in
	   flight are the most that it lacks.  A reset that is clearly later is
	   of a new window. */
	if (now_ms >= pacer->reset_at || reset_at > pacer->reset_at + 2000 ||
	    answer->remaining < pacer->remaining) {
		pacer->remaining = answer->remaining;
		pacer->reset_at = reset_at;
	}
}

int64_t
kl_pacer_stop(struct kl_pacer *pacer, int64_t retry_after_s, int64_t now_ms)
{
	int64_t wait;

	if (retry_after_s > 0)
		wait = least(retry_after_s, HOUR);
	else if (now_ms < pacer->wait_until)
		wait = 0; /* one burst of answers is one stop */
	else
		wait = (int64_t)1
		       << (pacer->stops < OWN_WAIT ? pacer->stops++ : OWN_WAIT);
	pacer->wait_until = most(pacer->wait_until, now_ms + wait * 1000);
	return pacer->wait_until - now_ms;
}

int64_t
kl_backoff(int64_t attempts, uint32_t random)
{
	int64_t ceiling = BACKOFF_MAX;

	if (attempts < 1)
		attempts = 1;
	if (attempts < 10) /* 2^10 s is more than that */
		ceiling = (int64_t)1 << attempts;
	return 1 + (int64_t)(((uint64_t)random * (uint64_t)ceiling) >> 32);
}
