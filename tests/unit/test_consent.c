/*
 * test_consent.c - who is tracked, and by which side: every combination of
 * settings and what a visitor has said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "storefront.h"

static struct arena *arena;

static int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	return arena == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	arena_free(arena);
	return 0;
}

static struct settings
settings(const char *consent, const char *onsite)
{
	return (struct settings){.public_key = "ABC123",
	    .consent = consent,
	    .onsite = onsite,
	    .url = "https://shop.example"};
}

/* What the cookies say, and what follows in implied and in required mode. */
static const struct {
	const char *cookie;
	enum said said;
	bool implied, required, ask, own;
} said[] = {
    {"", CONSENT_NONE, true, false, true, false},
    {"sid=1.2", CONSENT_NONE, true, false, true, false},
    {"consent=yes", CONSENT_YES, true, true, false, true},
    {"consent=no", CONSENT_NO, false, false, false, true},
    {"a=b; consent=yes;c=d", CONSENT_YES, true, true, false, true},
    {"consent=yes ; a=b", CONSENT_YES, true, true, false, true},
    /* Of two one is meant: no. */
    {"consent=yes; consent=no", CONSENT_NO, false, false, false, true},
    {"consent=no; consent=yes", CONSENT_NO, false, false, false, true},
    /* Two headers, as Apache joins them. */
    {"a=b, consent=no", CONSENT_NO, false, false, false, true},
    {"consent=no, a=b", CONSENT_NO, false, false, false, true},
    {"a=b,__kla_off=true", CONSENT_NONE, false, false, false, true},
    {"consent=yes; consent=yes", CONSENT_YES, true, true, false, true},
    /* Not what the shop sets. */
    {"consent=Yes", CONSENT_NONE, true, false, true, false},
    {"consent=", CONSENT_NONE, true, false, true, false},
    {"consent", CONSENT_NONE, true, false, true, false},
    {"consent=yess", CONSENT_NONE, true, false, true, false},
    {"consent=ye", CONSENT_NONE, true, false, true, false},
    {"xconsent=yes", CONSENT_NONE, true, false, true, false},
    {"x=consent=yes", CONSENT_NONE, true, false, true, false},
    /* Klaviyo's opt-out: the exact value, and above all else. */
    {"__kla_off=true", CONSENT_NONE, false, false, false, true},
    {"__kla_off=true; consent=yes", CONSENT_YES, false, false, false, true},
    {"__kla_off=true; __kla_off=true", CONSENT_NONE, false, false, false, true},
    {"__kla_off=false; __kla_off=true", CONSENT_NONE, false, false, false,
        true},
    {"__kla_off=false", CONSENT_NONE, true, false, true, false},
    {"__kla_off=True", CONSENT_NONE, true, false, true, false},
    {"__kla_off=true1", CONSENT_NONE, true, false, true, false},
    {"__kla_off=1", CONSENT_NONE, true, false, true, false},
};

static void
test_what_was_said(void **state)
{
	struct settings implied = settings("implied", "browser");
	struct settings required = settings("required", "browser");

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++) {
		struct request request = {
		    .arena = arena, .cookie = said[i].cookie};
		struct consent a = consent_read(&implied, &request);
		struct consent b = consent_read(&required, &request);

		if (a.said != said[i].said || a.tracked != said[i].implied ||
		    a.ask || a.own != said[i].own)
			fail_msg("implied: %s", said[i].cookie);
		if (b.said != said[i].said || b.tracked != said[i].required ||
		    b.ask != said[i].ask || b.own != said[i].own)
			fail_msg("required: %s", said[i].cookie);
	}
}

/* Of what cannot be read nobody knows whether it was a no. */
static void
test_cookies_that_are_lost(void **state)
{
	struct settings implied = settings("implied", "browser");
	struct request request = {
	    .arena = arena, .cookie = "", .cookie_lost = true};
	struct consent consent = consent_read(&implied, &request);

	(void)state;
	assert_false(consent.tracked || consent.ask);
	assert_true(consent.own);
}

static void
test_without_a_key_nobody_is_asked(void **state)
{
	struct settings none = settings("required", "server");
	struct request request = {.user_agent = "Mozilla/5.0", .purpose = ""};
	struct consent consent;

	(void)state;
	none.public_key = "";
	for (int i = 0; i < 8; i++) {
		consent = consent_of(&none, i & 1, i & 2, i & 4);
		assert_false(consent.tracked || consent.ask);
		assert_int_equal(
		    consent_side(&none, &consent, true, &request),
		    SIDE_NONE);
	}
}

/* A cookie's exchange id is looked at only where tracking is allowed. */
static void
test_the_exchange_id(void **state)
{
	/* {"$exchange_id":"abcDEF_-."} */
	static const char kla[] =
	    "__kla_id=eyIkZXhjaGFuZ2VfaWQiOiJhYmNERUZfLS4ifQ==";
	struct settings s = settings("required", "server");
	struct request request = {.arena = arena};
	struct consent consent;

	(void)state;
	request.cookie = arena_printf(arena, "%s; consent=yes", kla);
	consent = consent_read(&s, &request);
	assert_string_equal(
	    consent_exchange_id(&consent, &request), "abcDEF_-.");
	request.cookie = kla;
	consent = consent_read(&s, &request);
	assert_string_equal(consent_exchange_id(&consent, &request), "");
	request.cookie =
	    arena_printf(arena, "%s; consent=yes; __kla_off=true", kla);
	consent = consent_read(&s, &request);
	assert_string_equal(consent_exchange_id(&consent, &request), "");
	/* Twice: one may be a stranger's. */
	request.cookie = arena_printf(arena, "%s; consent=yes; %s", kla, kla);
	consent = consent_read(&s, &request);
	assert_string_equal(consent_exchange_id(&consent, &request), "");
}

static void
test_the_side(void **state)
{
	struct settings modes[] = {
	    settings("implied", "browser"), settings("implied", "server")};

	(void)state;
	for (int i = 0; i < 32; i++) {
		bool server = i & 1, known = i & 2, robot = i & 4;
		bool ahead = i & 8, tracked = i & 16;
		struct consent consent = {.tracked = tracked};
		struct request request = {
		    .user_agent = robot ? "curl/7.88.1" : "Mozilla/5.0",
		    .purpose = ahead ? "prefetch" : ""};
		enum side side =
		    consent_side(&modes[server], &consent, known, &request);

		if (!tracked)
			assert_int_equal(side, SIDE_NONE);
		else if (server && known && !robot && !ahead)
			assert_int_equal(side, SIDE_SERVER);
		else
			assert_int_equal(side, SIDE_BROWSER);
	}
}

static const struct {
	const char *agent;
	bool robot;
} agents[] = {
    {"", true},
    {"Mozilla/5.0 (compatible; Googlebot/2.1; "
     "+http://www.google.com/bot.html)",
        true},
    {"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; "
     "bingbot/2.0) Chrome/103.0.5060.134 Safari/537.36",
        true},
    {"Mozilla/5.0 (compatible; YandexBot/3.0)", true},
    {"curl/7.88.1", true},
    {"Wget/1.21", true},
    {"python-requests/2.28", true},
    {"Java/17.0.1", true},
    {"Go-http-client/2.0", true},
    {"facebookexternalhit/1.1", true},
    {"WhatsApp/2.23.20.0", true},
    {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
     "HeadlessChrome/120.0.0.0 Safari/537.36",
        true},
    {"Mozilla/5.0 (Linux; Android 11) Chrome-Lighthouse", true},
    {"Pingdom.com_bot_version_1.4", true},
    {"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, "
     "like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
        false},
    {"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
     "(KHTML, like Gecko) Version/17.2 Safari/605.1.15",
        false},
    {"Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
        false},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) "
     "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 "
     "Safari/604.1",
        false},
    {"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, "
     "like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
        false},
    {"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) "
     "Chrome/120.0.0.0 Safari/537.36 OPR/106.0.0.0",
        false},
    {"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) "
     "AppleWebKit/605.1.15 [FBAN/FBIOS;FBAV/445.0.0.34.118]",
        false},
};

static void
test_robots(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(agents) / sizeof(*agents); i++)
		if (consent_robot(agents[i].agent) != agents[i].robot)
			fail_msg("%s", agents[i].agent);
	assert_true(consent_ahead("prefetch"));
	assert_true(consent_ahead("prefetch;prerender"));
	assert_true(consent_ahead("Prefetch;anonymous-client-ip"));
	assert_true(consent_ahead("preview"));
	assert_false(consent_ahead(""));
	assert_false(consent_ahead("document"));
}

/* Klaviyo's cookie is ended on the host and above it, but not on addresses. */
static void
test_forgetting(void **state)
{
	static const struct {
		const char *url;
		const char *domains[4];
	} hosts[] = {
	    {"https://shop.example.co.uk",
	        {"shop.example.co.uk", "example.co.uk", "co.uk"}},
	    {"https://shop.example:8443", {"shop.example"}},
	    {"https://shop.example/store", {"shop.example"}},
	    {"http://localhost:8080", {NULL}},
	    {"http://127.0.0.1:8080", {NULL}},
	    {"http://[::1]:8080", {NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(hosts) / sizeof(*hosts); i++) {
		struct settings s = settings("required", "browser");
		struct response response = {.status = 0};
		const char *wanted = "Set-Cookie: told=; Path=/checkout; "
		                     "Max-Age=0; SameSite=Lax\r\n"
		                     "Set-Cookie: __kla_id=; Path=/; "
		                     "Max-Age=0; SameSite=Lax\r\n";

		s.url = hosts[i].url;
		for (int j = 0; hosts[i].domains[j] != NULL; j++)
			wanted = arena_printf(arena,
			    "%sSet-Cookie: __kla_id=; Path=/; Max-Age=0; "
			    "SameSite=Lax; Domain=%s\r\n",
			    wanted, hosts[i].domains[j]);
		consent_forget(&s, arena, &response);
		assert_string_equal(response.headers.data, wanted);
		response_free(&response);
	}
}

static void
test_the_cookie(void **state)
{
	struct settings s = settings("required", "browser");
	struct response response = {.status = 0};

	(void)state;
	consent_cookie(&s, true, &response);
	s.https = true;
	consent_cookie(&s, false, &response);
	assert_string_equal(response.headers.data,
	    "Set-Cookie: consent=yes; Path=/; Max-Age=31536000; "
	    "SameSite=Lax\r\n"
	    "Set-Cookie: consent=no; Path=/; Max-Age=31536000; SameSite=Lax; "
	    "Secure\r\n");
	response_free(&response);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
	        test_what_was_said, setup, teardown),
	    cmocka_unit_test(test_cookies_that_are_lost),
	    cmocka_unit_test(test_without_a_key_nobody_is_asked),
	    cmocka_unit_test_setup_teardown(
	        test_the_exchange_id, setup, teardown),
	    cmocka_unit_test(test_the_side),
	    cmocka_unit_test(test_robots),
	    cmocka_unit_test_setup_teardown(test_forgetting, setup, teardown),
	    cmocka_unit_test(test_the_cookie),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
