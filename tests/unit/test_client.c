/*
 * test_client.c - requests as they leave, and every way an answer can come
 * back, against a server with a script.
 */
#include "api.h"
#include "server.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define KEY "pk_0123456789abcdef0123456789abcdef01"

static char url[64];

static struct klaviyo_options
options(void)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
	return (struct klaviyo_options){.api_url = url, .private_key = KEY};
}

static struct kl_client *
client_of(int in_flight, int timeout_ms)
{
	struct klaviyo_options o = options();
	struct kl_client *client;

	o.in_flight = in_flight;
	o.timeout_ms = timeout_ms;
	client = kl_client_new(&o);
	assert_non_null(client);
	return client;
}

/* Posts and waits, however long the machine takes. */
static struct kl_answer
ask(struct kl_client *client, const char *body)
{
	struct kl_answer answer;
	void *tag = NULL;
	int got;

	assert_int_equal(
	    kl_client_post(client, "/api/events", strdup(body), &answer), 0);
	while ((got = kl_client_next(client, 1000, &tag, &answer)) == 0)
		;
	assert_int_equal(got, 1);
	assert_ptr_equal(tag, &answer);
	assert_int_equal(kl_client_busy(client), 0);
	return answer;
}

/* --------------------------------------------------------------- options */

static void
addresses(void **state)
{
	static const char *const good[] = {"https://a.klaviyo.com",
	    "https://a.klaviyo.com/", "https://127.0.0.1:9/x/",
	    "http://127.0.0.1:9000", "http://127.9.9.9", "http://localhost:9",
	    "http://LOCALHOST", "http://[::1]:9000", "https://[2001:db8::1]"};
	static const char *const bad[] = {"", "a.klaviyo.com",
	    "http://a.klaviyo.com", "http://127.0.0.1.evil.com",
	    "http://localhost.evil.com", "http://evil.com/127.0.0.1",
	    "http://127.0.0.1@evil.com", "http://localhost:9@evil.com",
	    "https://user:pw@a.klaviyo.com", "https://a.klaviyo.com?x=1",
	    "https://a.klaviyo.com/#x", "ftp://127.0.0.1", "file:///etc/passwd",
	    "http://[::2]:9", "http://128.0.0.1", "http://0.0.0.0",
	    "https://a.klaviyo.com\r\nX: y", "https:// a.klaviyo.com",
	    "http://[::ffff:128.0.0.1]", "http://169.254.169.254",
	    "https://169.254.169.254/latest", "https://2852039166",
	    "https://0xa9fea9fe", "https://[fe80::1]", "https://[fe80::1%25lo]",
	    "https://[::ffff:169.254.169.254]", "gopher://127.0.0.1"};
	bool loopback;
	char *base;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		base = kl_address(good[i], &loopback);
		assert_non_null(base);
		assert_int_not_equal(base[strlen(base) - 1], '/');
		free(base);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		base = kl_address(bad[i], &loopback);
		if (base)
			fail_msg("accepted: %s", bad[i]);
		assert_non_null(strstr(klaviyo_error(), "api_url"));
	}
}

static void
keys(void **state)
{
	static const char *const bad[] = {NULL, "", "pk_", "sk_abc", "pk_ab c",
	    "pk_abc\n", "pk_abc\r\nX: y", "pk_\xc3\xa9", " pk_abc", "pk_a-b"};
	static const char *const dates[] = {"", "2026", "2026-7-15",
	    "2026-07-15.pre", "2026-07-15\n", "2026/07/15", "20260715"};
	char *longer = calloc(1, 400);

	(void)state;
	assert_int_equal(kl_check_key(KEY), 0);
	assert_int_equal(kl_check_key("pk_A_z9"), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		assert_int_equal(kl_check_key(bad[i]), -1);
		assert_null(strstr(klaviyo_error(), "abc"));
	}
	memset(longer, 'a', 399);
	memcpy(longer, "pk_", 3);
	assert_int_equal(kl_check_key(longer), -1);
	free(longer);
	assert_int_equal(kl_check_revision(KLAVIYO_REVISION), 0);
	for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++)
		assert_int_equal(kl_check_revision(dates[i]), -1);
}

static void
bad_options(void **state)
{
	struct klaviyo_options o;

	(void)state;
#define REFUSED(member, value, word)                                           \
	o = options();                                                         \
	o.member = value;                                                      \
	assert_null(kl_client_new(&o));                                        \
	assert_non_null(strstr(klaviyo_error(), word))

	REFUSED(api_url, "http://a.klaviyo.com", "https");
	REFUSED(private_key, NULL, "private key");
	REFUSED(private_key, "abc", "private key");
	REFUSED(revision, "today", "revision");
	REFUSED(ca_file, "/nonexistent", "ca_file");
	REFUSED(user_agent, "a\r\nX: y", "user_agent");
	REFUSED(in_flight, -1, "in_flight");
	REFUSED(in_flight, 257, "in_flight");
	REFUSED(timeout_ms, -1, "timeout");
	REFUSED(connect_timeout_ms, -1, "timeout");
#undef REFUSED
}

/* --------------------------------------------------------------- requests */

static bool
head_has(const char *line)
{
	return strcasestr(server->head, line) != NULL;
}

static void
request_headers(void **state)
{
	struct kl_client *client;
	struct kl_answer answer;

	(void)state;
	/* Neither a proxy nor a netrc of the environment is asked. */
	setenv("http_proxy", "http://127.0.0.1:9", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
	client = client_of(0, 0);
	server_script(202, "", "");
	answer = ask(client, "{\"a\":1}");
	assert_int_equal(answer.curl, 0);
	assert_int_equal(answer.status, 202);
	assert_null(answer.body);
	assert_string_equal(server->body, "{\"a\":1}");
	assert_true(head_has("POST /api/events HTTP/1.1\r\n"));
	assert_true(head_has("\r\nAuthorization: Klaviyo-API-Key " KEY "\r\n"));
	assert_true(head_has("\r\nrevision: " KLAVIYO_REVISION "\r\n"));
	assert_true(head_has("\r\nContent-Type: application/vnd.api+json\r\n"));
	assert_true(head_has("\r\nAccept: application/vnd.api+json\r\n"));
	assert_true(head_has("\r\nUser-Agent: libklaviyo/"));
	assert_true(head_has("\r\nContent-Length: 7\r\n"));
	assert_false(head_has("Expect:"));
	assert_false(head_has("Accept-Encoding:"));
	assert_false(head_has("Proxy-"));
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	kl_client_free(client);
}

static void
own_revision(void **state)
{
	struct klaviyo_options o = options();
	struct kl_client *client;

	(void)state;
	o.revision = "2025-10-15";
	o.user_agent = "shop/1";
	server_script(202, "", "");
	client = kl_client_new(&o);
	ask(client, "{}");
	assert_true(head_has("\r\nrevision: 2025-10-15\r\n"));
	assert_true(head_has("\r\nUser-Agent: shop/1\r\n"));
	kl_client_free(client);
}

/* Sends and waits. */
static struct kl_answer
send_one(struct kl_client *client, const char *method, const char *path,
    const char *body, size_t cap)
{
	struct kl_request request = {.method = method,
	    .path = path,
	    .body = body ? strdup(body) : NULL,
	    .secret = true,
	    .cap = cap};
	struct kl_answer answer;
	void *tag;
	int got;

	assert_int_equal(kl_client_send(client, &request), 0);
	while ((got = kl_client_next(client, 1000, &tag, &answer)) == 0)
		;
	assert_int_equal(got, 1);
	return answer;
}

/* One after the other on one handle: nothing of the last is in the next. */
static void
methods(void **state)
{
	struct kl_client *client = client_of(1, 0);
	struct kl_answer answer;

	(void)state;
	server_script(200, "", "{}");
	for (int i = 0; i < 3; i++) {
		answer =
		    send_one(client, "PATCH", "/api/profiles/1", "{\"a\":1}", 0);
		free(answer.body);
		assert_int_equal(answer.status, 200);
		assert_true(head_has("PATCH /api/profiles/1 HTTP/1.1\r\n"));
		assert_true(head_has("\r\nContent-Type: application/vnd."));
		assert_string_equal(server->body, "{\"a\":1}");

		answer = send_one(client, "GET",
		    "/api/profiles?filter=equals%28email%29", NULL, 0);
		free(answer.body);
		assert_true(head_has(
		    "GET /api/profiles?filter=equals%28email%29 HTTP/1.1\r\n"));
		assert_true(
		    head_has("\r\nAuthorization: Klaviyo-API-Key " KEY "\r\n"));
		assert_true(head_has("\r\nrevision: " KLAVIYO_REVISION));
		assert_true(head_has("\r\nAccept: application/vnd.api+json"));
		assert_false(head_has("Content-"));
		assert_false(head_has("Transfer-Encoding:"));
		assert_string_equal(server->body, "");

		answer = send_one(client, "POST", "/api/events", "{\"b\":2}", 0);
		free(answer.body);
		assert_true(head_has("POST /api/events HTTP/1.1\r\n"));
		assert_true(head_has("\r\nContent-Length: 7\r\n"));
		assert_string_equal(server->body, "{\"b\":2}");
	}
	kl_client_free(client);
}

/* A path that is none would be a host's name, or a header. */
static void
no_request(void **state)
{
	static const char *const path[] = {"", "api/events", "@evil.com/api/",
	    ".evil.com/api/", ":1@evil.com/", "/api/events\r\nX: y",
	    "/api/a b", "/api/\xc3\xa9", "/api/\x7f"};
	static const struct {
		const char *method;
		bool body;
	} method[] = {{"DELETE", false}, {"GET", true}, {"POST", false},
	    {"PATCH", false}, {"get", false}, {"", false}};
	struct kl_client *client = client_of(1, 0);

	(void)state;
	server_script(200, "", "");
	for (size_t i = 0; i < sizeof(path) / sizeof(*path); i++)
		assert_int_equal(kl_client_post(client, path[i], strdup("{}"),
		                     NULL),
		    -1);
	for (size_t i = 0; i < sizeof(method) / sizeof(*method); i++)
		assert_int_equal(
		    kl_client_send(client,
		        &(struct kl_request){.method = method[i].method,
		            .path = "/api/events",
		            .body = method[i].body ? strdup("{}") : NULL}),
		    -1);
	assert_int_equal(kl_client_busy(client), 0);
	assert_int_equal(server->requests, 0);
	kl_client_free(client);
}

/* Paths are the client's own address, or begin with /api/. */
static void
own_address(void **state)
{
	struct kl_client *client = client_of(1, 0);
	char link[128];

	(void)state;
	snprintf(link, sizeof(link), "%s/api/events?page=2", url);
	assert_string_equal(
	    kl_client_path(client, link), "/api/events?page=2");
	assert_string_equal(kl_client_path(client, "/api/x"), "/api/x");
	snprintf(link, sizeof(link), "%s0/api/events", url); /* another port */
	assert_null(kl_client_path(client, link));
	assert_non_null(strstr(klaviyo_error(), url));
	snprintf(link, sizeof(link), "%s@evil.com/api/events", url);
	assert_null(kl_client_path(client, link));
	snprintf(link, sizeof(link), "%s/other/events", url);
	assert_null(kl_client_path(client, link));
	assert_null(kl_client_path(client, "https://evil.com/api/events"));
	assert_null(kl_client_path(client, "//evil.com/api/events"));
	assert_null(kl_client_path(client, ""));
	kl_client_free(client);
}

/* What is kept of an answer is what was asked for. */
static void
caps(void **state)
{
	struct kl_client *client = client_of(1, 0);
	struct kl_answer answer;
	size_t cap[] = {1000, 0, 1 << 20, 1000};

	(void)state;
	server_script(200, "", "");
	server->rule[RULES - 1].fault = ENDLESS;
	for (size_t i = 0; i < sizeof(cap) / sizeof(*cap); i++) {
		size_t most = cap[i] ? cap[i] : 65536;

		answer = send_one(client, "GET", "/api/x", NULL, cap[i]);
		assert_int_equal(answer.curl, CURLE_WRITE_ERROR);
		assert_true(!answer.body || strlen(answer.body) <= most);
		if (most > 65536)
			assert_true(strlen(answer.body) > 65536);
		free(answer.body);
	}
	kl_client_free(client);
}

/* The pool: never more than in_flight connections, and they are kept. */
static void
pool(void **state)
{
	struct kl_client *client = client_of(4, 0);
	struct kl_answer answer;
	int connections = server->connections, done = 0, posted = 0;
	void *tag;

	(void)state;
	server_script(202, "", "");
	server->rule[RULES - 1].delay_ms = 1;
	server->most_open = server->open;
	while (done < 400) {
		while (posted < 400 && kl_client_busy(client) < 4) {
			assert_int_equal(kl_client_post(client, "/api/events",
			                     strdup("{}"), &done),
			    0);
			posted++;
		}
		if (kl_client_busy(client) == 4)
			assert_int_equal(kl_client_post(client, "/api/events",
			                     strdup("{}"), NULL),
			    -1);
		if (kl_client_next(client, 1000, &tag, &answer) == 1) {
			assert_int_equal(answer.status, 202);
			done++;
		}
	}
	assert_int_equal(server->requests, 400);
	assert_in_range(server->connections - connections, 1, 4);
	kl_client_free(client);
}

/* A kept connection that the server closed meanwhile costs nothing. */
static void
kept_connection_dies(void **state)
{
	struct kl_client *client = client_of(1, 0);
	struct kl_answer answer;

	(void)state;
	server_script(202, "", "");
	ask(client, "{}");
	server_rule(0, "", 1, 202)->fault = CLOSED;
	answer = ask(client, "{}");
	assert_int_equal(answer.curl, 0);
	assert_int_equal(answer.status, 202);
	kl_client_free(client);
}

static void
dropped(void **state)
{
	struct kl_client *client = client_of(3, 0);
	struct kl_answer answer;
	void *tag;

	(void)state;
	server_script(202, "", "");
	server_rule(0, "slow", -1, 202)->fault = HANG;
	for (int i = 0; i < 3; i++)
		kl_client_post(client, "/api/events", strdup("slow"), NULL);
	while (server->requests < 3)
		assert_int_equal(kl_client_next(client, 10, &tag, &answer), 0);
	kl_client_drop(client);
	assert_int_equal(kl_client_busy(client), 0);
	answer = ask(client, "{}");
	assert_int_equal(answer.status, 202);
	/* And with requests in flight when it ends. */
	kl_client_post(client, "/api/events", strdup("slow"), NULL);
	kl_client_next(client, 10, &tag, &answer);
	kl_client_free(client);
}

/* ---------------------------------------------------------------- answers */

static void
faults(void **state)
{
	static const struct {
		enum fault fault;
		int curl;
		long status;
		enum kl_verdict verdict;
	} row[] = {
	    {WELL, CURLE_OK, 202, KL_V_SENT},
	    {RESET_BEFORE, CURLE_RECV_ERROR, 0, KL_V_RETRY},
	    {RESET_AFTER, CURLE_RECV_ERROR, 202, KL_V_RETRY},
	    {TRUNCATED, CURLE_PARTIAL_FILE, 202, KL_V_RETRY},
	    {CLOSED, CURLE_GOT_NOTHING, 0, KL_V_RETRY},
	    {HALF_HEADER, -1, 0, KL_V_RETRY},
	    {HANG, CURLE_OPERATION_TIMEDOUT, 0, KL_V_RETRY},
	    {ENDLESS, CURLE_WRITE_ERROR, 202, KL_V_RETRY},
	    {LONG_HEADERS, -1, 202, KL_V_RETRY},
	    {GARBAGE, CURLE_UNSUPPORTED_PROTOCOL, 0, KL_V_RETRY},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_client *client =
		    client_of(1, row[i].fault == HANG ? 300 : 0);
		struct kl_answer answer;

		server_script(202, "", "");
		server->rule[RULES - 1].fault = row[i].fault;
		answer = ask(client, "{}");
		if (row[i].curl >= 0)
			assert_int_equal(answer.curl, row[i].curl);
		else
			assert_int_not_equal(answer.curl, CURLE_OK);
		if (row[i].fault != HALF_HEADER)
			assert_int_equal(answer.status, row[i].status);
		assert_int_equal(kl_judge(&answer), row[i].verdict);
		assert_int_equal(*answer.error != 0, answer.curl != 0);
		assert_true(!answer.body || strlen(answer.body) <= 65536);
		free(answer.body);
		kl_client_free(client);
	}
}

/* A key that left in a redirect, or in clear, would be everyone's. */
static void
not_sent(void **state)
{
	struct klaviyo_options o = options();
	struct kl_client *client = client_of(0, 0);
	struct kl_answer answer;
	char header[128];
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener;

	(void)state;
	snprintf(header, sizeof(header), "Location: http://localhost:%d/x\r\n",
	    server->port);
	server_script(307, header, "");
	answer = ask(client, "{}");
	assert_int_equal(answer.status, 307);
	assert_int_equal(kl_judge(&answer), KL_V_PAUSE);
	assert_int_equal(server->requests, 1);
	kl_client_free(client);

	/* A server without TLS sees no request. */
	server_script(202, "", "");
	snprintf(url, sizeof(url), "https://127.0.0.1:%d", server->port);
	o.timeout_ms = 2000;
	client = kl_client_new(&o);
	answer = ask(client, "{}");
	assert_int_equal(kl_judge(&answer), KL_V_DEAD_NET);
	assert_int_equal(server->requests, 0);
	kl_client_free(client);

	/* Nobody listens: a port that was ours a moment ago. */
	listener = socket(AF_INET, SOCK_STREAM, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
	snprintf(
	    url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	client = kl_client_new(&o);
	answer = ask(client, "{}");
	assert_int_equal(answer.curl, CURLE_COULDNT_CONNECT);
	assert_int_equal(kl_judge(&answer), KL_V_DEAD_NET);
	kl_client_free(client);

	/* One that accepts and never speaks TLS: a dead network as well. */
	assert_int_equal(listen(listener, 8), 0);
	snprintf(
	    url, sizeof(url), "https://127.0.0.1:%d", ntohs(address.sin_port));
	o.timeout_ms = 300;
	client = kl_client_new(&o);
	answer = ask(client, "{}");
	assert_int_equal(kl_judge(&answer), KL_V_DEAD_NET);
	kl_client_free(client);
	close(listener);
}

static void
answer_body(void **state)
{
	struct kl_client *client = client_of(1, 0);
	struct kl_answer answer;

	(void)state;
	server_script(400,
	    "RateLimit-Limit: 3500\r\nRateLimit-Remaining: 7\r\n"
	    "ratelimit-reset: 12\r\n",
	    "{\"errors\":[]}");
	for (int i = 0; i < 3; i++) {
		answer = ask(client, "{}");
		assert_int_equal(answer.status, 400);
		assert_string_equal(answer.body, "{\"errors\":[]}");
		assert_int_equal(answer.limit, 3500);
		assert_int_equal(answer.remaining, 7);
		assert_int_equal(answer.reset, 12);
		assert_int_equal(answer.retry_after, -1);
		free(answer.body);
	}
	/* Nothing of the last answer is left in the next. */
	server_script(202, "", "");
	server->rule[RULES - 1].fault = CONTINUE;
	answer = ask(client, "{}");
	assert_int_equal(answer.status, 202);
	assert_null(answer.body);
	assert_int_equal(answer.limit, -1);
	assert_int_equal(answer.retry_after, -1);
	kl_client_free(client);
}

static int64_t
retry_after(const char *value)
{
	struct kl_answer answer;
	char line[400];
	int n = snprintf(line, sizeof(line), "Retry-After: %s\r\n", value);

	kl_answer_clear(&answer);
	kl_answer_header(&answer, line, (size_t)n);
	return answer.retry_after;
}

static void
header_values(void **state)
{
	/* What is no word is nothing that Klaviyo calls a request. */
	static const char *const junk[] = {"X-Klaviyo-Req-Id: a b",
	    "X-Klaviyo-Req-Id:", "X-Klaviyo-Req-Id: <b>",
	    "X-Klaviyo-Req-Id: a\x1b[31m", "X-Klaviyo-Req-Id: caf\xc3\xa9",
	    "X-Klaviyo-Req-Id: "
	    "0123456789012345678901234567890123456789012345678"};
	char date[64], longer[300];
	time_t at = time(NULL) + 30, past = time(NULL) - 3000;
	struct kl_answer answer;
	struct tm tm;

	(void)state;
	assert_int_equal(retry_after("7"), 7);
	assert_int_equal(retry_after("  7  "), 7);
	assert_int_equal(retry_after("0"), 0);
	assert_true(retry_after("99999999999999999999") >= 3600);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT",
	    gmtime_r(&at, &tm));
	assert_in_range(retry_after(date), 1, 30);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT",
	    gmtime_r(&past, &tm));
	assert_int_equal(retry_after(date), 0);
	assert_int_equal(retry_after("soon"), -1);
	assert_int_equal(retry_after("-5"), -1);
	assert_int_equal(retry_after("1.5"), -1);
	assert_int_equal(retry_after("7 s"), -1);
	assert_int_equal(retry_after(""), -1);
	memset(longer, '1', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(retry_after(longer), -1);

	kl_answer_clear(&answer);
	kl_answer_header(&answer, "RateLimit-Limit: 3500, 3500;w=60", 32);
	assert_int_equal(answer.limit, 3500);
	kl_answer_header(&answer, "RateLimit-Remaining: x", 22);
	assert_int_equal(answer.remaining, -1);
	kl_answer_header(&answer, "RateLimit-Reset:99999999999", 27);
	assert_int_equal(answer.reset, -1);
	kl_answer_header(&answer, "X-Klaviyo-Req-Id: 5f-0_Z\r\n", 26);
	assert_string_equal(answer.request_id, "5f-0_Z");
	for (size_t i = 0; i < sizeof(junk) / sizeof(*junk); i++) {
		kl_answer_clear(&answer);
		kl_answer_header(&answer, junk[i], strlen(junk[i]));
		assert_string_equal(answer.request_id, "");
	}
	kl_answer_header(&answer, "RateLimit-Limit: 3500, 3500;w=60", 32);
	kl_answer_header(&answer, "no header", 9);
	kl_answer_header(&answer, "", 0);
	kl_answer_header(&answer, "\r\n", 2);
	assert_int_equal(answer.limit, 3500);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(keys),
	    cmocka_unit_test(bad_options),
	    cmocka_unit_test(request_headers),
	    cmocka_unit_test(own_revision),
	    cmocka_unit_test(methods),
	    cmocka_unit_test(no_request),
	    cmocka_unit_test(own_address),
	    cmocka_unit_test(caps),
	    cmocka_unit_test(pool),
	    cmocka_unit_test(kept_connection_dies),
	    cmocka_unit_test(dropped),
	    cmocka_unit_test(faults),
	    cmocka_unit_test(not_sent),
	    cmocka_unit_test(answer_body),
	    cmocka_unit_test(header_values),
	};

	return cmocka_run_group_tests_name(
	    "client", tests, server_start, server_stop);
}
