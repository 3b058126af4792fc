/*
 * test_wal.c - SQLite's log stays short, however many read while others write.
 *
 * Readers whose transactions overlap, so that at every COMMIT somebody reads
 * what was before it: as a shop's visitors do.
 */
#include "storefront.h"

#include "db_files.h"

#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { READERS = 4, PAGES = 12000, LONGEST = 4000, PAGE = 4096 };

static atomic_bool over;
static atomic_int reads;

static int
set_up(void **state)
{
	(void)state;
	files_make();
	over = false;
	reads = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return files_remove();
}

static int64_t
log_pages(void)
{
	struct stat st;
	char name[128];

	snprintf(name, sizeof(name), "%s-wal", path);
	assert_int_equal(stat(name, &st), 0);
	return st.st_size / PAGE;
}

/* Reads for two milliseconds, again and again. */
static void *
read_on(void *arg)
{
	sqlite3 *conn;

	(void)arg;
	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	while (!over) {
		assert_int_equal(
		    sqlite3_exec(conn, "BEGIN; SELECT count(*) FROM meta", NULL,
		        NULL, NULL),
		    SQLITE_OK);
		usleep(2000);
		assert_int_equal(
		    sqlite3_exec(conn, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
		reads++;
	}
	sqlite3_close(conn);
	return NULL;
}

/* ${n} pages into the log, some at a time; how long it was at most. */
static int64_t
write_pages(struct db *db, int n)
{
	int64_t longest = 0, length;

	for (int i = 0; i < n; i += 50) {
		assert_int_equal(db_begin(db), 0);
		for (int row = 0; row < 12; row++)
			assert_true(db_run(db, NULL, NULL,
			                "INSERT INTO t VALUES "
			                "(hex(zeroblob(8000)))") >= 0);
		assert_int_equal(db_commit(db), 0);
		length = log_pages();
		if (length > longest)
			longest = length;
	}
	return longest;
}

static struct db *
with_table(void)
{
	struct db *db = db_create_at(path, "USD");

	assert_non_null(db);
	assert_true(db_run(db, NULL, NULL, "CREATE TABLE t (text TEXT)") >= 0);
	return db;
}

static void
readers_all_the_time(void **state)
{
	struct db *db = with_table();
	pthread_t reader[READERS];
	int64_t longest;

	(void)state;
	for (int i = 0; i < READERS; i++)
		assert_int_equal(
		    pthread_create(&reader[i], NULL, read_on, NULL), 0);
	while (reads < READERS)
		usleep(1000);
	longest = write_pages(db, PAGES);
	over = true;
	for (int i = 0; i < READERS; i++)
		pthread_join(reader[i], NULL);
	db_close(db);
	print_message("the log had %lld pages at most, of %d, and %d reads\n",
	    (long long)longest, PAGES, (int)reads);
	assert_true(longest < LONGEST);
}

/* One who does not end, as a backup: commits go on, the log grows, and is begun
   anew when that has ended. */
static void
a_long_reader(void **state)
{
	struct db *db = with_table();
	sqlite3 *conn;
	int64_t long_ago;

	(void)state;
	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	assert_int_equal(sqlite3_exec(conn, "BEGIN; SELECT count(*) FROM meta",
	                     NULL, NULL, NULL),
	    SQLITE_OK);
	long_ago = write_pages(db, PAGES / 2);
	assert_true(long_ago >= PAGES / 2);
	assert_int_equal(
	    sqlite3_exec(conn, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(conn);
	assert_true(write_pages(db, PAGES) < long_ago + LONGEST);
	db_close(db);
}

/* Pages that a transaction of 1,000 has written before its end. */
static int64_t
written_early(struct db *db)
{
	int64_t before = log_pages(), written;

	assert_int_equal(db_begin(db), 0);
	for (int row = 0; row < 250; row++)
		assert_true(db_run(db, NULL, NULL,
		                "INSERT INTO t VALUES (hex(zeroblob(8000)))") >=
		            0);
	written = log_pages() - before;
	assert_int_equal(db_commit(db), 0);
	return written;
}

static void
another_writes(void)
{
	sqlite3 *conn;

	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	assert_int_equal(sqlite3_exec(conn, "INSERT INTO t VALUES ('')", NULL,
	                     NULL, NULL),
	    SQLITE_OK);
	sqlite3_close(conn);
}

/* What a large transaction changes is written once, with its COMMIT.  The last
   test: db_large() is for good. */
static void
a_large_transaction(void **state)
{
	struct db *db = with_table();

	(void)state;
	assert_true(written_early(db) > 0);
	assert_in_range(write_pages(db, PAGES), 1000, 3000 - 1);
	db_close(db);
	db = db_open_at(path);
	assert_non_null(db);
	db_large(db);
	write_pages(db, 50); /* there is a log */
	assert_int_equal(written_early(db), 0);
	/* And it is copied less often, unless somebody else writes. */
	assert_in_range(write_pages(db, PAGES), 3000, LONGEST);
	db_close(db);
	db = db_open_at(path);
	assert_non_null(db);
	write_pages(db, 50);
	another_writes();
	assert_in_range(write_pages(db, PAGES), 1000, 3000 - 1);
	db_close(db);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        readers_all_the_time, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(a_long_reader, set_up, tear_down),
	    cmocka_unit_test_setup_teardown(
	        a_large_transaction, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
