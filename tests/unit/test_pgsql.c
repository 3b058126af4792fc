/*
 * test_pgsql.c - statements on the host's PostgreSQL connection.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct rows {
	char text[256];
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
	return klaviyo_pgsql(store_pg, sql, n, arg, NULL, NULL);
}

static void
parameters(void **state)
{
	struct rows rows = {.n = 0};
	const char *const arg[] = {"one", NULL, "'; DROP TABLE t; --"};

	(void)state;
	assert_int_equal(
	    run("CREATE TABLE t (a TEXT, b TEXT, c TEXT) STRICT", 0, NULL), 0);
	assert_int_equal(
	    run("INSERT INTO t (b, a, c) VALUES ($2, $1, $3)", 3, arg), 1);
	assert_int_equal(klaviyo_pgsql(store_pg, "SELECT a, b, c FROM t", 0,
	                     NULL, collect, &rows),
	    1);
	assert_string_equal(rows.text, "one,NULL,'; DROP TABLE t; --;");
	assert_int_equal(run("SELECT a FROM t WHERE a = $1", 2, arg), -1);
	assert_int_equal(
	    run("SELECT a FROM t WHERE a = $1 OR a = $2", 1, arg), -1);
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

/* CREATE TABLE in SQLite's words. */
static void
dialect(void **state)
{
	(void)state;
	assert_int_equal(run("-- INTEGER, 'as is\n"
	                     "CREATE TABLE IF NOT EXISTS t (\n"
	                     "  id INTEGER PRIMARY KEY AUTOINCREMENT, -- no 5\n"
	                     "  INTEGER_b INTEGER NOT NULL DEFAULT 4,\n"
	                     "  c TEXT DEFAULT 'INTEGER'' STRICT',\n"
	                     "  \"INTEGER\" TEXT\n"
	                     ") STRICT",
	                     0, NULL),
	    0);
	assert_int_equal(
	    run("INSERT INTO t (integer_b) VALUES (3000000000)", 0, NULL), 1);
	assert_int_equal(
	    run("INSERT INTO t (id, integer_b) VALUES (7, 1)", 0, NULL), 1);
	assert_string_equal(
	    store_text("SELECT concat(id, integer_b, c, \"INTEGER\" IS NULL)"
	               " FROM t WHERE id = 1"),
	    "13000000000INTEGER' STRICTt");
	assert_string_equal(
	    store_text("SELECT string_agg(data_type, ' ' ORDER BY"
	               " ordinal_position) FROM information_schema.columns"
	               " WHERE table_name = 't'"),
	    "bigint bigint text text");
	assert_int_equal(
	    run("ALTER TABLE t ADD COLUMN e INTEGER", 0, NULL), 0);
	assert_int_equal(run("UPDATE t SET e = 3000000000", 0, NULL), 2);
	/* Only there: elsewhere a word is a word. */
	assert_int_equal(run("SELECT CAST('5' AS INTEGER)", 0, NULL), 1);
}

static int
names(void)
{
	return (int)store_number("SELECT COUNT(*) FROM pg_prepared_statements"
	                         " WHERE name LIKE 'klaviyo%'");
}

static void
kept_statements(void **state)
{
	int before = names(); /* of klaviyo_outbox_create() */

	(void)state;
	for (int i = 0; i < 100; i++) {
		assert_int_equal(run("SELECT 1", 0, NULL), 1);
		assert_int_equal(run("BEGIN", 0, NULL), 0);
		assert_int_equal(run("COMMIT", 0, NULL), 0);
	}
	assert_int_equal(names(), before + 1);
	/* A new session knows none of them. */
	PQreset(store_pg);
	assert_int_equal(names(), 0);
	assert_int_equal(run("SELECT 1", 0, NULL), 1);
	assert_int_equal(names(), 1);
	/* Nor does one that somebody has cleaned. */
	store_do("DEALLOCATE ALL");
	assert_int_equal(run("SELECT 1", 0, NULL), 1);
	assert_int_equal(run("BEGIN", 0, NULL), 0);
	store_do("DEALLOCATE ALL");
	assert_int_equal(run("SELECT 1", 0, NULL), -1);
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
	assert_int_equal(run("SELECT 1", 0, NULL), 1);
}

static int
again(void *arg, int n, const char *const col[])
{
	int *depth = arg;

	(void)n;
	(void)col;
	if (++*depth == 3)
		return 0;
	return klaviyo_pgsql(store_pg, "SELECT 3", 0, NULL, again, depth) != 1;
}

/* A row function may run the statement that called it. */
static void
nested(void **state)
{
	int depth = 0;

	(void)state;
	assert_int_equal(
	    klaviyo_pgsql(store_pg, "SELECT 3", 0, NULL, again, &depth), 1);
	assert_int_equal(depth, 3);
}

static void
stopped(void **state)
{
	struct rows rows = {.stop_at = 2};

	(void)state;
	store_do("CREATE TABLE t (a int); INSERT INTO t VALUES (1), (2), (3)");
	assert_int_equal(
	    klaviyo_pgsql(store_pg, "SELECT a FROM t", 0, NULL, collect, &rows),
	    -1);
	assert_int_equal(rows.n, 2);
	store_do("DROP TABLE t");
}

static void
error_is(const char *state, const char *words)
{
	assert_string_equal(klaviyo_pgsql_state(store_pg), state);
	assert_non_null(strstr(klaviyo_error(), words));
	assert_null(strstr(klaviyo_error(), "secret"));
}

static void
errors(void **state)
{
	const char *const arg[] = {"secret@klaviyo-demo.com"};

	(void)state;
	assert_int_equal(run("SELEC 1", 0, NULL), -1);
	error_is("42601", "syntax error");
	assert_non_null(strstr(klaviyo_error(), "SELEC 1"));
	assert_int_equal(run("SELECT 1; SELECT 2", 0, NULL), -1);
	assert_int_equal(run("", 0, NULL), -1);
	error_is("", "not one statement");
	assert_int_equal(
	    run("CREATE TABLE t (a TEXT UNIQUE, b INTEGER) STRICT", 0, NULL),
	    0);
	assert_int_equal(run("INSERT INTO t (a) VALUES ($1)", 1, arg), 1);
	assert_int_equal(run("INSERT INTO t (a) VALUES ($1)", 1, arg), -1);
	error_is("23505", "23505 duplicate key value");
	/* What does not fit is not repeated. */
	assert_int_equal(run("INSERT INTO t (b) VALUES ($1)", 1, arg), -1);
	error_is("22P02", "does not fit");
	/* After an error the statement works again. */
	assert_int_equal(run("DELETE FROM t", 0, NULL), 1);
	error_is("", "");
	assert_int_equal(run("INSERT INTO t (a) VALUES ($1)", 1, arg), 1);
	/* ROLLBACK without a transaction. */
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
}

/* In a transaction with a failure in it COMMIT must not look like one. */
static void
commit_of_failed(void **state)
{
	(void)state;
	assert_int_equal(run("CREATE TABLE t (a INTEGER) STRICT", 0, NULL), 0);
	assert_int_equal(run("BEGIN", 0, NULL), 0);
	assert_int_equal(run("INSERT INTO t VALUES (1)", 0, NULL), 1);
	assert_int_equal(run("SELECT 1 FROM nowhere", 0, NULL), -1);
	assert_int_equal(run("COMMIT", 0, NULL), -1);
	error_is("40000", "rolled back");
	assert_int_equal(run("SELECT a FROM t", 0, NULL), 0);
}

static void
lost_connection(void **state)
{
	(void)state;
	assert_int_equal(run("BEGIN", 0, NULL), 0);
	run("SELECT pg_terminate_backend(pg_backend_pid())", 0, NULL);
	assert_int_equal(run("SELECT 1", 0, NULL), -1);
	assert_int_equal(run("COMMIT", 0, NULL), -1);
	assert_int_equal(run("ROLLBACK", 0, NULL), 0);
	assert_int_equal(PQstatus(store_pg), CONNECTION_BAD);
	PQreset(store_pg);
	assert_int_equal(run("SELECT 1", 0, NULL), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(parameters),
	    TEST(counts),
	    TEST(dialect),
	    TEST(kept_statements),
	    TEST(nested),
	    TEST(stopped),
	    TEST(errors),
	    TEST(commit_of_failed),
	    TEST(lost_connection),
	};

	return cmocka_run_group_tests_name("pgsql", tests, NULL, NULL);
}
