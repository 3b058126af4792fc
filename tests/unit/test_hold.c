/*
 * test_hold.c - events of a new address wait for the address to be given; the
 * columns for it, in a table that an older library made.
 */
#include "books.h"
#include "rows.h"

enum { NOW = 1800000000, THEN = 1799999000 };

#define OLD "john@klaviyo-demo.com"
#define NEW "New@Klaviyo-Demo.com"
#define ROW "Updated Email/c7:1"

static int
email(const char *id, const char *from, const char *to, int64_t now)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_email(&s, id, from, to, now));
}

static int
event(const char *id, const char *address, int64_t now)
{
	const struct klaviyo_profile who = {
	    .email = address, .external_id = "c7"};
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_event(&s, "Wrote Review", id, THEN, &who,
	    0, NULL, NULL, KLAVIYO_REALTIME, now));
}

static int64_t
due(const char *id)
{
	return strtoll(row_text("due_at", id), NULL, 10);
}

/* Claims what is due: the one row ${id}, and nothing else. */
static struct kl_claim *
claim(const char *id, int64_t now)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;
	int lane =
	    strncmp(id, "Updated Email/", 14) == 0 ? KL_LANE_OTHERS : KL_ANY_LANE;

	assert_int_equal(
	    kl_outbox_claim(&s, "t", lane, 9, now, now + 60, &list), 0);
	assert_non_null(list);
	assert_string_equal(list->id, id);
	assert_null(list->next);
	return list;
}

static int64_t
settle(struct kl_claim *claimed, const char *token, enum kl_outcome outcome,
    int64_t now)
{
	struct klaviyo_store s = store();
	struct kl_settlement one = {
	    .claim = claimed, .outcome = outcome, .due_at = now + 40};

	return kl_outbox_settle(&s, token, &one, 1, now);
}

static void
is_pending(const char *address, int yes)
{
	struct klaviyo_store s = store();

	assert_int_equal(klaviyo_email_pending(&s, address), yes);
}

static void
is_held(const char *id, const char *by)
{
	assert_string_equal(row_text("held_by", id), by);
}

/* An Updated Email that waits, and one event that it holds. */
static void
held_pair(void)
{
	assert_int_equal(email("c7:1", OLD, NEW, NOW), 0);
	assert_int_equal(event("1", "nEW@klaviyo-demo.COM", NOW), 0);
	is_held("Wrote Review/1", ROW);
	assert_int_equal(due("Wrote Review/1"), NOW + 900);
	assert_int_equal(due(ROW), NOW);
	is_pending(NEW, 1);
	is_pending("new@klaviyo-demo.com", 1);
}

/* It is free, and due at ${now}. */
static void
is_free(int64_t now)
{
	is_held("Wrote Review/1", "");
	assert_int_equal(due("Wrote Review/1"), now);
	assert_int_equal(row_count("about IS NOT NULL AND event = ''"), 0);
	is_pending(NEW, 0);
	/* What comes now need not wait. */
	assert_int_equal(event("2", NEW, now), 0);
	is_held("Wrote Review/2", "");
	assert_int_equal(due("Wrote Review/2"), now);
}

static void
others_go(void **state)
{
	(void)state;
	is_pending(NEW, 0);
	is_pending(NULL, 0);
	is_pending("", 0);
	/* Before the change, there is nothing to wait for. */
	assert_int_equal(event("0", NEW, NOW), 0);
	held_pair();
	assert_int_equal(event("3", OLD, NOW), 0);
	assert_int_equal(event("4", NULL, NOW), 0);
	assert_int_equal(event("5", "ew@klaviyo-demo.com", NOW), 0);
	assert_int_equal(row_count("held_by IS NOT NULL"), 1);
	assert_int_equal(row_count("due_at = 1800000000"), 5);
	is_pending(OLD, 0);
	is_pending("ew@klaviyo-demo.com", 0);
}

static void
ends_sent(void **state)
{
	struct kl_claim *list;

	(void)state;
	held_pair();
	list = claim(ROW, NOW + 5);
	is_pending(NEW, 1);
	assert_int_equal(settle(list, "t", KL_SENT, NOW + 6), 1);
	kl_claims_free(list);
	assert_string_equal(row_text("about", ROW), "");
	is_free(NOW + 6);
}

static void
ends_dead(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;

	(void)state;
	held_pair();
	list = claim(ROW, NOW + 5);
	assert_int_equal(settle(list, "t", KL_DEAD, NOW + 6), 1);
	kl_claims_free(list);
	is_free(NOW + 6);
	/* Tried again, it holds again; nothing else is moved. */
	assert_int_equal(klaviyo_outbox_retry(&s, ROW, NOW + 9), 1);
	is_pending(NEW, 1);
	assert_int_equal(event("3", NEW, NOW + 9), 0);
	is_held("Wrote Review/3", ROW);
	assert_int_equal(due("Wrote Review/1"), NOW + 6);
}

/* It has not ended: the token is another's, or it will be tried again. */
static void
does_not_end(void **state)
{
	struct kl_claim *list;

	(void)state;
	held_pair();
	list = claim(ROW, NOW);
	assert_int_equal(settle(list, "u", KL_SENT, NOW + 1), 0);
	is_held("Wrote Review/1", ROW);
	assert_int_equal(settle(list, "t", KL_RETRY, NOW + 1), 1);
	kl_claims_free(list);
	is_held("Wrote Review/1", ROW);
	list = claim(ROW, NOW + 50);
	assert_int_equal(settle(list, "t", KL_RELEASE, NOW + 60), 1);
	kl_claims_free(list);
	is_held("Wrote Review/1", ROW);
	assert_int_equal(due("Wrote Review/1"), NOW + 900);
	is_pending(NEW, 1);
}

static void
ends_dropped(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	held_pair();
	assert_int_equal(klaviyo_outbox_drop(&s, NULL, NOW + 6), 0);
	is_held("Wrote Review/1", ROW);
	assert_int_equal(klaviyo_outbox_drop(&s, ROW, NOW + 6), 1);
	is_free(NOW + 6);
}

static void
ends_erased(void **state)
{
	const struct klaviyo_profile who = {.email = "John@klaviyo-demo.com"};
	struct klaviyo_store s = store();
	struct kl_claim *list;

	(void)state;
	held_pair();
	list = claim(ROW, NOW);
	assert_int_equal(klaviyo_outbox_erase(&s, &who), 1);
	is_held("Wrote Review/1", "");
	assert_in_range(due("Wrote Review/1"), 1, NOW);
	assert_int_equal(row_count("event <> ''"), 1);
	is_pending(NEW, 0);
	assert_int_equal(settle(list, "t", KL_SENT, NOW + 6), 0);
	kl_claims_free(list);
}

/* By the new address, too; and nothing of either is left. */
static void
erased_by_new_address(void **state)
{
	const struct klaviyo_profile who = {.email = "new@klaviyo-demo.com"};
	struct klaviyo_store s = store();

	(void)state;
	held_pair();
	assert_int_equal(
	    email("c8:1", "a@klaviyo-demo.com", "b@klaviyo-demo.com", NOW), 0);
	assert_int_equal(klaviyo_outbox_erase(&s, &who), 2);
	assert_int_equal(row_count("event = '' AND profile = ''"
	                           " AND about IS NULL AND held_by IS NULL"),
	    2);
	assert_int_equal(row_count("about = 'email:b@klaviyo-demo.com'"), 1);
	is_pending(NEW, 0);
}

/* After 15 minutes it goes all the same, and what comes then does not touch
   it. */
static void
too_long(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *mail, *list;

	(void)state;
	held_pair();
	mail = claim(ROW, NOW);
	assert_int_equal(settle(mail, "t", KL_RETRY, NOW + 1200), 1);
	kl_claims_free(mail);
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, 9, NOW + 899,
	                     NOW + 960, &list),
	    0);
	assert_null(list);
	list = claim("Wrote Review/1", NOW + 900);
	/* While it is being sent, the other ends. */
	assert_int_equal(klaviyo_outbox_drop(&s, ROW, NOW + 901), 1);
	assert_int_equal(due("Wrote Review/1"), NOW + 960);
	assert_int_equal(settle(list, "t", KL_RETRY, NOW + 902), 1);
	assert_int_equal(due("Wrote Review/1"), NOW + 942);
	kl_claims_free(list);
	is_held("Wrote Review/1", "");
}

/* One that has been tried has a due time of its own; one that is finished
   stays so. */
static void
own_time(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	held_pair();
	assert_int_equal(event("2", NEW, NOW), 0);
	assert_int_equal(event("3", NEW, NOW), 0);
	store_do("UPDATE klaviyo_outbox SET attempts = 1"
	         " WHERE id = 'Wrote Review/2'");
	store_do("UPDATE klaviyo_outbox SET due_at = NULL"
	         " WHERE id = 'Wrote Review/3'");
	assert_int_equal(klaviyo_outbox_drop(&s, ROW, NOW + 1), 1);
	assert_int_equal(due("Wrote Review/1"), NOW + 1);
	assert_int_equal(due("Wrote Review/2"), NOW + 900);
	assert_string_equal(row_text("due_at", "Wrote Review/3"), "");
	assert_int_equal(row_count("held_by IS NOT NULL"), 0);
}

/* Of what is sent in one go, or dropped as dead in one go, the columns are
   emptied, too. */
static void
in_one_go(void **state)
{
	struct klaviyo_store s = store();
	struct kl_settlement done[9];
	struct kl_claim *list;
	char id[8];
	int n = 0;

	(void)state;
	held_pair();
	for (int i = 0; i < 9; i++) {
		snprintf(id, sizeof(id), "c7:e%d", i);
		assert_int_equal(email(id, OLD, NEW, NOW), 0);
	}
	store_do("UPDATE klaviyo_outbox SET due_at = NULL, held_by = 'x'"
	         " WHERE id LIKE '%:e8'"); /* dead */
	assert_int_equal(klaviyo_outbox_drop(&s, NULL, NOW), 1);
	assert_int_equal(
	    kl_outbox_claim(&s, "t", KL_LANE_OTHERS, 9, NOW, NOW + 60, &list),
	    0);
	for (struct kl_claim *c = list; c != NULL; c = c->next)
		done[n++] =
		    (struct kl_settlement){.claim = c, .outcome = KL_SENT};
	assert_int_equal(n, 9);
	store_do("UPDATE klaviyo_outbox SET held_by = 'x'"
	         " WHERE id LIKE 'Updated%'");
	assert_int_equal(kl_outbox_settle(&s, "t", done, 9, NOW + 6), 9);
	kl_claims_free(list);
	assert_int_equal(
	    row_count("about IS NOT NULL OR (id LIKE 'Updated%:e_'"
	              " AND id NOT LIKE '%e8' AND held_by IS NOT NULL)"),
	    0);
	is_free(NOW + 6);
}

/* The operator's "all" means what failed: it does not let go what is held; by
   name, one goes. */
static void
retried(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	held_pair();
	assert_int_equal(klaviyo_outbox_retry(&s, NULL, NOW + 1), 0);
	assert_int_equal(due("Wrote Review/1"), NOW + 900);
	assert_int_equal(
	    klaviyo_outbox_retry(&s, "Wrote Review/1", NOW + 1), 1);
	assert_int_equal(due("Wrote Review/1"), NOW + 1);
}

/* a to b, then b to c: in that order, or the second would find nobody. */
static void
chain(void **state)
{
	struct kl_claim *list;

	(void)state;
	held_pair();
	assert_int_equal(email("c7:2", NEW, "c@klaviyo-demo.com", NOW + 1), 0);
	assert_int_equal(event("2", "c@klaviyo-demo.com", NOW + 1), 0);
	is_held("Updated Email/c7:2", ROW);
	is_held("Wrote Review/2", "Updated Email/c7:2");
	list = claim(ROW, NOW + 2);
	assert_int_equal(settle(list, "t", KL_SENT, NOW + 3), 1);
	kl_claims_free(list);
	is_held("Updated Email/c7:2", "");
	assert_int_equal(due("Updated Email/c7:2"), NOW + 3);
	is_held("Wrote Review/2", "Updated Email/c7:2");
	/* Of two to one address the later counts. */
	assert_int_equal(email("c9:1", OLD, "c@klaviyo-demo.com", NOW + 4), 0);
	assert_int_equal(event("3", "c@klaviyo-demo.com", NOW + 4), 0);
	is_held("Wrote Review/3", "Updated Email/c9:1");
}

/* Every kind of row of the person's, and of two persons each their own. */
static void
whose(void **state)
{
	const struct klaviyo_profile who = {.email = NEW};
	struct klaviyo_lead lead = {.id = "l",
	    .time = THEN,
	    .prospect = {.email = "rep@klaviyo-demo.com"},
	    .representative = who};
	struct klaviyo_order order = books_order();
	struct klaviyo_store s = store();

	(void)state;
	assert_int_equal(email("c7:1", OLD, NEW, NOW), 0);
	order.profile.email = NEW;
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_reset(&s, "r", THEN, &who, NOW), 0);
	assert_int_equal(
	    klaviyo_queue_subscription(&s,
	        &(struct klaviyo_subscription){.id = "s", .email = NEW}, NOW),
	    0);
	assert_int_equal(
	    klaviyo_queue_back_in_stock(&s, "b", &who, "1111", NOW), 0);
	assert_int_equal(klaviyo_queue_lead(&s, &lead, NOW), 0);
	assert_int_equal(klaviyo_queue_order(&s, KLAVIYO_PLACED_ORDER, &order,
	                     KLAVIYO_REALTIME, NOW),
	    0);
	assert_int_equal(klaviyo_queue_order(&s, KLAVIYO_PLACED_ORDER, &order,
	                     KLAVIYO_HISTORICAL, NOW),
	    0);
	store_do("COMMIT");
	is_held("Became Lead/l", "");
	assert_int_equal(row_count("held_by = '" ROW "'"), 7);
	assert_int_equal(row_count("1 = 1"), 9);
}

static int looks;

static void
count_looks(const char *sql)
{
	looks += strstr(sql, "about = $1") != NULL;
}

/* An order of many lines asks once. */
static void
one_look(void **state)
{
	struct klaviyo_order order = books_order();
	struct klaviyo_store s = store();

	(void)state;
	looks = 0;
	store_hook = count_looks;
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_order(&s, KLAVIYO_PLACED_ORDER, &order,
	                     KLAVIYO_REALTIME, NOW),
	    0);
	store_do("COMMIT");
	store_hook = NULL;
	assert_int_equal(looks, 1);
}

/* Whatever statement fails, the row and what it holds end together. */
static void
together(void **state)
{
	const struct klaviyo_profile who = {.email = OLD};
	struct klaviyo_store s = store();
	struct kl_claim *list;
	int64_t n;

	(void)state;
	for (int how = 0; how < 3; how++) {
		store_do("DELETE FROM klaviyo_outbox");
		held_pair();
		list = claim(ROW, NOW);
		if (how == 1) {
			store_do("UPDATE klaviyo_outbox SET claim = NULL");
		}
		n = -1;
		for (int at = 1; n < 0; at++) {
			store_fail_at = at;
			n = how == 0   ? settle(list, "t", KL_SENT, NOW + 1)
			    : how == 1 ? klaviyo_outbox_drop(&s, ROW, NOW + 1)
			               : klaviyo_outbox_erase(&s, &who);
			store_fail_at = 0;
			assert_int_equal(
			    row_count("held_by IS NOT NULL"), n < 0);
			assert_int_equal(
			    row_count("id = '" ROW "' AND event <> ''"), n < 0);
		}
		assert_int_equal(n, 1);
		kl_claims_free(list);
	}
	store_fail_at = 1;
	is_pending(NEW, -1);
	store_fail_at = 0;
	assert_true(klaviyo_error_passes());
}

/* ----------------------------------------------------------------- upgrade */

/* The table as it was before: one row waits in it. */
static void
make_old(void)
{
	const char *number = store_pg ? "BIGINT" : "INTEGER";
	char sql[1024];

	store_do("DROP TABLE klaviyo_outbox");
	snprintf(sql, sizeof(sql),
	    "CREATE TABLE klaviyo_outbox (id TEXT PRIMARY KEY NOT NULL,"
	    " kind TEXT NOT NULL, lane %s NOT NULL, profile TEXT NOT NULL,"
	    " event TEXT NOT NULL, created_at %s NOT NULL, due_at %s,"
	    " claim TEXT, attempts %s NOT NULL DEFAULT 0, sent_at %s,"
	    " error TEXT)%s",
	    number, number, number, number, number, store_pg ? "" : " STRICT");
	store_do(sql);
	store_do("CREATE INDEX klaviyo_outbox_due ON klaviyo_outbox"
	         " (lane, due_at, created_at, id) WHERE due_at IS NOT NULL");
	store_do("INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	         " created_at, due_at) VALUES ('Wrote Review/0', 'event', 0,"
	         " '{\"type\":\"profile\",\"attributes\":{}}', '{\"a\":1}', 5,"
	         " 1800000000)");
}

static void
upgrade(void **state)
{
	struct klaviyo_store s = store();
	struct kl_claim *list;

	(void)state;
	make_old();
	assert_int_equal(klaviyo_outbox_create(&s), 0);
	assert_int_equal(klaviyo_outbox_create(&s), 0);
	assert_string_equal(row_text("about", "Wrote Review/0"), "");
	list = claim("Wrote Review/0", NOW);
	assert_int_equal(settle(list, "t", KL_SENT, NOW), 1);
	kl_claims_free(list);
	held_pair();
	/* With their indexes, and none of the old one. */
	assert_int_equal(
	    store_number(
	        store_pg ? "SELECT COUNT(*) FROM pg_indexes WHERE indexname IN"
	                   " ('klaviyo_outbox_about', 'klaviyo_outbox_held',"
	                   " 'klaviyo_outbox_unsent', 'klaviyo_outbox_due')"
	                 : "SELECT COUNT(*) FROM sqlite_schema WHERE name IN"
	                   " ('klaviyo_outbox_about', 'klaviyo_outbox_held',"
	                   " 'klaviyo_outbox_unsent', 'klaviyo_outbox_due')"),
	    3);
}

/* Whatever statement fails, the table is as it was, and the next attempt does
   it; one of the failures is only a question that is asked again. */
static void
upgrade_fails(void **state)
{
	struct klaviyo_store s = store();
	int rc = -1;

	(void)state;
	for (int at = 1; rc < 0 || at < 9; at++) {
		make_old();
		store_fail_at = at;
		rc = klaviyo_outbox_create(&s);
		store_fail_at = 0;
		assert_int_equal(store_open, 0);
		assert_int_equal(row_count("id = 'Wrote Review/0'"), 1);
		if (rc < 0)
			assert_int_equal(klaviyo_outbox_create(&s), 0);
		held_pair();
	}
}

/* Another process is faster: between the question and the answer, that is
   before the second savepoint. */
static void
faster(const char *sql)
{
	if (strncmp(sql, "SAVEPOINT", 9) != 0 || ++looks < 2)
		return;
	store_hook = NULL;
	store_do("ALTER TABLE klaviyo_outbox ADD COLUMN about TEXT");
	store_do("ALTER TABLE klaviyo_outbox ADD COLUMN held_by TEXT");
}

static void
upgrade_raced(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	make_old();
	looks = 0;
	store_hook = faster;
	assert_int_equal(klaviyo_outbox_create(&s), 0);
	assert_null(store_hook);
	held_pair();
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(others_go), T(ends_sent),
	    T(ends_dead), T(does_not_end), T(ends_dropped), T(ends_erased),
	    T(erased_by_new_address), T(too_long), T(own_time), T(in_one_go),
	    T(retried), T(chain), T(whose), T(one_look), T(together),
	    T(upgrade), T(upgrade_fails), T(upgrade_raced)};

	return cmocka_run_group_tests_name("hold", tests, NULL, NULL);
}
