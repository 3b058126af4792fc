/*
 * test_db_pgsql.c - a shop's connection to PostgreSQL: its settings, and what
 * becomes of a transaction whose connection is lost.
 */
#include "catalog_db.h"

static int
text_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 64, "%s", col[0] != NULL ? col[0] : "");
	return 0;
}

static const char *
text_of(struct db *from, const char *sql)
{
	static char text[64];

	snprintf(text, sizeof(text), "(failed)");
	db_run(from, text_row, text, sql);
	return text;
}

/* Ends the session behind the shop's back, by another one. */
static void
terminate(void)
{
	struct db *other = db_open_at(getenv("TEST_POSTGRES"));

	assert_non_null(other);
	assert_string_equal(
	    text_of(other, "SELECT COUNT(pg_terminate_backend(pid, 5000)) "
	                   "FROM pg_stat_activity WHERE datname = "
	                   "current_database() AND pid <> pg_backend_pid() "
	                   "AND backend_type = 'client backend'"),
	    "1");
	db_close(other);
}

static void
check_settings(void)
{
	assert_string_equal(
	    text_of(db, "SELECT current_setting('synchronous_commit')"), "on");
	assert_string_equal(
	    text_of(db, "SELECT current_setting('statement_timeout')"), "30s");
	assert_string_equal(
	    text_of(db, "SELECT current_setting('lock_timeout')"), "5s");
	/* 0 is for ever. */
	assert_string_not_equal(
	    text_of(db, "SELECT current_setting("
	                "'idle_in_transaction_session_timeout')"),
	    "0");
}

static void
settings(void **state)
{
	(void)state;
	/* Whoever keeps the server may not care for the last orders. */
	assert_true(db_run(db, NULL, NULL,
	                "ALTER ROLE shop SET synchronous_commit = off") >= 0);
	terminate();
	check_settings();
	terminate();
	check_settings();
	db_run(db, NULL, NULL, "ALTER ROLE shop RESET synchronous_commit");
}

static int
put(const char *name)
{
	return db_run(db, NULL, NULL,
	           "INSERT INTO meta (name, value) VALUES ($1, 'x')", name) < 0
	           ? -1
	           : 0;
}

static const char *
puts_there(void)
{
	return text_of(db, "SELECT COUNT(*) FROM meta WHERE value = 'x'");
}

static void
lost_outside(void **state)
{
	(void)state;
	terminate();
	assert_string_equal(puts_there(), "0");
	terminate();
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(put("a"), 0);
	assert_int_equal(db_commit(db), 0);
	/* What writes is not said twice. */
	terminate();
	assert_int_equal(put("b"), -1);
	assert_string_equal(puts_there(), "1");
}

/* What follows must not run by itself on another connection. */
static void
lost_inside(void **state)
{
	(void)state;
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(put("c"), 0);
	terminate();
	assert_int_equal(put("d"), -1);
	assert_int_equal(put("e"), -1);
	assert_string_equal(puts_there(), "(failed)");
	assert_true(db_again(db));
	/* Its COMMIT was never sent: that is known. */
	assert_int_equal(db_commit(db), -1);
	assert_false(db_unknown(db));
	assert_int_equal(db_begin(db), 0);
	assert_false(db_again(db));
	assert_int_equal(put("f"), 0);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(puts_there(), "2");
}

/* The session ends while the COMMIT is under way: by itself, in a trigger that
 * waits for it. */
static void
lost_at_commit(void **state)
{
	(void)state;
	assert_true(
	    db_run(db, NULL, NULL,
	        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ "
	        "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); "
	        "RETURN NULL; END $$") >= 0 &&
	    db_run(db, NULL, NULL,
	        "CREATE CONSTRAINT TRIGGER dies AFTER INSERT ON meta "
	        "DEFERRABLE "
	        "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()") >= 0);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(put("g"), 0);
	assert_int_equal(db_commit(db), DB_UNKNOWN);
	assert_true(db_unknown(db));
	assert_false(db_again(db));
	db_known(db);
	assert_false(db_unknown(db));
	assert_string_equal(puts_there(), "2");
	db_run(db, NULL, NULL, "DROP TRIGGER dies ON meta");
	db_run(db, NULL, NULL, "DROP FUNCTION die");
}

static void
no_shop(void **state)
{
	char address[256], *name;

	(void)state;
	snprintf(address, sizeof(address), "%s", getenv("TEST_POSTGRES"));
	name = strstr(address, "/test?");
	assert_non_null(name);
	assert_true(db_run(db, NULL, NULL,
	                "CREATE DATABASE none TEMPLATE template0") >= 0);
	memcpy(name, "/none", 5);
	assert_null(db_open_at(address));
	assert_non_null(strstr(shop_error(), "is no shop"));
	assert_true(
	    db_run(db, NULL, NULL,
	        "CREATE DATABASE olde TEMPLATE template0 ENCODING 'LATIN1' "
	        "LC_COLLATE 'C' LC_CTYPE 'C'") >= 0);
	memcpy(name, "/olde", 5);
	assert_null(db_create_at(address, "USD"));
	assert_non_null(strstr(shop_error(), "LATIN1"));
	db_run(db, NULL, NULL, "DROP DATABASE none");
	db_run(db, NULL, NULL, "DROP DATABASE olde");
}

static void
described(void **state)
{
	char text[64];

	(void)state;
	db_describe(db, text, sizeof(text));
	assert_memory_equal(text, "PostgreSQL 1", 12);
	assert_memory_equal(db_name(db), "postgresql://shop@", 18);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(settings),
	    cmocka_unit_test(lost_outside),
	    cmocka_unit_test(lost_inside),
	    cmocka_unit_test(lost_at_commit),
	    cmocka_unit_test(no_shop),
	    cmocka_unit_test(described),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
