/*
 * test_plans.c - no statement of a sender's daily work reads the whole outbox:
 * years of sent ids lie in it, and at times a large backlog.
 *
 * SQLite is asked for its plan of each statement that comes through the seam.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1800000000 };

static int seen;             /* statements that were looked at */
static const char *must_use; /* NULL, or the index that each must use */
static const char *must_not; /* NULL, or what none may do */

/* A backlog is counted in its index, and taken in its order. */
#define COUNTED                                                                \
	"SEARCH klaviyo_outbox USING COVERING INDEX klaviyo_outbox_unsent (lane"
#define SORTED "USE TEMP B-TREE"

/* A scan is one of a partial index that holds little else, or fails. */
static void
explain(const char *sql)
{
	const char *step;
	sqlite3_stmt *stmt;
	char text[8192];
	int uses = 0;

	if (store_pg ||
	    (strncmp(sql, "SELECT", 6) != 0 && strncmp(sql, "UPDATE", 6) != 0 &&
	        strncmp(sql, "DELETE", 6) != 0))
		return;
	snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql);
	if (sqlite3_prepare_v2(store_db, text, -1, &stmt, NULL))
		fail_msg("%s: %s", text, sqlite3_errmsg(store_db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		step = (const char *)sqlite3_column_text(stmt, 3);
		if (must_use && strstr(step, must_use))
			uses++;
		if (must_not && strstr(step, must_not))
			fail_msg("%s\n%s", sql, step);
		if (strstr(step, "SCAN klaviyo_outbox") &&
		    !strstr(step, " USING "))
			fail_msg("%s\n%s", sql, step);
	}
	sqlite3_finalize(stmt);
	if (must_use && strstr(sql, "klaviyo_outbox") && !uses)
		fail_msg("%s\nwithout %s", sql, must_use);
	seen++;
}

static int
no_entry(void *arg, const struct klaviyo_entry *entry)
{
	(void)arg, (void)entry;
	return -1;
}

static int
no_trouble(void *arg, const struct klaviyo_trouble *trouble)
{
	(void)arg, (void)trouble;
	return -1;
}

static void
daily_work(void **state)
{
	struct klaviyo_store s = store();
	struct kl_lease a, b;
	struct kl_claim *list;
	struct kl_settlement done = {.outcome = KL_SENT};
	const int64_t limits[KLAVIYO_AGES - 1] = {60, 300, 1800, 7200};
	int64_t ages[KLAVIYO_AGES];
	struct klaviyo_span spans[2];
	struct klaviyo_status status;
	char other[256];

	(void)state;
	store_fill("a", 3, KLAVIYO_REALTIME, NOW);
	assert_int_equal(kl_lease_init(&a, "web1", 30), 0);
	assert_int_equal(kl_lease_init(&b, "web2", 30), 0);
	store_hook = explain;
	assert_int_equal(kl_lease_hold(&s, &a, NOW, other, sizeof(other)), 1);
	a.renewed_ms = 0;
	assert_int_equal(kl_lease_hold(&s, &a, NOW, other, sizeof(other)), 1);
	assert_int_equal(kl_bound_look(&s, true), 0);
	must_use = COUNTED;
	assert_int_equal(kl_outbox_due(&s, KL_ANY_LANE, 9, NOW), 3);
	must_use = NULL;
	assert_int_equal(
	    kl_outbox_claim(&s, "t", KL_ANY_LANE, 2, NOW, NOW + 60, &list), 0);
	done.claim = list;
	assert_int_equal(kl_outbox_settle(&s, "t", &done, 1, NOW), 1);
	kl_claims_free(list);
	assert_int_equal(kl_outbox_due(&s, KL_LANE_OTHERS, 9, NOW), 0);
	assert_int_equal(kl_outbox_claim(&s, "t", KL_LANE_OTHERS, 2, NOW,
	                     NOW + 60, &list),
	    0);
	assert_null(list);
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	assert_int_equal(klaviyo_outbox_prune(&s, NOW, 9), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, "x", NOW), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, NULL, NOW), 0);
	assert_int_equal(klaviyo_outbox_drop(&s, "x", NOW), 0);
	assert_int_equal(
	    klaviyo_outbox_list(&s, NULL, "x", NOW, 1, no_entry, NULL), 0);
	assert_int_equal(
	    klaviyo_outbox_list(&s, "dead", NULL, NOW, 0, no_entry, NULL), 0);
	assert_int_equal(
	    klaviyo_outbox_list(&s, "claimed", NULL, NOW, 0, no_entry, NULL),
	    0);
	assert_int_equal(klaviyo_outbox_ages(&s, NOW, limits, ages), 0);
	assert_int_equal(klaviyo_outbox_troubles(&s, 9, no_trouble, NULL), 0);
	assert_int_equal(klaviyo_outbox_spans(&s, NOW - 600, 300, 2, spans), 0);
	assert_int_equal(klaviyo_outbox_drop(&s, NULL, NOW), 0);
	assert_int_equal(kl_lease_leave(&s, &a), 0);
	assert_int_equal(kl_lease_hold(&s, &b, NOW, other, sizeof(other)), 1);
	store_hook = NULL;
	assert_true(store_pg || seen > 20);
}

#define DUE "SEARCH klaviyo_outbox USING INDEX klaviyo_outbox_unsent (lane=? AND"
#define BY_ID                                                                  \
	"SEARCH klaviyo_outbox USING INDEX sqlite_autoindex_klaviyo_outbox_1 " \
	"(id=?)"

static void
explain_backlog(const char *sql)
{
	bool choice = strncmp(sql, "SELECT", 6) == 0;

	must_use = choice ? DUE : BY_ID;
	must_not = choice ? SORTED : NULL;
	explain(sql);
}

/* A backlog is chosen in the order of an index, and claimed by its ids. */
static void
backlog(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;

	(void)state;
	store_fill("a", 250, KLAVIYO_REALTIME, NOW);
	seen = 0;
	store_hook = explain_backlog;
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, 200, NOW,
	                     NOW + 60, &list),
	    0);
	store_hook = NULL;
	must_use = must_not = NULL;
	kl_claims_free(list);
	assert_int_equal(store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                              " WHERE claim = 't'"),
	    200);
	assert_true(store_pg || seen == 3);
}

#define ABOUT "SEARCH klaviyo_outbox USING INDEX klaviyo_outbox_about (about=?)"
#define HELD "SEARCH klaviyo_outbox USING INDEX klaviyo_outbox_held (held_by=?)"

/* What is about something, or waits for it, is found by equality. */
static void
about(void **state)
{
	struct klaviyo_store s = store();
	char *id;

	(void)state;
	store_fill("a", 3, KLAVIYO_REALTIME, NOW);
	seen = 0;
	store_hook = explain;
	must_use = ABOUT;
	assert_int_equal(klaviyo_email_pending(&s, "a@klaviyo-demo.com"), 0);
	assert_int_equal(kl_hold_find(&s, "a@klaviyo-demo.com", &id), 0);
	assert_null(id);
	store_do("BEGIN");
	assert_int_equal(klaviyo_drop_cart(&s, "1"), 0);
	store_do("COMMIT");
	must_use = HELD;
	assert_int_equal(kl_hold_release(&s, "Updated Email/1", NOW), 0);
	must_use = NULL;
	store_hook = NULL;
	assert_true(store_pg || seen == 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(daily_work, store_new, store_drop),
	    cmocka_unit_test_setup_teardown(backlog, store_new, store_drop),
	    cmocka_unit_test_setup_teardown(about, store_new, store_drop)};

	return cmocka_run_group_tests_name("plans", tests, NULL, NULL);
}
