/*
 * test_deliver_bulk.c - delivery passes that send many events at once: which
 * go so, what every answer does to all of them, and which one is the bad one.
 */
#include "deliver.h"
#include "pass.h"

/* ------------------------------------------------------------ which go so */

static void
history(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	store_fill("h", 2500, KLAVIYO_HISTORICAL, kl_now());
	assert_int_equal(pass(klaviyo, 100000), 0);
	TALLY(2500, 2500, 0, 0, 0);
	assert_int_equal(server->requests, 3);
	assert_int_equal(server->jobs, 3);
	assert_int_equal(server->nseen, 2500);
	each_seen_once("h", 2500);
	assert_int_equal(rows(SENT " AND profile = '' AND event = ''"
	                           " AND error IS NULL AND attempts = 1"),
	    2500);
	sender_free(klaviyo);
}

/* A few go singly, more than that together, until a few are left. */
static void
backlog(void **state)
{
	static const int row[][4] = {/* due, most at once, jobs, singles */
	    {1, 100000, 0, 1}, {500, 100000, 0, 500}, {501, 100000, 1, 0},
	    {1700, 100000, 2, 0}, {1200, 100000, 1, 200}, {900, 300, 1, 0},
	    {600, 50, 1, 0}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo = sender(8, 0);
		int n = row[i][0] < row[i][1] ? row[i][0] : row[i][1];

		store_do("DELETE FROM klaviyo_outbox");
		server_script(202, "", "");
		store_fill("a", row[i][0], KLAVIYO_REALTIME, kl_now());
		assert_int_equal(pass(klaviyo, row[i][1]), 0);
		TALLY(n, n, 0, 0, 0);
		assert_int_equal(server->jobs, row[i][2]);
		assert_int_equal(server->requests - server->jobs, row[i][3]);
		assert_int_equal(server->nseen, n);
		sender_free(klaviyo);
	}
}

static int begins;

/* While the second job is under way, orders come in. */
static void
orders_come(const char *sql)
{
	if (strcmp(sql, "BEGIN") != 0 || ++begins < 4)
		return;
	store_hook = NULL;
	store_fill("new", 30, KLAVIYO_REALTIME, kl_now());
}

/* They do not wait for the end of the history: one connection in four is for
   jobs, the others are for them. */
static void
both_at_once(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	int last = -1;

	(void)state;
	server_script(202, "", "");
	server_rule(0, "bulk", -1, 202)->delay_ms = 200;
	store_fill("h", 8000, KLAVIYO_HISTORICAL, kl_now());
	begins = 0;
	store_hook = orders_come;
	assert_int_equal(pass(klaviyo, 100000), 0);
	assert_null(store_hook);
	TALLY(8030, 8030, 0, 0, 0);
	for (int i = 0; i < server->nseen; i++)
		if (strncmp(server->seen[i], "new", 3) == 0)
			last = i;
	assert_in_range(last, 29, 6029);
	each_seen_once("new", 30);
	assert_int_equal(server->jobs, 8);
	assert_int_equal(server->requests, 38);
	sender_free(klaviyo);
}

/* What one claim holds is bounded, whatever is queued. */
static void
large_events(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	struct klaviyo_store s = store();
	struct kl_claim *list = NULL;
	int n = 0;

	(void)state;
	server_script(202, "", "");
	store_fill("h", 12, KLAVIYO_HISTORICAL, kl_now());
	store_fill("l", 1, KLAVIYO_HISTORICAL, kl_now() + 1);
	/* A megabyte each, and one that no job can hold. */
	store_do("UPDATE klaviyo_outbox SET event = '{\"a\":\"'"
	         " || replace(substr('          ', 1, 10), ' ',"
	         " replace(substr('          ', 1, 10), ' ',"
	         " replace(substr('          ', 1, 10), ' ',"
	         " replace(substr('          ', 1, 10), ' ',"
	         " replace(substr('          ', 1, 10), ' ',"
	         " 'aaaaaaaaaa'))))) || '\",' || substr(event, 2);"
	         "UPDATE klaviyo_outbox SET due_at = 1, event = '{\"a\":\"'"
	         " || replace(substr(event, 1, 45), 'a',"
	         " substr(event, 7, 100000)) || '\",' || substr(event, 2)"
	         " WHERE id = 'Placed Order/l0'");
	assert_int_equal(store_number("SELECT MIN(LENGTH(event)) >= 1000000"
	                              " FROM klaviyo_outbox"),
	    1);
	assert_in_range(store_number("SELECT MAX(LENGTH(event))"
	                             " FROM klaviyo_outbox"),
	    4500000, 5500000);
	assert_int_equal(kl_outbox_claim(&s, "t", KL_ANY_LANE, 100, kl_now(),
	                     kl_now() + 60, &list),
	    0);
	for (struct kl_claim *c = list; c; c = c->next)
		n++;
	assert_in_range(n, 1, 4);
	kl_claims_free(list);
	store_do("UPDATE klaviyo_outbox SET due_at = 1, claim = NULL");
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(13, 13, 0, 0, 0);
	assert_in_range(server->jobs, 3, 4);
	assert_int_equal(server->requests - server->jobs, 1);
	each_seen_once("h", 12);
	each_seen_once("l", 1);
	sender_free(klaviyo);
}

static int statements;

static void
count_statements(const char *sql)
{
	(void)sql;
	statements++;
}

/* A statement is a round trip to the database: 11 of them claim, 10 settle. */
static void
few_statements(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	store_fill("h", 1000, KLAVIYO_HISTORICAL, kl_now());
	statements = 0;
	store_hook = count_statements;
	assert_int_equal(pass(klaviyo, 1000), 0);
	store_hook = NULL;
	TALLY(1000, 1000, 0, 0, 0);
	assert_in_range(statements, 10, 50);
	sender_free(klaviyo);
}

/* ---------------------------------------------------------- every answer */

static void
every_answer(void **state)
{
	static const struct {
		int status;
		enum fault fault;
		char ends; /* Sent, Retried, reLeased */
		const char *error;
	} row[] = {
	    {202, WELL, 'S', ""},
	    {200, WELL, 'S', ""},
	    {202, TRUNCATED, 'R', "HTTP 202, broken off"},
	    {202, RESET_BEFORE, 'R', "no answer"},
	    {202, HANG, 'R', "no answer"},
	    {408, WELL, 'R', "HTTP 408"},
	    {429, WELL, 'L', ""},
	    {500, WELL, 'R', "HTTP 500"},
	    {503, WELL, 'R', "HTTP 503"},
	    {527, WELL, 'R', "HTTP 527"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo =
		    sender(2, row[i].fault == HANG ? 300 : 0);
		int n = 200;
		bool s = row[i].ends == 'S', r = row[i].ends == 'R';

		nothing_queued();
		store_fill("h", n, KLAVIYO_HISTORICAL, kl_now());
		server_script(row[i].status, "", "");
		server->rule[RULES - 1].fault = row[i].fault;
		assert_int_equal(pass(klaviyo, n), 0);
		TALLY(n, s * n, r * n, 0, row[i].ends == 'L' ? n : 0);
		assert_int_equal(server->requests, 1);
		assert_int_equal(rows(SENT), s * n);
		assert_int_equal(
		    rows("attempts = 1"), row[i].ends == 'L' ? 0 : n);
		assert_int_equal(
		    rows("profile <> '' AND event <> ''"), s ? 0 : n);
		assert_int_equal(rows(DEAD), 0);
		/* Together again, so that the next job is one again. */
		assert_int_equal(store_number("SELECT COUNT(DISTINCT due_at)"
		                              " FROM klaviyo_outbox"),
		    s ? 0 : 1);
		assert_int_equal(
		    strncmp(store_text("SELECT error FROM klaviyo_outbox"),
		        row[i].error, strlen(row[i].error)),
		    0);
		assert_int_equal(
		    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
		sender_free(klaviyo);
	}
}

/* Bulk is told to wait: orders go on, and history after the wait. */
static void
bulk_waits(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "bulk", 1, 429)->headers, "Retry-After: 30\r\n");
	store_fill("h", 1500, KLAVIYO_HISTORICAL, kl_now());
	store_fill("a", 20, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 10000), 0);
	each_seen_once("a", 20);
	assert_in_range(tally.released, 500, 2000);
	assert_int_equal(tally.retried + tally.dead, 0);
	assert_in_range(tally.wait_ms, 20000, 30000);
	assert_non_null(strstr(tally.reason, "rate limit"));
	assert_int_equal(
	    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
	/* What comes meanwhile goes, a backlog too, one by one. */
	store_fill("b", 600, KLAVIYO_REALTIME, kl_now());
	server->jobs = server->requests = 0;
	assert_int_equal(pass(klaviyo, 10000), 0);
	TALLY(600, 600, 0, 0, 0);
	assert_int_equal(server->jobs, 0);
	each_seen_once("b", 600);
	/* As if the wait were over. */
	klaviyo->pacer[KL_BULK].wait_until = 0;
	assert_int_equal(pass(klaviyo, 10000), 0);
	assert_int_equal(rows(SENT), 2120);
	each_seen_once("h", 1500);
	sender_free(klaviyo);
}

/* The bulk endpoint is not there: everything goes one by one, and it is said;
   later it is asked again. */
static void
bulk_off(void **state)
{
	static const int row[] = {301, 401, 403, 404, 410, 415};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo = sender(16, 0);

		store_do("DELETE FROM klaviyo_outbox");
		server_script(202, "", "");
		server_rule(0, "bulk", -1, row[i]);
		store_fill("h", 200, KLAVIYO_HISTORICAL, kl_now());
		store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
		assert_int_equal(pass(klaviyo, 10000), 0);
		assert_int_equal(rows(SENT), 210);
		assert_int_equal(tally.retried + tally.dead, 0);
		assert_int_equal(server->jobs, 1);
		assert_int_equal(tally.wait_ms, 0);
		assert_non_null(strstr(tally.reason, "one by one"));
		each_seen_once("h", 200);
		each_seen_once("a", 10);
		assert_int_equal(
		    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
		/* Five minutes later. */
		server_script(202, "", "");
		klaviyo->bulk_off_until = 0;
		store_fill("i", 200, KLAVIYO_HISTORICAL, kl_now());
		assert_int_equal(pass(klaviyo, 10000), 0);
		TALLY(200, 200, 0, 0, 0);
		assert_int_equal(server->jobs, 1);
		assert_string_equal(tally.reason, "");
		sender_free(klaviyo);
	}
}

/* Everything is refused so: one event finds out, and the queue pauses. */
static void
wrong_key(void **state)
{
	struct klaviyo *klaviyo = sender(32, 0);

	(void)state;
	server_script(401, "", "");
	store_fill("h", 20000, KLAVIYO_HISTORICAL, kl_now());
	assert_int_equal(pass(klaviyo, 100000), 0);
	assert_int_equal(tally.released, tally.claimed);
	assert_int_equal(server->requests - server->jobs, 1);
	assert_in_range(server->jobs, 1, 8);
	assert_int_equal(rows(WAITING " AND attempts = 0"), 20000);
	assert_int_equal(tally.wait_ms, 300000);
	assert_non_null(strstr(tally.reason, "refuses the private key"));
	sender_free(klaviyo);
}

/* A gateway that answers 5xx to jobs and takes single events: after a few
   tries they go alone. */
static void
jobs_fail(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	server_rule(0, "bulk", -1, 504);
	store_fill("h", 100, KLAVIYO_HISTORICAL, kl_now());
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pass(klaviyo, 100), 0);
		TALLY(100, 0, 100, 0, 0);
		time_passes();
	}
	assert_int_equal(server->jobs, 3);
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(100, 100, 0, 0, 0);
	each_seen_once("h", 100);
	assert_int_equal(server->requests, 103);
	sender_free(klaviyo);
}

static void
all_fail(void **state)
{
	struct klaviyo *klaviyo = sender(32, 0);

	(void)state;
	server_script(503, "", "");
	store_fill("h", 1000, KLAVIYO_HISTORICAL, kl_now());
	/* A job's failure is one, not a thousand. */
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(1000, 0, 1000, 0, 0);
	assert_int_equal(klaviyo->failed_run, 1);
	assert_int_equal(
	    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
	sender_free(klaviyo);
}

/* ------------------------------------------------------------- refusals */

static void
one_poisoned_of_1000(void **state)
{
	static const int status[] = {400, 413, 422, 409};

	(void)state;
	for (size_t i = 0; i < sizeof(status) / sizeof(*status); i++) {
		struct klaviyo *klaviyo = sender(8, 0);

		store_do("DELETE FROM klaviyo_outbox");
		server_script(202, "", "");
		strcpy(server_rule(0, "\"h537\"", -1, status[i])->body,
		    REFUSAL("time"));
		store_fill("h", 1000, KLAVIYO_HISTORICAL, kl_now());
		assert_int_equal(pass(klaviyo, 10000), 0);
		TALLY(1000, 999, 0, 1, 0);
		assert_int_equal(server->nseen, 999);
		assert_int_equal(seen("h537"), 0);
		assert_int_equal(rows(DEAD " AND id = 'Placed Order/h537'"), 1);
		assert_int_equal(rows("attempts = 1"), 1000);
		/* Halved until single requests are cheaper. */
		assert_in_range(server->jobs, 7, 20);
		assert_in_range(server->requests - server->jobs, 1, 16);
		assert_in_range(store_number("SELECT refused_run"
		                             " FROM klaviyo_sender"),
		    0, 1);
		sender_free(klaviyo);
	}
}

/* A bad phone number is found among a thousand, and mended. */
static void
repaired(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"+1500\"", -1, 400)->body,
	    REFUSAL("profile/data/attributes/phone_number"));
	store_fill("h", 700, KLAVIYO_HISTORICAL, kl_now());
	store_do("UPDATE klaviyo_outbox SET profile = '{\"type\":\"profile\","
	         "\"attributes\":{\"email\":\"a@klaviyo-demo.com\","
	         "\"phone_number\":\"+1500\"}}'"
	         " WHERE id IN ('Placed Order/h3', 'Placed Order/h600')");
	assert_int_equal(pass(klaviyo, 702), 0);
	TALLY(702, 700, 2, 0, 0);
	each_seen_once("h", 700);
	assert_int_equal(rows(SENT), 700);
	sender_free(klaviyo);
}

/* Suspicion counts events that were refused alone, not jobs. */
static void
all_refused(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(400, "", REFUSAL("time"));
	store_fill("h", 3000, KLAVIYO_HISTORICAL, kl_now());
	assert_int_equal(pass(klaviyo, 10000), 0);
	assert_int_equal(tally.dead, 19);
	assert_int_equal(rows(DEAD), 19);
	assert_in_range(tally.retried, 1, 4);
	assert_int_equal(
	    tally.released, tally.claimed - tally.retried - tally.dead);
	assert_int_equal(tally.wait_ms, 300000);
	assert_non_null(strstr(tally.reason, "in a row were refused"));
	assert_int_equal(
	    rows(WAITING " AND attempts = 0"), 3000 - 19 - tally.retried);
	sender_free(klaviyo);
}

/* ----------------------------------------------------------- interruptions */

/* Halving takes longer than the lease allows: the rest is given back. */
static void
lease_wears_out(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"h537\"", -1, 400)->body, REFUSAL("time"));
	server->rule[0].delay_ms = 300;
	store_fill("h", 1000, KLAVIYO_HISTORICAL, kl_now());
	klaviyo->lease_s = 2; /* half a second to send in */
	assert_int_equal(pass(klaviyo, 1000), 0);
	assert_int_equal(tally.claimed, 1000);
	assert_in_range(tally.released, 1, 1000);
	assert_int_equal(tally.dead + tally.retried, 0);
	assert_int_equal(rows(WAITING " AND attempts = 0"), tally.released);
	klaviyo->lease_s = 60;
	while (tally.claimed)
		pass(klaviyo, 1000);
	assert_int_equal(rows(SENT), 999);
	assert_int_equal(rows(DEAD), 1);
	sender_free(klaviyo);
}

static volatile int stop_flag;

static void
stop_when_claimed(const char *sql)
{
	if (store_claims(sql))
		stop_flag = 1;
}

static void
stopped(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	struct klaviyo_store s = store();

	(void)state;
	server_script(202, "", "");
	server->rule[RULES - 1].fault = HANG;
	store_fill("h", 1500, KLAVIYO_HISTORICAL, kl_now());
	stop_flag = 0;
	store_hook = stop_when_claimed;
	assert_int_equal(
	    klaviyo_deliver(klaviyo, &s, 9999, &stop_flag, &tally), 0);
	store_hook = NULL;
	sums_match();
	assert_int_equal(tally.released, tally.claimed);
	assert_int_equal(
	    rows(WAITING " AND claim IS NULL AND attempts = 0"), 1500);
	sender_free(klaviyo);
}

/* The n-th statement fails, for every n: sums match, nothing is lost. */
static void
faults(void **state)
{
	int ok = 0;
	long at;

	(void)state;
	for (at = 1; !ok; at++) {
		struct klaviyo *klaviyo = sender(4, 0);

		store_do("DELETE FROM klaviyo_outbox");
		server_script(202, "", "");
		strcpy(server_rule(0, "\"h7\"", 1, 400)->body, REFUSAL("time"));
		store_fill("h", 150, KLAVIYO_HISTORICAL, kl_now());
		store_fail_at = at;
		ok = pass(klaviyo, 1000) == 0;
		store_fail_at = 0;
		store_do("UPDATE klaviyo_outbox SET due_at = 1"
		         " WHERE sent_at IS NULL");
		assert_int_equal(pass(klaviyo, 1000), 0);
		assert_int_equal(rows(SENT), 150);
		for (int i = 0; i < 150; i++) {
			char id[16];

			snprintf(id, sizeof(id), "h%d", i);
			assert_in_range(seen(id), 1, 2);
		}
		sender_free(klaviyo);
	}
	assert_in_range(at, 12, 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(history),
	    TEST(backlog),
	    TEST(both_at_once),
	    TEST(large_events),
	    TEST(few_statements),
	    TEST(every_answer),
	    TEST(bulk_waits),
	    TEST(bulk_off),
	    TEST(wrong_key),
	    TEST(jobs_fail),
	    TEST(all_fail),
	    TEST(one_poisoned_of_1000),
	    TEST(repaired),
	    TEST(all_refused),
	    TEST(lease_wears_out),
	    TEST(stopped),
	    TEST(faults),
	};

	return cmocka_run_group_tests_name(
	    "deliver_bulk", tests, server_start, server_stop);
}
