/*
 * test_recovery.c - the judgement table in time: when what failed is tried
 * again, what a repair may do, and how a pause begins and ends.
 */
#include "judgement.h"

#include <time.h>

/* ------------------------------------------------------------- Retry-After */

static void
http_date(char *line, size_t size, int64_t from_now)
{
	time_t at = (time_t)(kl_now() + from_now);
	struct tm tm;

	strftime(line, size, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
	    gmtime_r(&at, &tm));
}

/* A 503 names a time: this event is not tried before it, the others are. */
static void
retry_after_503(void **state)
{
	static const struct {
		const char *header; /* NULL: a date */
		int64_t date, low;
	} row[] = {
	    {"Retry-After: 700\r\n", 0, 700},
	    {NULL, 900, 890},
	    {"Retry-After: 1000000\r\n", 0, 3600},
	    {"Retry-After: 99999999999999999999\r\n", 0, 3600},
	    {"Retry-After: Fri, 31 Dec 9999 23:59:59 GMT\r\n", 0, 3600},
	    /* past or garbage: a backoff, 1 s or 2 s after one attempt */
	    {NULL, -3000, 0},
	    {"Retry-After: -5\r\n", 0, 0},
	    {"Retry-After: soon\r\n", 0, 0},
	    {"Retry-After: 1.5\r\n", 0, 0},
	    {"Retry-After: \r\n", 0, 0},
	    {"Retry-After: Mon\r\n", 0, 0},
	    {"Retry-After: GMT\r\n", 0, 0},
	    {"", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo = sender(4, 0);
		char header[128];
		int64_t due, before;

		nothing_queued();
		store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
		server_script(202, "", "");
		if (row[i].header)
			strcpy(header, row[i].header);
		else
			http_date(header, sizeof(header), row[i].date);
		strcpy(server_rule(0, "\"a3\"", -1, 503)->headers, header);
		before = kl_now();
		pass_once(klaviyo);
		assert_int_equal(tally.sent, 9);
		assert_int_equal(tally.retried, 1);
		due = store_number(
		    "SELECT due_at FROM klaviyo_outbox WHERE " WAITING);
		if (row[i].low)
			assert_in_range(
			    due, before + row[i].low, kl_now() + 3600);
		else
			assert_in_range(due, before + 1, kl_now() + 2);
		sender_free(klaviyo);
	}
}

/* ----------------------------------------------------------------- backoff */

/* Uniform over 1..min(2^n, 900) s, for every attempt there will ever be. */
static void
backoff(void **state)
{
	uint32_t seed = 12345;

	(void)state;
	for (int64_t n = 1; n <= 10000; n++) {
		int64_t ceiling = n < 10 ? (int64_t)1 << n : 900;

		assert_int_equal(kl_backoff(n, 0), 1);
		assert_int_equal(kl_backoff(n, UINT32_MAX), ceiling);
		assert_int_equal(
		    kl_backoff(n, UINT32_MAX / 2), 1 + (ceiling - 1) / 2);
	}
	/* Spread: of ten equal parts each gets its share, within a tenth. */
	for (int64_t n = 6; n <= 10000; n = n < 20 ? n + 1 : n * 2) {
		int64_t ceiling = n < 10 ? (int64_t)1 << n : 900;
		int part[10] = {0};

		for (int i = 0; i < 20000; i++) {
			int64_t wait;

			seed = seed * 1664525u + 1013904223u;
			wait = kl_backoff(n, seed);
			assert_in_range(wait, 1, ceiling);
			part[(wait - 1) * 10 / ceiling]++;
		}
		for (int i = 0; i < 10; i++) {
			/* Whole seconds fall unevenly into a few of them. */
			double share = 0;

			for (int64_t s = 0; s < ceiling; s++)
				share += s * 10 / ceiling == i;
			share *= 20000.0 / (double)ceiling;
			assert_true(part[i] > 0.9 * share);
			assert_true(part[i] < 1.1 * share);
		}
	}
}

/* Two events that failed together are not tried again together. */
static void
backoff_spreads(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(503, "", "");
	store_fill("a", 19, KLAVIYO_REALTIME, kl_now());
	store_do("UPDATE klaviyo_outbox SET attempts = 9998");
	pass_all(klaviyo);
	assert_int_equal(tally.retried, 19);
	assert_true(store_number("SELECT COUNT(DISTINCT due_at)"
	                         " FROM klaviyo_outbox") > 10);
	assert_int_equal(rows("attempts = 9999 AND due_at > 0"), 19);
	sender_free(klaviyo);
}

/* ------------------------------------------------------------------ repair */

#define PROFILE(attributes)                                                    \
	"UPDATE klaviyo_outbox SET profile = '{\"type\":\"profile\","          \
	"\"attributes\":{" attributes "}}'"

/* A repaired event that is refused again for the same field is dead: with the
   last words, and after two requests. */
static void
repaired_and_refused_again(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(400, "", REFUSAL("profile/data/attributes/phone_number"));
	strcpy(server_rule(0, "", 1, 400)->body,
	    REFUSAL("profile/data/attributes/phone_number"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"phone_number\":\"+15005550006\""));
	pass_all(klaviyo);
	assert_int_equal(tally.dead, 1);
	assert_int_equal(server->requests, 2);
	assert_null(strstr(server->body, "phone_number"));
	assert_int_equal(rows(DEAD " AND attempts = 2"), 1);
	sender_free(klaviyo);

	/* Refused for something else after the repair. */
	klaviyo = sender(4, 0);
	nothing_queued();
	server_script(422, "", REFUSAL("time"));
	strcpy(server_rule(0, "", 1, 400)->body,
	    REFUSAL("profile/data/attributes/email"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"external_id\":\"7\""));
	pass_all(klaviyo);
	assert_int_equal(tally.dead, 1);
	assert_int_equal(server->requests, 2);
	assert_string_equal(store_text("SELECT error FROM klaviyo_outbox"),
	    "HTTP 422: Invalid input. It is wrong. (/data/attributes/time)");
	sender_free(klaviyo);

	/* First the one, then the other: each field goes once, and what is
	   left is sent.  Nothing else of the event changes. */
	klaviyo = sender(4, 0);
	nothing_queued();
	server_script(202, "", "");
	strcpy(server_rule(0, "phone_number", -1, 400)->body,
	    REFUSAL("phone_number"));
	strcpy(server_rule(1, "\"email\"", -1, 400)->body, REFUSAL("email"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\",\"phone_number\":"
	                 "\"+15005550006\",\"external_id\":\"7\""));
	pass_all(klaviyo);
	assert_int_equal(tally.sent, 1);
	assert_int_equal(server->requests, 3);
	assert_non_null(strstr(server->body,
	    "\"properties\":{},\"unique_id\":\"a0\",\"profile\":{\"data\":"
	    "{\"type\":\"profile\",\"attributes\":{\"external_id\":\"7\"}}}"));
	sender_free(klaviyo);
}

/* Klaviyo refuses everyone's address: each event is repaired once, refused
   again, and counts; the queue pauses, it is not worn away. */
static void
repairs_are_no_way_round_suspicion(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(400, "", REFUSAL("profile/data/attributes/email"));
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"external_id\":\"7\""));
	pass_all(klaviyo);
	assert_int_equal(rows(DEAD), 19);
	assert_int_equal(rows(WAITING), 81);
	assert_int_equal(tally.wait_ms, 300000);
	sender_free(klaviyo);
}

/* --------------------------------------------------------------- suspicion */

/* 19 are bad luck, 20 are our fault: whatever the statuses, over passes and
   processes, unless one is taken in between. */
static void
suspicion(void **state)
{
	static const int status[] = {400, 409, 413, 422};
	struct klaviyo *klaviyo;

	(void)state;
	for (int taken = 0; taken < 2; taken++) {
		nothing_queued();
		server_script(400, "", REFUSAL("time"));
		for (int i = 0; i < 19; i++) {
			char one[8];

			snprintf(one, sizeof(one), "r%d-", i);
			store_fill(one, 1, KLAVIYO_REALTIME, kl_now());
			server->rule[RULES - 1].status = status[i % 4];
			klaviyo = sender(4, 0);
			pass_all(klaviyo);
			assert_int_equal(tally.dead, 1);
			assert_int_equal(tally.wait_ms, 0);
			sender_free(klaviyo);
		}
		if (taken) {
			server_rule(0, "", 1, 202);
			store_fill("good", 1, KLAVIYO_REALTIME, kl_now());
			klaviyo = sender(4, 0);
			pass_all(klaviyo);
			assert_int_equal(tally.sent, 1);
			sender_free(klaviyo);
		}
		store_fill("last", 1, KLAVIYO_REALTIME, kl_now());
		klaviyo = sender(4, 0);
		pass_all(klaviyo);
		assert_int_equal(tally.dead, taken);
		assert_int_equal(rows(WAITING " AND event <> ''"), !taken);
		assert_int_equal(tally.wait_ms, taken ? 0 : 300000);
		sender_free(klaviyo);
	}
}

/* One that is refused for good among good ones, when the queue comes out of a
   suspicion: another one probes, and the queue recovers by itself. */
static void
suspicion_ends_by_itself(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	int passes = 0;

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"bad", -1, 400)->body, REFUSAL("time"));
	store_fill("bad", 25, KLAVIYO_REALTIME, kl_now());
	store_fill("good", 30, KLAVIYO_REALTIME, kl_now());
	while (rows(WAITING) > 0 && passes++ < 60) {
		pass_all(klaviyo);
		/* Only the time of the pause passes, not the queue's order. */
		if (tally.wait_ms > 0)
			store_do("UPDATE klaviyo_outbox SET due_at = due_at -"
			         " 300; UPDATE klaviyo_sender SET paused_until"
			         " = paused_until - 300");
		if (rows(SENT) == 30)
			break;
	}
	assert_int_equal(rows(SENT), 30);
	assert_true(rows(DEAD) >= 19);
	sender_free(klaviyo);
}

/* -------------------------------------------------------------- the pause */

/* The key is revoked, and restored an hour later: nobody touches the queue,
   a probe every five minutes asks, all arrive, none has spent an attempt. */
static void
pause_recovers_by_itself(void **state)
{
	static const int status[] = {401, 403, 404, 405, 410, 415, 302};

	(void)state;
	for (size_t i = 0; i < sizeof(status) / sizeof(*status); i++) {
		struct klaviyo *klaviyo = sender(4, 0);
		int probes = 0;

		nothing_queued();
		server_script(status[i], "", "");
		server_rule(0, "", 10, 202);
		store_fill("a", 60, KLAVIYO_REALTIME, kl_now());
		pass_all(klaviyo);
		assert_int_equal(tally.sent, 10);
		for (int minute = 0; minute < 60; minute++) {
			int before = server->requests;

			store_do("UPDATE klaviyo_outbox SET due_at = due_at"
			         " - 60 WHERE " WAITING ";"
			         "UPDATE klaviyo_sender SET paused_until"
			         " = paused_until - 60");
			pass_all(klaviyo);
			assert_int_equal(tally.sent + tally.dead, 0);
			assert_in_range(server->requests - before, 0, 1);
			probes += server->requests - before;
		}
		assert_in_range(probes, 11, 12);
		assert_int_equal(rows(WAITING " AND attempts = 0"), 50);
		server->rule[RULES - 1].status = 202;
		for (int minute = 0; minute < 12; minute++) {
			store_do("UPDATE klaviyo_outbox SET due_at = due_at"
			         " - 60 WHERE " WAITING ";"
			         "UPDATE klaviyo_sender SET paused_until"
			         " = paused_until - 60 WHERE paused_until > 0");
			pass_all(klaviyo);
		}
		assert_int_equal(rows(SENT " AND attempts = 1"), 60);
		assert_int_equal(server->nseen, 60);
		sender_free(klaviyo);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(retry_after_503),
	    TEST(backoff),
	    TEST(backoff_spreads),
	    TEST(repaired_and_refused_again),
	    TEST(repairs_are_no_way_round_suspicion),
	    TEST(suspicion),
	    TEST(suspicion_ends_by_itself),
	    TEST(pause_recovers_by_itself),
	};

	return cmocka_run_group_tests_name(
	    "recovery", tests, server_start, server_stop);
}
