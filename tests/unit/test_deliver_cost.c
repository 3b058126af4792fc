/*
 * test_deliver_cost.c - what delivery asks of the database: transactions, each
 * of which is a sync, and SQLite's own steps, which say the same on any
 * machine.
 */
#include "pass.h"

enum { ROWS = 512, NOW = 1800000000 };

/* -------------------------------------------------------------- transactions
 */

static int claims, both; /* transactions that claim; that also settle */
static bool claimed, settled;

static void
look(const char *sql)
{
	if (strcmp(sql, "BEGIN") == 0)
		claimed = settled = false;
	claimed |= store_claims(sql);
	settled |= store_settles(sql);
	if (strcmp(sql, "COMMIT") != 0)
		return;
	claims += claimed;
	both += claimed && settled;
}

/* While there is more to send, what answers decide is settled with the next
   claim.  A claim finds nothing decided at first, and where the time to settle
   had come just before: now and then, on a slow machine. */
static void
few_transactions(void **state)
{
	struct klaviyo_options o = options(0, 0);
	struct klaviyo *klaviyo;

	(void)state;
	o.events = (struct klaviyo_rate){100000, 6000000};
	o.jobs = (struct klaviyo_rate){-1, 0};
	klaviyo = sender_with(&o);
	server_script(202, "", "");
	store_fill("a", 10 * ROWS, KLAVIYO_REALTIME, kl_now());
	claims = both = 0;
	store_hook = look;
	assert_int_equal(pass(klaviyo, 20000), 0);
	store_hook = NULL;
	TALLY(10 * ROWS, 10 * ROWS, 0, 0, 0);
	each_seen_once("a", 10 * ROWS);
	assert_int_equal(rows(SENT " AND attempts = 1"), 10 * ROWS);
	assert_in_range(claims, 10, 25);
	assert_in_range(both, claims / 2, claims - 1);
	sender_free(klaviyo);
}

/* ------------------------------------------------------------ both, or none */

static size_t
claim(const char *token, int max, int64_t now, struct kl_settlement *s)
{
	struct klaviyo_store st = store();
	struct kl_claim *list;
	size_t n = 0;

	assert_int_equal(
	    kl_outbox_claim(&st, token, KL_ANY_LANE, max, now, now + 60, &list),
	    0);
	for (; list; list = list->next)
		s[n++] =
		    (struct kl_settlement){.claim = list, .outcome = KL_SENT};
	return n;
}

/* Each claim alone: they are in one list. */
static void
forget(struct kl_settlement *s, size_t n)
{
	if (n)
		kl_claims_free(s[0].claim);
}

/* Whatever statement fails, nothing is settled and nothing is claimed. */
static void
together(void **state)
{
	struct klaviyo_store s = store();
	struct kl_settlement done[4];
	struct kl_claim *list = NULL;
	int rc = -1;
	size_t n;
	long at;

	(void)state;
	for (at = 1; rc != 0; at++) {
		store_do("DELETE FROM klaviyo_outbox");
		store_fill("a", 4, KLAVIYO_REALTIME, NOW);
		n = claim("t", 4, NOW, done);
		assert_int_equal(n, 4);
		store_fill("b", 9, KLAVIYO_REALTIME, NOW);
		store_fail_at = at;
		rc = kl_outbox_turn(
		    &s, "t", done, n, KL_ANY_LANE, 5, NOW, NOW + 60, &list);
		store_fail_at = 0;
		assert_int_equal(store_open, 0);
		assert_int_equal(rows(SENT), rc ? 0 : 4);
		assert_int_equal(rows("claim = 't'"), rc ? 4 : 5);
		assert_int_equal(
		    rows("id LIKE '%/b%' AND attempts = 1"), rc ? 0 : 5);
		if (rc)
			assert_null(list);
		kl_claims_free(list);
		forget(done, n);
	}
	assert_in_range(at, 5, 20);
	/* Nothing to claim, and nothing asked for, settle all the same. */
	n = claim("u", 2, NOW, done);
	assert_int_equal(n, 2);
	assert_int_equal(kl_outbox_turn(&s, "u", done, 1, KL_LANE_OTHERS, 5,
	                     NOW, NOW + 60, &list),
	    0);
	assert_null(list);
	assert_int_equal(kl_outbox_turn(&s, "u", done + 1, 1, KL_ANY_LANE, 0,
	                     NOW, NOW + 60, &list),
	    0);
	assert_null(list);
	assert_int_equal(rows(SENT), 6);
	forget(done, n);
}

/* ------------------------------------------------------------------- growth */

/* Steps of SQLite's machine since the last look. */
static int64_t
steps(void)
{
	sqlite3_stmt *stmt = NULL;
	int64_t sum = 0;

	while (store_db && (stmt = sqlite3_next_stmt(store_db, stmt)))
		sum += sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
	return sum;
}

/* Sent rows, and each hundredth dead. */
static void
history(int first, int last)
{
	char sql[700];

	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n (i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO klaviyo_outbox (id, kind, lane,"
	    " profile, event, created_at, attempts, sent_at)"
	    " SELECT 'Old/' || CAST(i AS TEXT), 'event', 1,"
	    " CASE WHEN i %% 100 = 0 THEN '{}' ELSE '' END,"
	    " CASE WHEN i %% 100 = 0 THEN '{}' ELSE '' END, i, 1,"
	    " CASE WHEN i %% 100 <> 0 THEN i END FROM n",
	    first, last);
	store_do(sql);
}

/* What a pass of ${n} events asks, and what they cost. */
static int64_t
cost(const char *prefix, int n)
{
	struct klaviyo_store s = store();
	struct kl_settlement done[ROWS];
	struct kl_claim *list;
	struct kl_lease lease;
	char other[256];
	int64_t sum;

	store_fill(prefix, n, KLAVIYO_REALTIME, NOW);
	assert_int_equal(kl_lease_init(&lease, "web1", 30), 0);
	steps();
	assert_int_equal(
	    kl_lease_hold(&s, &lease, NOW, other, sizeof(other)), 1);
	assert_int_equal(kl_outbox_due(&s, KL_ANY_LANE, 1, NOW), 1);
	assert_int_equal(kl_outbox_due(&s, KL_LANE_OTHERS, 1, NOW), 0);
	assert_int_equal(claim("t", n, NOW, done), n);
	assert_int_equal(kl_outbox_turn(&s, "t", done, (size_t)n, KL_ANY_LANE,
	                     n, NOW, NOW + 60, &list),
	    0);
	assert_null(list);
	assert_int_equal(kl_outbox_due(&s, KL_ANY_LANE, 1, NOW), 0);
	assert_int_equal(klaviyo_outbox_prune(&s, 0, 1000), 0);
	assert_int_equal(kl_lease_leave(&s, &lease), 0);
	sum = steps();
	forget(done, (size_t)n);
	return sum;
}

/* Sent rows are in nobody's way: 1,000 of them, or 100,000. */
static void
grown(void **state)
{
	int64_t few, many;

	(void)state;
	history(1, 1000);
	few = cost("a", 300);
	history(1001, 100000);
	many = cost("b", 300);
	assert_true(store_pg || few > 300);
	assert_in_range(many * 100, few * 80, few * 120);
	assert_int_equal(rows(SENT), 99000 + 600);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(few_transactions),
	    TEST(together),
	    TEST(grown),
	};

	return cmocka_run_group_tests_name(
	    "deliver_cost", tests, server_start, server_stop);
}
