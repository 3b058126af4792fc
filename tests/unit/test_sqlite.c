/*
 * test_sqlite.c - statements on the host's connection.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct rows {
	char text[512];
	int n, stop_at;
};

static int
collect(void *arg, int n, const char *const col[])
{
	struct rows *rows = arg;

	if (++rows->n == rows->stop_at)
		return 1;
	for (int i = 0; i < n; i++) {
		strcat(rows->text, col[i] ? col[i] : "NULL");
		strcat(rows->text, i + 1 < n ? "," : ";");
	}
	return 0;
}

static int64_t
run(const char *sql, int n, const char *const arg[])
{
	return klaviyo_sqlite(store_db, sql, n, arg, NULL, NULL);
}

static int
statements(void)
{
	sqlite3_stmt *stmt = NULL;
	int n = 0;

	while ((stmt = sqlite3_next_stmt(store_db, stmt)))
		n++;
	return n;
}

static void
parameters(void **state)
{
	struct rows rows = {.n = 0};
	const char *const arg[] = {"one", NULL, "\"; DROP TABLE t; --"};

	(void)state;
	store_do("CREATE TABLE t (a TEXT, b TEXT, c TEXT) STRICT");
	/* $2 before $1: the name counts, not the order of appearance. */
	assert_int_equal(
	    run("INSERT INTO t (b, a, c) VALUES ($2, $1, $3)", 3, arg), 1);
	assert_int_equal(klaviyo_sqlite(store_db, "SELECT a, b, c FROM t", 0,
	                     NULL, collect, &rows),
	    1);
	assert_string_equal(rows.text, "one,NULL,\"; DROP TABLE t; --;");
	assert_int_equal(run("SELECT $1", 2, arg), -1);
	assert_int_equal(run("SELECT $1, $3", 2, arg), -1);
	assert_int_equal(run("SELECT $1, $2", 1, arg), -1);
	assert_int_equal(run("SELECT $1, $3", 3, arg), -1);
	assert_int_equal(run("SELECT $1, ?", 2, arg), -1);
	assert_int_equal(run("SELECT $1, $a", 2, arg), -1);
	/* In quotes they are none, nor are two statements one for it. */
	for (int i = 0; i < 2; i++) {
		memset(&rows, 0, sizeof(rows));
		assert_int_equal(klaviyo_sqlite(store_db,
		                     "SELECT '$1''$2' || $1 || \"$3\" FROM "
		                     "(SELECT 'x' AS \"$3\")",
		                     1, arg, collect, &rows),
		    1);
		assert_string_equal(rows.text, "$1'$2onex;");
		memset(&rows, 0, sizeof(rows));
		assert_int_equal(
		    klaviyo_sqlite(store_db, "SELECT '$1' || $2 || $1", 2,
		        (const char *[]){"one", "two"}, collect, &rows),
		    1);
		assert_string_equal(rows.text, "$1twoone;");
	}
	/* Nothing of a former call is left bound. */
	memset(&rows, 0, sizeof(rows));
	run("SELECT $1 || 'x'", 1, arg);
	klaviyo_sqlite(store_db, "SELECT $1 || 'x'", 1, (const char *[]){NULL},
	    collect, &rows);
	assert_string_equal(rows.text, "NULL;");
}

static void
counts(void **state)
{
	(void)state;
	assert_int_equal(run("CREATE TABLE t (a INTEGER) STRICT", 0, NULL), 0);
	assert_int_equal(run("INSERT INTO t VALUES (1), (2), (3)", 0, NULL), 3);
	assert_int_equal(run("BEGIN", 0, NULL), 0);
	assert_int_equal(run("SELECT a FROM t", 0, NULL), 3);
	assert_int_equal(run("UPDATE t SET a = 9 WHERE a > 1", 0, NULL), 2);
	assert_int_equal(run("UPDATE t SET a = 9 WHERE a > 99", 0, NULL), 0);
	assert_int_equal(
	    run("UPDATE t SET a = 7 WHERE a > 1 RETURNING a", 0, NULL), 2);
	assert_int_equal(run("COMMIT", 0, NULL), 0);
}

static void
kept_statements(void **state)
{
	sqlite3_stmt *own = NULL;
	int before = statements(); /* of klaviyo_outbox_create() */

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(run("SELECT 1", 0, NULL), 1);
	assert_int_equal(statements(), before + 1);
	/* The host's own statement of the same text is not taken. */
	assert_int_equal(
	    sqlite3_prepare_v2(store_db, "SELECT 2", -1, &own, NULL), 0);
	assert_int_equal(run("SELECT 2", 0, NULL), 1);
	assert_int_equal(statements(), before + 3);
	klaviyo_sqlite_finish(store_db);
	assert_int_equal(statements(), 1);
	assert_int_equal(sqlite3_step(own), SQLITE_ROW);
	sqlite3_finalize(own);
}

static int
again(void *arg, int n, const char *const col[])
{
	int *depth = arg;

	(void)n;
	(void)col;
	if (++*depth == 3)
		return 0;
	return klaviyo_sqlite(store_db, "SELECT 3", 0, NULL, again, depth) != 1;
}

/* A row function may run the statement that called it. */
static void
nested(void **state)
{
	int depth = 0;

	(void)state;
	assert_int_equal(
	    klaviyo_sqlite(store_db, "SELECT 3", 0, NULL, again, &depth), 1);
	assert_int_equal(depth, 3);
}

static void
stopped(void **state)
{
	struct rows rows = {.stop_at = 2};

	(void)state;
	store_do("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2), (3)");
	assert_int_equal(klaviyo_sqlite(store_db, "SELECT a FROM t", 0, NULL,
	                     collect, &rows),
	    -1);
	assert_int_equal(rows.n, 2);
	/* No cursor is left open, which would block this. */
	store_do("DROP TABLE t");
}

static void
errors(void **state)
{
	const char *const arg[] = {"secret@klaviyo-demo.com"};

	(void)state;
	assert_int_equal(run("SELEC 1", 0, NULL), -1);
	assert_non_null(strstr(klaviyo_error(), "syntax error"));
	assert_non_null(strstr(klaviyo_error(), "SELEC 1"));
	assert_int_equal(run("SELECT 1; SELECT 2", 0, NULL), -1);
	assert_int_equal(run("", 0, NULL), -1);
	assert_int_equal(run("SELECT 1 ; \n", 0, NULL), 1);
	store_do("CREATE TABLE t (a TEXT UNIQUE) STRICT");
	assert_int_equal(run("INSERT INTO t VALUES ($1)", 1, arg), 1);
	assert_int_equal(run("INSERT INTO t VALUES ($1)", 1, arg), -1);
	assert_non_null(strstr(klaviyo_error(), "UNIQUE"));
	assert_null(strstr(klaviyo_error(), "secret"));
	/* After an error the statement works again. */
	assert_int_equal(run("DELETE FROM t", 0, NULL), 1);
	assert_int_equal(run("INSERT INTO t VALUES ($1)", 1, arg), 1);
	/* ROLLBACK without a transaction: it was rolled back already. */
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
}

/* What t holds once ${sql} has failed in a transaction. */
static void
after_failure(const char *sql, const char *expected)
{
	struct rows rows = {.n = 0};

	assert_int_equal(run("BEGIN", 0, NULL), 0);
	assert_int_equal(run(sql, 1, (const char *[]){"2"}), -1);
	assert_non_null(strstr(klaviyo_error(), "CHECK"));
	klaviyo_sqlite(store_db, "SELECT a FROM t", 0, NULL, collect, &rows);
	assert_string_equal(rows.text, expected);
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
	memset(&rows, 0, sizeof(rows));
	klaviyo_sqlite(store_db, "SELECT a FROM t", 0, NULL, collect, &rows);
	assert_string_equal(rows.text, "1;2;3;");
}

/* Only what says so leaves to its transaction to undo what it has changed. */
static void
undone_by_its_transaction(void **state)
{
	int before;

	(void)state;
	store_do("CREATE TABLE t (a INTEGER NOT NULL CHECK (a < 5)) STRICT;"
	         "INSERT INTO t VALUES (1), (2), (3)");
	after_failure("UPDATE t SET a = a + CAST($1 AS INTEGER)", "1;2;3;");
	after_failure("UPDATE /*OR FAIL*/ t SET a = a + CAST($1 AS INTEGER)",
	    "3;4;3;");
	before = statements();
	after_failure("UPDATE /*OR FAIL*/ t SET a = a + CAST($1 AS INTEGER)",
	    "3;4;3;");
	after_failure("UPDATE t SET a = a + CAST($1 AS INTEGER)", "1;2;3;");
	assert_int_equal(statements(), before);
}

static void
write_lock_at_once(void **state)
{
	sqlite3 *other = NULL;

	(void)state;
	assert_int_equal(sqlite3_open(store_path, &other), 0);
	assert_int_equal(run("BEGIN", 0, NULL), 0);
	assert_int_equal(
	    klaviyo_sqlite(other, "BEGIN", 0, NULL, NULL, NULL), -1);
	assert_non_null(strstr(klaviyo_error(), "locked"));
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
	assert_int_equal(
	    klaviyo_sqlite(other, "BEGIN", 0, NULL, NULL, NULL), 0);
	klaviyo_sqlite_finish(other);
	sqlite3_close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(parameters),
	    TEST(counts),
	    TEST(kept_statements),
	    TEST(nested),
	    TEST(stopped),
	    TEST(errors),
	    TEST(undone_by_its_transaction),
	    TEST(write_lock_at_once),
	};

	return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
