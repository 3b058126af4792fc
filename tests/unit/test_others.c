/*
 * test_others.c - delivery of what is no event: subscriptions and their end,
 * back in stock, new e-mail addresses.  A real database, and a server with a
 * script: what every answer does to the row, to its endpoint, and not to
 * events.
 */
#include "others.h"
#include "pass.h"

/* ---------------------------------------------------------------- requests */

static void
each_kind_its_own_way(void **state)
{
	static const struct {
		const char *kind, *line, *body;
	} row[] = {
	    {KL_KIND_SUBSCRIPTION, SUBSCRIBE,
	        "{\"data\":{\"type\":\"profile-subscription-bulk-create-job\","
	        "\"attributes\":{\"profiles\":{\"data\":[{\"type\":\"profile\","
	        "\"attributes\":{\"email\":\"a0@klaviyo-demo.com\","
	        "\"subscriptions\":{\"email\":{\"marketing\":{\"consent\":"
	        "\"SUBSCRIBED\"}}}}}]}}}}"},
	    {KL_KIND_UNSUBSCRIPTION, UNSUBSCRIBE,
	        "{\"data\":{\"type\":\"profile-subscription-bulk-delete-job\","
	        "\"attributes\":{\"profiles\":{\"data\":[{\"type\":\"profile\","
	        "\"attributes\":{\"email\":\"a0@klaviyo-demo.com\","
	        "\"subscriptions\":{\"email\":{\"marketing\":{\"consent\":"
	        "\"UNSUBSCRIBED\"}}}}}]}}}}"},
	    {KL_KIND_BACK_IN_STOCK, BACK,
	        "{\"data\":{\"type\":\"back-in-stock-subscription\","
	        "\"relationships\":{\"variant\":{\"data\":{\"type\":"
	        "\"catalog-variant\",\"id\":\"$custom:::$default:::V1\"}}},"
	        "\"attributes\":{\"channels\":[\"EMAIL\"],\"profile\":{"
	        "\"data\":"
	        "{\"type\":\"profile\",\"attributes\":{\"email\":"
	        "\"a0@klaviyo-demo.com\"}}}}}}"},
	};
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		nothing_queued();
		server_script(202, "", "");
		queue_one(row[i].kind, "a", 0);
		assert_int_equal(pass(klaviyo, 10), 0);
		TALLY(1, 1, 0, 0, 0);
		assert_int_equal(server->requests, 1);
		assert_int_equal(server_lines(row[i].line), 1);
		assert_string_equal(server->body, row[i].body);
		assert_int_equal(
		    rows(SENT " AND profile = '' AND event = ''"), 1);
	}
	sender_free(klaviyo);
}

static void
address_in_two_steps(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(500, "", "");
	rule(0, FIND, 1, 200, SOMEBODY);
	rule(1, PATCH, 1, 200, "{\"data\":{}}");
	queue_one(KL_KIND_EMAIL, "\"+o'%", 0);
	assert_int_equal(pass(klaviyo, 10), 0);
	TALLY(1, 1, 0, 0, 0);
	assert_int_equal(server->requests, 2);
	assert_string_equal(server->line[0],
	    "GET /api/profiles?filter=equals%28email%2C%22%5C%22%2Bo%27%250%40"
	    "klaviyo-demo.com%22%29&fields%5Bprofile%5D=email HTTP/1.1");
	assert_string_equal(
	    server->line[1], "PATCH /api/profiles/01P HTTP/1.1");
	assert_string_equal(server->body,
	    "{\"data\":{\"type\":\"profile\",\"id\":\"01P\",\"attributes\":"
	    "{\"email\":\"new.\\\"+o'%0@klaviyo-demo.com\"}}}");
	sender_free(klaviyo);
}

/* ------------------------------------------------------------ every answer */

static const struct {
	int status;
	enum fault fault;
	char ends; /* Sent, Retried, Dead, reLeased */
	int off;
	const char *error, *body;
} answers[] = {
    {200, WELL, 'S', 0, "", NULL},
    {202, WELL, 'S', 0, "", NULL},
    {204, WELL, 'S', 0, "", NULL},
    {202, TRUNCATED, 'R', 0, "HTTP 202, broken off", NULL},
    {202, RESET_AFTER, 'R', 0, "HTTP 202, broken off", NULL},
    {202, RESET_BEFORE, 'R', 0, "no answer", NULL},
    {202, CLOSED, 'R', 0, "no answer", NULL},
    {202, ENDLESS, 'R', 0, "HTTP 202, broken off", NULL},
    {202, GARBAGE, 'R', 0, "no answer", NULL},
    {202, HANG, 'R', 0, "no answer", NULL},
    {301, WELL, 'L', 1, "HTTP 301", NULL},
    {308, WELL, 'L', 1, "HTTP 308", NULL},
    {400, WELL, 'D', 0, "HTTP 400: Invalid input. It is wrong. (/data", NULL},
    {401, WELL, 'L', 1, "HTTP 401", NULL},
    {402, WELL, 'D', 0, "HTTP 402", NULL},
    {403, WELL, 'L', 1, "HTTP 403", NULL},
    {404, WELL, 'L', 1, "HTTP 404", NULL},
    {404, WELL, 'L', 1, "HTTP 404", "{\"errors\":[{\"title\":\"No\"}]}"},
    {404, WELL, 'L', 1, "HTTP 404",
        "{\"errors\":[{\"source\":{\"pointer\":\"/path\"}}]}"},
    {404, WELL, 'D', 0, "HTTP 404",
        "{\"errors\":[{\"source\":{\"pointer\":"
        "\"/data/relationships/list/data/id\"}}]}"},
    {405, WELL, 'L', 1, "HTTP 405", NULL},
    {408, WELL, 'R', 0, "HTTP 408", NULL},
    {409, WELL, 'D', 0, "HTTP 409", NULL},
    {410, WELL, 'L', 1, "HTTP 410", NULL},
    {413, WELL, 'D', 0, "HTTP 413", NULL},
    {415, WELL, 'L', 1, "HTTP 415", NULL},
    {422, WELL, 'D', 0, "HTTP 422", NULL},
    {425, WELL, 'R', 0, "HTTP 425", NULL},
    {429, WELL, 'L', 0, "", NULL},
    {500, WELL, 'R', 0, "HTTP 500", NULL},
    {503, WELL, 'R', 0, "HTTP 503", NULL},
    {520, WELL, 'R', 0, "HTTP 520", NULL},
    {599, WELL, 'R', 0, "HTTP 599", NULL},
};

/* One row of the kind and, in the same pass, events, which always arrive.
   ${second}: the answer is to the second step. */
static void
one_answer(size_t at, const char *kind, bool second, const char *scope)
{
	char ends = answers[at].ends, what[64];
	struct klaviyo *klaviyo =
	    sender(4, answers[at].fault == HANG ? 300 : 0);
	const char *error = answers[at].error;
	int64_t now = kl_now(), due;
	struct rule *r;

	if (second &&
	    (answers[at].status == 404 || answers[at].status == 409)) {
		ends = 'D';
		error = "the new address is another profile's already";
	}
	/* An answer to the first step that is well goes to the second. */
	if (!second && strcmp(kind, KL_KIND_EMAIL) == 0 && ends == 'S')
		error = "Klaviyo's answer cannot be read", ends = 'R';
	snprintf(what, sizeof(what), "%s %d %d%s", kind, answers[at].status,
	    answers[at].fault, second ? " second" : "");
	nothing_queued();
	server_script(202, "", "");
	queue_one(kind, "x", 0);
	store_fill("a", 3, KLAVIYO_REALTIME, now);
	r = rule(1,
	    strcmp(kind, KL_KIND_EMAIL) != 0 ? "POST /api/"
	    : second                         ? PATCH
	                                     : FIND,
	    -1, answers[at].status,
	    answers[at].body            ? answers[at].body
	    : answers[at].status == 400 ? REFUSAL("email")
	                                : "");
	r->fault = answers[at].fault;
	rule(0, EVENTS, -1, 202, "");
	if (second)
		rule(2, FIND, -1, 200, SOMEBODY);
	/* Not more, for the machine may be slower than a backoff. */
	assert_int_equal(pass(klaviyo, 4), 0);
	if (tally.claimed != 4 || tally.sent != 3 + (ends == 'S') ||
	    tally.retried != (ends == 'R') || tally.dead != (ends == 'D') ||
	    tally.released != (ends == 'L'))
		fail_msg("%s: %d sent %d retried %d dead %d released", what,
		    (int)tally.sent, (int)tally.retried, (int)tally.dead,
		    (int)tally.released);
	each_seen_once("a", 3);
#define X " AND kind <> 'event'"
	assert_int_equal(rows(SENT X), ends == 'S');
	assert_int_equal(rows(DEAD X), ends == 'D');
	assert_int_equal(rows(WAITING X), ends == 'R' || ends == 'L');
	assert_int_equal(rows("attempts = 1" X), ends != 'L');
	assert_int_equal(rows("event <> ''" X), ends != 'S');
	due = store_number("SELECT COALESCE(due_at, 0) FROM klaviyo_outbox"
	                   " WHERE kind <> 'event'");
	if (ends == 'R')
		assert_in_range(due, now + 1, kl_now() + 3600);
	if (ends == 'L' && ends == answers[at].ends && answers[at].off)
		assert_in_range(due, now + 300, kl_now() + 400);
	if (strncmp(store_text("SELECT error FROM klaviyo_outbox"
	                       " WHERE kind <> 'event'"),
	        error, strlen(error)) != 0)
		fail_msg("%s: %s", what,
		    store_text("SELECT error FROM klaviyo_outbox"
		               " WHERE kind <> 'event'"));
	/* The queue goes on, whatever it was. */
	assert_string_equal(
	    store_text("SELECT paused_until || ' ' || refused_run || reason"
	               " FROM klaviyo_sender"),
	    "0 0");
	assert_int_equal(tally.wait_ms, 0);
	if (ends != 'L' || !answers[at].off)
		assert_string_equal(tally.reason, "");
	else if (answers[at].status == 401 || answers[at].status == 403)
		has(tally.reason, scope);
	else
		has(tally.reason, "check KLAVIYO_");
	sender_free(klaviyo);
}

static void
every_answer(void **state)
{
	static const struct {
		const char *kind;
		bool second;
		const char *scope;
	} row[] = {
	    {KL_KIND_SUBSCRIPTION, false,
	        "lists:write, profiles:write and subscriptions:write"},
	    {KL_KIND_UNSUBSCRIPTION, false,
	        "lists:write, profiles:write and subscriptions:write"},
	    {KL_KIND_BACK_IN_STOCK, false, "catalogs:write and profiles:write"},
	    {KL_KIND_EMAIL, false, "profiles:read and profiles:write"},
	    {KL_KIND_EMAIL, true, "profiles:read and profiles:write"},
	};

	(void)state;
	for (size_t k = 0; k < sizeof(row) / sizeof(*row); k++)
		for (size_t i = 0; i < sizeof(answers) / sizeof(*answers); i++)
			one_answer(i, row[k].kind, row[k].second, row[k].scope);
}

/* A network that is dead is so for all. */
static void
dead_network(void **state)
{
	static const char *const kind[] = {KL_KIND_SUBSCRIPTION,
	    KL_KIND_UNSUBSCRIPTION, KL_KIND_BACK_IN_STOCK, KL_KIND_EMAIL};
	struct klaviyo *klaviyo;
	int port = server->port;

	(void)state;
	for (size_t i = 0; i < sizeof(kind) / sizeof(*kind); i++) {
		nothing_queued();
		queue_one(kind[i], "a", 0);
		server->port = 9; /* nobody's */
		klaviyo = sender(4, 0);
		server->port = port;
		assert_int_equal(pass(klaviyo, 100), 0);
		TALLY(1, 0, 1, 0, 0);
		has(tally.reason, "cannot be reached");
		assert_in_range(tally.wait_ms, 1, 300000);
		assert_int_equal(store_number("SELECT paused_until > 0 FROM"
		                              " klaviyo_sender"),
		    1);
		sender_free(klaviyo);
	}
}

/* -------------------------------------------------------------- endpoints */

/* One endpoint is off: neither events nor the other endpoints are; it is asked
   once, not for every row; after the pause it is asked again. */
static void
off(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);
	int64_t now = kl_now();

	(void)state;
	server_script(202, "", "");
	rule(0, "POST /api/profile-subscription", -1, 403, "");
	queue_many(KL_KIND_SUBSCRIPTION, "s", 50);
	queue_many(KL_KIND_BACK_IN_STOCK, "b", 50);
	store_fill("a", 50, KLAVIYO_REALTIME, now);
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(150, 100, 0, 0, 50);
	assert_int_equal(server_lines(SUBSCRIBE), 1);
	assert_int_equal(server_lines(BACK), 50);
	each_seen_once("a", 50);
	assert_int_equal(rows("attempts = 0"), 50);
	has(tally.reason,
	    "subscriptions wait: the private key lacks a scope (HTTP 403): "
	    "make a key at Klaviyo with the scope lists:write, profiles:write "
	    "and subscriptions:write");

	/* What comes meanwhile waits, untried. */
	queue_one(KL_KIND_SUBSCRIPTION, "t", 0);
	store_fill("b", 3, KLAVIYO_REALTIME, now);
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(4, 3, 0, 0, 1);
	has(tally.reason, "subscriptions wait");
	assert_int_equal(server_lines(SUBSCRIBE), 1);
	assert_true(rows("due_at >= 0") == 51);
	assert_in_range(store_number("SELECT MIN(due_at) FROM klaviyo_outbox"),
	    now + 299, kl_now() + 301);

	/* Another key, and the pause is over. */
	klaviyo->other[KL_SUBSCRIPTIONS].off_until = 1;
	server_script(202, "", "");
	time_passes();
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(51, 51, 0, 0, 0);
	assert_string_equal(tally.reason, "");
	assert_int_equal(server_lines(SUBSCRIBE), 51);
	sender_free(klaviyo);
}

/* 20 failures in a row: the endpoint is left alone, and it only. */
static void
failing(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	rule(0, BACK, -1, 503, "");
	queue_many(KL_KIND_BACK_IN_STOCK, "b", 50);
	store_fill("a", 30, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 1000), 0);
	assert_int_equal(tally.sent, 30);
	assert_int_equal(tally.retried, 20);
	assert_int_equal(rows(WAITING), 50);
	assert_int_equal(server_lines(BACK), 20);
	has(tally.reason, "back-in-stock subscriptions wait: HTTP 503");
	assert_int_equal(tally.wait_ms, 0);
	sender_free(klaviyo);

	/* A success between them, and they are no run. */
	nothing_queued();
	klaviyo = sender(1, 0);
	server_script(202, "", "");
	rule(0, BACK, 19, 503, "");
	queue_many(KL_KIND_BACK_IN_STOCK, "b", 21);
	/* A quarter of a pass, which is each of them once. */
	assert_int_equal(pass(klaviyo, 80), 0);
	TALLY(21, 2, 19, 0, 0);
	rule(0, BACK, 19, 503, "");
	time_passes();
	assert_int_equal(pass(klaviyo, 72), 0);
	TALLY(19, 0, 19, 0, 0);
	assert_string_equal(tally.reason, "");
	sender_free(klaviyo);
}

/* 429: that endpoint waits, all of it, and nothing else. */
static void
told_to_wait(void **state)
{
	struct klaviyo *klaviyo = sender(1, 0);
	int64_t now = kl_now();

	(void)state;
	server_script(202, "", "");
	strcpy(
	    rule(0, SUBSCRIBE, -1, 429, "")->headers, "Retry-After: 120\r\n");
	queue_many(KL_KIND_SUBSCRIPTION, "s", 20);
	store_fill("a", 20, KLAVIYO_REALTIME, now);
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(40, 20, 0, 0, 20);
	assert_int_equal(server_lines(SUBSCRIBE), 1);
	assert_int_equal(tally.wait_ms, 0);
	assert_int_equal(rows("attempts = 0"), 20);
	assert_in_range(store_number("SELECT MIN(due_at) FROM klaviyo_outbox"),
	    now + 119, kl_now() + 121);
	assert_in_range(store_number("SELECT MAX(due_at) FROM klaviyo_outbox"),
	    now + 119, kl_now() + 121);
	assert_int_equal(
	    store_number("SELECT paused_until FROM klaviyo_sender"), 0);
	sender_free(klaviyo);
}

/* More than a minute's worth: put off, each minute what may go in it. */
static void
crowd(void **state)
{
	struct klaviyo *klaviyo = sender(32, 0);
	int64_t now = kl_now();
	char where[80];

	(void)state;
	server_script(202, "", "");
	/* As if this minute were nearly over. */
	for (int i = 0; i < 745; i++) {
		kl_pacer_take(&klaviyo->pacer[KL_SUBSCRIPTIONS],
		    kl_monotonic_ms() - 30000 + i / 70 * 1100);
		kl_pacer_drop(&klaviyo->pacer[KL_SUBSCRIPTIONS],
		    kl_monotonic_ms() - 30000 + i / 70 * 1100);
	}
	queue_many(KL_KIND_SUBSCRIPTION, "s", 2005);
	store_fill("a", 100, KLAVIYO_REALTIME, now);
	assert_int_equal(pass(klaviyo, 10000), 0);
	TALLY(2105, 105, 0, 0, 2000);
	each_seen_once("a", 100);
	assert_int_equal(server_lines(SUBSCRIBE), 5);
	for (int i = 0; i < 3; i++) {
		snprintf(where, sizeof(where),
		    "due_at > %lld AND due_at <= %lld",
		    (long long)now + 15 + i * 60, (long long)now + 75 + i * 60);
		assert_int_equal(rows(where), i < 2 ? 750 : 500);
	}
	sender_free(klaviyo);
}

/* A mix drains, in one pass, and each reaches its endpoint once. */
static void
mix(void **state)
{
	static const char *const kind[] = {KL_KIND_SUBSCRIPTION,
	    KL_KIND_UNSUBSCRIPTION, KL_KIND_BACK_IN_STOCK, KL_KIND_EMAIL};
	struct klaviyo *klaviyo = sender(32, 0);
	char prefix[16];
	int passes = 0;

	(void)state;
	server_script(202, "", "");
	rule(0, FIND, -1, 200, SOMEBODY);
	for (int i = 0; i < 20; i++) {
		snprintf(prefix, sizeof(prefix), "e%d.", i);
		store_fill(prefix, 100, KLAVIYO_REALTIME, kl_now());
		for (size_t k = 0; k < 4; k++)
			queue_one(kind[k], kind[k], i);
	}
	store_fill("h", 300, KLAVIYO_HISTORICAL, kl_now());
	while (rows(SENT) < 2380 && passes++ < 20)
		assert_int_equal(pass(klaviyo, 1000), 0);
	assert_int_equal(rows(SENT " AND attempts = 1"), 2380);
	for (int i = 0; i < 20; i++) {
		snprintf(prefix, sizeof(prefix), "e%d.", i);
		each_seen_once(prefix, 100);
	}
	each_seen_once("h", 300);
	assert_int_equal(server_lines(SUBSCRIBE), 20);
	assert_int_equal(server_lines(UNSUBSCRIBE), 20);
	assert_int_equal(server_lines(BACK), 20);
	assert_int_equal(server_lines(FIND), 20);
	assert_int_equal(server_lines(PATCH), 20);
	assert_int_equal(
	    server_lines(EVENTS) + server_lines(BULK), server->requests - 100);
	for (size_t k = 0; k < 4; k++)
		for (int i = 0; i < 20; i++) {
			char email[80];

			snprintf(email, sizeof(email),
			    "%s%s%d@klaviyo-demo.com", k == 3 ? "new." : "",
			    kind[k], i);
			assert_int_equal(seen(email), 1);
		}
	sender_free(klaviyo);
}

static int stop, stop_at;

static void
stop_after_events(const char *sql)
{
	(void)sql;
	stop = server_lines(EVENTS) == stop_at;
}

/* An endpoint that hangs takes a quarter of the pool: events go on. */
static void
hanging(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	struct klaviyo_store s = store();

	(void)state;
	server_script(202, "", "");
	rule(0, BACK, -1, 202, "")->fault = HANG;
	queue_many(KL_KIND_BACK_IN_STOCK, "b", 20);
	store_fill("a", 300, KLAVIYO_REALTIME, kl_now());
	stop = 0;
	stop_at = 300;
	store_hook = stop_after_events;
	assert_int_equal(klaviyo_deliver(klaviyo, &s, 400, &stop, &tally), 0);
	store_hook = NULL;
	TALLY(320, 300, 0, 0, 20);
	each_seen_once("a", 300);
	assert_int_equal(server_lines(BACK), 2);
	sender_free(klaviyo);
}

/* Neither waits behind the other. */
static void
apart(void **state)
{
	struct klaviyo *klaviyo = sender(8, 0);
	struct klaviyo_store s = store();
	struct klaviyo_status status;

	(void)state;
	/* Events must wait for their limits. */
	server_script(202, "", "");
	store_fill("a", 10, KLAVIYO_REALTIME, kl_now() - 100);
	queue_many(KL_KIND_SUBSCRIPTION, "s", 5);
	klaviyo->pacer[KL_SINGLE].minute.limit = 0;
	klaviyo->bulk_off_until = INT64_MAX;
	assert_int_equal(pass(klaviyo, 100), 0);
	TALLY(5, 5, 0, 0, 0);
	assert_int_equal(server_lines(SUBSCRIBE), 5);
	has(tally.reason, "rate limit");
	sender_free(klaviyo);

	/* A crowd was there before them. */
	nothing_queued();
	klaviyo = sender(8, 0);
	server_script(202, "", "");
	queue_many(KL_KIND_SUBSCRIPTION, "s", 3000);
	store_do("UPDATE klaviyo_outbox SET due_at = 1, created_at = 1");
	store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
	stop = 0;
	stop_at = 10;
	store_hook = stop_after_events;
	assert_int_equal(klaviyo_deliver(klaviyo, &s, 400, &stop, &tally), 0);
	store_hook = NULL;
	each_seen_once("a", 10);
	/* No more than a second's worth came before. */
	assert_in_range(server->requests, 11, 90);

	/* To the host they are real time. */
	assert_int_equal(klaviyo_outbox_status(&s, kl_now(), &status), 0);
	assert_int_equal(status.oldest_realtime, 1);
	sender_free(klaviyo);
}

static void
dry_run(void **state)
{
	struct klaviyo_options o = {.dry_run = 1};
	struct klaviyo *klaviyo = klaviyo_new(&o);

	(void)state;
	queue_many(KL_KIND_SUBSCRIPTION, "s", 5);
	store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 100), 0);
	TALLY(15, 0, 0, 0, 15);
	assert_int_equal(pass(klaviyo, 12), 0);
	TALLY(12, 0, 0, 0, 12);
	sender_free(klaviyo);
}

static void
unknown_kind(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	queue_one(KL_KIND_SUBSCRIPTION, "s", 0);
	store_do("UPDATE klaviyo_outbox SET kind = 'carrier-pigeon'");
	store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
	assert_int_equal(pass(klaviyo, 11), 0);
	TALLY(11, 10, 1, 0, 0);
	assert_int_equal(rows(WAITING " AND error = 'this version cannot send a"
	                              " carrier-pigeon'"),
	    1);
	assert_int_equal(server->requests, 10);
	sender_free(klaviyo);
}

/* Refusals of others say nothing of events. */
static void
no_suspicion(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	rule(0, SUBSCRIBE, -1, 400, REFUSAL("phone_number"));
	queue_many(KL_KIND_SUBSCRIPTION, "s", 30);
	/* Not repaired: consent for half of what was ticked is none. */
	store_do("UPDATE klaviyo_outbox SET profile = '{\"type\":\"profile\","
	         "\"attributes\":{\"email\":\"a@klaviyo-demo.com\","
	         "\"phone_number\":\"+15005550006\",\"subscriptions\":{}}}'");
	assert_int_equal(pass(klaviyo, 1000), 0);
	TALLY(30, 0, 0, 30, 0);
	assert_int_equal(
	    store_number("SELECT refused_run FROM klaviyo_sender"), 0);
	/* Nor do they end a run of events'. */
	nothing_queued();
	store_do("UPDATE klaviyo_sender SET refused_run = 19");
	server_script(202, "", "");
	queue_many(KL_KIND_SUBSCRIPTION, "s", 3);
	assert_int_equal(pass(klaviyo, 100), 0);
	TALLY(3, 3, 0, 0, 0);
	assert_int_equal(
	    store_number("SELECT refused_run FROM klaviyo_sender"), 19);
	sender_free(klaviyo);
}

/* The probe is an event, if one is due; else what there is. */
static void
probe(void **state)
{
	struct klaviyo *klaviyo = sender(4, 0);

	(void)state;
	server_script(202, "", "");
	rule(0, EVENTS, -1, 401, "");
	queue_many(KL_KIND_SUBSCRIPTION, "s", 10);
	store_do("UPDATE klaviyo_sender SET paused_until = 1");
	store_fill("a", 5, KLAVIYO_REALTIME, kl_now() - 1);
	store_do("UPDATE klaviyo_outbox SET due_at = 1 WHERE"
	         " kind <> 'event'");
	assert_int_equal(pass(klaviyo, 100), 0);
	assert_int_equal(server->requests, 1);
	assert_int_equal(server_lines(EVENTS), 1);
	TALLY(1, 0, 0, 0, 1);
	assert_int_equal(rows("attempts > 0"), 0);
	assert_int_equal(tally.wait_ms, 300000);

	/* No event: others go on; what events are suspected of stands. */
	for (int suspect = 0; suspect < 2; suspect++) {
		nothing_queued();
		server_script(202, "", "");
		queue_many(KL_KIND_SUBSCRIPTION, "s", 10);
		store_do(suspect
		             ? "UPDATE klaviyo_sender SET paused_until = 1,"
		               " refused_run = 20"
		             : "UPDATE klaviyo_sender SET paused_until = 1");
		assert_int_equal(pass(klaviyo, 100), 0);
		TALLY(10, 10, 0, 0, 0);
		assert_int_equal(server_lines(SUBSCRIBE), 10);
		assert_int_equal(
		    store_number("SELECT paused_until + refused_run"
		                 " FROM klaviyo_sender"),
		    suspect ? 21 : 0);
	}
	sender_free(klaviyo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(each_kind_its_own_way),
	    TEST(address_in_two_steps),
	    TEST(every_answer),
	    TEST(dead_network),
	    TEST(off),
	    TEST(failing),
	    TEST(told_to_wait),
	    TEST(crowd),
	    TEST(mix),
	    TEST(hanging),
	    TEST(apart),
	    TEST(dry_run),
	    TEST(unknown_kind),
	    TEST(no_suspicion),
	    TEST(probe),
	};

	return cmocka_run_group_tests_name(
	    "others", tests, server_start, server_stop);
}
