/*
 * test_judgement.c - the whole judgement table through delivery passes: every
 * status and every way a transfer can break, over the wire, and what becomes
 * of the event and of the queue.
 *
 * TLS faults are in tests/integration/test_answers.py.
 */
#include "server.h"
#include "store.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define KEY "pk_0123456789abcdef0123456789abcdef01"
#define REFUSAL(field)                                                         \
	"{\"errors\":[{\"id\":\"1\",\"code\":\"invalid\",\"title\":\"Invalid " \
	"input.\",\"detail\":\"It is wrong.\",\"source\":{\"pointer\":"        \
	"\"/data/attributes/" field "\"}}]}"
#define SENT "sent_at IS NOT NULL"
#define DEAD "sent_at IS NULL AND due_at IS NULL"
#define WAITING "due_at IS NOT NULL"

enum { ANY = -1 };

static struct klaviyo_tally tally;

static struct klaviyo_options
options(int timeout_ms)
{
	static char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
	return (struct klaviyo_options){.api_url = url,
	    .private_key = KEY,
	    .in_flight = 4,
	    .timeout_ms = timeout_ms};
}

static struct klaviyo *
sender(const struct klaviyo_options *o)
{
	struct klaviyo_options plain = options(0);
	struct klaviyo *klaviyo = klaviyo_new(o ? o : &plain);

	if (!klaviyo)
		fail_msg("%s", klaviyo_error());
	return klaviyo;
}

static void
leave(struct klaviyo *klaviyo)
{
	struct klaviyo_store s = store();

	assert_int_equal(klaviyo_leave(klaviyo, &s), 0);
	klaviyo_free(klaviyo);
}

static void
pass_most(struct klaviyo *klaviyo, int max)
{
	struct klaviyo_store s = store();

	assert_int_equal(klaviyo_deliver(klaviyo, &s, max, NULL, &tally), 0);
	assert_int_equal(tally.claimed,
	    tally.sent + tally.retried + tally.dead + tally.released);
	assert_int_equal(store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                              " WHERE claim IS NOT NULL"),
	    0);
}

static void
pass(struct klaviyo *klaviyo)
{
	pass_most(klaviyo, 1000);
}

/* Each event once: on a slow machine one that is to be tried again in a second
   would be, in the same pass. */
static void
pass_once(struct klaviyo *klaviyo)
{
	pass_most(
	    klaviyo, (int)store_number("SELECT COUNT(*) FROM klaviyo_outbox"
	                               " WHERE due_at IS NOT NULL"));
}

static int64_t
rows(const char *where)
{
	char sql[256];

	snprintf(sql, sizeof(sql), "SELECT COUNT(*) FROM klaviyo_outbox %s%s",
	    *where ? "WHERE " : "", where);
	return store_number(sql);
}

static void
empty(void)
{
	store_do("DELETE FROM klaviyo_outbox; UPDATE klaviyo_sender"
	         " SET paused_until = 0, refused_run = 0, reason = ''");
}

/* Every wait is over: what the clock does in an hour. */
static void
time_passes(void)
{
	store_do("UPDATE klaviyo_outbox SET due_at = 1 WHERE " WAITING ";"
	         "UPDATE klaviyo_sender SET paused_until = 1"
	         " WHERE paused_until > 0");
}

/* ----------------------------------------------------------- every status */

/* DESIGN's table: Sent, Retried, reLeased (everything waits), Paused, and
   refused: Dead. */
static char
table(int status)
{
	static const int pause[] = {401, 403, 404, 405, 410, 415};
	static const int again[] = {408, 425};

	for (size_t i = 0; i < sizeof(pause) / sizeof(*pause); i++)
		if (status == pause[i])
			return 'P';
	for (size_t i = 0; i < sizeof(again) / sizeof(*again); i++)
		if (status == again[i])
			return 'R';
	if (status == 429)
		return 'L';
	return "?RSPDR"[status / 100];
}

static void
every_status(void **state)
{
	(void)state;
	for (int status = 100; status < 600; status++) {
		struct klaviyo *klaviyo = sender(NULL);
		char want = table(status), got;
		bool paused;

		empty();
		store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
		server_script(status, "", "");
		server->rule[RULES - 1].fault = LAST_WORD;
		/* A 429 without a time is waited for within the pass. */
		if (want == 'L')
			strcpy(server->rule[RULES - 1].headers,
			    "Retry-After: 9\r\n");
		pass_once(klaviyo);
		paused = strstr(tally.reason, "HTTP 429") == NULL &&
		         store_number("SELECT paused_until > 0"
		                      " FROM klaviyo_sender");
		got = tally.sent      ? 'S'
		      : tally.retried ? 'R'
		      : tally.dead    ? 'D'
		      : paused        ? 'P'
		                      : 'L';
		if (tally.claimed != 1 || got != want)
			fail_msg("HTTP %d: %c, not %c", status, got, want);
		assert_int_equal(server->requests, 1);
		assert_int_equal(rows(SENT), want == 'S');
		assert_int_equal(rows(DEAD), want == 'D');
		/* Waiting uses no attempts; only what was sent is emptied. */
		assert_int_equal(
		    rows("attempts = 0"), want == 'L' || want == 'P');
		assert_int_equal(
		    rows("event = '' AND profile = ''"), want == 'S');
		assert_int_equal(tally.wait_ms, want == 'P'   ? 300000
		                                : want == 'L' ? 9000
		                                              : 0);
		leave(klaviyo);
	}
}

/* ---------------------------------------------------------- every outcome */

/* What a client makes of one request. */
static struct kl_answer
ask(const struct klaviyo_options *o)
{
	struct kl_client *client = kl_client_new(o);
	struct kl_answer answer;
	void *tag;

	assert_non_null(client);
	assert_int_equal(
	    kl_client_post(client, "/api/events", strdup("{}"), NULL), 0);
	while (kl_client_next(client, 1000, &tag, &answer) == 0)
		;
	free(answer.body);
	answer.body = NULL;
	kl_client_free(client);
	return answer;
}

/* HAZARDS' list, as far as a server without TLS goes.  Each of these may have
   been taken: the event is tried again, the queue goes on. */
static void
broken_transfers(void **state)
{
	static const struct {
		const char *name;
		enum fault fault;
		int curl, status;
	} row[] = {
	    {"slow first byte", HANG, CURLE_OPERATION_TIMEDOUT, 0},
	    {"drip", DRIP, CURLE_OPERATION_TIMEDOUT, 202},
	    {"truncated header", HALF_HEADER, ANY, ANY},
	    {"closed", CLOSED, CURLE_GOT_NOTHING, 0},
	    {"truncated body", TRUNCATED, CURLE_PARTIAL_FILE, 202},
	    {"RST before header", RESET_BEFORE, CURLE_RECV_ERROR, 0},
	    {"RST after header", RESET_AFTER, CURLE_RECV_ERROR, 202},
	    {"endless body", ENDLESS, CURLE_WRITE_ERROR, 202},
	    {"endless headers", LONG_HEADERS, ANY, 202},
	    {"endless header", LONG_HEADER, CURLE_OUT_OF_MEMORY, 202},
	    {"HTTP/0.9", GARBAGE, CURLE_UNSUPPORTED_PROTOCOL, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		bool slow = row[i].fault == HANG || row[i].fault == DRIP;
		struct klaviyo_options o = options(slow ? 400 : 0);
		struct klaviyo *klaviyo = sender(&o);
		struct kl_answer answer;

		empty();
		store_fill("a", 10, KLAVIYO_REALTIME, kl_now());
		server_script(202, "", "");
		server_rule(0, "\"a4\"", -1, 202)->fault = row[i].fault;
		pass_once(klaviyo);
		if (tally.sent != 9 || tally.retried != 1)
			fail_msg("%s: %d sent, %d retried", row[i].name,
			    (int)tally.sent, (int)tally.retried);
		assert_int_equal(tally.wait_ms, 0);
		assert_int_equal(
		    rows(WAITING " AND attempts = 1 AND event <> ''"), 1);
		leave(klaviyo);

		server->rule[RULES - 1].fault = row[i].fault;
		answer = ask(&o);
		assert_int_not_equal(answer.curl, CURLE_OK);
		if (row[i].curl != ANY && answer.curl != row[i].curl)
			fail_msg("%s: curl %d", row[i].name, answer.curl);
		if (row[i].status != ANY)
			assert_int_equal(answer.status, row[i].status);
		assert_string_not_equal(answer.error, "");
	}
}

/* A refusal, or "wait", needs no body to stand; a 2xx does, and so does what
   may be a proxy's. */
static void
broken_bodies(void **state)
{
	static const struct {
		int status;
		enum fault fault;
		enum kl_verdict verdict;
	} row[] = {
	    {202, TRUNCATED, KL_V_RETRY},
	    {400, TRUNCATED, KL_V_RETRY},
	    {400, ENDLESS, KL_V_REFUSED},
	    {422, ENDLESS, KL_V_REFUSED},
	    {401, TRUNCATED, KL_V_PAUSE},
	    {404, ENDLESS, KL_V_PAUSE},
	    {307, TRUNCATED, KL_V_PAUSE},
	    {429, TRUNCATED, KL_V_WAIT},
	    {429, RESET_AFTER, KL_V_WAIT},
	    {503, ENDLESS, KL_V_RETRY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo_options o = options(0);
		struct kl_answer answer;

		server_script(row[i].status, "", "");
		server->rule[RULES - 1].fault = row[i].fault;
		answer = ask(&o);
		assert_int_not_equal(answer.curl, CURLE_OK);
		assert_int_equal(answer.status, row[i].status);
		assert_int_equal(kl_judge(&answer), row[i].verdict);
	}
}

/* The key and the event go where the options say, and nowhere else. */
static void
redirects(void **state)
{
	static const int status[] = {300, 301, 302, 303, 304, 305, 307, 308};
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int other = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	char header[128];

	(void)state;
	inet_pton(AF_INET, "127.0.0.2", &address.sin_addr);
	assert_int_equal(bind(other, (struct sockaddr *)&address, size), 0);
	assert_int_equal(listen(other, 8), 0);
	getsockname(other, (struct sockaddr *)&address, &size);
	snprintf(header, sizeof(header),
	    "Location: http://127.0.0.2:%d/api/events\r\n",
	    ntohs(address.sin_port));
	for (size_t i = 0; i < sizeof(status) / sizeof(*status); i++) {
		struct klaviyo *klaviyo = sender(NULL);

		empty();
		store_fill("a", 3, KLAVIYO_REALTIME, kl_now());
		server_script(status[i], header, "");
		pass(klaviyo);
		assert_non_null(strstr(tally.reason, "KLAVIYO_API_URL"));
		assert_int_equal(tally.sent + tally.retried + tally.dead, 0);
		assert_int_equal(rows(WAITING " AND attempts = 0"), 3);
		assert_int_equal(accept(other, NULL, NULL), -1);
		leave(klaviyo);
	}
	close(other);
}

/* ------------------------------------------------------------ dead network */

struct nowhere {
	const char *name;
	char url[160];
	int listener, stuck[3];
};

static void
nowhere_listen(struct nowhere *to, const char *scheme, int backlog)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);

	to->listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(
	    bind(to->listener, (struct sockaddr *)&address, size), 0);
	if (backlog >= 0)
		assert_int_equal(listen(to->listener, backlog), 0);
	getsockname(to->listener, (struct sockaddr *)&address, &size);
	snprintf(to->url, sizeof(to->url), "%s://127.0.0.1:%d", scheme,
	    ntohs(address.sin_port));
	for (size_t i = 0; i < 3; i++) {
		to->stuck[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		/* No room in the queue: the next SYN is not answered. */
		if (backlog == 0)
			(void)!connect(
			    to->stuck[i], (struct sockaddr *)&address, size);
	}
}

static void
nowhere_close(struct nowhere *to)
{
	for (size_t i = 0; i < 3; i++)
		close(to->stuck[i]);
	close(to->listener);
}

/* However nobody is there: the pass ends, nothing is lost, one event finds
   out each time, and then everything flows. */
static void
nobody_there(void **state)
{
	static struct nowhere place[5];
	struct klaviyo_options o = options(1500);
	struct klaviyo *klaviyo;

	(void)state;
	place[0].name = "refused";
	nowhere_listen(&place[0], "http", -1);
	place[1].name = "no answer to SYN";
	nowhere_listen(&place[1], "http", 0);
	place[2].name = "silent where TLS should be";
	nowhere_listen(&place[2], "https", 64);
	place[3].name = "no TLS";
	nowhere_listen(&place[3], "https", -1);
	snprintf(place[3].url, sizeof(place[3].url), "https://127.0.0.1:%d",
	    server->port);
	/* A name that no server need be asked about: a label is too long. */
	place[4].name = "no such name";
	nowhere_listen(&place[4], "http", -1);
	snprintf(
	    place[4].url, sizeof(place[4].url), "https://%064d.invalid", 7);
	o.connect_timeout_ms = 300;
	for (size_t i = 0; i < 5; i++) {
		struct kl_answer answer;

		empty();
		server_script(202, "", "");
		store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
		o.api_url = place[i].url;
		answer = ask(&o);
		if (kl_judge(&answer) != KL_V_DEAD_NET)
			fail_msg("%s: curl %d, %s", place[i].name, answer.curl,
			    answer.error);
		assert_int_equal(answer.status, 0);
		if (i == 4)
			assert_int_equal(
			    answer.curl, CURLE_COULDNT_RESOLVE_HOST);
		klaviyo = sender(&o);
		pass(klaviyo);
		assert_in_range(tally.retried, 1, 4);
		assert_int_equal(tally.sent + tally.dead, 0);
		assert_in_range(tally.wait_ms, 1000, 300000);
		assert_non_null(strstr(tally.reason, "cannot be reached"));
		for (int again = 0; again < 2; again++) {
			time_passes();
			pass(klaviyo);
			assert_int_equal(tally.claimed, 1);
			assert_int_equal(tally.retried, 1);
		}
		assert_int_equal(rows(WAITING " AND event <> ''"), 100);
		assert_int_equal(server->requests, 0);
		leave(klaviyo);
		nowhere_close(&place[i]);
	}
	klaviyo = sender(NULL);
	time_passes();
	pass(klaviyo);
	assert_int_equal(tally.sent, 100);
	leave(klaviyo);
}

/* One event finds out whether the network is back: if it is, all the others
   follow in the same pass. */
static void
probe_then_all(void **state)
{
	struct klaviyo_options o = options(0);
	struct klaviyo *klaviyo;
	struct sockaddr_in address = {.sin_family = AF_INET};
	struct nowhere place = {0};
	int moved, open, one = 1;
	pid_t second;

	(void)state;
	server_script(202, "", "");
	nowhere_listen(&place, "http", -1);
	o.api_url = place.url;
	klaviyo = sender(&o);
	store_fill("a", 50, KLAVIYO_REALTIME, kl_now());
	for (int i = 0; i < 2; i++) {
		pass(klaviyo);
		assert_true(tally.retried > 0);
		time_passes();
	}
	/* The same address, and now somebody answers there. */
	sscanf(strrchr(place.url, ':') + 1, "%d", &moved);
	nowhere_close(&place);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons((uint16_t)moved);
	place.listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(place.listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(
	    bind(place.listener, (struct sockaddr *)&address, sizeof(address)),
	    0);
	assert_int_equal(listen(place.listener, 64), 0);
	server->rule[RULES - 1].delay_ms = 20;
	server->most_open = open = server->open;
	second = fork();
	if (second == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		server_serve(place.listener);
	}
	pass(klaviyo);
	assert_int_equal(tally.sent, 50);
	assert_int_equal(tally.wait_ms, 0);
	assert_true(server->most_open > open + 1); /* not one by one */
	leave(klaviyo);
	kill(second, SIGKILL);
	waitpid(second, NULL, 0);
	close(place.listener);
}

/* ------------------------------------------------------------ time limits */

static int64_t
took(const struct klaviyo_options *o)
{
	int64_t before = kl_monotonic_ms();

	assert_int_not_equal(ask(o).curl, CURLE_OK);
	return kl_monotonic_ms() - before;
}

/* Each limit ends what the other would let go on: seen by the ratio. */
static void
time_limits(void **state)
{
	struct nowhere place = {0};
	struct klaviyo_options o = options(0), defaults;

	(void)state;
	nowhere_listen(&place, "http", 0);
	o.api_url = place.url;
	o.connect_timeout_ms = 200;
	o.timeout_ms = 60000;
	assert_true(took(&o) < o.timeout_ms / 2);
	nowhere_close(&place);

	o = options(200);
	o.connect_timeout_ms = 60000;
	server_script(202, "", "");
	server->rule[RULES - 1].fault = DRIP; /* never idle, never over */
	assert_true(took(&o) < o.connect_timeout_ms / 2);
	server->rule[RULES - 1].fault = HANG;
	assert_true(took(&o) < o.connect_timeout_ms / 2);

	o = (struct klaviyo_options){.private_key = KEY};
	assert_int_equal(kl_options(&defaults, &o), 0);
	assert_int_equal(defaults.connect_timeout_ms, 5000);
	assert_int_equal(defaults.timeout_ms, 15000);
}

/* What was posted in time, and is about to go out too late, does not. */
static void
too_late(void **state)
{
	struct klaviyo_options o = options(0);
	struct kl_client *client = kl_client_new(&o);
	struct kl_answer answer;
	void *tag;

	(void)state;
	server_script(202, "", "");
	/* On a new connection, and on a kept one. */
	for (int i = 0; i < 4; i++) {
		int64_t by = kl_monotonic_ms() + (i % 2 ? 60000 : -1);

		assert_int_equal(kl_client_post_by(client, "/api/events",
		                     strdup("{}"), NULL, by),
		    0);
		while (kl_client_next(client, 1000, &tag, &answer) == 0)
			;
		assert_int_equal(
		    answer.curl, i % 2 ? CURLE_OK : CURLE_ABORTED_BY_CALLBACK);
		assert_int_equal(server->requests, (i + 1) / 2);
		assert_int_equal(
		    kl_judge(&answer), i % 2 ? KL_V_SENT : KL_V_UNSENT);
	}
	kl_client_free(client);
}

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
		struct klaviyo *klaviyo = sender(NULL);
		char header[128];
		int64_t due, before;

		empty();
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
		leave(klaviyo);
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
	struct klaviyo *klaviyo = sender(NULL);

	(void)state;
	server_script(503, "", "");
	store_fill("a", 19, KLAVIYO_REALTIME, kl_now());
	store_do("UPDATE klaviyo_outbox SET attempts = 9998");
	pass(klaviyo);
	assert_int_equal(tally.retried, 19);
	assert_true(store_number("SELECT COUNT(DISTINCT due_at)"
	                         " FROM klaviyo_outbox") > 10);
	assert_int_equal(rows("attempts = 9999 AND due_at > 0"), 19);
	leave(klaviyo);
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
	struct klaviyo *klaviyo = sender(NULL);

	(void)state;
	server_script(400, "", REFUSAL("profile/data/attributes/phone_number"));
	strcpy(server_rule(0, "", 1, 400)->body,
	    REFUSAL("profile/data/attributes/phone_number"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"phone_number\":\"+15005550006\""));
	pass(klaviyo);
	assert_int_equal(tally.dead, 1);
	assert_int_equal(server->requests, 2);
	assert_null(strstr(server->body, "phone_number"));
	assert_int_equal(rows(DEAD " AND attempts = 2"), 1);
	leave(klaviyo);

	/* Refused for something else after the repair. */
	klaviyo = sender(NULL);
	empty();
	server_script(422, "", REFUSAL("time"));
	strcpy(server_rule(0, "", 1, 400)->body,
	    REFUSAL("profile/data/attributes/email"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"external_id\":\"7\""));
	pass(klaviyo);
	assert_int_equal(tally.dead, 1);
	assert_int_equal(server->requests, 2);
	assert_string_equal(store_text("SELECT error FROM klaviyo_outbox"),
	    "HTTP 422: Invalid input. It is wrong. (/data/attributes/time)");
	leave(klaviyo);

	/* First the one, then the other: each field goes once, and what is
	   left is sent.  Nothing else of the event changes. */
	klaviyo = sender(NULL);
	empty();
	server_script(202, "", "");
	strcpy(server_rule(0, "phone_number", -1, 400)->body,
	    REFUSAL("phone_number"));
	strcpy(server_rule(1, "\"email\"", -1, 400)->body, REFUSAL("email"));
	store_fill("a", 1, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\",\"phone_number\":"
	                 "\"+15005550006\",\"external_id\":\"7\""));
	pass(klaviyo);
	assert_int_equal(tally.sent, 1);
	assert_int_equal(server->requests, 3);
	assert_non_null(strstr(server->body,
	    "\"properties\":{},\"unique_id\":\"a0\",\"profile\":{\"data\":"
	    "{\"type\":\"profile\",\"attributes\":{\"external_id\":\"7\"}}}"));
	leave(klaviyo);
}

/* Klaviyo refuses everyone's address: each event is repaired once, refused
   again, and counts; the queue pauses, it is not worn away. */
static void
repairs_are_no_way_round_suspicion(void **state)
{
	struct klaviyo *klaviyo = sender(NULL);

	(void)state;
	server_script(400, "", REFUSAL("profile/data/attributes/email"));
	store_fill("a", 100, KLAVIYO_REALTIME, kl_now());
	store_do(PROFILE("\"email\":\"a@klaviyo-demo.com\","
	                 "\"external_id\":\"7\""));
	pass(klaviyo);
	assert_int_equal(rows(DEAD), 19);
	assert_int_equal(rows(WAITING), 81);
	assert_int_equal(tally.wait_ms, 300000);
	leave(klaviyo);
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
		empty();
		server_script(400, "", REFUSAL("time"));
		for (int i = 0; i < 19; i++) {
			char one[8];

			snprintf(one, sizeof(one), "r%d-", i);
			store_fill(one, 1, KLAVIYO_REALTIME, kl_now());
			server->rule[RULES - 1].status = status[i % 4];
			klaviyo = sender(NULL);
			pass(klaviyo);
			assert_int_equal(tally.dead, 1);
			assert_int_equal(tally.wait_ms, 0);
			leave(klaviyo);
		}
		if (taken) {
			server_rule(0, "", 1, 202);
			store_fill("good", 1, KLAVIYO_REALTIME, kl_now());
			klaviyo = sender(NULL);
			pass(klaviyo);
			assert_int_equal(tally.sent, 1);
			leave(klaviyo);
		}
		store_fill("last", 1, KLAVIYO_REALTIME, kl_now());
		klaviyo = sender(NULL);
		pass(klaviyo);
		assert_int_equal(tally.dead, taken);
		assert_int_equal(rows(WAITING " AND event <> ''"), !taken);
		assert_int_equal(tally.wait_ms, taken ? 0 : 300000);
		leave(klaviyo);
	}
}

/* One that is refused for good among good ones, when the queue comes out of a
   suspicion: another one probes, and the queue recovers by itself. */
static void
suspicion_ends_by_itself(void **state)
{
	struct klaviyo *klaviyo = sender(NULL);
	int passes = 0;

	(void)state;
	server_script(202, "", "");
	strcpy(server_rule(0, "\"bad", -1, 400)->body, REFUSAL("time"));
	store_fill("bad", 25, KLAVIYO_REALTIME, kl_now());
	store_fill("good", 30, KLAVIYO_REALTIME, kl_now());
	while (rows(WAITING) > 0 && passes++ < 60) {
		pass(klaviyo);
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
	leave(klaviyo);
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
		struct klaviyo *klaviyo = sender(NULL);
		int probes = 0;

		empty();
		server_script(status[i], "", "");
		server_rule(0, "", 10, 202);
		store_fill("a", 60, KLAVIYO_REALTIME, kl_now());
		pass(klaviyo);
		assert_int_equal(tally.sent, 10);
		for (int minute = 0; minute < 60; minute++) {
			int before = server->requests;

			store_do("UPDATE klaviyo_outbox SET due_at = due_at"
			         " - 60 WHERE " WAITING ";"
			         "UPDATE klaviyo_sender SET paused_until"
			         " = paused_until - 60");
			pass(klaviyo);
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
			pass(klaviyo);
		}
		assert_int_equal(rows(SENT " AND attempts = 1"), 60);
		assert_int_equal(server->nseen, 60);
		leave(klaviyo);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_new, store_drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_status),
	    TEST(broken_transfers),
	    TEST(broken_bodies),
	    TEST(redirects),
	    TEST(nobody_there),
	    TEST(probe_then_all),
	    TEST(time_limits),
	    TEST(too_late),
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
	    "judgement", tests, server_start, server_stop);
}
