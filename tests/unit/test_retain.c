/*
 * test_retain.c - what the outbox keeps: prune, drop, erase, and the bound of
 * the queue.
 */
#include "books.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1800000000, DAY = 86400 };

static int
queue(const struct klaviyo_store *s, const char *metric, const char *id,
    const struct klaviyo_profile *who, enum klaviyo_lane lane)
{
	int rc;

	store_do("BEGIN");
	rc = klaviyo_queue_event(s, metric, id, 1500000000, who, 0, NULL,
	    "{\"note\":\"secret@klaviyo-demo.com\"}", lane, NOW);
	store_do("COMMIT");
	return rc;
}

static const struct klaviyo_profile anna = {
    .email = "Anna@klaviyo-demo.com", .external_id = "c7"};

static int64_t
rows(const char *where)
{
	char sql[256];

	snprintf(sql, sizeof(sql),
	    "SELECT COUNT(*) FROM klaviyo_outbox WHERE %s", where);
	return store_number(sql);
}

static void
states_sum(void)
{
	struct klaviyo_store s = store();
	struct klaviyo_status t;

	assert_int_equal(klaviyo_outbox_status(&s, NOW, &t), 0);
	assert_int_equal(t.waiting + t.claimed + t.sent + t.dead + t.dropped,
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"));
}

/* ------------------------------------------------------------------- bound */

static void
bounded(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_order order = books_order();
	struct klaviyo_status status;
	char id[16];

	(void)state;
	s.limit = 10;
	/* Browsing is refused from half the limit on. */
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "v%d", i);
		assert_int_equal(
		    queue(&s, "Viewed Product", id, &anna, KLAVIYO_REALTIME),
		    i < 5 ? 0 : 1);
	}
	assert_int_equal(rows("id LIKE 'Viewed Product/%'"), 5);
	/* So is history, an order's too: it can be queued again. */
	assert_int_equal(
	    queue(&s, "Placed Order", "h", &anna, KLAVIYO_HISTORICAL), 1);
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_order(&s, KLAVIYO_PLACED_ORDER, &order,
	                     KLAVIYO_HISTORICAL, NOW),
	    1);
	store_do("COMMIT");
	/* The shop's own events go on to the limit. */
	for (int i = 0; i < 8; i++) {
		snprintf(id, sizeof(id), "o%d", i);
		assert_int_equal(
		    queue(&s, "Wrote Review", id, &anna, KLAVIYO_REALTIME),
		    i < 5 ? 0 : 1);
	}
	/* Orders always do. */
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_order(&s, KLAVIYO_PLACED_ORDER, &order,
	                     KLAVIYO_REALTIME, NOW),
	    0);
	store_do("COMMIT");
	assert_int_equal(
	    queue(&s, "Refunded Order", "r", &anna, KLAVIYO_REALTIME), 0);
	assert_int_equal(rows("due_at IS NOT NULL"), 14);
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	/* The past comes again, and is not counted. */
	assert_int_equal(status.refused, 6);
	/* What was delivered makes room, at once for small limits. */
	store_do("UPDATE klaviyo_outbox SET due_at = NULL, sent_at = 1,"
	         " event = '', profile = '' WHERE id LIKE 'Viewed%'"
	         " OR id LIKE '%/o%'");
	assert_int_equal(
	    queue(&s, "Viewed Product", "v9", &anna, KLAVIYO_REALTIME), 0);
}

/* The sender's heartbeat sees that there is room again. */
static void
bound_at_heartbeat(void **state)
{
	struct klaviyo_store s = store();
	struct kl_lease lease;
	char other[256];

	(void)state;
	s.limit = 10;
	store_do("UPDATE klaviyo_bound SET level = 2");
	assert_int_equal(kl_lease_init(&lease, NULL, 30), 0);
	assert_int_equal(
	    kl_lease_hold(&s, &lease, NOW, other, sizeof(other)), 1);
	lease.renewed_ms = 0;
	assert_int_equal(
	    kl_lease_hold(&s, &lease, NOW, other, sizeof(other)), 1);
	assert_int_equal(store_number("SELECT level FROM klaviyo_bound"), 0);
}

/* A large limit is looked at for one event in a thousandth of it. */
static void
bound_sampled(void **state)
{
	struct klaviyo_store s = store();
	int64_t queued;
	char id[16];
	int refused = 0;

	(void)state;
	s.limit = 20000;
	store_fill("x", 9990, KLAVIYO_REALTIME, NOW);
	for (int i = 0; i < 2000 && refused == 0; i++) {
		snprintf(id, sizeof(id), "v%d", i);
		refused =
		    queue(&s, "Viewed Product", id, &anna, KLAVIYO_REALTIME);
	}
	assert_int_equal(refused, 1);
	queued = rows("due_at IS NOT NULL");
	/* One in 20: 400 unseen in a row is one chance in 10^9. */
	assert_in_range(queued, 10000, 10400);
}

/* --------------------------------------------------------- prune, drop, erase
 */

static void
pruned(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	store_fill("a", 30, KLAVIYO_REALTIME, NOW - 500 * DAY);
	store_do("UPDATE klaviyo_outbox SET sent_at = 1800000000 - 401 * 86400,"
	         " due_at = NULL, event = '', profile = ''"
	         " WHERE id LIKE '%a1_'");
	store_do("UPDATE klaviyo_outbox SET sent_at = 1800000000 - 399 * 86400,"
	         " due_at = NULL, event = '', profile = ''"
	         " WHERE id LIKE '%a2_'");
	store_do("UPDATE klaviyo_outbox SET due_at = NULL"
	         " WHERE id LIKE '%/a3'"); /* dead */
	assert_int_equal(klaviyo_outbox_drop(&s, "Placed Order/a4", NOW), 1);
	assert_int_equal(klaviyo_outbox_prune(&s, NOW - 400 * DAY, 7), 7);
	assert_int_equal(klaviyo_outbox_prune(&s, NOW - 400 * DAY, 7), 4);
	assert_int_equal(klaviyo_outbox_prune(&s, NOW - 400 * DAY, 7), 0);
	/* Kept: what was sent later, what waits, the dead letter. */
	assert_int_equal(rows("sent_at IS NOT NULL"), 10);
	assert_int_equal(rows("due_at IS NOT NULL"), 8);
	assert_int_equal(rows("id = 'Placed Order/a3' AND event <> ''"), 1);
	states_sum();
}

static void
dropped(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;
	struct klaviyo_status status;

	(void)state;
	store_fill("a", 4, KLAVIYO_REALTIME, NOW);
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, 1, NOW, NOW + 60, &list), 0);
	/* Being sent: not to be had. */
	assert_int_equal(klaviyo_outbox_drop(&s, list->id, NOW), 0);
	store_do("UPDATE klaviyo_outbox SET due_at = NULL"
	         " WHERE id LIKE '%a1' OR id LIKE '%a2'");
	assert_int_equal(klaviyo_outbox_drop(&s, NULL, NOW), 2);
	assert_int_equal(klaviyo_outbox_drop(&s, NULL, NOW), 0);
	assert_int_equal(klaviyo_outbox_drop(&s, "Placed Order/a3", NOW), 1);
	assert_int_equal(rows("event = '' AND profile = ''"), 3);
	/* Nothing is left to try again, and its id stays taken. */
	assert_int_equal(klaviyo_outbox_retry(&s, "Placed Order/a3", NOW), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, NULL, NOW), 0);
	store_fill("a", 4, KLAVIYO_REALTIME, NOW);
	assert_int_equal(rows("event = ''"), 3);
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	assert_int_equal(status.dropped, 3);
	assert_int_equal(status.claimed, 1);
	assert_int_equal(status.dead, 0);
	states_sum();
	kl_claims_free(list);
}

static void
erased(void **state)
{
	const struct klaviyo_profile by_mail = {
	    .email = "ANNA@klaviyo-demo.com"};
	const struct klaviyo_profile by_id = {.external_id = "c7"};
	const struct klaviyo_profile nobody = {.email = ""};
	const struct klaviyo_profile bert = {.email = "bert@klaviyo-demo.com"};
	struct klaviyo_store s = store();
	struct kl_claim *list;
	struct kl_settlement late = {.outcome = KL_SENT};
	char id[16];

	(void)state;
	for (int i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "%d", i);
		queue(&s, "Wrote Review", id, &anna, KLAVIYO_REALTIME);
		queue(&s, "Sent Mail", id, &bert, KLAVIYO_REALTIME);
	}
	store_do("UPDATE klaviyo_outbox SET due_at = NULL"
	         " WHERE id LIKE '%/1'"); /* a dead letter of each */
	store_do("UPDATE klaviyo_outbox SET due_at = 5 WHERE id LIKE 'W%/0'");
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, 1, NOW, NOW + 60, &list), 0);
	assert_string_equal(list->id, "Wrote Review/0");
	assert_int_equal(klaviyo_outbox_erase(&s, &nobody), 0);
	assert_int_equal(klaviyo_outbox_erase(&s, &by_mail), 3);
	assert_int_equal(klaviyo_outbox_erase(&s, &by_id), 0);
	assert_int_equal(rows("profile LIKE '%anna%' OR profile LIKE '%c7%'"
	                      " OR (id LIKE 'W%' AND event <> '')"),
	    0);
	assert_int_equal(rows("id LIKE 'S%' AND event <> ''"), 3);
	/* It was being sent: the answer finds nothing to settle. */
	late.claim = list;
	assert_int_equal(kl_outbox_settle(&s, "t", &late, 1, NOW), 0);
	kl_claims_free(list);
	states_sum();
}

/* All or nothing, whatever statement fails. */
static void
statement_fails(void **state)
{
	struct klaviyo_store s = store();
	int64_t n = -1;

	(void)state;
	queue(&s, "Wrote Review", "1", &anna, KLAVIYO_REALTIME);
	queue(&s, "Wrote Review", "2", &anna, KLAVIYO_REALTIME);
	for (int at = 1; n < 0; at++) {
		store_fail_at = at;
		n = klaviyo_outbox_erase(&s, &anna);
		store_fail_at = 0;
		assert_int_equal(rows("event <> ''"), n < 0 ? 2 : 0);
	}
	for (n = -1; n < 0;) {
		static int at = 1;

		store_fail_at = at++;
		n = klaviyo_outbox_prune(&s, NOW + 1, 10);
		store_fail_at = 0;
		assert_int_equal(rows("1 = 1"), n < 0 ? 2 : 0);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(bounded), T(bound_at_heartbeat),
	    T(bound_sampled), T(pruned), T(dropped), T(erased),
	    T(statement_fails)};

	return cmocka_run_group_tests_name("retain", tests, NULL, NULL);
}
