/*
 * test_schema.c - the steps from the first release's tables on, ended at each
 * of their statements: nothing is half-done, and the next init ends them.
 *
 * Replaces: klaviyo_sqlite
 */
#include <klaviyo.h>
#include <sqlite3.h>

#include "catalog_db.h"

#define FIRST "tests/integration/first_release.sql"

klaviyo_sql __real_klaviyo_sqlite, __wrap_klaviyo_sqlite;

static long at, reached; /* the statement from which on all fail; 0 = none */

int64_t
__wrap_klaviyo_sqlite(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg)
{
	if (at > 0 && ++reached >= at)
		return -1; /* not even ROLLBACK: as after kill -9 */
	return __real_klaviyo_sqlite(conn, sql, n, arg, row, rowarg);
}

/* The old shop, anew. */
static void
make_old(void)
{
	static char text[32768];
	FILE *file = fopen(FIRST, "re");
	sqlite3 *conn;
	size_t n;

	assert_non_null(file);
	n = fread(text, 1, sizeof(text) - 1, file);
	assert_true(n > 0 && n < sizeof(text) - 1);
	text[n] = '\0';
	fclose(file);
	unlink(path);
	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	/* A step that waits for the disk 100 times over tests nothing more. */
	assert_int_equal(
	    sqlite3_exec(conn, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_exec(conn, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(conn, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(conn);
}

/* All rows of the tables that the old shop had, and all tables. */
static char *
all(void)
{
	return arena_printf(arena, "%s\n%s%s%s%s%s%s%s", content(),
	    ROWS("SELECT * FROM orders"), ROWS("SELECT * FROM order_line"),
	    ROWS("SELECT * FROM session ORDER BY id"),
	    ROWS("SELECT * FROM klaviyo_outbox ORDER BY id"),
	    ROWS("SELECT * FROM shipping_method ORDER BY code"),
	    ROWS("SELECT * FROM meta ORDER BY name"),
	    ROWS("SELECT name, sql FROM sqlite_master ORDER BY name"));
}

static char *
brought_up(void)
{
	char *text;

	db = db_create_at(path, "USD");
	if (db == NULL)
		fail_msg("after statement %ld: %s", at, shop_error());
	text = all();
	db_close(db);
	return text;
}

static void
every_statement(void **state)
{
	char *whole;
	long n;

	(void)state;
	make_old();
	whole = brought_up();
	assert_non_null(strstr(whole, "k7q2mx40d9k7q2mx40d9"));
	for (n = 1;; n++) {
		make_old();
		at = n;
		reached = 0;
		db = db_create_at(path, "USD");
		at = 0;
		if (db != NULL)
			break; /* it had fewer statements */
		assert_string_equal(brought_up(), whole);
	}
	assert_true(n > 50);
	db_close(db);
}

static int
set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/schema.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/shop.db", dir);
	arena = arena_new();
	return 0;
}

static int
tear_down(void **state)
{
	char command[128];

	(void)state;
	arena_free(arena);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_statement),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
