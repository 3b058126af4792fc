/*
 * test_ready.c - the figures of /readyz, read off a database, and what each of
 * them is worth.
 */
#include "catalog_db.h"

#include "ready.h"

enum { NOW = 1800000000 };

static struct settings settings = {.delivery = "realtime"};

static void
change(const char *sql)
{
	if (db_run(db, NULL, NULL, sql) < 0)
		fail_msg("%s: %s", sql, shop_error());
}

static struct readiness
read_now(void)
{
	struct readiness r;

	readiness_read(&r, db, &settings, NOW);
	return r;
}

static void
wait_in_line(const char *id, const char *lane, const char *created)
{
	if (db_run(db, NULL, NULL,
	        "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	        " created_at, due_at) VALUES ($1, 'event', CAST($2 AS INTEGER),"
	        " '{}', '{}', CAST($3 AS BIGINT), CAST($3 AS BIGINT))",
	        id, lane, created) < 0)
		fail_msg("%s", shop_error());
}

static void
a_new_shop(void **state)
{
	struct readiness r = read_now();

	(void)state;
	assert_true(r.database);
	assert_false(r.sending);
	assert_int_equal(r.heartbeat_age, -1);
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, READY_NO_WORKER);
	if (getenv("TEST_POSTGRES") != NULL) {
		assert_int_equal(r.disk_free, -1);
		assert_int_equal(r.disk_percent, -1);
	} else {
		assert_true(r.disk_free >= 0);
		assert_in_range(r.disk_percent, 0, 100);
	}
}

static void
a_worker(void **state)
{
	struct readiness r;

	(void)state;
	change("UPDATE klaviyo_lease SET token = 't', name = 'web1',"
	       " since = 1799999000, heartbeat_at = 1799999997,"
	       " until_at = 1800000020");
	r = read_now();
	assert_true(r.sending);
	assert_int_equal(r.heartbeat_age, 3);
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, 0);
	/* A lease that is over is nobody's. */
	change("UPDATE klaviyo_lease SET until_at = 1799999999");
	r = read_now();
	assert_false(r.sending);
	assert_int_equal(r.heartbeat_age, -1);
}

static void
what_waits(void **state)
{
	struct readiness r;

	(void)state;
	wait_in_line("Placed Order/1", "0", "1799998200");
	wait_in_line("Placed Order/2", "0", "1799999900");
	wait_in_line("Placed Order/3", "1", "1790000000"); /* history */
	r = read_now();
	assert_int_equal(r.waiting, 3);
	assert_int_equal(r.oldest_age, 1800);
	assert_int_equal(readiness_wrong(&r) & READY_LATE, 0);
	change("UPDATE klaviyo_outbox SET created_at = 1799998199"
	       " WHERE id = 'Placed Order/1'");
	r = read_now();
	assert_int_equal(readiness_wrong(&r) & READY_LATE, READY_LATE);
	/* One that was refused waits no more. */
	change("UPDATE klaviyo_outbox SET due_at = NULL"
	       " WHERE id = 'Placed Order/1'");
	r = read_now();
	assert_int_equal(r.waiting, 2);
	assert_int_equal(r.dead, 1);
	assert_int_equal(r.oldest_age, 100);
	assert_int_equal(readiness_wrong(&r) & READY_LATE, 0);
}

static void
a_pause(void **state)
{
	struct readiness r;

	(void)state;
	change("UPDATE klaviyo_sender SET paused_until = 1800000290,"
	       " reason = 'no\nkey'");
	r = read_now();
	assert_int_equal(r.pause_left, 290);
	assert_string_equal(r.reason, "no?key"); /* a line of its own */
	assert_int_equal(readiness_wrong(&r) & READY_PAUSED, READY_PAUSED);
	change("UPDATE klaviyo_sender SET paused_until = 1800000000");
	r = read_now();
	assert_int_equal(r.pause_left, 0);
	assert_string_equal(r.reason, "");
	assert_int_equal(readiness_wrong(&r) & READY_PAUSED, 0);
}

static void
batches(void **state)
{
	struct readiness r;

	(void)state;
	settings.delivery = "batch";
	r = read_now();
	assert_int_equal(r.heartbeat_age, -1);
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, READY_NO_WORKER);
	change("INSERT INTO meta (name, value)"
	       " VALUES ('last batch', '1799998200')");
	r = read_now();
	assert_int_equal(r.heartbeat_age, 1800);
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, 0);
	change("UPDATE meta SET value = '1799998199'"
	       " WHERE name = 'last batch'");
	r = read_now();
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, READY_NO_WORKER);
	settings.delivery = "realtime";
}

static void
no_database(void **state)
{
	struct readiness r;

	(void)state;
	change("ALTER TABLE klaviyo_lease RENAME TO elsewhere");
	r = read_now();
	assert_false(r.database);
	assert_int_equal(readiness_wrong(&r) & ~READY_FULL, READY_NO_DATABASE);
}

static void
a_full_disk(void **state)
{
	struct readiness r = {.database = true,
	    .sending = true,
	    .heartbeat_age = 1,
	    .disk_free = 1,
	    .disk_percent = READY_DISK};

	(void)state;
	assert_int_equal(readiness_wrong(&r), 0);
	r.disk_percent--;
	assert_int_equal(readiness_wrong(&r), READY_FULL);
	r.database = false;
	assert_int_equal(readiness_wrong(&r), READY_FULL | READY_NO_DATABASE);
	r.disk_percent = -1; /* not known is not full */
	assert_int_equal(readiness_wrong(&r), READY_NO_DATABASE);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test_setup_teardown(a_new_shop, open_shop, close_shop),
    cmocka_unit_test_setup_teardown(a_worker, open_shop, close_shop),
    cmocka_unit_test_setup_teardown(what_waits, open_shop, close_shop),
    cmocka_unit_test_setup_teardown(a_pause, open_shop, close_shop),
    cmocka_unit_test_setup_teardown(batches, open_shop, close_shop),
    cmocka_unit_test_setup_teardown(no_database, open_shop, close_shop),
    cmocka_unit_test(a_full_disk),
};

int
main(void)
{
	return cmocka_run_group_tests(tests, NULL, NULL);
}
