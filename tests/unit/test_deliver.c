/*
 * test_deliver.c - delivery passes, a real database and a server with a
 * script: what every answer does to the event and to the queue.
 */
#include "pass.h"

/* ------------------------------------------------------------ all is well */

static void
all_sent(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	struct klaviyo_store s = store();
	struct klaviyo_status status;

	(void)state;
	server_script(202, "", "");
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(0, 0, 0, 0, 0);
	assert_int_equal(tally.wait_ms, 0);
	store_fill("a", 300, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(300, 300, 0, 0, 0);
	assert_int_equal(tally.wait_ms, 0);
	assert_string_equal(tally.reason, "");
	each_seen_once("a", 300);
	assert_int_equal(rows(SENT " AND profile = '' AND event = ''"
	                           " AND error IS NULL AND attempts = 1"),
	    300);
	klaviyo_outbox_status(&s, kl_now(), &status);
	assert_int_equal(status.sent, 300);
	assert_in_range(status.last_sent, kl_now() - 60, kl_now());
	sender_free(klaviyo);
}

static void
body_as_stored(void **state)
{
	struct klaviyo *klaviyo = sender(1, 0);

	(void)state;
	server_script(202, "", "");
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 1);
	assert_string_equal(server->body,
	    "{\"data\":{\"type\":\"event\",\"attributes\":{\"properties\":{},"
	    "\"unique_id\":\"a0\",\"profile\":{\"data\":{\"type\":\"profile\","
	    "\"attributes\":{\"email\":\"a@klaviyo-demo.com\"}}}}}}");
	sender_free(klaviyo);
}

static void
at_most_max_and_by_lane(void **state)
{
	struct klaviyo *klaviyo = sender(1, 0);

	(void)state;
	server_script(202, "", "");
	store_fill("history", 5, KLAVIYO_HISTORICAL, 1000);
	store_fill("new", 5, KLAVIYO_REALTIME, 2000);
	store_fill("newer", 5, KLAVIYO_REALTIME, 3000);
	assert_int_equal(pass(klaviyo, 0), 0);
	TALLY(0, 0, 0, 0, 0);
	assert_int_equal(pass(klaviyo, 7), 0);
	TALLY(7, 7, 0, 0, 0);
	pass(klaviyo, 100);
	TALLY(8, 8, 0, 0, 0);
	assert_string_equal(server->seen[0], "new0");
	assert_string_equal(server->seen[4], "new4");
	assert_string_equal(server->seen[5], "newer0");
	assert_string_equal(server->seen[10], "history0");
	assert_string_equal(server->seen[14], "history4");
	sender_free(klaviyo);
}

static void
dry_run(void **state)
{
	struct klaviyo_options o = {.dry_run = 1};
	struct klaviyo *klaviyo = klaviyo_new(&o);

	(void)state;
	server_script(202, "", "");
	store_fill("a", 30, KLAVIYO_REALTIME, kl_now());
	store_fill("later", 30, KLAVIYO_REALTIME, kl_now() + 1000);
	assert_int_equal(pass(klaviyo, 100), 0);
	TALLY(30, 0, 0, 0, 30);
	assert_int_equal(pass(klaviyo, 20), 0);
	TALLY(20, 0, 0, 0, 20);
	assert_int_equal(server->requests, 0);
	assert_int_equal(rows("attempts > 0"), 0);
	sender_free(klaviyo);
}

static void
new_refuses(void **state)
{
	struct klaviyo_options o = {.private_key = "no"};

	(void)state;
	assert_null(klaviyo_new(&o));
	o.private_key = KEY;
	o.api_url = "http://a.klaviyo.com";
	assert_null(klaviyo_new(&o));
	o.api_url = NULL;
	o.timeout_ms = 60001;
	assert_null(klaviyo_new(&o));
	assert_non_null(strstr(klaviyo_error(), "timeout_ms"));
	o.timeout_ms = 0;
	o.dry_run = 1;
	o.private_key = "no";
	assert_null(klaviyo_new(&o));
	klaviyo_free(NULL);
}

/* ---------------------------------------------------------- every answer */

static void
every_answer(void **state)
{
	static const struct {
		int status;
		enum fault fault;
		char ends; /* Sent, Retried, Dead, reLeased */
		int paused;
		const char *error;
	} row[] = {
	    {200, WELL, 'S', 0, ""},
	    {202, WELL, 'S', 0, ""},
	    {204, WELL, 'S', 0, ""},
	    {202, TRUNCATED, 'R', 0, "HTTP 202, broken off"},
	    {202, RESET_AFTER, 'R', 0, "HTTP 202, broken off"},
	    {202, RESET_BEFORE, 'R', 0, "no answer"},
	    {202, CLOSED, 'R', 0, "no answer"},
	    {202, ENDLESS, 'R', 0, "HTTP 202, broken off"},
	    {202, GARBAGE, 'R', 0, "no answer"},
	    {202, HANG, 'R', 0, "no answer"},
	    {301, WELL, 'L', 1, "HTTP 301"},
	    {308, WELL, 'L', 1, "HTTP 308"},
	    {400, WELL, 'D', 0, "HTTP 400: Invalid input. It is wrong. (/d"},
	    {401, WELL, 'L', 1, "HTTP 401"},
	    {402, WELL, 'D', 0, "HTTP 402"},
	    {403, WELL, 'L', 1, "HTTP 403"},
	    {404, WELL, 'L', 1, "HTTP 404"},
	    {405, WELL, 'L', 1, "HTTP 405"},
	    {408, WELL, 'R', 0, "HTTP 408"},
	    {409, WELL, 'D', 0, "HTTP 409"},
	    {410, WELL, 'L', 1, "HTTP 410"},
	    {413, WELL, 'D', 0, "HTTP 413"},
	    {415, WELL, 'L', 1, "HTTP 415"},
	    {422, WELL, 'D', 0, "HTTP 422"},
	    {425, WELL, 'R', 0, "HTTP 425"},
	    {429, WELL, 'L', 0, ""},
	    {500, WELL, 'R', 0, "HTTP 500"},
	    {503, WELL, 'R', 0, "HTTP 503"},
	    {520, WELL, 'R', 0, "HTTP 520"},
	    {527, WELL, 'R', 0, "HTTP 527"},
	    {599, WELL, 'R', 0, "HTTP 599"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo =
		    sender(2, row[i].fault == HANG ? 300 : 0);
		char ends = row[i].ends;
		int64_t now = kl_now();

		nothing_queued();
		store_fill("a", 1, KLAVIYO_REALTIME, now);
		server_script(row[i].status, "", "");
		if (row[i].status == 400)
			server_script(400, "", REFUSAL("time"));
		server->rule[RULES - 1].fault = row[i].fault;
		assert_int_equal(pass(klaviyo, 1), 0);
		TALLY(1, ends == 'S', ends == 'R', ends == 'D', ends == 'L');
		assert_int_equal(rows(SENT), ends == 'S');
		assert_int_equal(rows(DEAD), ends == 'D');
		assert_int_equal(rows(WAITING), ends == 'R' || ends == 'L');
		/* Waiting uses no attempts; nothing unsent loses its text. */
		assert_int_equal(rows("attempts = 1"), ends != 'L');
		assert_int_equal(
		    rows("profile <> '' AND event <> ''"), ends != 'S');
		if (ends == 'R')
			assert_in_range(store_number("SELECT due_at FROM"
			                             " klaviyo_outbox"),
			    now + 1, kl_now() + 3600);
		assert_int_equal(
		    strncmp(store_text("SELECT error FROM klaviyo_outbox"),
		        row[i].error, strlen(row[i].error)),
		    0);
		assert_int_equal(store_number("SELECT paused_until > 0"
		                              " FROM klaviyo_sender"),
		    row[i].paused);
		assert_int_equal(tally.wait_ms, row[i].paused ? 300000 : 0);
		assert_int_equal(*tally.reason != 0, row[i].paused);
		sender_free(klaviyo);
	}
}

/* The first copy arrived, its answer did not: the second is the same, byte
   for byte, or Klaviyo would not know it again. */
static void
same_bytes_again(void **state)
{
	struct klaviyo *klaviyo = sender(2, 0);
	char first[sizeof(server->body)];

	(void)state;
	server_script(202, "", "");
	server_rule(0, "", 1, 202)->fault = TRUNCATED;
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 1);
	TALLY(1, 0, 1, 0, 0);
	strcpy(first, server->body);
	time_passes();
	pass(klaviyo, 10);
	TALLY(1, 1, 0, 0, 0);
	assert_string_equal(server->body, first);
	assert_int_equal(seen("a0"), 2);
	sender_free(klaviyo);
}

/* ------------------------------------------------------------- refusals */

static void
one_poisoned_of_100(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"a50\"", -1, 400)->body, REFUSAL("time"));
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(100, 99, 0, 1, 0);
	assert_int_equal(seen("a50"), 0);
	assert_string_equal(store_text("SELECT id || ' ' || error FROM"
	                               " klaviyo_outbox WHERE sent_at IS NULL"),
	    "Placed Order/a50 HTTP 400: Invalid input. It is wrong."
	    " (/data/attributes/time)");
	assert_int_equal(
	    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
	sender_free(klaviyo);
}

static void
repaired(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "+1500", -1, 400)->body, REFUSAL("phone_number"));
	store_fill("a", 5, KLAVIYO_REALTIME, kl_now());
	store_do("UPDATE klaviyo_outbox SET profile = '{\"type\":\"profile\","
	         "\"attributes\":{\"email\":\"a@klaviyo-demo.com\","
	         "\"phone_number\":\"+15005550006\"}}'"
	         " WHERE id = 'Placed Order/a2'");
	/* Only a number, nothing else to know the person by. */
	store_do("UPDATE klaviyo_outbox SET profile = '{\"type\":\"profile\","
	         "\"attributes\":{\"phone_number\":\"+15005550006\"}}'"
	         " WHERE id = 'Placed Order/a3'");
	assert_int_equal(pass(klaviyo, 6), 0);
	/* The repaired one goes in the same pass. */
	TALLY(6, 4, 1, 1, 0);
	each_seen_once("a", 3);
	assert_int_equal(seen("a3"), 0);
	assert_int_equal(rows(DEAD " AND id = 'Placed Order/a3'"), 1);
	sender_free(klaviyo);
}

static void
twenty_refusals(void **state)
{
	static char probe[5][sizeof(server->body)];
	struct klaviyo *klaviyo = sender(4, 0);
	int64_t dead;

	(void)state;
	server_script(400, "", REFUSAL("time"));
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	dead = rows(DEAD);
	assert_int_equal(dead, 19);
	assert_int_equal(rows(WAITING), 81);
	assert_int_equal(tally.dead, 19);
	assert_in_range(tally.retried, 1, 4); /* the 20th, and in flight */
	assert_int_equal(tally.wait_ms, 300000);
	assert_non_null(strstr(tally.reason, "events in a row were refused"));
	assert_non_null(strstr(tally.reason, "It is wrong."));

	/* Paused: nothing goes, not from another process either. */
	sender_free(klaviyo);
	klaviyo = sender(4, 0);
	server->requests = 0;
	pass(klaviyo, 1000);
	TALLY(0, 0, 0, 0, 0);
	assert_int_equal(server->requests, 0);
	assert_in_range(tally.wait_ms, 1, 300000);
	assert_non_null(strstr(tally.reason, "in a row"));

	/* The pause is over: one event sees, another one each time. */
	for (int i = 0; i < 5; i++) {
		store_do("UPDATE klaviyo_sender SET paused_until = 1");
		server->requests = 0;
		pass(klaviyo, 1000);
		assert_int_equal(server->requests, 1);
		TALLY(1, 0, 1, 0, 0);
		assert_int_equal(rows(DEAD), dead);
		for (int other = 0; other < i; other++)
			assert_string_not_equal(probe[other], server->body);
		strcpy(probe[i], server->body);
	}

	/* Mended: the first success, and everything flows. */
	server_script(202, "", "");
	time_passes();
	pass(klaviyo, 1000);
	TALLY(81, 81, 0, 0, 0);
	assert_int_equal(rows(DEAD), 19);
	assert_string_equal(
	    store_text("SELECT paused_until || ' ' || refused_run || reason"
	               " FROM klaviyo_sender"),
	    "0 0");
	sender_free(klaviyo);
}

/* A success between them, and they are no run. */
static void
refusals_apart(void **state)
{
	static const char *const bad[] = {"bad0-", "bad1-", "bad2-"};
	static const char *const good[] = {"good0-", "good1-", "good2-"};
	struct klaviyo *klaviyo = sender(1, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"bad", -1, 400)->body, REFUSAL("time"));
	for (int i = 0; i < 3; i++) {
		store_fill(bad[i], 15, KLAVIYO_REALTIME, 1000 + i * 10);
		store_fill(good[i], 1, KLAVIYO_REALTIME, 1005 + i * 10);
	}
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(48, 3, 0, 45, 0);
	assert_int_equal(tally.wait_ms, 0);
	sender_free(klaviyo);
}

/* ----------------------------------------------------- the queue must wait */

static void
wrong_key(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	struct klaviyo_store s = store();
	struct klaviyo_status status;

	(void)state;
	server_script(202, "", "");
	/* The key stops working after 30 events. */
	server_rule(0, "", 30, 202);
	server->rule[RULES - 1].status = 401;
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	assert_int_equal(tally.sent, 30);
	assert_int_equal(tally.dead + tally.retried, 0);
	assert_int_equal(tally.wait_ms, 300000);
	assert_string_equal(tally.reason,
	    "Klaviyo refuses the private key (HTTP 401): check "
	    "KLAVIYO_PRIVATE_KEY_FILE and the key's scope events:write");
	assert_int_equal(rows(WAITING " AND attempts = 0"), 70);
	klaviyo_outbox_status(&s, kl_now(), &status);
	assert_in_range(status.paused_until, kl_now() + 200, kl_now() + 300);
	assert_string_equal(status.reason, tally.reason);
	/* Another host's key may be right: it may try. */
	assert_string_equal(status.sender, "");
	sender_free(klaviyo);

	/* Still wrong: one event asks. */
	klaviyo = sender(4, 0);
	server->requests = 0;
	time_passes();
	pass(klaviyo, 1000);
	TALLY(1, 0, 0, 0, 1);
	assert_int_equal(server->requests, 1);
	assert_int_equal(tally.wait_ms, 300000);

	/* The operator mended it, and does not want to wait. */
	server->rule[RULES - 1].status = 202;
	assert_true(klaviyo_outbox_retry(&s, NULL, kl_now()) > 0);
	pass(klaviyo, 1000);
	TALLY(70, 70, 0, 0, 0);
	each_seen_once("a", 100);
	klaviyo_outbox_status(&s, kl_now(), &status);
	assert_int_equal(status.paused_until, 0);
	sender_free(klaviyo);
}

static void
rate_limited_long(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(429, "Retry-After: 30\r\n", "");
	server_rule(0, "", 10, 202);
	store_fill("a", 50, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 1000);
	assert_int_equal(tally.sent, 10);
	assert_int_equal(tally.dead + tally.retried, 0);
	assert_in_range(tally.wait_ms, 29000, 30000);
	assert_non_null(strstr(tally.reason, "429"));
	assert_int_equal(rows(WAITING " AND attempts = 0"), 40);
	/* A cron run meanwhile obeys. */
	sender_free(klaviyo);
	klaviyo = sender(4, 0);
	server_script(202, "", "");
	pass(klaviyo, 1000);
	assert_int_equal(server->requests, 0);
	assert_in_range(tally.wait_ms, 1, 30000);
	time_passes();
	pass(klaviyo, 1000);
	TALLY(40, 40, 0, 0, 0);
	sender_free(klaviyo);
}

static void
rate_limited_clamped(void **state)
{
	static const struct {
		const char *header;
		int64_t low, high;
	} row[] = {
	    {"Retry-After: 1000000\r\n", 3599000, 3600000},
	    {"Retry-After: Wed, 01 Jan 2200 00:00:00 GMT\r\n", 3599000,
	        3600000},
	    /* nothing of sense: a second, which is waited within the pass */
	    {"Retry-After: soon\r\n", 0, 0},
	    {"Retry-After: -5\r\n", 0, 0},
	    {"Retry-After: Wed, 01 Jan 2020 00:00:00 GMT\r\n", 0, 0},
	    {"", 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo *klaviyo = sender(1, 0);

		nothing_queued();
		store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
		server_script(429, row[i].header, "");
		pass(klaviyo, 1);
		TALLY(1, 0, 0, 0, 1);
		assert_in_range(tally.wait_ms, row[i].low, row[i].high);
		assert_in_range(
		    store_number("SELECT due_at FROM klaviyo_outbox"), kl_now(),
		    kl_now() + 3600);
		sender_free(klaviyo);
	}
}

/* A short wait is waited for within the pass. */
static void
rate_limited_short(void **state)
{
	struct klaviyo *klaviyo = sender(1, 0);

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "", 1, 429)->headers, "Retry-After: 1\r\n");
	store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 11);
	assert_int_equal(tally.dead + tally.retried, 0);
	assert_true(tally.sent >= 9);
	assert_int_equal(
	    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
	time_passes();
	pass(klaviyo, 11);
	each_seen_once("a", 10);
	sender_free(klaviyo);
}

/* The headers say that the minute is used up. */
static void
told_of_the_limit(void **state)
{
	struct klaviyo *klaviyo = sender(2, 0);

	(void)state;
	server_script(202,
	    "RateLimit-Limit: 60\r\nRateLimit-Remaining: 0\r\n"
	    "RateLimit-Reset: 40\r\n",
	    "");
	store_fill("a", 20, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 100);
	assert_in_range(tally.sent, 1, 2);
	assert_int_equal(tally.retried + tally.dead, 0);
	assert_in_range(tally.wait_ms, 30000, 40000);
	assert_non_null(strstr(tally.reason, "rate limit"));
	sender_free(klaviyo);
}

static void
network_down(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	struct klaviyo_options o = {.private_key = KEY, .in_flight = 4};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct klaviyo_store s = store();
	struct klaviyo_status status;

	(void)state;
	sender_free(klaviyo);
	/* A port of ours that nobody listens on. */
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
	snprintf(
	    url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	o.api_url = url;
	klaviyo = klaviyo_new(&o);
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	assert_in_range(tally.retried, 1, 4);
	assert_int_equal(tally.released, tally.claimed - tally.retried);
	assert_in_range(tally.wait_ms, 1000, 300000);
	assert_non_null(strstr(tally.reason, "cannot be reached"));
	/* Told to the operator, and to the next process. */
	assert_int_equal(klaviyo_outbox_status(&s, kl_now(), &status), 0);
	assert_in_range(status.paused_until, kl_now(), kl_now() + 300);
	assert_string_equal(status.reason, tally.reason);
	/* Another host's network may be well: it may try. */
	assert_string_equal(status.sender, "");
	/* From now on one event asks, until one gets through. */
	for (int i = 0; i < 3; i++) {
		time_passes();
		pass(klaviyo, 1000);
		TALLY(1, 0, 1, 0, 0);
		assert_in_range(tally.wait_ms, 1000, 300000);
	}
	sender_free(klaviyo);
	close(listener);
	klaviyo = sender(4, 0);
	server_script(202, "", "");
	time_passes();
	pass(klaviyo, 1000);
	TALLY(100, 100, 0, 0, 0);
	sender_free(klaviyo);
}

/* Klaviyo answers 503 to everything: not everyone's attempt is spent. */
static void
all_fail(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(503, "Retry-After: 5\r\n", "");
	store_fill("a", 200, KLAVIYO_REALTIME, kl_now());
	pass(klaviyo, 1000);
	assert_in_range(tally.retried, 20, 23);
	assert_int_equal(tally.dead, 0);
	assert_in_range(tally.wait_ms, 1000, 300000);
	assert_int_equal(rows(WAITING), 200);
	server_script(202, "", "");
	time_passes();
	pass(klaviyo, 1000);
	TALLY(200, 200, 0, 0, 0);
	sender_free(klaviyo);
}

/* ----------------------------------------------------------- interruptions */

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
	store_fill("a", 50, KLAVIYO_REALTIME, kl_now());
	stop_flag = 1;
	assert_int_equal(
	    klaviyo_deliver(klaviyo, &s, 100, &stop_flag, &tally), 0);
	TALLY(0, 0, 0, 0, 0);
	/* Told while 4 are under way and never answered: they are given up. */
	stop_flag = 0;
	store_hook = stop_when_claimed;
	server->rule[RULES - 1].fault = HANG;
	assert_int_equal(
	    klaviyo_deliver(klaviyo, &s, 100, &stop_flag, &tally), 0);
	sums_match();
	assert_int_equal(tally.released, tally.claimed);
	assert_int_equal(
	    rows(WAITING " AND claim IS NULL AND attempts = 0"), 50);
	/* Told while they are under way, and answered soon: they count. */
	stop_flag = 0;
	server_script(202, "", "");
	server->rule[RULES - 1].delay_ms = 50;
	assert_int_equal(
	    klaviyo_deliver(klaviyo, &s, 100, &stop_flag, &tally), 0);
	sums_match();
	assert_int_equal(rows(SENT), tally.sent);
	assert_int_equal(server->nseen, tally.sent);
	store_hook = NULL;
	server->rule[RULES - 1].delay_ms = 0;
	pass(klaviyo, 100);
	each_seen_once("a", 50);
	sender_free(klaviyo);
}

/* The n-th statement of a pass fails, for every n: the pass says so, its sums
   match, and the next passes deliver everything. */
static void
faults(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	char id[48];
	int before[10], ok = 0;
	long at;

	(void)state;
	for (at = 1; !ok; at++) {
		store_do("DELETE FROM klaviyo_outbox");
		server_script(202, "", "");
		strcpy(server_rule(0, "\"a7\"", 1, 400)->body, REFUSAL("time"));
		server_rule(1, "\"a8\"", 1, 503);
		store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
		store_fail_at = at;
		ok = pass(klaviyo, 100) == 0;
		store_fail_at = 0;
		if (!ok)
			assert_string_equal(
			    klaviyo_error(), "the disk is on fire");
		for (int i = 0; i < 10; i++) {
			snprintf(id, sizeof(id), "a%d", i);
			before[i] = seen(id);
		}
		/* As if the leases were over. */
		store_do("UPDATE klaviyo_outbox SET due_at = 1"
		         " WHERE sent_at IS NULL");
		server_script(202, "", "");
		assert_int_equal(pass(klaviyo, 100), 0);
		assert_int_equal(rows(SENT), 10);
		/* Sent again at worst: Klaviyo knows it again. */
		for (int i = 0; i < 10; i++) {
			snprintf(id, sizeof(id), "a%d", i);
			assert_in_range(seen(id) + before[i], 1, 2);
		}
		/* Our own limits are no part of this test. */
		sender_free(klaviyo);
		klaviyo = sender(4, 0);
	}
	assert_in_range(at, 12, 100);
	sender_free(klaviyo);
}

/* Rows that this version cannot send are kept, and said. */
static void
unknown_rows(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	store_fill("a", 3, KLAVIYO_REALTIME, kl_now());
	store_do("UPDATE klaviyo_outbox SET kind = 'parcel'"
	         " WHERE id = 'Placed Order/a0';"
	         "UPDATE klaviyo_outbox SET event = 'x'"
	         " WHERE id = 'Placed Order/a1'");
	pass(klaviyo, 3);
	TALLY(3, 1, 2, 0, 0);
	assert_string_equal(store_text("SELECT error FROM klaviyo_outbox"
	                               " WHERE kind = 'parcel'"),
	    "this version cannot send a parcel");
	sender_free(klaviyo);
}

/* Two senders, two processes, one outbox: nothing is sent twice. */
static void
two_senders(void **state)
{
	struct klaviyo *klaviyo;
	struct klaviyo_store s = store();
	pid_t other;
	int status;

	(void)state;
	server_script(202, "", "");
	server->rule[RULES - 1].delay_ms = 2;
	/* Two writers without the host's write gate: not in WAL mode. */
	if (store_db)
		store_do("PRAGMA journal_mode = DELETE");
	store_fill("a", 400, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(store_disconnect(), 0);
	other = fork();
	assert_int_equal(store_connect(), 0);
	if (store_db)
		sqlite3_busy_timeout(store_db, 60000);
	s = store();
	klaviyo = sender(2, 0);
	for (int i = 0; i < 40; i++)
		if (klaviyo_deliver(klaviyo, &s, 10, NULL, &tally)) {
			fprintf(stderr, "%s\n", klaviyo_error());
			break;
		} else if (!tally.claimed)
			break;
	sender_free(klaviyo);
	if (other == 0)
		_exit(0);
	waitpid(other, &status, 0);
	klaviyo = sender(2, 0);
	pass(klaviyo, 1000);
	sender_free(klaviyo);
	assert_int_equal(rows(SENT), 400);
	each_seen_once("a", 400);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(all_sent),
	    TEST(body_as_stored),
	    TEST(at_most_max_and_by_lane),
	    TEST(dry_run),
	    TEST(new_refuses),
	    TEST(every_answer),
	    TEST(same_bytes_again),
	    TEST(one_poisoned_of_100),
	    TEST(repaired),
	    TEST(twenty_refusals),
	    TEST(refusals_apart),
	    TEST(wrong_key),
	    TEST(rate_limited_long),
	    TEST(rate_limited_clamped),
	    TEST(rate_limited_short),
	    TEST(told_of_the_limit),
	    TEST(network_down),
	    TEST(all_fail),
	    TEST(stopped),
	    TEST(faults),
	    TEST(unknown_rows),
	    TEST(two_senders),
	};

	return cmocka_run_group_tests_name(
	    "deliver", tests, server_start, server_stop);
}
