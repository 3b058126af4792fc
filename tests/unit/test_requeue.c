/*
 * test_requeue.c - an event once more that was sent: only then, under its own
 * id, with the body that was made elsewhere; and an entry's body.
 */
#include "books.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1800000000 };
#define ID "Placed Order/a0"

static const struct klaviyo_entry anew = {
    .id = ID,
    .kind = "event",
    .lane = KLAVIYO_HISTORICAL,
    .due_at = 1500000000,
    .profile = "{\"type\":\"profile\",\"attributes\":{}}",
    .event = "{\"properties\":{},\"unique_id\":\"a0\"}",
};

static int64_t
rows(const char *where)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
	    "SELECT COUNT(*) FROM klaviyo_outbox WHERE %s", where);
	return store_number(sql);
}

static int
requeue(const struct klaviyo_entry *entry)
{
	struct klaviyo_store s = store();
	int rc;

	store_do("BEGIN");
	rc = klaviyo_requeue(&s, entry, NOW);
	store_do("COMMIT");
	return rc;
}

static void
one_that_was_sent(void **state)
{
	(void)state;
	store_fill("a", 2, KLAVIYO_REALTIME, NOW - 9);
	store_do("UPDATE klaviyo_outbox SET sent_at = 1, due_at = NULL,"
	         " event = '', profile = '', attempts = 3, error = 'x'"
	         " WHERE id = '" ID "'");
	assert_int_equal(requeue(&anew), 1);
	assert_int_equal(rows("id = '" ID "' AND sent_at IS NULL"
	                      " AND due_at = 1500000000 AND lane = 1"
	                      " AND attempts = 0 AND error IS NULL"
	                      " AND created_at = 1800000000"
	                      " AND event LIKE '%a0%' AND profile <> ''"),
	    1);
	/* Now it waits: again is not twice. */
	assert_int_equal(requeue(&anew), 0);
	assert_int_equal(rows("1 = 1"), 2);
	assert_int_equal(rows("id <> '" ID "' AND lane = 0"), 1);
}

static void
one_that_is_missing(void **state)
{
	(void)state;
	assert_int_equal(requeue(&anew), 1);
	assert_int_equal(rows("id = '" ID "' AND due_at = 1500000000"), 1);
}

static void
others_stay(void **state)
{
	static const char *const states[] = {
	    "due_at = 5",                             /* waiting */
	    "due_at = 1800000060, claim = 't'",       /* being sent */
	    "due_at = NULL, claim = NULL",            /* dead */
	    "due_at = NULL, event = '', profile = ''" /* dropped */
	};
	char sql[256], where[256];

	(void)state;
	store_fill("a", 1, KLAVIYO_REALTIME, NOW);
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		snprintf(sql, sizeof(sql), "UPDATE klaviyo_outbox SET %s",
		    states[i]);
		store_do(sql);
		assert_int_equal(requeue(&anew), 0);
		snprintf(where, sizeof(where),
		    "lane = 0 AND created_at = %d AND sent_at IS NULL", NOW);
		assert_int_equal(rows(where), 1);
	}
}

static void
without_a_body(void **state)
{
	struct klaviyo_entry empty = anew;

	(void)state;
	empty.event = "";
	assert_int_equal(requeue(&empty), -1);
	assert_non_null(strstr(klaviyo_error(), "emptied"));
	assert_int_equal(rows("1 = 1"), 0);
}

static void
statement_fails(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	store_do("BEGIN");
	store_fail_at = 1;
	assert_int_equal(klaviyo_requeue(&s, &anew, NOW), -1);
	store_fail_at = 0;
	store_do("ROLLBACK");
	assert_int_equal(requeue(&anew), 1);
}

static void
bodies(void **state)
{
	struct klaviyo_entry other = anew;
	char *body = klaviyo_entry_body(&anew);

	(void)state;
	assert_non_null(body);
	assert_string_equal(body,
	    "{\"data\":{\"type\":\"event\",\"attributes\":{\"properties\":{},"
	    "\"unique_id\":\"a0\",\"profile\":{\"data\":{\"type\":\"profile\","
	    "\"attributes\":{}}}}}}");
	free(body);
	other.event = "";
	assert_null(klaviyo_entry_body(&other));
	other = anew;
	other.kind = "email"; /* which has none of its own */
	assert_null(klaviyo_entry_body(&other));
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(one_that_was_sent),
	    T(one_that_is_missing), T(others_stay), T(without_a_body),
	    T(statement_fails), T(bodies)};

	return cmocka_run_group_tests_name("requeue", tests, NULL, NULL);
}
