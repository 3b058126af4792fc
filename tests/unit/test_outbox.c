/*
 * test_outbox.c - the outbox: add, claim, settle, list, retry, status, and
 * what is left when a statement fails.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "claims.h"

static int64_t
settle_at(struct kl_claim *c, const char *token, enum kl_outcome outcome,
    int64_t due_at, char *error, char *profile)
{
	struct klaviyo_store s = store();
	struct kl_settlement settlement = {.claim = c,
	    .outcome = outcome,
	    .due_at = due_at,
	    .error = error,
	    .profile = profile};

	return kl_outbox_settle(&s, token, &settlement, 1, NOW + 5);
}

static void
create_twice(void **state)
{
	struct klaviyo_store s = store();

	(void)state;
	store_fill("a", 1, KLAVIYO_REALTIME, NOW);
	assert_int_equal(klaviyo_outbox_create(&s), 0);
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), 1);
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_sender"), 1);
}

static void
queue_twice(void **state)
{
	struct klaviyo_store s = store();
	struct kl_event other = {.id = (char[]){"Placed Order/a0"},
	    .profile = (char[]){"{}"},
	    .event = (char[]){"{}"}};
	struct kl_claim *list;

	(void)state;
	store_fill("a", 1, KLAVIYO_REALTIME, NOW);
	store_fill("a", 1, KLAVIYO_REALTIME, NOW + 9);
	assert_int_equal(
	    kl_outbox_add(&s, &other, KLAVIYO_HISTORICAL, NOW + 9), 0);
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), 1);
	assert_int_equal(claim("t", 5, NOW, &list), 1);
	assert_non_null(strstr(list->event, "a0"));
	assert_string_equal(list->kind, "event");
	assert_int_equal(list->lane, 0);
	assert_int_equal(list->attempts, 1);
	assert_int_equal(list->created_at, NOW);
	/* Once sent it is still no other event's id. */
	assert_int_equal(settle_at(list, "t", KL_SENT, 0, NULL, NULL), 1);
	store_fill("a", 1, KLAVIYO_REALTIME, NOW + 9);
	assert_int_equal(claim_count("t", 5, NOW + 99), 0);
	kl_claims_free(list);
}

static void
claimed_once(void **state)
{
	struct kl_claim *a, *b;

	(void)state;
	store_fill("a", 10, KLAVIYO_REALTIME, NOW);
	assert_int_equal(claim("one", 6, NOW, &a), 6);
	assert_int_equal(claim("two", 10, NOW, &b), 4);
	for (const struct kl_claim *x = a; x; x = x->next)
		for (const struct kl_claim *y = b; y; y = y->next)
			assert_string_not_equal(x->id, y->id);
	assert_int_equal(claim_count("three", 10, NOW + LEASE - 1), 0);
	/* The leases end: everything comes back, with its attempt counted. */
	kl_claims_free(b);
	assert_int_equal(claim("three", 20, NOW + LEASE, &b), 10);
	for (const struct kl_claim *y = b; y; y = y->next)
		assert_int_equal(y->attempts, 2);
	/* The zombie's late word changes nothing. */
	assert_int_equal(settle_at(a, "one", KL_SENT, 0, NULL, NULL), 0);
	assert_int_equal(
	    store_number("SELECT COUNT(sent_at) FROM klaviyo_outbox"), 0);
	assert_int_equal(
	    store_number("SELECT last_sent FROM klaviyo_sender"), 0);
	assert_int_equal(settle_at(b, "three", KL_SENT, 0, NULL, NULL), 1);
	assert_int_equal(settle_at(b, "three", KL_SENT, 0, NULL, NULL), 0);
	kl_claims_free(a);
	kl_claims_free(b);
}

static void
outcomes(void **state)
{
	static const char row[] =
	    "SELECT COALESCE(CAST(due_at AS TEXT), '-') || ' ' ||"
	    " COALESCE(claim, '-') || ' ' || attempts || ' ' ||"
	    " COALESCE(CAST(sent_at AS TEXT), '-') || ' ' ||"
	    " COALESCE(error, '-') || ' ' || profile || ' ' || event"
	    " FROM klaviyo_outbox";
	char error[] = "words", repaired[] = "{\"type\":\"r\"}";
	char want[256];
	struct kl_claim *c;

	(void)state;
	store_do(
	    "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	    " created_at, due_at) VALUES ('a', 'event', 0, 'P', 'E', 1, 1)");
	assert_int_equal(claim("t", 1, NOW, &c), 1);
	snprintf(want, sizeof(want), "%d t 1 - - P E", NOW + LEASE);
	assert_string_equal(store_text(row), want);
	/* Another token settles nothing. */
	assert_int_equal(settle_at(c, "x", KL_SENT, 0, NULL, NULL), 0);
	assert_int_equal(settle_at(c, "x", KL_DEAD, 0, error, NULL), 0);
	assert_int_equal(settle_at(c, "x", KL_RETRY, 9, error, NULL), 0);
	assert_int_equal(settle_at(c, "x", KL_RELEASE, 9, NULL, NULL), 0);
	assert_string_equal(store_text(row), want);

	assert_int_equal(settle_at(c, "t", KL_RETRY, 10, error, NULL), 1);
	assert_string_equal(store_text(row), "10 - 1 - words P E");
	kl_claims_free(c);

	claim("t", 1, NOW, &c);
	assert_int_equal(settle_at(c, "t", KL_RELEASE, 11, NULL, NULL), 1);
	assert_string_equal(store_text(row), "11 - 1 - words P E");
	kl_claims_free(c);

	claim("t", 1, NOW, &c);
	assert_int_equal(settle_at(c, "t", KL_RETRY, 12, NULL, repaired), 1);
	assert_string_equal(store_text(row), "12 - 2 - - {\"type\":\"r\"} E");
	kl_claims_free(c);

	claim("t", 1, NOW, &c);
	assert_int_equal(settle_at(c, "t", KL_DEAD, 0, error, NULL), 1);
	assert_string_equal(
	    store_text(row), "- - 3 - words {\"type\":\"r\"} E");
	kl_claims_free(c);
	assert_int_equal(claim_count("t", 1, NOW), 0);

	store_do("UPDATE klaviyo_outbox SET due_at = 1");
	claim("t", 1, NOW, &c);
	assert_int_equal(settle_at(c, "t", KL_SENT, 0, NULL, NULL), 1);
	snprintf(want, sizeof(want), "- - 4 %d -  ", NOW + 5);
	assert_string_equal(store_text(row), want);
	kl_claims_free(c);
}

/* -------------------------------------------------- what the operator sees */

static int
names(void *arg, const struct klaviyo_entry *entry)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s=%s ", entry->id, entry->state);
	return strcmp(entry->id, "stop") == 0;
}

static const char *
list(const char *state, const char *id, int limit)
{
	static char text[512];
	struct klaviyo_store s = store();

	text[0] = '\0';
	if (klaviyo_outbox_list(&s, state, id, NOW, limit, names, text))
		return NULL;
	return text;
}

static void
fill_states(void)
{
	char sql[700];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	    " created_at, due_at, claim, sent_at, attempts) VALUES"
	    " ('due', 'event', 0, '{}', '{}', 3, 3, NULL, NULL, 0),"
	    " ('later', 'event', 0, '{}', '{}', 4, %d, NULL, NULL, 7),"
	    " ('held', 'event', 0, '{}', '{}', 5, %d, 'x', NULL, 1),"
	    " ('lapsed', 'event', 0, '{}', '{}', 6, %d, 'x', NULL, 1),"
	    " ('sent', 'event', 0, '', '', 1, NULL, NULL, 9, 1),"
	    " ('dead', 'event', 0, '{}', '{}', 2, NULL, NULL, NULL, 5)",
	    NOW + 600, NOW + 9, NOW - 9);
	store_do(sql);
}

static void
listing(void **state)
{
	(void)state;
	assert_string_equal(list(NULL, NULL, 10), "");
	fill_states();
	assert_string_equal(list(NULL, NULL, 10),
	    "sent=sent dead=dead due=waiting later=waiting held=claimed "
	    "lapsed=waiting ");
	assert_string_equal(list(NULL, NULL, 2), "sent=sent dead=dead ");
	assert_string_equal(list("waiting", NULL, 10),
	    "due=waiting later=waiting lapsed=waiting ");
	assert_string_equal(list("claimed", NULL, 10), "held=claimed ");
	assert_string_equal(list(NULL, "dead", 10), "dead=dead ");
	assert_string_equal(list("sent", "dead", 10), "");
	store_do("UPDATE klaviyo_outbox SET id = 'stop' WHERE id = 'due'");
	assert_null(list(NULL, NULL, 10));
	assert_non_null(strstr(klaviyo_error(), "stopped"));
}

static void
status_and_retry(void **state)
{
	struct klaviyo_store s = store();
	struct kl_sender sender = {NOW + 100, 3, "because", 0}, loaded;
	struct klaviyo_status status;

	(void)state;
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	assert_int_equal(status.waiting + status.claimed + status.sent +
	                     status.dead + status.oldest + status.last_sent +
	                     status.paused_until,
	    0);
	fill_states();
	assert_int_equal(kl_sender_save(&s, &sender), 0);
	assert_int_equal(kl_sender_load(&s, &loaded), 0);
	assert_memory_equal(&sender, &loaded, sizeof(sender));
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	assert_int_equal(status.waiting, 3);
	assert_int_equal(status.claimed, 1);
	assert_int_equal(status.sent, 1);
	assert_int_equal(status.dead, 1);
	assert_int_equal(status.oldest, 3);
	assert_int_equal(status.paused_until, NOW + 100);
	assert_string_equal(status.reason, "because");
	/* Over, or set by a clock that was a year ahead. */
	klaviyo_outbox_status(&s, NOW + 100, &status);
	assert_int_equal(status.paused_until, 0);
	assert_string_equal(status.reason, "");
	klaviyo_outbox_status(&s, NOW - 31536000, &status);
	assert_int_equal(status.paused_until, 0);

	assert_int_equal(klaviyo_outbox_retry(&s, "nothing", NOW), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, "sent", NOW), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, "held", NOW), 0);
	assert_int_equal(klaviyo_outbox_retry(&s, "dead", NOW), 1);
	kl_sender_load(&s, &loaded);
	assert_int_equal(loaded.paused_until, NOW + 100);
	/* All: what backs off, too, and the pause asks for a probe. */
	assert_int_equal(klaviyo_outbox_retry(&s, NULL, NOW), 1);
	kl_sender_load(&s, &loaded);
	assert_int_equal(loaded.paused_until, NOW);
	assert_int_equal(loaded.refused_run, 3);
	assert_int_equal(kl_outbox_due(&s, KL_ANY_LANE, 99, NOW), 4);
	assert_int_equal(store_number("SELECT SUM(attempts) FROM klaviyo_outbox"
	                              " WHERE id IN ('dead', 'later')"),
	    0);
}

/* ------------------------------------------------------------------ faults */

/* Fails the n-th statement of add, claim and settle, for every n: a row is
   never lost, never half changed, and no transaction is left open. */
static void
faults(void **state)
{
	struct klaviyo_store s = store();
	struct kl_settlement settlement[4];
	struct kl_claim *list, *c;
	size_t n;
	long at;
	int ok = 0;

	(void)state;
	for (at = 1; !ok; at++) {
		int64_t now = NOW + at * 2 * LEASE;

		store_do("DELETE FROM klaviyo_outbox");
		store_fill("a", 4, KLAVIYO_REALTIME, NOW);
		list = NULL;
		n = 0;
		store_fail_at = at;
		ok = kl_outbox_claim(&s, "t", KL_ANY_LANE, 9, now, now + LEASE, &list) == 0;
		if (!ok)
			assert_null(list);
		for (c = list; c; c = c->next)
			settlement[n++] = (struct kl_settlement){
			    .claim = c, .outcome = KL_SENT};
		if (ok) {
			assert_int_equal(n, 4);
			ok = kl_outbox_settle(&s, "t", settlement, n, now) == 4;
		}
		store_fail_at = 0;
		assert_int_equal(store_open, 0);
		if (!ok)
			assert_string_equal(
			    klaviyo_error(), "the disk is on fire");
		/* All of them, or none. */
		assert_int_equal(
		    store_number("SELECT COUNT(sent_at) FROM klaviyo_outbox"),
		    ok ? 4 : 0);
		/* What is not sent can be claimed, at the latest when the
		   lease is over. */
		assert_int_equal(claim_count("u", 9, now + LEASE), ok ? 0 : 4);
		kl_claims_free(list);
	}
	assert_in_range(at, 10, 20);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(create_twice),
	    TEST(queue_twice),
	    TEST(claimed_once),
	    TEST(outcomes),
	    TEST(listing),
	    TEST(status_and_retry),
	    TEST(faults),
	};

	return cmocka_run_group_tests_name("outbox", tests, NULL, NULL);
}
