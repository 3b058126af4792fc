/*
 * test_settled.c - what a host is told of each row that a pass settles: once,
 * after the commit, with the origin it was queued with and what Klaviyo calls
 * its answer.
 */
#include "pass.h"

#include <stdint.h>

enum { MOST = 2000 };

struct told {
	char id[64], origin[64], request_id[64];
	enum klaviyo_outcome outcome;
	int attempts, together;
	long status;
	int64_t due_at;
};
static struct told told[MOST];
static int ntold;

static void
on_settled(void *arg, const struct klaviyo_settlement *s)
{
	struct told *t = &told[ntold++];
	char where[200];

	assert_ptr_equal(arg, told);
	assert_true(ntold < MOST);
	snprintf(t->id, sizeof(t->id), "%s", s->id);
	snprintf(
	    t->origin, sizeof(t->origin), "%s", s->origin ? s->origin : "none");
	snprintf(t->request_id, sizeof(t->request_id), "%s", s->request_id);
	t->outcome = s->outcome;
	t->attempts = s->attempts;
	t->together = s->together;
	t->status = s->status;
	t->due_at = s->due_at;
	/* It is committed, and as it is said. */
	assert_int_equal(store_open, 0);
	snprintf(where, sizeof(where), "id = '%s' AND claim IS NULL AND %s",
	    s->id,
	    s->outcome == KLAVIYO_SENT   ? SENT
	    : s->outcome == KLAVIYO_DEAD ? DEAD " AND error IS NOT NULL"
	                                 : WAITING);
	assert_int_equal(rows(where), 1);
}

static struct klaviyo *
telling_sender(void)
{
	struct klaviyo_options o = options(4, 0);

	o.settled = on_settled;
	o.settled_arg = told;
	ntold = 0;
	memset(told, 0, sizeof(told));
	return sender_with(&o);
}

/* Queues one that comes of ${origin}. */
static void
queue(const char *name, const char *origin)
{
	struct klaviyo_store s = store();
	struct klaviyo_profile who = {.email = "a@klaviyo-demo.com"};

	s.origin = origin;
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_event(&s, "Placed Order", name, kl_now(),
	                     &who, 0, NULL, NULL, KLAVIYO_REALTIME, kl_now()),
	    0);
	store_do("COMMIT");
}

static const struct told *
told_of(const char *name)
{
	const struct told *found = NULL;
	char id[64];

	snprintf(id, sizeof(id), "Placed Order/%s", name);
	for (int i = 0; i < ntold; i++)
		if (strcmp(told[i].id, id) == 0) {
			assert_null(found);
			found = &told[i];
		}
	assert_non_null(found);
	return found;
}

static void
each_once(void **state)
{
	struct klaviyo *klaviyo = telling_sender();
	const struct told *t;

	(void)state;
	server_script(202, "X-Klaviyo-Req-Id: well-1\r\n", "");
	strcpy(server_rule(0, "\"bad\"", -1, 400)->headers,
	    "x-klaviyo-req-id:  no_2 \r\n");
	strcpy(server->rule[0].body, REFUSAL("metric"));
	strcpy(server_rule(1, "\"busy\"", -1, 503)->headers,
	    "X-Klaviyo-Req-Id: a b\r\n");
	server_rule(2, "\"gone\"", -1, 202)->fault = CLOSED;
	queue("well", "4be1-@_x");
	queue("bad", "a request");
	queue("busy", NULL);
	queue("gone", "g");
	assert_int_equal(pass(klaviyo, 4), 0);
	TALLY(4, 1, 2, 1, 0);
	assert_int_equal(ntold, 4);

	t = told_of("well");
	assert_string_equal(t->origin, "4be1-@_x");
	assert_string_equal(t->request_id, "well-1");
	assert_int_equal(t->outcome, KLAVIYO_SENT);
	assert_int_equal(t->status, 202);
	assert_int_equal(t->together, 1);
	assert_int_equal(t->attempts, 1);
	assert_int_equal(t->due_at, 0);
	t = told_of("bad");
	assert_string_equal(t->origin, "a request");
	assert_string_equal(t->request_id, "no_2");
	assert_int_equal(t->outcome, KLAVIYO_DEAD);
	assert_int_equal(t->status, 400);
	t = told_of("busy");
	assert_string_equal(t->origin, "none");
	/* Two words are none of Klaviyo's. */
	assert_string_equal(t->request_id, "");
	assert_int_equal(t->outcome, KLAVIYO_RETRIED);
	assert_int_equal(t->status, 503);
	assert_true(t->due_at >= kl_now() - 60);
	t = told_of("gone");
	assert_int_equal(t->outcome, KLAVIYO_RETRIED);
	assert_int_equal(t->status, 0);
	assert_string_equal(t->request_id, "");
	/* The origin stays with the row, and an entry has it. */
	assert_int_equal(rows("origin = '4be1-@_x' AND profile = ''"), 1);
	sender_free(klaviyo);
}

/* An answer that stops the queue is not that of what is given back for it. */
static void
given_back(void **state)
{
	struct klaviyo *klaviyo = telling_sender();

	(void)state;
	server_script(401, "X-Klaviyo-Req-Id: refused\r\n", "");
	for (int i = 0; i < 30; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%d", i);
		queue(name, "o");
	}
	assert_int_equal(pass(klaviyo, 100), 0);
	assert_int_equal(tally.released, tally.claimed);
	assert_int_equal(ntold, tally.claimed);
	for (int i = 0; i < ntold; i++) {
		assert_int_equal(told[i].outcome, KLAVIYO_RELEASED);
		assert_int_equal(told[i].status, 0);
		assert_int_equal(told[i].attempts, 0);
		assert_string_equal(told[i].request_id, "");
	}
	sender_free(klaviyo);
}

static void
together(void **state)
{
	struct klaviyo *klaviyo = telling_sender();

	(void)state;
	server_script(202, "X-Klaviyo-Req-Id: all\r\n", "");
	store_fill("a", 600, KLAVIYO_REALTIME, kl_now());
	store_do("UPDATE klaviyo_outbox SET origin = 'r'");
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(600, 600, 0, 0, 0);
	assert_int_equal(ntold, 600);
	for (int i = 0; i < ntold; i++) {
		assert_int_equal(told[i].together, 600);
		assert_string_equal(told[i].request_id, "all");
		assert_string_equal(told[i].origin, "r");
	}
	sender_free(klaviyo);
}

static void
settlement_fails(const char *sql)
{
	if (store_settles(sql))
		store_fail_at = 1;
}

/* What is not committed is not told. */
static void
not_before_the_commit(void **state)
{
	struct klaviyo *klaviyo = telling_sender();

	(void)state;
	server_script(202, "", "");
	queue("a", "o");
	store_hook = settlement_fails;
	assert_int_equal(pass(klaviyo, 100), -1);
	store_hook = NULL;
	store_fail_at = 0;
	assert_int_equal(ntold, 0);
	assert_int_equal(pass(klaviyo, 100), 0);
	assert_int_equal(ntold, 1);
	assert_int_equal(told_of("a")->outcome, KLAVIYO_SENT);
	assert_int_equal(told_of("a")->attempts, 2);
	sender_free(klaviyo);
}

static int
listed(void *arg, const struct klaviyo_entry *entry)
{
	char *origin = arg;

	strcpy(origin, entry->origin ? entry->origin : "none");
	return 0;
}

static void
an_entry_has_it(void **state)
{
	struct klaviyo_store s = store();
	char origin[64] = "";

	(void)state;
	queue("a", "of a");
	queue("b", NULL);
	assert_int_equal(klaviyo_outbox_list(&s, NULL, "Placed Order/a",
	                     kl_now(), 1, listed, origin),
	    0);
	assert_string_equal(origin, "of a");
	assert_int_equal(klaviyo_outbox_list(&s, "waiting", "Placed Order/b",
	                     kl_now(), 1, listed, origin),
	    0);
	assert_string_equal(origin, "none");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(each_once), T(given_back),
	    T(together), T(not_before_the_commit), T(an_entry_has_it)};

	return cmocka_run_group_tests_name(
	    "settled", tests, server_start, server_stop);
}
