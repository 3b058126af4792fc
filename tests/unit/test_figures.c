/*
 * test_figures.c - what an operator's page shows: ages, errors, the last hours.
 */
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1800000000, BEGIN = NOW - 3000, STEP = 1000 };

/* An event queued at BEGIN + ${queued} and, but for -1, sent at BEGIN +
   ${sent}. */
static void
event(const char *id, int lane, int queued, int sent, const char *error)
{
	char sql[400], due[24], done[24], said[40];

	snprintf(due, sizeof(due), "%d", BEGIN + queued);
	snprintf(done, sizeof(done), "%d", BEGIN + sent);
	snprintf(said, sizeof(said), "'%s'", error != NULL ? error : "");
	snprintf(sql, sizeof(sql),
	    "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	    " created_at, due_at, sent_at, error) VALUES ('%s', 'event', %d,"
	    " '{}', '{}', %d, %s, %s, %s)",
	    id, lane, BEGIN + queued, sent == -1 ? due : "NULL",
	    sent == -1 ? "NULL" : done, error != NULL ? said : "NULL");
	store_do(sql);
}

static void
dead(const char *id, int queued, const char *error, const char *body)
{
	char sql[400];

	snprintf(sql, sizeof(sql),
	    "INSERT INTO klaviyo_outbox (id, kind, lane, profile, event,"
	    " created_at, error) VALUES ('%s', 'event', 0, '{}', '%s', %d,"
	    " '%s')",
	    id, body, BEGIN + queued, error);
	store_do(sql);
}

static void
ages(void **state)
{
	const int64_t limit[KLAVIYO_AGES - 1] = {60, 300, 1800, 7200};
	const int ago[] = {
	    -9000, 59, 60, 299, 300, 1799, 1800, 7199, 7200, 9000};
	const int64_t want[KLAVIYO_AGES] = {2, 2, 2, 2, 2};
	struct klaviyo_store s = store();
	int64_t count[KLAVIYO_AGES] = {9, 9, 9, 9, 9};
	char id[24];

	(void)state;
	event("sent", 0, 0, 5, NULL);
	dead("dead", 0, "x", "{}");
	assert_int_equal(klaviyo_outbox_ages(&s, NOW, limit, count), 0);
	for (int i = 0; i < KLAVIYO_AGES; i++)
		assert_int_equal(count[i], 0);
	for (size_t i = 0; i < sizeof(ago) / sizeof(*ago); i++) {
		snprintf(id, sizeof(id), "e%zu", i);
		event(id, (int)i % 2, NOW - BEGIN - ago[i], -1, NULL);
	}
	assert_int_equal(klaviyo_outbox_ages(&s, NOW, limit, count), 0);
	for (int i = 0; i < KLAVIYO_AGES; i++)
		assert_int_equal(count[i], want[i]);
	store_fail_at = 1;
	assert_int_equal(klaviyo_outbox_ages(&s, NOW, limit, count), -1);
}

static int
write_trouble(void *arg, const struct klaviyo_trouble *t)
{
	char *text = arg;

	sprintf(text + strlen(text), "%s %s %d %d; ", t->state, t->error,
	    (int)t->events, (int)(t->oldest - BEGIN));
	return strcmp(t->error, "stop") == 0;
}

static const char *
troubles(int limit)
{
	static char text[512];
	struct klaviyo_store s = store();

	text[0] = '\0';
	return klaviyo_outbox_troubles(&s, limit, write_trouble, text) == 0
	           ? text
	           : NULL;
}

static void
errors(void **state)
{
	(void)state;
	assert_string_equal(troubles(9), "");
	event("fine", 0, 1, -1, NULL);
	event("once refused", 0, 1, 5, "then sent");
	event("w1", 0, 7, -1, "timeout");
	event("w2", 1, 4, -1, "timeout");
	dead("d1", 3, "timeout", "{}");
	dead("d2", 2, "refused", "{}");
	dead("dropped", 2, "refused", "");
	assert_string_equal(troubles(9),
	    "waiting timeout 2 4; dead refused 1 2; dead timeout 1 3; ");
	assert_string_equal(troubles(1), "waiting timeout 2 4; ");
	store_do("UPDATE klaviyo_outbox SET error = 'stop' WHERE id = 'd1'");
	assert_null(troubles(9));
}

static void
spans(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_span span[3];
	/* queued, sent, waiting, slowest */
	const int64_t want[3][4] = {
	    {2, 1, 3, 900}, {1, 2, 2, 700}, {2, 1, 3, 0}};

	(void)state;
	event("long before", 0, -5000, -4000, NULL);
	event("before, sent in the first", 0, -1, 899, NULL);
	event("before, unsent", 0, -70, -1, NULL);
	event("first, sent in the second", 0, 999, 1000, NULL);
	event("second, in the same", 0, 1100, 1800, NULL);
	event("first, in the third, history", 1, 0, 2999, NULL);
	event("third, unsent", 0, 2000, -1, NULL);
	event("to come", 1, 4000, -1, NULL);
	event("sent by another clock", 0, 2500, 3000, NULL);
	dead("dead", 100, "x", "{}");
	assert_int_equal(klaviyo_outbox_spans(&s, BEGIN, STEP, 3, span), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(span[i].begin, BEGIN + i * STEP);
		assert_int_equal(span[i].queued, want[i][0]);
		assert_int_equal(span[i].sent, want[i][1]);
		assert_int_equal(span[i].waiting, want[i][2]);
		assert_int_equal(span[i].slowest, want[i][3]);
	}
	for (int at = 1; at <= 2; at++) {
		store_fail_at = at;
		assert_int_equal(
		    klaviyo_outbox_spans(&s, BEGIN, STEP, 3, span), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(ages), TEST(errors), TEST(spans)};

	return cmocka_run_group_tests_name("figures", tests, NULL, NULL);
}
