/*
 * test_judge.c - what every status and every broken transfer means, the words
 * kept for the operator, the repair.
 */
#include "api.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static enum kl_verdict
judge(int curl, long status)
{
	struct kl_answer answer = {.curl = curl, .status = status};

	return kl_judge(&answer);
}

static void
statuses(void **state)
{
	static const struct {
		long from, to;
		enum kl_verdict verdict;
	} table[] = {
	    {0, 199, KL_V_RETRY},
	    {200, 299, KL_V_SENT},
	    {300, 399, KL_V_PAUSE},
	    {400, 400, KL_V_REFUSED},
	    {401, 401, KL_V_PAUSE},
	    {402, 402, KL_V_REFUSED},
	    {403, 405, KL_V_PAUSE},
	    {406, 407, KL_V_REFUSED},
	    {408, 408, KL_V_RETRY},
	    {409, 409, KL_V_REFUSED},
	    {410, 410, KL_V_PAUSE},
	    {411, 414, KL_V_REFUSED},
	    {415, 415, KL_V_PAUSE},
	    {416, 424, KL_V_REFUSED},
	    {425, 425, KL_V_RETRY},
	    {426, 428, KL_V_REFUSED},
	    {429, 429, KL_V_WAIT},
	    {430, 499, KL_V_REFUSED},
	    {500, 999, KL_V_RETRY},
	};
	long next = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(table[i].from, next);
		for (; next <= table[i].to; next++)
			assert_int_equal(
			    judge(CURLE_OK, next), table[i].verdict);
	}
}

/* Every way libcurl can fail, before and after a status line. */
static void
broken(void **state)
{
	/* No connection stood: all of them, and no other. */
	static const int dead[] = {CURLE_COULDNT_RESOLVE_PROXY,
	    CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT,
	    CURLE_INTERFACE_FAILED, CURLE_SSL_CONNECT_ERROR,
	    CURLE_SSL_ENGINE_NOTFOUND, CURLE_SSL_ENGINE_SETFAILED,
	    CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_CERTPROBLEM,
	    CURLE_SSL_CIPHER, CURLE_PEER_FAILED_VERIFICATION,
	    CURLE_USE_SSL_FAILED, CURLE_SSL_CACERT_BADFILE,
	    CURLE_SSL_CRL_BADFILE, CURLE_SSL_ISSUER_ERROR,
	    CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS};
	static const int unknown[] = {CURLE_OPERATION_TIMEDOUT,
	    CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR,
	    CURLE_SEND_ERROR, CURLE_WRITE_ERROR, CURLE_OUT_OF_MEMORY,
	    CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_HTTP2,
	    CURLE_BAD_CONTENT_ENCODING};

	(void)state;
	for (int curl = 1; curl < CURL_LAST; curl++) {
		bool is_dead = false;

		for (size_t i = 0; i < sizeof(dead) / sizeof(*dead); i++)
			is_dead |= dead[i] == curl;
		assert_int_equal(judge(curl, 0),
		    is_dead                             ? KL_V_DEAD_NET
		    : curl == CURLE_ABORTED_BY_CALLBACK ? KL_V_UNSENT
		                                        : KL_V_RETRY);
	}
	for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
		assert_int_equal(judge(unknown[i], 0), KL_V_RETRY);
		assert_int_equal(judge(unknown[i], 202), KL_V_RETRY);
		assert_int_equal(judge(unknown[i], 503), KL_V_RETRY);
		assert_int_equal(judge(unknown[i], 429), KL_V_WAIT);
		assert_int_equal(judge(unknown[i], 401), KL_V_PAUSE);
		assert_int_equal(judge(unknown[i], 400),
		    unknown[i] == CURLE_WRITE_ERROR ? KL_V_REFUSED
		                                    : KL_V_RETRY);
	}
	for (int curl = 1; curl < CURL_LAST; curl++)
		for (long status = 0; status < 600; status++)
			assert_int_not_equal(judge(curl, status), KL_V_SENT);
}

static char *
words(long status, const char *body)
{
	struct kl_answer answer = {.status = status, .body = (char *)body};

	return kl_refusal_text(&answer);
}

static void
refusal_text(void **state)
{
	static const struct {
		const char *body, *want;
	} row[] = {
	    {NULL, "HTTP 400"},
	    {"", "HTTP 400"},
	    {"<html>no</html>", "HTTP 400"},
	    {" \n<!DOCTYPE html>", "HTTP 400"},
	    {"plain\r\nwords\x01 here", "HTTP 400: plain words here"},
	    {"{}", "HTTP 400: {}"},
	    {"{\"errors\":[]}", "HTTP 400: {\"errors\":[]}"},
	    {"{\"errors\":\"no\"}", "HTTP 400: {\"errors\":\"no\"}"},
	    {"{\"errors\":[{\"id\":\"x\",\"code\":\"invalid\",\"title\":"
	     "\"Invalid input.\",\"detail\":\"No metric.\",\"source\":"
	     "{\"pointer\":\"/data/attributes/metric\"}}]}",
	        "HTTP 400: Invalid input. No metric. "
	        "(/data/attributes/metric)"},
	    {"{\"errors\":[{\"title\":\"A\",\"detail\":\"b\"},"
	     "{\"title\":\"C\",\"detail\":\"d\",\"source\":{\"pointer\":7}}]}",
	        "HTTP 400: A b; C d"},
	    {"'john.doe+x@klaviyo-demo.com' is bad, too: <a@b>, c%40d.org",
	        "HTTP 400: '[e-mail]' is bad, too: <[e-mail]>, [e-mail]"},
	    {"numbers +15005550006 and (500) 555-0006, 500.555.0006!",
	        "HTTP 400: numbers [number] and [number], [number]!"},
	    {"at most 400 properties, not 401",
	        "HTTP 400: at most 400 properties, not 401"},
	    {"Gr\xc3\xbc\xc3\x9f Gott", "HTTP 400: Gr\xc3\xbc\xc3\x9f Gott"},
	    {"bad \xff byte", "HTTP 400: bad ? byte"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		char *text = words(400, row[i].body);

		assert_string_equal(text, row[i].want);
		free(text);
	}
}

/* Whatever comes, it is one line of valid UTF-8 of at most 500 bytes. */
static void
refusal_text_length(void **state)
{
	char body[2000];

	(void)state;
	for (size_t lead = 0; lead < 4; lead++) {
		char *text;

		memset(body, 'x', lead);
		body[lead] = '\0';
		for (size_t i = lead; i + 4 < sizeof(body); i += 3)
			memcpy(body + i, "\xe2\x82\xac", 4);
		text = words(400, body);
		assert_in_range(strlen(text), 497, 500);
		assert_true(kl_utf8_ok(text));
		free(text);
	}
	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t n = (size_t)random() % 1200;
		char *text;

		for (size_t i = 0; i < n; i++)
			body[i] =
			    random() % 4
			        ? "@+1234567890 ().-/\"{}[]:,"[random() % 26]
			        : (char)(1 + random() % 255);
		body[n] = '\0';
		text = words(400, body);
		assert_true(strlen(text) <= 500);
		assert_true(kl_utf8_ok(text));
		assert_null(strpbrk(text, "\r\n\t"));
		free(text);
	}
}

static void
no_answer_text(void **state)
{
	struct kl_answer answer = {.curl = CURLE_COULDNT_CONNECT,
	    .error = "Failed to connect to 127.0.0.1 port 9"};
	char *text = kl_refusal_text(&answer);

	(void)state;
	assert_string_equal(
	    text, "no answer: Failed to connect to 127.0.0.1 port 9");
	free(text);
	answer.status = 202;
	answer.curl = CURLE_PARTIAL_FILE;
	strcpy(answer.error, "cut");
	text = kl_refusal_text(&answer);
	assert_string_equal(text, "HTTP 202, broken off: cut");
	free(text);
}

/* A bad address is what Klaviyo quotes, and it looks like none. */
static void
no_person_in_words(void **state)
{
	static const struct {
		const char *detail, *profile, *want;
	} row[] = {
	    {"'sarah.mason' is no address", "{\"email\":\"sarah.mason\"}",
	        "'[-]' is no address"},
	    {"SARAH.MASON or Mason, Sarah?",
	        "{\"first_name\":\"Sarah\",\"last_name\":\"Mason\","
	        "\"email\":\"sarah.mason\"}",
	        "[-] or [-], [-]?"},
	    {"12-34 is no number", "{\"phone_number\":\"12-34\"}",
	        "[-] is no number"},
	    {"lives at 5 Elm St, J\xc3\xb6na, wants n\xc3\xb6thing",
	        "{\"location\":{\"address1\":\"5 Elm St\",\"city\":"
	        "\"J\xc3\xb6na\"},\"properties\":{\"a\":[\"n\xc3\xb6thing\"]}}",
	        "lives at [-], [-], wants [-]"},
	    /* A part of a word is not the person; nor are two letters. */
	    {"invalid profile in US",
	        "{\"last_name\":\"Pro\",\"first_name\":"
	        "\"valid\",\"title\":\"US\"}",
	        "invalid profile in US"},
	    {"aaa aaaa aaa", "{\"last_name\":\"aaa\"}", "[-] aaaa [-]"},
	    {"fine", "{\"last_name\":7,\"email\":null}", "fine"},
	};
	char body[400], profile[400], want[400];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_answer answer = {.status = 400, .body = body};
		char *text;

		snprintf(body, sizeof(body),
		    "{\"errors\":[{\"detail\":\"%s\"}]}", row[i].detail);
		snprintf(profile, sizeof(profile),
		    "{\"type\":\"profile\",\"attributes\":%s}", row[i].profile);
		snprintf(want, sizeof(want), "HTTP 400: %s", row[i].want);
		text = kl_refusal_about(&answer, profile);
		assert_string_equal(text, want);
		free(text);
		/* What is no profile hides nothing, and breaks nothing. */
		text = kl_refusal_about(&answer, "[");
		assert_non_null(strstr(text, "HTTP 400: "));
		free(text);
	}
}

static void
pause_reasons(void **state)
{
	static const struct {
		long status;
		const char *says;
	} row[] = {
	    {401, "(HTTP 401): check KLAVIYO_PRIVATE_KEY_FILE"},
	    {403, "events:write"},
	    {404, "(HTTP 404): check KLAVIYO_API_URL and KLAVIYO_REVISION"},
	    {405, "KLAVIYO_REVISION"},
	    {410, "KLAVIYO_REVISION"},
	    {415, "media type"},
	    {302, "redirect (HTTP 302)"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_answer answer = {.status = row[i].status};

		kl_pause_reason(&answer, text, sizeof(text));
		assert_non_null(strstr(text, row[i].says));
	}
}

#define POINTS(field)                                                          \
	"{\"errors\":[{\"source\":{\"pointer\":\"/data/attributes/" field      \
	"\"}}]}"
#define PROFILE(id, members)                                                   \
	"{\"type\":\"profile\"" id ",\"attributes\":{" members "}}"
#define EMAIL "\"email\":\"a@klaviyo-demo.com\""
#define PHONE "\"phone_number\":\"+15005550006\""

static void
repairs(void **state)
{
	static const struct {
		const char *body, *profile, *want;
	} row[] = {
	    {POINTS("phone_number"), PROFILE("", EMAIL "," PHONE),
	        PROFILE("", EMAIL)},
	    {POINTS("email"), PROFILE("", EMAIL "," PHONE), PROFILE("", PHONE)},
	    {POINTS("profile/data/attributes/phone_number"),
	        PROFILE("", PHONE ",\"external_id\":\"7\",\"properties\":"
	                          "{\"n\":9007199254740993,\"f\":1.10}"),
	        PROFILE("", "\"external_id\":\"7\",\"properties\":"
	                    "{\"n\":9007199254740993,\"f\":1.10}")},
	    {POINTS("email"), PROFILE("", EMAIL ",\"_kx\":\"k\""),
	        PROFILE("", "\"_kx\":\"k\"")},
	    {POINTS("email"), PROFILE("", EMAIL ",\"anonymous_id\":\"k\""),
	        PROFILE("", "\"anonymous_id\":\"k\"")},
	    {POINTS("email"), PROFILE(",\"id\":\"01\"", EMAIL),
	        PROFILE(",\"id\":\"01\"", "")},
	    /* nothing left to know the person by */
	    {POINTS("email"), PROFILE("", EMAIL), NULL},
	    {POINTS("email"), PROFILE("", EMAIL ",\"first_name\":\"J\""), NULL},
	    {POINTS("email"), PROFILE("", EMAIL ",\"external_id\":\"\""), NULL},
	    /* not about a field that is there, or that can go */
	    {POINTS("email"), PROFILE("", PHONE), NULL},
	    {POINTS("metric"), PROFILE("", EMAIL "," PHONE), NULL},
	    {POINTS("my_email"), PROFILE("", EMAIL "," PHONE), NULL},
	    {POINTS("email/x"), PROFILE("", EMAIL "," PHONE), NULL},
	    {POINTS("external_id"), PROFILE("", EMAIL ",\"external_id\":\"7\""),
	        NULL},
	    /* not an answer to read */
	    {"", PROFILE("", EMAIL "," PHONE), NULL},
	    {"<html>", PROFILE("", EMAIL "," PHONE), NULL},
	    {"[1]", PROFILE("", EMAIL "," PHONE), NULL},
	    {"{\"errors\":[7,null,{\"source\":null}]}",
	        PROFILE("", EMAIL "," PHONE), NULL},
	    {NULL, PROFILE("", EMAIL "," PHONE), NULL},
	    {POINTS("email"), "", NULL},
	    {POINTS("email"), "{}", NULL},
	    {POINTS("email"), "{\"attributes\":[]}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct kl_answer answer = {
		    .status = 400, .body = (char *)row[i].body};
		char *got = kl_repair(&answer, row[i].profile);

		if (row[i].want)
			assert_string_equal(got, row[i].want);
		else
			assert_null(got);
		free(got);
		answer.status = 422;
		got = kl_repair(&answer, row[i].profile);
		assert_int_equal(got != NULL, row[i].want != NULL);
		free(got);
		answer.status = 409;
		assert_null(kl_repair(&answer, row[i].profile));
	}
}

/* Both at once: one stays, and the next refusal is the last. */
static void
repairs_end(void **state)
{
	static const char both[] =
	    "{\"errors\":[{\"source\":{\"pointer\":\"/a/email\"}},"
	    "{\"source\":{\"pointer\":\"/a/phone_number\"}}]}";
	struct kl_answer answer = {.status = 400, .body = (char *)both};
	char *got = kl_repair(&answer, PROFILE("", EMAIL "," PHONE));

	(void)state;
	assert_string_equal(got, PROFILE("", EMAIL));
	assert_null(kl_repair(&answer, got));
	free(got);
	got = kl_repair(
	    &answer, PROFILE("", EMAIL "," PHONE ",\"external_id\":\"7\""));
	assert_string_equal(got, PROFILE("", "\"external_id\":\"7\""));
	assert_null(kl_repair(&answer, got));
	free(got);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(statuses),
	    cmocka_unit_test(broken),
	    cmocka_unit_test(refusal_text),
	    cmocka_unit_test(refusal_text_length),
	    cmocka_unit_test(no_answer_text),
	    cmocka_unit_test(no_person_in_words),
	    cmocka_unit_test(pause_reasons),
	    cmocka_unit_test(repairs),
	    cmocka_unit_test(repairs_end),
	};

	return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
