/*
 * test_readers.c - connections of one process that read with each other's: who
 * gets which, what they see, and what is left when one of them is closed.
 *
 * Which one it is, is told by a setting that SQLite keeps for each connection.
 */
#include "storefront.h"

#include "db_files.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { DATABASES = 4, MARK = 77, ANOTHER = 78 };

static struct db *db[DATABASES];

static int
set_up(void **state)
{
	(void)state;
	files_make();
	db_close(db_create_at(path, "USD"));
	/* The first one had nobody to share with. */
	for (int i = 0; i < DATABASES; i++)
		assert_non_null(db[i] = db_open_at(path));
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (int i = 0; i < DATABASES; i++)
		db_close(db[i]);
	return files_remove();
}

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int *)arg = atoi(col[0]);
	return 0;
}

static int
number(int i, const char *sql)
{
	int value = -1;

	assert_int_equal(db_run(db[i], number_row, &value, sql), 1);
	return value;
}

static int
marked(int i)
{
	return number(i, "PRAGMA cache_size");
}

static void
mark(int i, int value)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA cache_size=%d", value);
	assert_true(db_run(db[i], NULL, NULL, sql) >= 0);
}

static void
test_the_one_that_was_used_last(void **state)
{
	(void)state;
	mark(1, MARK);
	for (int i = 1; i < DATABASES; i++)
		assert_int_equal(marked(i), MARK);
	assert_int_not_equal(marked(0), MARK);
}

/* ------------------------------------------------------- within another's rows */

static int
others_row(void *arg, int n, const char *const col[])
{
	(void)arg, (void)n, (void)col;
	assert_int_equal(marked(1), MARK);
	assert_int_equal(marked(1), MARK);
	/* It is in use. */
	assert_int_not_equal(marked(2), MARK);
	assert_int_not_equal(marked(3), MARK);
	return 0;
}

static void
test_within_rows_it_is_the_same_and_nobody_elses(void **state)
{
	(void)state;
	mark(1, MARK);
	assert_int_equal(db_run(db[1], others_row, NULL, "SELECT 1"), 1);
	assert_int_equal(marked(2), MARK);
}

/* All that there are, each in use at the same time. */
static int
deeper_row(void *arg, int n, const char *const col[])
{
	int *at = arg;

	(void)n, (void)col;
	assert_int_not_equal(marked(*at), MARK);
	mark(*at, MARK);
	if (++*at < DATABASES)
		assert_int_equal(
		    db_run(db[*at], deeper_row, at, "SELECT 1"), 1);
	return 0;
}

static void
test_there_are_as_many_as_are_needed(void **state)
{
	int at = 1;

	(void)state;
	assert_int_equal(db_run(db[at], deeper_row, &at, "SELECT 1"), 1);
	assert_int_equal(at, DATABASES);
}

/* ------------------------------------------------------------ what they keep */

enum { ROWS = 1000, ROW = 1000 };

static size_t
allocated(void)
{
	return mallinfo2().uordblks;
}

static void
read_all(int i)
{
	assert_int_equal(number(i, "SELECT SUM(LENGTH(key)) FROM throttle"),
	    ROWS * ROW);
}

struct depth {
	int at, wanted;
};

static int
deeper_reads_row(void *arg, int n, const char *const col[])
{
	struct depth *depth = arg;

	(void)n, (void)col;
	if (++depth->at == depth->wanted)
		read_all(depth->at);
	else
		assert_int_equal(db_run(db[depth->at], deeper_reads_row, depth,
		                     "SELECT 1"),
		    1);
	return 0;
}

/* By the connection that is taken as the ${wanted}th at a time. */
static void
read_by(int wanted)
{
	struct depth depth = {1, wanted};

	assert_int_equal(
	    db_run(db[1], deeper_reads_row, &depth, "SELECT 1"), 1);
	assert_int_equal(depth.at, wanted);
}

static void
test_only_those_used_first_keep_what_they_read(void **state)
{
	size_t before, half = (size_t)ROWS * ROW / 2;

	(void)state;
	assert_int_equal(
	    db_run(db[1], NULL, NULL,
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
	        "FROM n WHERE i < 1000) INSERT INTO throttle (key, full_at) "
	        "SELECT printf('%01000d', i), 1 FROM n"),
	    ROWS);
	before = allocated();
	read_by(3);
	assert_true(allocated() < before + half);
	read_by(2);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(allocated() > before + half);
#endif
}

/* ------------------------------------------------------------- what they see */

static int
price_row(void *arg, int n, const char *const col[])
{
	(void)arg, (void)n, (void)col;
	/* Also while another reads what was before. */
	assert_int_equal(db_run(db[2], NULL, NULL,
	                     "UPDATE throttle SET full_at = full_at + 1"),
	    1);
	assert_int_equal(number(3, "SELECT full_at FROM throttle"), 3);
	return 0;
}

static void
test_what_is_committed_is_seen_by_all(void **state)
{
	int64_t before[2], after[2];

	(void)state;
	assert_int_equal(
	    db_run(db[1], NULL, NULL,
	        "INSERT INTO throttle (key, full_at) VALUES ('a', 1)"),
	    1);
	for (int i = 0; i < DATABASES; i++)
		assert_int_equal(number(i, "SELECT full_at FROM throttle"), 1);
	assert_int_equal(db_stamp(db[3], before), 0);
	assert_int_equal(db_begin(db[2]), 0);
	assert_int_equal(
	    db_run(db[2], NULL, NULL, "UPDATE throttle SET full_at = 2"), 1);
	assert_int_equal(number(2, "SELECT full_at FROM throttle"), 2);
	assert_int_equal(number(1, "SELECT full_at FROM throttle"), 1);
	assert_int_equal(db_stamp(db[3], after), 0);
	assert_memory_equal(before, after, sizeof(after));
	assert_int_equal(db_commit(db[2]), 0);
	assert_int_equal(db_stamp(db[3], after), 0);
	assert_memory_not_equal(before, after, sizeof(after));
	assert_int_equal(
	    db_run(db[1], price_row, NULL, "SELECT full_at FROM throttle"), 1);
}

/* --------------------------------------------------------------- their closing */

static int
closing_row(void *arg, int n, const char *const col[])
{
	(void)arg, (void)n, (void)col;
	/* Not the one in use here. */
	db_close(db[2]);
	db[2] = NULL;
	assert_int_equal(marked(1), MARK);
	return 0;
}

static void
test_who_goes_takes_one_that_nobody_uses(void **state)
{
	int64_t stamp[2];

	(void)state;
	mark(2, MARK);
	assert_int_equal(
	    db_run(db[1], closing_row, NULL, "SELECT 1 UNION SELECT 2"), 2);
	assert_int_equal(marked(1), MARK);
	assert_int_equal(marked(3), MARK);
	db_close(db[3]);
	db[3] = NULL;
	/* What it is told by is still there. */
	assert_int_equal(db_stamp(db[1], stamp), 0);
	assert_non_null(db[2] = db_open_at(path));
	mark(2, ANOTHER);
	assert_int_equal(marked(1), ANOTHER);
}

static void
test_a_commit_without_a_transaction_is_told(void **state)
{
	(void)state;
	assert_int_equal(db_commit(db[1]), -1);
	assert_non_null(strstr(shop_error(), "no transaction"));
	assert_int_equal(number(1, "SELECT 5"), 5);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
	    TEST(test_the_one_that_was_used_last),
	    TEST(test_within_rows_it_is_the_same_and_nobody_elses),
	    TEST(test_there_are_as_many_as_are_needed),
	    TEST(test_only_those_used_first_keep_what_they_read),
	    TEST(test_what_is_committed_is_seen_by_all),
	    TEST(test_who_goes_takes_one_that_nobody_uses),
	    TEST(test_a_commit_without_a_transaction_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
