/*
 * test_judgement.c - the judgement table through delivery passes: every status,
 * and every way a transfer can break, over the wire, and what becomes of the
 * event.
 *
 * TLS faults are in tests/integration/test_answers.py.
 */
#include "judgement.h"

#include <curl/curl.h>

enum { ANY = -1 };

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
		struct klaviyo *klaviyo = sender(4, 0);
		char want = table(status), got;
		bool paused;

		nothing_queued();
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
		sender_free(klaviyo);
	}
}

/* ---------------------------------------------------------- every outcome */

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
		struct klaviyo_options o = options(4, slow ? 400 : 0);
		struct klaviyo *klaviyo = sender_with(&o);
		struct kl_answer answer;

		nothing_queued();
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
		sender_free(klaviyo);

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
		struct klaviyo_options o = options(4, 0);
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
		struct klaviyo *klaviyo = sender(4, 0);

		nothing_queued();
		store_fill("a", 3, KLAVIYO_REALTIME, kl_now());
		server_script(status[i], header, "");
		pass_all(klaviyo);
		assert_non_null(strstr(tally.reason, "KLAVIYO_API_URL"));
		assert_int_equal(tally.sent + tally.retried + tally.dead, 0);
		assert_int_equal(rows(WAITING " AND attempts = 0"), 3);
		assert_int_equal(accept(other, NULL, NULL), -1);
		sender_free(klaviyo);
	}
	close(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(every_status),
	    TEST(broken_transfers),
	    TEST(broken_bodies),
	    TEST(redirects),
	};

	return cmocka_run_group_tests_name(
	    "judgement", tests, server_start, server_stop);
}
