/*
 * test_awake.c - places at work: never more at work than there are, however
 * many threads want to; who waits gives its place up, and none is lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "storefront.h"
#include "web.h"

enum { THREADS = 60, ROUNDS = 300 };

static int places;
static atomic_int at_work, most, rounds;

static void *
work(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int now, seen;

		awake_listen();
		awake_begin();
		awake_listen(); /* it has a place already */
		awake_begin();
		now = atomic_fetch_add(&at_work, 1) + 1;
		seen = atomic_load(&most);
		while (now > seen &&
		       !atomic_compare_exchange_weak(&most, &seen, now))
			;
		sched_yield();
		atomic_fetch_add(&rounds, 1);
		atomic_fetch_sub(&at_work, 1);
		awake_waits();
		awake_waits(); /* it has none any more */
	}
	return NULL;
}

static void
run_all(void)
{
	pthread_t thread[THREADS];

	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, work, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
}

/* A command has no places: nobody waits for one. */
static void
without_places(void **state)
{
	(void)state;
	run_all();
	assert_int_equal(rounds, THREADS * ROUNDS);
}

static void
with_places(void **state)
{
	cpu_set_t one;

	(void)state;
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	places = awake_count();
	assert_int_equal(places, 4);
	for (int i = 0; i < 3; i++) {
		most = rounds = 0;
		run_all();
		assert_int_equal(rounds, THREADS * ROUNDS);
		assert_true(most <= places && most > 0);
	}
	/* All of them are there still. */
	for (int i = 0; i < places; i++) {
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, work, NULL), 0);
		pthread_join(thread, NULL);
	}
}

static void *
read_it(void *file)
{
	char c;

	awake_listen();
	awake_begin();
	assert_int_equal(file_body_read(file, 0, &c, 1), 1);
	awake_waits();
	return NULL;
}

/* Who reads what is still to be written lets another begin. */
static void
a_file_that_grows(void **state)
{
	struct file_body *file = file_body_new(scratch_file());
	pthread_t thread[THREADS];

	(void)state;
	assert_non_null(file);
	for (int i = 0; i < places; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, read_it, file), 0);
	/* It has a turn, whenever the others have theirs. */
	assert_int_equal(pthread_create(&thread[places], NULL, work, NULL), 0);
	pthread_join(thread[places], NULL);
	file_body_write(file, "!", 1);
	file_body_end(file, true);
	for (int i = 0; i < places; i++)
		pthread_join(thread[i], NULL);
	file_body_free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(without_places),
	    cmocka_unit_test(with_places), cmocka_unit_test(a_file_that_grows)};

	alarm(300); /* a place that is lost is one that somebody waits for */
	return cmocka_run_group_tests_name("awake", tests, NULL, NULL);
}
