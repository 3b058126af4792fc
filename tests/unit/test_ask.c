/*
 * test_ask.c - questions and their answers, against a server with a script:
 * what is asked again and what is not, the pages of a listing, and what the
 * operator is told.
 *
 * Time is the test's: a nap takes none, and is counted.
 *
 * Replaces: nanosleep kl_monotonic_ms
 */
#include "deliver.h"
#include "server.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <time.h>

#include <cmocka.h>

#define KEY "pk_0123456789abcdef0123456789abcdef01"
#define REFUSAL                                                                \
	"{\"errors\":[{\"title\":\"Not "                                       \
	"so.\",\"detail\":\"ann@klaviyo-demo.com "                             \
	"may not.\"}]}"

int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int64_t __wrap_kl_monotonic_ms(void);
int64_t __real_kl_monotonic_ms(void);

static int64_t slept_ms;

int
__wrap_nanosleep(const struct timespec *time, struct timespec *left)
{
	(void)left;
	slept_ms += time->tv_sec * 1000 + time->tv_nsec / 1000000;
	return 0;
}

int64_t
__wrap_kl_monotonic_ms(void)
{
	return __real_kl_monotonic_ms() + slept_ms;
}

static char url[64];
static struct klaviyo *klaviyo;

static int
begin(void **state)
{
	struct klaviyo_options o = {.api_url = url, .private_key = KEY};

	(void)state;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", server->port);
	klaviyo = klaviyo_new(&o);
	slept_ms = 0;
	return klaviyo ? 0 : -1;
}

static int
finish(void **state)
{
	(void)state;
	klaviyo_free(klaviyo);
	return 0;
}

static struct klaviyo_reply reply;

static int
ask(const char *method, const char *path, const char *body)
{
	free(reply.body);
	return klaviyo_ask(klaviyo, method, path, body, &reply);
}

static void
says(const char *words)
{
	if (!strstr(klaviyo_error(), words))
		fail_msg("not '%s' in: %s", words, klaviyo_error());
	assert_null(strchr(klaviyo_error(), '\n'));
	assert_null(strchr(klaviyo_error(), '@'));
	assert_null(strstr(klaviyo_error(), KEY));
}

static struct rule *
rule(int at, const char *line, int times, int status, const char *body)
{
	struct rule *r = server_rule(at, "", times, status);

	snprintf(r->line, sizeof(r->line), "%s", line);
	snprintf(r->body, sizeof(r->body), "%s", body);
	return r;
}

/* ------------------------------------------------------------------ answers */

static void
replies(void **state)
{
	(void)state;
	server_script(500, "", "");
	rule(0, "GET /api/events", 1, 200, "{\"data\":[]}");
	rule(1, "POST /api/catalog-item-bulk-create-jobs", 1, 202, "{\"a\":1}");
	rule(2, "PATCH /api/profiles/1", 1, 204, "");
	rule(3, "GET /api/profiles/2", 1, 404, REFUSAL);
	assert_int_equal(ask("GET", "/api/events?a=%20", NULL), 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(reply.body, "{\"data\":[]}");
	assert_string_equal(server->line[0], "GET /api/events?a=%20 HTTP/1.1");
	assert_int_equal(
	    ask("POST", "/api/catalog-item-bulk-create-jobs", "{\"x\":2}"), 0);
	assert_int_equal(reply.status, 202);
	assert_string_equal(server->body, "{\"x\":2}");
	assert_int_equal(ask("PATCH", "/api/profiles/1", "{}"), 0);
	assert_string_equal(reply.body, "");
	assert_int_equal(ask("GET", "/api/profiles/2", NULL), 0);
	assert_int_equal(reply.status, 404);
	assert_string_equal(reply.body, REFUSAL);
	assert_int_equal(server->requests, 4);
	/* Long ones, too. */
	rule(0, "GET /api/events", 1, 200, "{}")->pad = 3000000;
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_int_equal(strlen(reply.body), 3000002);
}

/* What is refused is asked once, and the operator told what to do. */
static void
refused(void **state)
{
	static const struct {
		long status;
		const char *method, *path, *advice;
	} row[] = {
	    {401, "GET", "/api/metrics?x=ann%40klaviyo-demo.com",
	        "KLAVIYO_PRIVATE_KEY_FILE"},
	    {403, "GET", "/api/accounts", "accounts:read"},
	    {403, "GET", "/api/metrics", "metrics:read"},
	    {403, "GET", "/api/events?filter=x", "events:read"},
	    {403, "GET", "/api/profiles", "profiles:read"},
	    {403, "PATCH", "/api/profiles/1", "profiles:write"},
	    {403, "GET", "/api/catalog-items", "catalogs:read"},
	    {403, "POST", "/api/catalog-variant-bulk-update-jobs",
	        "catalogs:write"},
	    {403, "GET", "/api/lists", "scope for this request"},
	    {405, "POST", "/api/events", "KLAVIYO_API_URL"},
	    {410, "GET", "/api/events", "KLAVIYO_REVISION"},
	    {415, "POST", "/api/events", "KLAVIYO_REVISION"},
	    {307, "GET", "/api/events", "KLAVIYO_API_URL"},
	    {400, "GET", "/api/events", "refuses the request"},
	    {409, "POST", "/api/profiles", "refuses the request"},
	    {418, "GET", "/api/events", "refuses the request"},
	};
	char status[16];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		server_script((int)row[i].status, "", REFUSAL);
		assert_int_equal(
		    ask(row[i].method, row[i].path,
		        strcmp(row[i].method, "GET") == 0 ? NULL : "{}"),
		    -1);
		assert_null(reply.body);
		assert_int_equal(reply.status, row[i].status);
		assert_int_equal(server->requests, 1);
		says(row[i].advice);
		says("Not so. [e-mail] may not.");
		snprintf(status, sizeof(status), "HTTP %ld", row[i].status);
		says(status);
		says(row[i].method);
		assert_null(strchr(klaviyo_error(), '?'));
	}
	/* Each takes one of the account's fifteen a minute, no more. */
	assert_true(slept_ms < 5000);
}

/* What may pass is asked again. */
static void
passes(void **state)
{
	static const struct {
		int status;
		enum fault fault;
	} row[] = {{500, WELL}, {502, WELL}, {503, WELL}, {504, WELL},
	    {524, WELL}, {408, WELL}, {425, WELL}, {200, RESET_BEFORE},
	    {200, RESET_AFTER}, {200, TRUNCATED}, {200, CLOSED},
	    {200, HALF_HEADER}, {200, GARBAGE}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int64_t before = slept_ms;

		server_script(200, "", "{}");
		rule(0, "", 2, row[i].status, "")->fault = row[i].fault;
		assert_int_equal(ask("GET", "/api/events", NULL), 0);
		assert_string_equal(reply.body, "{}");
		/* A broken kept connection is also tried anew by libcurl. */
		assert_true(server->requests == 3 || row[i].fault);
		assert_true(slept_ms > before);
	}
}

static void
told_to_wait(void **state)
{
	(void)state;
	server_script(200, "", "{}");
	strcpy(rule(0, "", 1, 429, "")->headers, "Retry-After: 7\r\n");
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_in_range(slept_ms, 7000, 7999);
	assert_int_equal(server->requests, 2);
	/* 503 with Retry-After: at least so long. */
	strcpy(rule(0, "", 1, 503, "")->headers, "Retry-After: 20\r\n");
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_in_range(slept_ms, 27000, 28999);
	/* The headers overrule the limits. */
	server_script(
	    200, "RateLimit-Remaining: 0\r\nRateLimit-Reset: 30\r\n", "{}");
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_in_range(slept_ms, 27000, 28999);
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_in_range(slept_ms, 56000, 59999);
}

static void
patience(void **state)
{
	(void)state;
	/* Longer than a minute: not waited for. */
	server_script(429, "Retry-After: 90\r\n", "");
	assert_int_equal(ask("GET", "/api/events", NULL), -1);
	says("try again in 90 s");
	assert_int_equal(server->requests, 1);
	assert_int_equal(slept_ms, 0);
	/* The endpoint waits, for the next question, too. */
	server_script(200, "", "{}");
	assert_int_equal(ask("GET", "/api/metrics", NULL), 0);
	assert_int_equal(slept_ms, 0);
	assert_int_equal(ask("GET", "/api/events", NULL), 0);
	assert_in_range(slept_ms, 80000, 91000);

	slept_ms = 0;
	server_script(503, "", REFUSAL);
	assert_int_equal(ask("GET", "/api/metrics", NULL), -1);
	says("try again later");
	says("HTTP 503");
	assert_in_range(server->requests, 4, 40);
	assert_true(slept_ms <= 60000);
}

static void
nobody_there(void **state)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	struct klaviyo_options o = {.api_url = url, .private_key = KEY};
	struct klaviyo *alone;

	(void)state;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, size), 0);
	getsockname(listener, (struct sockaddr *)&address, &size);
	snprintf(
	    url, sizeof(url), "http://127.0.0.1:%d", ntohs(address.sin_port));
	alone = klaviyo_new(&o);
	assert_int_equal(
	    klaviyo_ask(alone, "GET", "/api/events", NULL, &reply), -1);
	says("cannot be reached");
	assert_true(slept_ms > 10000 && slept_ms <= 60000);
	klaviyo_free(alone);
	close(listener);
}

static void
too_long(void **state)
{
	(void)state;
	server_script(200, "", "");
	server->rule[RULES - 1].fault = ENDLESS;
	assert_int_equal(ask("GET", "/api/events", NULL), -1);
	says("longer than 16777216 bytes");
	assert_int_equal(server->requests, 1);
}

static void
elsewhere(void **state)
{
	struct klaviyo_options o = {.dry_run = 1};
	struct klaviyo *dry = klaviyo_new(&o);
	char link[128];

	(void)state;
	server_script(200, "", "{}");
	assert_int_equal(
	    ask("GET", "https://evil.com/api/events?x=1", NULL), -1);
	says("not an address");
	assert_int_equal(ask("GET", "/client/events", NULL), -1);
	assert_int_equal(ask("PUT", "/api/events", "{}"), -1);
	assert_int_equal(
	    klaviyo_ask(dry, "GET", "/api/events", NULL, &reply), -1);
	says("dry run");
	klaviyo_free(dry);
	assert_int_equal(server->requests, 0);
	snprintf(link, sizeof(link), "%s/api/events?page=2", url);
	assert_int_equal(ask("GET", link, NULL), 0);
	assert_string_equal(server->line[0], "GET /api/events?page=2 HTTP/1.1");
}

/* No more than the endpoint's in its second and its minute. */
static void
pace(void **state)
{
	static const struct {
		const char *path;
		int burst, steady;
	} row[] = {{"/api/accounts", 1, 15}, {"/api/metrics", 10, 150},
	    {"/api/lists", 10, 150}, {"/api/catalog-items", 75, 750},
	    {"/api/profiles", 75, 750}};

	(void)state;
	server_script(200, "", "");
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		int64_t begun = __wrap_kl_monotonic_ms();

		for (int n = 0; n <= row[i].burst; n++)
			assert_int_equal(ask("GET", row[i].path, NULL), 0);
		assert_true(__wrap_kl_monotonic_ms() - begun >= 900);
		for (int n = row[i].burst; n < row[i].steady; n++)
			assert_int_equal(ask("GET", row[i].path, NULL), 0);
		assert_true(__wrap_kl_monotonic_ms() - begun >= 59000);
		/* Not slower than need be, either. */
		assert_true(slept_ms < (int64_t)(i + 1) * 80000);
	}
}

/* ------------------------------------------------------- account, held */

static void
account(void **state)
{
	static const char *const bad[] = {"", "[]", "{}", "{\"data\":{}}",
	    "{\"data\":[]}", "{\"data\":[1]}",
	    "{\"data\":[{\"attributes\":{}}]}",
	    "{\"data\":[{\"attributes\":{\"public_api_key\":7}}]}", "<html>",
	    "{\"data\":[{\"attributes\":{\"public_api_key\":\"\xff\"}}]}"};
	char *key;

	(void)state;
	server_script(200, "",
	    "{\"data\":[{\"type\":\"account\",\"id\":\"AbC123\","
	    "\"attributes\":{\"public_api_key\":\"AbC123\"}}]}");
	assert_int_equal(klaviyo_account(klaviyo, &key), 0);
	assert_string_equal(key, "AbC123");
	free(key);
	assert_string_equal(server->line[0],
	    "GET /api/accounts?fields%5Baccount%5D=public_api_key HTTP/1.1");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		server_script(200, "", bad[i]);
		assert_int_equal(klaviyo_account(klaviyo, &key), -1);
		assert_null(key);
		assert_true(*klaviyo_error());
	}
	server_script(404, "", "{}");
	assert_int_equal(klaviyo_account(klaviyo, &key), -1);
	says("404");
	server_script(403, "", REFUSAL);
	assert_int_equal(klaviyo_account(klaviyo, &key), -1);
	says("accounts:read");
}

static char told[1024];

static int
tell(void *arg, const char *id, int64_t time)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s=%lld ", id, (long long)time);
	return arg != NULL;
}

#define METRIC(id, name, integration)                                          \
	"{\"type\":\"metric\",\"id\":\"" id                                    \
	"\",\"attributes\":{\"name\":\"" name                                  \
	"\",\"integration\":{\"name\":\"" integration "\"}}}"
#define EVENT(id, time)                                                        \
	"{\"type\":\"event\",\"id\":\"x\",\"attributes\":{\"datetime\":"       \
	"\"" time "\",\"event_properties\":{\"$event_id\":\"" id               \
	"\",\"OrderId\":\"1\"}}}"
#define PLACED METRIC("M1", "Placed Order", "API")

static int64_t
held(void)
{
	told[0] = '\0';
	return klaviyo_held(
	    klaviyo, KLAVIYO_PLACED_ORDER, 1784000000, 1784086400, tell, NULL);
}

static void
pages(void **state)
{
	char body[1024];

	(void)state;
	server_script(500, "", "");
	snprintf(body, sizeof(body),
	    "{\"data\":[" METRIC("M0", "Ordered Product",
	        "API") "],\"links\":{\"next\":\"%s/api/"
	               "metrics?page%%5Bcursor%%5D=b\"}}",
	    url);
	rule(0, "/api/metrics?fields", 1, 200, body);
	rule(1, "/api/metrics?page%5Bcursor%5D=b", 1, 200,
	    "{\"data\":[" PLACED "],\"links\":{\"next\":null}}");
	snprintf(body, sizeof(body),
	    "{\"data\":[" EVENT("o1", "2026-07-14T03:33:20+00:00") "," EVENT(
	        "o2:3",
	        "2026-07-14T05:33:21.250000+02:00") "],\"links\":"
	                                            "{\"next\":\"%s/api/events/"
	                                            "?page%%5Bcursor%%5D=c\"}}",
	    url);
	rule(2, "/api/events?filter", 1, 200, body);
	rule(3, "/api/events/?page%5Bcursor%5D=c", 1, 200,
	    "{\"data\":[" EVENT("o4", "2026-07-14T03:33:22Z") "," EVENT("o5",
	        "2026-07-13T22:03:22-05:30") ",{\"attributes\":{\"datetime\":"
	                                     "\"2026-07-14T03:33:23Z\","
	                                     "\"event_properties\":null}}],"
	                                     "\"links\":{}}");
	assert_int_equal(held(), 5);
	assert_string_equal(told, "o1=1784000000 o2:3=1784000001 o4=1784000002 "
	                          "o5=1784000002 =1784000003 ");
	assert_int_equal(server->requests, 4);
	assert_string_equal(server->line[2],
	    "GET /api/events?filter=equals%28metric_id%2C%22M1%22%29%2C"
	    "greater-or-equal%28datetime%2C2026-07-14T03%3A33%3A20Z%29%2C"
	    "less-than%28datetime%2C2026-07-15T03%3A33%3A20Z%29"
	    "&fields%5Bevent%5D=datetime,event_properties"
	    "&page%5Bsize%5D=1000&sort=datetime HTTP/1.1");
}

static void
which_metric(void **state)
{
	(void)state;
	/* Never seen. */
	server_script(200, "", "{\"data\":[" METRIC("M0", "Other", "API") "]}");
	assert_int_equal(held(), 0);
	assert_int_equal(server->requests, 1);
	/* Another integration's of the same name, and no other. */
	rule(0, "/api/metrics", -1, 200,
	    "{\"data\":[" METRIC("M5", "Placed Order", "Shopify") "]}");
	rule(1, "/api/events", -1, 200, "{\"data\":[]}");
	server->requests = 0;
	assert_int_equal(held(), 0);
	assert_non_null(strstr(server->line[1], "%22M5%22"));
	/* The API's own goes first, wherever it stands. */
	rule(0, "/api/metrics", -1, 200,
	    "{\"data\":[" METRIC("M5", "Placed Order",
	        "Shopify") "," PLACED
	                   "," METRIC("M6", "Placed Order", "Magento") "]}");
	server->requests = 0;
	assert_int_equal(held(), 0);
	assert_non_null(strstr(server->line[1], "%22M1%22"));
	assert_int_equal(
	    klaviyo_held(klaviyo, KLAVIYO_METRICS, 0, 1, tell, NULL), -1);
}

static void
bad_pages(void **state)
{
	static const char *const bad[] = {"", "7", "{}", "{\"data\":null}",
	    "{\"data\":[7]}", "{\"data\":[{\"attributes\":{}}]}",
	    "{\"data\":[" EVENT("o1", "yesterday") "]}",
	    "{\"data\":[" EVENT("o1", "2026-07-14T03:33:20") "]}",
	    "{\"data\":[],\"links\":{\"next\":\"https://evil.com/api/x\"}}",
	    "{\"data\":[],\"links\":{\"next\":\"/other\"}}"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		server_script(200, "", bad[i]);
		rule(0, "/api/metrics", -1, 200, "{\"data\":[" PLACED "]}");
		assert_int_equal(held(), -1);
		assert_true(*klaviyo_error());
		assert_int_equal(server->requests, 2);
	}
	/* Stopped by the host. */
	server_script(200, "",
	    "{\"data\":[" EVENT("o1", "2026-07-14T03:33:20Z") "," EVENT(
	        "o2", "2026-07-14T03:33:20Z") "]}");
	rule(0, "/api/metrics", -1, 200, "{\"data\":[" PLACED "]}");
	told[0] = '\0';
	assert_int_equal(
	    klaviyo_held(klaviyo, KLAVIYO_PLACED_ORDER, 0, 1, tell, told), -1);
	assert_string_equal(told, "o1=1784000000 ");
	/* The second question is refused. */
	server_script(403, "", REFUSAL);
	rule(0, "/api/metrics", -1, 200, "{\"data\":[" PLACED "]}");
	assert_int_equal(held(), -1);
	says("events:read");
}

/* Pages of events, of which the last leads back to page ${back}. */
static void
circle(int length, int back)
{
	char line[32], body[128];

	server_script(500, "", "");
	rule(0, "/api/metrics", -1, 200, "{\"data\":[" PLACED "]}");
	rule(1, "/api/events?filter", -1, 200,
	    "{\"data\":[],\"links\":{\"next\":\"/api/events?p=0;\"}}");
	for (int i = 0; i < length; i++) {
		snprintf(line, sizeof(line), "/api/events?p=%d;", i);
		snprintf(body, sizeof(body),
		    "{\"data\":[],\"links\":{\"next\":\"/api/events?p=%d;\"}}",
		    i + 1 < length ? i + 1 : back);
		rule(2 + i, line, -1, 200, body);
	}
	assert_int_equal(held(), -1);
	says("in a circle");
	assert_true(server->requests <= 2 + 3 * length);
	/* The metric's own listing, likewise. */
	rule(0, "/api/metrics", -1, 200,
	    "{\"data\":[],\"links\":{\"next\":\"/api/metrics?p=1\"}}");
	server->requests = 0;
	assert_int_equal(held(), -1);
	says("in a circle");
	assert_in_range(server->requests, 2, 3);
}

static void
circles(void **state)
{
	(void)state;
	for (int length = 1; length <= 5; length++)
		for (int back = 0; back < length; back++)
			circle(length, back);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, finish)
	const struct CMUnitTest tests[] = {TEST(replies), TEST(refused),
	    TEST(passes), TEST(told_to_wait), TEST(patience),
	    TEST(nobody_there), TEST(too_long), TEST(elsewhere), TEST(pace),
	    TEST(account), TEST(pages), TEST(which_metric), TEST(bad_pages),
	    TEST(circles)};

	return cmocka_run_group_tests_name(
	    "ask", tests, server_start, server_stop);
}
