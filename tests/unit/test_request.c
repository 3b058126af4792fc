/*
 * test_request.c - bodies of requests from the two texts of a row.
 */
#include "internal.h"
#include "nth_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define PERSON "{\"type\":\"profile\",\"attributes\":{\"email\":\"a@b\"}}"

static void
expect(char *body, const char *want)
{
	if (body == NULL)
		fail_msg("%s", klaviyo_error());
	assert_string_equal(body, want);
	free(body);
}

static void
refuse(char *body, const char *why)
{
	assert_null(body);
	assert_string_equal(klaviyo_error(), why);
}

static void
bodies(void **state)
{
	(void)state;
	expect(kl_row_body("event", PERSON, "{\"properties\":{}}"),
	    "{\"data\":{\"type\":\"event\",\"attributes\":{\"properties\":{},"
	    "\"profile\":{\"data\":" PERSON "}}}}");
	expect(kl_row_body("subscription", PERSON,
	           "{\"type\":\"t\",\"attributes\":{\"custom_source\":\"}\"}}"),
	    "{\"data\":{\"type\":\"t\",\"attributes\":{\"custom_source\":\"}\","
	    "\"profiles\":{\"data\":[" PERSON "]}}}}");
	expect(kl_row_body("unsubscription", PERSON,
	           "{\"type\":\"t\",\"attributes\":{}}"),
	    "{\"data\":{\"type\":\"t\",\"attributes\":{"
	    "\"profiles\":{\"data\":[" PERSON "]}}}}");
	expect(kl_row_body("back-in-stock", PERSON,
	           "{\"type\":\"t\",\"attributes\":{\"channels\":[\"E\"]}}"),
	    "{\"data\":{\"type\":\"t\",\"attributes\":{\"channels\":[\"E\"],"
	    "\"profile\":{\"data\":" PERSON "}}}}");
}

/* A reset's must not go without its link, an email's is two requests. */
static void
no_bodies(void **state)
{
	static const char *const kinds[] = {
	    "event", "subscription", "unsubscription", "back-in-stock"};
	char why[128];

	(void)state;
	refuse(kl_row_body("reset", PERSON, "{\"properties\":{}}"),
	    "a row of kind reset has no body of its own");
	refuse(kl_row_body("email", PERSON, "{\"email\":\"c@d\"}"),
	    "a row of kind email has no body of its own");
	refuse(kl_row_body("", PERSON, "{\"properties\":{}}"),
	    "a row of kind  has no body of its own");
	for (size_t i = 0; i < 4; i++) {
		snprintf(why, sizeof(why), "the stored texts are not %s%s",
		    i == 0 ? "an event's" : "those of a row of kind ",
		    i == 0 ? "" : kinds[i]);
		refuse(kl_row_body(kinds[i], PERSON, ""), why);
		refuse(kl_row_body(kinds[i], PERSON, "}}"), why);
		refuse(kl_row_body(kinds[i], "", "{\"a\":{}}"), why);
	}
	refuse(kl_row_body("subscription", PERSON, "{\"a\":1}"),
	    "the stored texts are not those of a row of kind subscription");
}

static void
links(void **state)
{
	(void)state;
	expect(kl_event_with_link(
	           "{\"properties\":{},\"unique_id\":\"1\"}", "https://x/?a&b"),
	    "{\"properties\":{\"PasswordResetLink\":\"https://x/?a&b\"},"
	    "\"unique_id\":\"1\"}");
	expect(kl_event_with_link("{\"properties\":{\"A\":1}}", "q\"\\\n"),
	    "{\"properties\":{\"PasswordResetLink\":\"q\\\"\\\\\\n\","
	    "\"A\":1}}");
	refuse(kl_event_with_link("{\"properties\":{}}", ""),
	    "the link of a password reset is missing");
	refuse(kl_event_with_link("{\"properties\":{}}", NULL),
	    "the link of a password reset is missing");
	refuse(kl_event_with_link("{\"properties\":{}}", "\xff"),
	    "data.attributes.properties.PasswordResetLink: not UTF-8");
	refuse(kl_event_with_link("{\"time\":1}", "x"),
	    "the stored texts are not those of a row of kind reset");
}

static void
emails(void **state)
{
	char *old = (char *)"";

	(void)state;
	assert_int_equal(kl_email_row(PERSON, "{\"email\":\"c@d\"}", &old), 0);
	expect(old, "a@b");
	expect(kl_email_body("{\"email\":\"c@d\"}", "01H81\""),
	    "{\"data\":{\"type\":\"profile\",\"id\":\"01H81\\\"\","
	    "\"attributes\":{\"email\":\"c@d\"}}}");
	assert_int_equal(kl_email_row(PERSON, "", &old), -1);
	assert_null(old);
	assert_int_equal(
	    kl_email_row("{\"attributes\":{}}", "{\"email\":\"c@d\"}", &old),
	    -1);
	assert_null(old);
	assert_int_equal(kl_email_row("", "{\"email\":\"c@d\"}", &old), -1);
	refuse(kl_email_body("", "1"),
	    "the stored texts are not those of a row of kind email");
	refuse(kl_email_body("{}", ""), "data.id: missing");
}

static int
make_each(void)
{
	char *text[4] = {
	    kl_row_body("subscription", PERSON, "{\"a\":{\"b\":1}}"),
	    kl_event_with_link("{\"properties\":{}}", "x"),
	    kl_email_body("{}", "1")};
	int ok;

	kl_email_row(PERSON, "{}", &text[3]);
	ok = text[0] && text[1] && text[2] && text[3];
	for (int i = 0; i < 4; i++)
		free(text[i]);
	return ok;
}

static void
no_memory(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_true(nth_alloc_each(make_each) > 8);
	cJSON_InitHooks(NULL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(bodies),
	    cmocka_unit_test(no_bodies), cmocka_unit_test(links),
	    cmocka_unit_test(emails), cmocka_unit_test(no_memory)};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
