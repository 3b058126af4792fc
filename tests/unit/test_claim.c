/*
 * test_claim.c - what a sender claims, and in which order; what comes between.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "claims.h"

/* Lane, then due time, then age. */
static void
order(void **state)
{
	static const char *const want[] = {
	    "r-early", "r-late1", "r-late2", "h-early"};
	struct kl_claim *list;

	(void)state;
	store_do("INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	         " created_at, due_at) VALUES"
	         " ('h-early', 'event', 1, '{}', '{}', 1, 1),"
	         " ('r-late2', 'event', 0, '{}', '{}', 9, 20),"
	         " ('r-late1', 'event', 0, '{}', '{}', 8, 20),"
	         " ('r-early', 'event', 0, '{}', '{}', 30, 10)");
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(claim("t", 1, NOW, &list), 1);
		assert_string_equal(list->id, want[i]);
		kl_claims_free(list);
	}
}

#define TEN                                                                    \
	"event || event || event || event || event || event || event ||"       \
	" event || event || event"
/* Where a row comes in order of delivery, as a text; of equals any is next. */
#define TURN                                                                   \
	"CAST(lane AS TEXT) || CAST(due_at AS TEXT) || CAST(created_at AS TEXT)"

/* Rows of sizes and times that differ, ${n} of ${lane}, and one whose time a
   clock that was set back has left. */
static void
fill_backlog(int n, int lane, int bytes)
{
	char sql[2000];

	snprintf(sql, sizeof(sql),
	    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
	    " WHERE i < %d) INSERT INTO klaviyo_outbox (id, kind, lane,"
	    " profile, event, created_at, due_at) SELECT '%d/' ||"
	    " CAST(i * 321 %% 1000 AS TEXT), 'event', %d, '{}', '%0*d',"
	    " i %% 5, CASE WHEN i = %d THEN %d ELSE %d - i %% 17 END FROM n",
	    n, lane, lane, bytes, 7, n, NOW + 400 * 86400, NOW);
	store_do(sql);
}

/* What is claimed is what comes first, whichever way it is chosen: a backlog
   (100 and more, all due), or the rest of what is due. */
static void
backlog(void **state)
{
	static const struct {
		int first, second, max, claimed;
	} row[] = {
	    {300, 50, 100, 100}, /* a backlog */
	    {300, 50, 99, 99},
	    {300, 50, 299, 299},
	    {300, 50, 300, 300},  /* with the one of the other clock */
	    {150, 150, 200, 200}, /* of both lanes */
	    {90, 40, 1000, 130},
	};
	struct kl_claim *list;

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		store_do("DELETE FROM klaviyo_outbox");
		fill_backlog(row[i].first, 0, 9);
		fill_backlog(row[i].second, 1, 9);
		store_do("UPDATE klaviyo_outbox SET error = " TURN);
		assert_int_equal(
		    claim("t", row[i].max, NOW, &list), row[i].claimed);
		assert_int_equal(
		    store_number("SELECT COUNT(*) FROM klaviyo_outbox"
		                 " WHERE (claim = 't' AND attempts = 1 AND"
		                 " due_at = 1800000060)"
		                 " OR (claim IS NULL AND attempts = 0"
		                 " AND error = " TURN ")"),
		    row[i].first + row[i].second);
		assert_int_equal(
		    store_number("SELECT COUNT(*) FROM klaviyo_outbox"
		                 " WHERE claim IS NULL AND error <"
		                 " (SELECT MAX(error) FROM klaviyo_outbox"
		                 " WHERE claim = 't')"),
		    0);
		for (const struct kl_claim *c = list; c; c = c->next)
			assert_true(!c->next || c->lane < c->next->lane ||
			            (c->lane == c->next->lane &&
			                c->created_at <= c->next->created_at));
		kl_claims_free(list);
	}
	/* As many as a claim may hold; one that is larger goes alone. */
	store_do("DELETE FROM klaviyo_outbox");
	fill_backlog(300, 0, 500);
	store_do("UPDATE klaviyo_outbox SET event = " TEN);
	store_do("UPDATE klaviyo_outbox SET event = " TEN);
	assert_int_equal(claim_count("t", 200, NOW), KL_CLAIM_SIZE / 50002);
	assert_int_equal(claim_count("u", 90, NOW), KL_CLAIM_SIZE / 50002);
	store_do("UPDATE klaviyo_outbox SET due_at = 1, event = " TEN
	         " WHERE id = '0/1'");
	store_do("UPDATE klaviyo_outbox SET event = " TEN " WHERE id = '0/1'");
	assert_int_equal(claim_count("v", 100, NOW), 1);
	assert_string_equal(
	    store_text("SELECT id FROM klaviyo_outbox WHERE claim = 'v'"),
	    "0/1");
}

/* ------------------------------------------------------------ events of a size
 */

/* What a statement has answered, in bytes; the largest so far. */
static size_t answered, most;

struct asked {
	klaviyo_row *row;
	void *rowarg;
};

static int
weigh(void *rowarg, int n, const char *const col[])
{
	struct asked *asked = rowarg;

	for (int i = 0; i < n; i++)
		answered += col[i] ? strlen(col[i]) : 0;
	return asked->row(asked->rowarg, n, col);
}

static int64_t
weighed(void *conn, const char *sql, int n, const char *const arg[],
    klaviyo_row *row, void *rowarg)
{
	struct asked asked = {row, rowarg};
	int64_t result;

	answered = 0;
	result = store_sql(conn, sql, n, arg, row ? weigh : NULL, &asked);
	if (answered > most)
		most = answered;
	return result;
}

/* Small and large texts, each whole; no answer is larger than a claim may be.
 */
static void
sizes(void **state)
{
	enum { ROWS = 400, LARGE = 50000 };
	struct klaviyo_store s = store();
	struct kl_claim *list;
	int large = 0, small = 0, n = 0;

	(void)state;
	fill_backlog(ROWS, 0, LARGE / 100);
	store_do("UPDATE klaviyo_outbox SET event = " TEN);
	store_do("UPDATE klaviyo_outbox SET event = " TEN);
	store_do("UPDATE klaviyo_outbox SET profile = id || ' '"
	         " || CASE WHEN created_at = 1 THEN event ELSE '' END,"
	         " due_at = CAST(SUBSTR(id, 3) AS BIGINT),"
	         " event = SUBSTR(event, 1, CASE WHEN created_at < 2"
	         " THEN 4096 ELSE 50000 END)");
	s.sql = weighed;
	most = 0;
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, ROWS, NOW,
	                     NOW + LEASE, &list),
	    0);
	for (const struct kl_claim *c = list; c; c = c->next) {
		size_t size = strlen(c->event);
		size_t more = c->created_at == 1 ? LARGE : 0;

		n++;
		assert_memory_equal(c->profile, c->id, strlen(c->id));
		assert_int_equal(strlen(c->profile), strlen(c->id) + 1 + more);
		assert_string_equal(c->kind, "event");
		assert_int_equal(c->attempts, 1);
		small += size == 4096 && c->created_at < 2;
		large += size == LARGE && c->created_at >= 2;
	}
	kl_claims_free(list);
	assert_true(small > 0 && large > 0 && small + large == n);
	assert_in_range(n, 60, ROWS - 1);
	assert_true(most < KL_CLAIM_SIZE + ROWS * 200);
}

/* ${n} times ${one} becomes the event of a row; owned. */
static char *
event_of(int row, const char *one, size_t n)
{
	char *text = calloc(n, strlen(one) + 1), *sql;

	for (size_t i = 0; i < n; i++)
		strcat(text, one);
	assert_true(asprintf(&sql,
	                "UPDATE klaviyo_outbox SET event = '%s'"
	                " WHERE id = 'Placed Order/a%d'",
	                text, row) > 0);
	store_do(sql);
	free(sql);
	return text;
}

/* Where a text is just small, or just not, and what could be taken for a
   length: each whole. */
static void
edges(void **state)
{
	static const struct {
		const char *one;
		size_t n;
	} of[] = {{"a", 4096}, {"a", 4097}, {"\xc3\xa9", 4096},
	    {"\xc3\xa9", 4097}, {"=9", 1}};
	enum { ROWS = 150, EDGES = sizeof(of) / sizeof(*of) };
	char *text[EDGES];
	struct kl_claim *list;
	int n = 0;

	(void)state;
	store_fill("a", ROWS, KLAVIYO_REALTIME, NOW - 9);
	for (int i = 0; i < EDGES; i++)
		text[i] = event_of(i, of[i].one, of[i].n);
	assert_int_equal(claim("t", ROWS, NOW, &list), ROWS);
	for (const struct kl_claim *c = list; c; c = c->next) {
		int i = atoi(strpbrk(c->id, "0123456789"));

		if (i >= EDGES)
			continue;
		assert_string_equal(c->event, text[i]);
		n++;
	}
	kl_claims_free(list);
	assert_int_equal(n, EDGES);
	for (int i = 0; i < EDGES; i++)
		free(text[i]);
}

/* -------------------------------------------------------------- who comes
 * between
 */

static const char *between; /* done before the first UPDATE that claims */

static void
come_between(const char *sql)
{
	const char *what = between;

	if (!what || !store_claims(sql))
		return;
	between = NULL;
	store_do(what);
}

/* Another sender between the choice and the claim, as PostgreSQL allows: what
   it has is left to it; what it has given back is claimed as it is now. */
static void
another_sender(void **state)
{
	enum { ROWS = 150 };
	struct kl_claim *list;
	int again = 0;

	(void)state;
	store_fill("a", ROWS, KLAVIYO_REALTIME, NOW - 9);
	between = "UPDATE klaviyo_outbox SET attempts = 1,"
	          " claim = CASE WHEN id LIKE '%1' THEN 'other' END,"
	          " due_at = CASE WHEN id LIKE '%1' THEN 1800000030 ELSE 7 END,"
	          " profile = '{\"new\":1}', event = '{\"new\":2}'"
	          " WHERE id LIKE '%1' OR id LIKE '%2'";
	store_hook = come_between;
	assert_int_equal(claim("t", ROWS, NOW, &list), ROWS - 15);
	assert_null(between);
	for (const struct kl_claim *c = list; c; c = c->next) {
		bool new = c->id[strlen(c->id) - 1] == '2';

		assert_int_equal(c->attempts, new ? 2 : 1);
		assert_int_equal(strcmp(c->profile, "{\"new\":1}") == 0, new);
		assert_int_equal(strcmp(c->event, "{\"new\":2}") == 0, new);
		again += new;
	}
	assert_int_equal(again, 15);
	assert_int_equal(store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                              " WHERE claim = 'other'"),
	    15);
	kl_claims_free(list);
}

/* Whatever statement fails: nothing is claimed. */
static void
faults(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;
	int rc = -1;
	long at;

	(void)state;
	fill_backlog(200, 0, 900);
	store_do("UPDATE klaviyo_outbox SET event = " TEN);
	for (at = 1; rc != 0 && at < 99; at++) {
		store_fail_at = at;
		rc = kl_outbox_claim(
		    &s, "t", KL_ANY_LANE, 150, NOW, NOW + LEASE, &list);
		store_fail_at = 0;
		assert_int_equal(store_open, 0);
		assert_int_equal(
		    store_number("SELECT COUNT(*) FROM"
		                 " klaviyo_outbox WHERE claim = 't'"),
		    rc ? 0 : 150);
		if (rc)
			assert_null(list);
	}
	assert_in_range(at, 5, 12);
	kl_claims_free(list);
}

/* --------------------------------------------------------------- the clock */

/* A due time that no sender writes comes from a clock that was set back. */
static void
clock_jumps(void **state)
{
	static const struct {
		const char *claim;
		int64_t ahead;
		int due;
	} row[] = {
	    {"NULL", -1, 1},
	    {"NULL", 0, 1},
	    {"NULL", 1, 0},
	    {"NULL", 3600, 0},
	    {"NULL", KL_DUE_MAX + 1, 1},
	    {"NULL", 366 * 86400, 1},
	    {"'x'", 0, 1},
	    {"'x'", 1, 0},
	    {"'x'", 241, 0},
	    {"'x'", KL_LEASE_MAX + 1, 1},
	};
	struct klaviyo_store s = store();
	char sql[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		store_do("DELETE FROM klaviyo_outbox");
		snprintf(sql, sizeof(sql),
		    "INSERT INTO klaviyo_outbox (id, kind, lane, profile,"
		    " event, created_at, due_at, claim) VALUES ('a', 'event',"
		    " 0, '{}', '{}', 1, %lld, %s)",
		    (long long)(NOW + row[i].ahead), row[i].claim);
		store_do(sql);
		assert_int_equal(
		    kl_outbox_due(&s, KL_ANY_LANE, 9, NOW), row[i].due);
		assert_int_equal(claim_count("t", 9, NOW), row[i].due);
	}
	assert_int_equal(kl_pause_left(NOW + 300, NOW), 300);
	assert_int_equal(kl_pause_left(NOW, NOW), 0);
	assert_int_equal(kl_pause_left(0, NOW), 0);
	assert_int_equal(kl_pause_left(NOW + 86400, NOW), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(order),
	    TEST(backlog),
	    TEST(sizes),
	    TEST(edges),
	    TEST(another_sender),
	    TEST(faults),
	    TEST(clock_jumps),
	};

	return cmocka_run_group_tests_name("claim", tests, NULL, NULL);
}
