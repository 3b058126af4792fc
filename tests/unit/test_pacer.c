/*
 * test_pacer.c - rate windows under a clock of our own, Retry-After, backoff.
 */
#include "api.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX = 100000 };
static int64_t sent_at[MAX];
static int nsent;

/* The most that any window of ${width} ms held, wherever it begins. */
static int
most_in(int64_t width)
{
	int most = 0;

	for (int first = 0, last = 0; last < nsent; last++) {
		while (sent_at[last] - sent_at[first] >= width)
			first++;
		if (last - first + 1 > most)
			most = last - first + 1;
	}
	return most;
}

/* Sends as fast as the pacer lets it until ${end}; each answer comes after
   ${latency} ms at once with the others. */
static void
flat_out(struct kl_pacer *pacer, int64_t start, int64_t end)
{
	struct kl_answer answer;
	int64_t wait;

	kl_answer_clear(&answer);
	answer.status = 202;
	nsent = 0;
	for (int64_t now = start; now < end && nsent < MAX;) {
		wait = kl_pacer_take(pacer, now);
		assert_true(wait >= 0 && wait <= 60000);
		if (!wait) {
			sent_at[nsent++] = now;
			kl_pacer_learn(pacer, &answer, now);
		} else {
			now += wait;
		}
	}
}

static void
windows(void **state)
{
	static const struct {
		int burst, steady;
	} tier[] = {{1, 15}, {3, 60}, {10, 150}, {75, 700}, {350, 3500}};
	struct kl_pacer pacer;

	(void)state;
	for (size_t i = 0; i < sizeof(tier) / sizeof(*tier); i++) {
		kl_pacer_init(&pacer, tier[i].burst, tier[i].steady);
		flat_out(&pacer, 123456789, 123456789 + 10 * 60000);
		assert_true(most_in(1000) <= tier[i].burst);
		assert_true(most_in(60000) <= tier[i].steady);
		/* And the limits are used: nine tenths of ten minutes. */
		assert_true(nsent >= 9 * tier[i].steady);
	}
}

/* An idle time is not saved up. */
static void
idle(void **state)
{
	struct kl_pacer pacer;

	(void)state;
	kl_pacer_init(&pacer, 350, 3500);
	assert_int_equal(kl_pacer_take(&pacer, 1000), 0);
	flat_out(&pacer, 86400000, 86400000 + 5000);
	assert_true(most_in(1000) <= 350);
	/* A clock that begins at 0 is as good. */
	kl_pacer_init(&pacer, 2, 15);
	flat_out(&pacer, 0, 10000);
	assert_true(most_in(1000) <= 2);
	assert_true(nsent >= 15);
}

static struct kl_answer
headers(int64_t limit, int64_t remaining, int64_t reset)
{
	struct kl_answer answer;

	kl_answer_clear(&answer);
	answer.status = 202;
	answer.limit = limit;
	answer.remaining = remaining;
	answer.reset = reset;
	return answer;
}

static void
learns_the_tier(void **state)
{
	struct kl_answer answer = headers(60, 50, 30);
	struct kl_pacer pacer;

	(void)state;
	kl_pacer_init(&pacer, 350, 3500);
	kl_pacer_learn(&pacer, &answer, 0);
	assert_int_equal(pacer.minute.limit, 60);
	assert_int_equal(pacer.second.limit, 6);
	answer = headers(15, 10, 30);
	kl_pacer_learn(&pacer, &answer, 0);
	assert_int_equal(pacer.second.limit, 1);
	/* Never above our own. */
	answer = headers(100000, 90000, 30);
	kl_pacer_learn(&pacer, &answer, 0);
	assert_int_equal(pacer.minute.limit, 3500);
	assert_int_equal(pacer.second.limit, 350);
	answer = headers(0, -1, -1);
	kl_pacer_learn(&pacer, &answer, 0);
	assert_int_equal(pacer.minute.limit, 3500);
}

static void
learns_what_remains(void **state)
{
	struct kl_answer answer;
	struct kl_pacer pacer;
	int n = 0;

	(void)state;
	kl_pacer_init(&pacer, 350, 3500);
	/* Four under way; the first answer leaves 5, of which 3 are taken. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(kl_pacer_take(&pacer, 1000), 0);
	answer = headers(3500, 5, 30);
	kl_pacer_learn(&pacer, &answer, 1000);
	assert_int_equal(kl_pacer_room(&pacer, 1000), 2);
	while (kl_pacer_take(&pacer, 1000) == 0)
		n++;
	assert_int_equal(n, 2);
	assert_int_equal(kl_pacer_room(&pacer, 1000), 0);
	assert_int_equal(kl_pacer_wait(&pacer, 1000), 30000);
	/* A late answer that knew of more adds no more than itself: it was in
	   the count of 5 before it came. */
	answer = headers(3500, 100, 30);
	kl_pacer_learn(&pacer, &answer, 1100);
	assert_int_equal(kl_pacer_take(&pacer, 1100), 0);
	assert_true(kl_pacer_wait(&pacer, 1100) > 29000);
	/* One that says nothing may be in the count or not. */
	kl_answer_clear(&answer);
	kl_pacer_learn(&pacer, &answer, 1100);
	assert_true(kl_pacer_wait(&pacer, 1100) > 29000);
	/* A new window does. */
	answer = headers(3500, 3000, 60);
	kl_pacer_learn(&pacer, &answer, 1200);
	assert_int_equal(kl_pacer_wait(&pacer, 1200), 0);
	/* The reset ends the wait, too. */
	answer = headers(3500, 0, 7);
	kl_pacer_learn(&pacer, &answer, 2000);
	assert_int_equal(kl_pacer_wait(&pacer, 2000), 7000);
	assert_int_equal(kl_pacer_take(&pacer, 9000), 0);
	/* Senseless numbers wait a minute at most. */
	answer = headers(3500, 0, 999999999);
	kl_pacer_learn(&pacer, &answer, 9000);
	assert_int_equal(kl_pacer_wait(&pacer, 9000), 60000);
}

/* ------------------------------------------------------- beside a server */

struct on_its_way {
	int64_t counted_at, answered_at;
	struct kl_answer answer;
};

/* A server with fixed windows that begin anywhere; requests are counted and
   answered after anything up to ${latency} ms, in any order.  Returns how many
   went in ${minutes}; none is refused. */
static int64_t
beside_a_server(int burst, int steady, int latency, int most, int minutes)
{
	struct on_its_way way[64];
	int64_t begin = 1000000 + random() % 60000, n = 0;
	int second = 0, minute = 0, flying = 0;
	struct kl_pacer pacer;

	kl_pacer_init(&pacer, burst, steady);
	for (int64_t now = begin; now < begin + minutes * 60000; now++) {
		second = now % 1000 ? second : 0;
		minute = now % 60000 ? minute : 0;
		while (flying < most && kl_pacer_take(&pacer, now) == 0) {
			int64_t counted = now + random() % (latency + 1);

			way[flying++] = (struct on_its_way){
			    .counted_at = counted,
			    .answered_at = counted + random() % (latency + 1)};
			n++;
		}
		for (int i = 0; i < flying; i++)
			if (way[i].counted_at == now) {
				assert_true(++second <= burst);
				assert_true(++minute <= steady);
				way[i].answer = headers(steady, steady - minute,
				    (60999 - now % 60000) / 1000);
			}
		for (int i = 0; i < flying; i++)
			if (way[i].answered_at <= now) {
				kl_pacer_learn(&pacer, &way[i].answer, now);
				way[i--] = way[--flying];
			}
	}
	return n;
}

/* Nothing is refused, and 97% of what may go goes. */
static void
keeps_the_pace(void **state)
{
	static const int row[][4] = {{350, 3500, 0, 32}, {350, 3500, 10, 32},
	    {350, 3500, 50, 32}, {350, 3500, 150, 32}, {350, 3500, 250, 64},
	    {10, 150, 0, 8}, {10, 150, 100, 8}, {10, 150, 500, 8},
	    {10, 150, 900, 8}, {10, 150, 300, 1}, {75, 700, 100, 32}};

	(void)state;
	srandom(5);
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		for (int again = 0; again < 5; again++)
			assert_true(
			    beside_a_server(row[i][0], row[i][1], row[i][2],
			        row[i][3], 7) >= 7 * row[i][1] * 97 / 100);
}

static void
retry_after(void **state)
{
	static const struct {
		int64_t header, wait_s;
	} row[] = {{1, 1}, {7, 7}, {3600, 3600}, {3601, 3600},
	    {1000000000, 3600}, {INT64_MAX, 3600}, {0, 1}, {-1, 1}, {-3000, 1},
	    {INT64_MIN, 1}};
	struct kl_answer fine = headers(-1, -1, -1);
	struct kl_pacer pacer;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		kl_pacer_init(&pacer, 350, 3500);
		assert_int_equal(kl_pacer_stop(&pacer, row[i].header, 5000),
		    row[i].wait_s * 1000);
		assert_int_equal(
		    kl_pacer_take(&pacer, 5000), row[i].wait_s * 1000);
		assert_int_equal(
		    kl_pacer_take(&pacer, 5000 + row[i].wait_s * 1000), 0);
	}
	/* Without a time: 1, 2, 4 .. 64 s, once for answers that come
	   together, and from 1 s again after a success. */
	kl_pacer_init(&pacer, 350, 3500);
	for (int64_t now = 0, want = 1, n = 0; n < 100; n++) {
		for (int i = 0; i < 5; i++)
			assert_int_equal(
			    kl_pacer_stop(&pacer, -1, now), want * 1000);
		now += want * 1000;
		if (want < 64)
			want *= 2;
	}
	kl_pacer_learn(&pacer, &fine, 1 << 30);
	assert_int_equal(kl_pacer_stop(&pacer, -1, 1 << 30), 1000);
	/* A shorter one that comes later does not shorten the wait. */
	assert_int_equal(kl_pacer_stop(&pacer, 50, 1 << 30), 50000);
	assert_int_equal(kl_pacer_stop(&pacer, 2, 1 << 30), 50000);
}

static void
backoff(void **state)
{
	static const uint32_t dice[] = {0, 1, 1u << 31, UINT32_MAX};
	int64_t sum = 0;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (int64_t n = 1, before = 0; n <= 10000; n++) {
			int64_t wait = kl_backoff(n, dice[i]);

			assert_in_range(wait, 1, 900);
			assert_true(wait >= before);
			before = wait;
		}
	assert_int_equal(kl_backoff(1, UINT32_MAX), 2);
	assert_int_equal(kl_backoff(10000, UINT32_MAX), 900);
	assert_int_equal(kl_backoff(0, 0), 1);
	assert_int_equal(kl_backoff(INT64_MIN, UINT32_MAX), 2);
	assert_in_range(kl_backoff(INT64_MAX, 5), 1, 900);
	/* Full jitter: all of the span, evenly. */
	for (uint32_t i = 0; i < 10000; i++)
		sum += kl_backoff(50, i * 429496u);
	assert_in_range(sum / 10000, 437, 463);
}

/* Any order of events: no wait is negative or beyond an hour. */
static void
at_random(void **state)
{
	struct kl_pacer pacer;
	int64_t now = 0;

	(void)state;
	srandom(3);
	kl_pacer_init(&pacer, 350, 3500);
	for (int i = 0; i < 300000; i++) {
		struct kl_answer answer = headers(random() % 4000 - 1,
		    random() % 4000 - 1, random() % 70 - 1);

		now += random() % 100 ? random() % 5 : random() % 100000;
		switch (random() % 8) {
		case 0:
			assert_in_range(
			    kl_pacer_stop(&pacer, random() % 5000 - 10, now), 1,
			    3600000);
			break;
		case 1:
		case 2:
			kl_pacer_learn(&pacer, &answer, now);
			break;
		default:
			assert_in_range(kl_pacer_take(&pacer, now), 0, 3600000);
		}
		assert_in_range(pacer.second.total, 0, 350);
		assert_in_range(pacer.minute.total, 0, 3500);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(windows),
	    cmocka_unit_test(idle),
	    cmocka_unit_test(learns_the_tier),
	    cmocka_unit_test(learns_what_remains),
	    cmocka_unit_test(keeps_the_pace),
	    cmocka_unit_test(retry_after),
	    cmocka_unit_test(backoff),
	    cmocka_unit_test(at_random),
	};

	return cmocka_run_group_tests_name("pacer", tests, NULL, NULL);
}
