/*
 * test_subscription.c - rows of subscriptions: exactly what was ticked, in the
 * body that Klaviyo describes; and of articles that are waited for.
 */
#include "nth_alloc.h"
#include "rows.h"

enum { NOW = 1667900000 };

static int
subscribe(struct klaviyo_subscription subscription)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_subscription(&s, &subscription, NOW));
}

static int
wait_for(
    const char *id, const struct klaviyo_profile *profile, const char *variant)
{
	struct klaviyo_store s = store();

	return IN_HOST(
	    klaviyo_queue_back_in_stock(&s, id, profile, variant, NOW));
}

/* For contract.py, if tests/integration/test_bodies.py asks: one request a
   line. */
static void
record(const char *path, const char *body)
{
	const char *name = getenv("TEST_RECORD");
	FILE *file;

	if (name == NULL)
		return;
	file = fopen(name, "a");
	assert_non_null(file);
	fprintf(file,
	    "{\"method\":\"POST\",\"path\":\"%s\",\"headers\":{"
	    "\"Revision\":\"" KLAVIYO_REVISION "\",\"Content-Type\":"
	    "\"application/vnd.api+json\",\"Authorization\":"
	    "\"Klaviyo-API-Key pk_1\"},\"body\":%s}\n",
	    path, body);
	assert_int_equal(fclose(file), 0);
}

static const char *
path_of(const char *kind)
{
	if (strcmp(kind, "subscription") == 0)
		return "/api/profile-subscription-bulk-create-jobs";
	if (strcmp(kind, "unsubscription") == 0)
		return "/api/profile-subscription-bulk-delete-jobs";
	return "/api/back-in-stock-subscriptions";
}

static void
body_is(const char *id, const char *kind, const char *want)
{
	char profile[1024], event[1024];
	char *body;

	if (strcmp(row_text("kind", id), kind) != 0)
		fail_msg("%s: no %s", id, kind);
	assert_string_equal(row_text("about", id), "");
	snprintf(profile, sizeof(profile), "%s", row_text("profile", id));
	snprintf(event, sizeof(event), "%s", row_text("event", id));
	body = kl_row_body(kind, profile, event);
	if (body == NULL)
		fail_msg("%s: %s", id, klaviyo_error());
	assert_string_equal(body, want);
	record(path_of(kind), body);
	free(body);
}

#define YES(how) "\"" how "\":{\"marketing\":{\"consent\":\"SUBSCRIBED\"}}"
#define NO(how) "\"" how "\":{\"marketing\":{\"consent\":\"UNSUBSCRIBED\"}}"
#define LIST                                                                   \
	"\"relationships\":{\"list\":{\"data\":{\"type\":\"list\","            \
	"\"id\":\"Y6nRLr\"}}},"

static void
both(void **state)
{
	const struct klaviyo_subscription all = {.id = "s1",
	    .email = "Anna@klaviyo-demo.com",
	    .phone_number = "+15005550006",
	    .list = "Y6nRLr",
	    .source = "Checkout"};

	(void)state;
	assert_int_equal(subscribe(all), 0);
	assert_int_equal(subscribe(all), 0);
	assert_int_equal(row_count("1 = 1"), 1);
	body_is("Subscription/s1", "subscription",
	    "{\"data\":{\"type\":\"profile-subscription-bulk-create-job\","
	    "" LIST "\"attributes\":{\"custom_source\":\"Checkout\","
	    "\"profiles\":{\"data\":[{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"Anna@klaviyo-demo.com\","
	    "\"phone_number\":\"+15005550006\","
	    "\"subscriptions\":{" YES("email") "," YES("sms") "}}}]}}}}");
}

static void
one(void **state)
{
	(void)state;
	assert_int_equal(subscribe((struct klaviyo_subscription){
	                     .id = "s2", .email = "anna@klaviyo-demo.com"}),
	    0);
	body_is("Subscription/s2", "subscription",
	    "{\"data\":{\"type\":\"profile-subscription-bulk-create-job\","
	    "\"attributes\":{\"profiles\":{\"data\":[{\"type\":\"profile\","
	    "\"attributes\":{\"email\":\"anna@klaviyo-demo.com\","
	    "\"subscriptions\":{" YES("email") "}}}]}}}}");
	assert_int_equal(subscribe((struct klaviyo_subscription){.id = "s3",
	                     .email = "",
	                     .phone_number = "+15005550006",
	                     .source = "Checkout"}),
	    0);
	body_is("Subscription/s3", "subscription",
	    "{\"data\":{\"type\":\"profile-subscription-bulk-create-job\","
	    "\"attributes\":{\"custom_source\":\"Checkout\","
	    "\"profiles\":{\"data\":[{\"type\":\"profile\","
	    "\"attributes\":{\"phone_number\":\"+15005550006\","
	    "\"subscriptions\":{" YES("sms") "}}}]}}}}");
}

static void
taken_back(void **state)
{
	(void)state;
	assert_int_equal(subscribe((struct klaviyo_subscription){.id = "u1",
	                     .email = "anna@klaviyo-demo.com",
	                     .list = "Y6nRLr",
	                     .unsubscribe = 1}),
	    0);
	body_is("Unsubscription/u1", "unsubscription",
	    "{\"data\":{\"type\":\"profile-subscription-bulk-delete-job\","
	    "" LIST "\"attributes\":{\"profiles\":{\"data\":["
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"anna@klaviyo-demo.com\","
	    "\"subscriptions\":{" NO("email") "}}}]}}}}");
	assert_int_equal(subscribe((struct klaviyo_subscription){.id = "u2",
	                     .email = "anna@klaviyo-demo.com",
	                     .phone_number = "+15005550006",
	                     .unsubscribe = 1}),
	    0);
	body_is("Unsubscription/u2", "unsubscription",
	    "{\"data\":{\"type\":\"profile-subscription-bulk-delete-job\","
	    "\"attributes\":{\"profiles\":{\"data\":["
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"anna@klaviyo-demo.com\","
	    "\"phone_number\":\"+15005550006\","
	    "\"subscriptions\":{" NO("email") "," NO("sms") "}}}]}}}}");
}

static void
refused(void **state)
{
	static const struct klaviyo_subscription good = {
	    .id = "s", .email = "anna@klaviyo-demo.com"};
	struct klaviyo_subscription s = good;
	static char long_id[300];

	(void)state;
	s.email = NULL;
	row_refused(subscribe(s), "consent: neither an address nor a number");
	s.email = "anna";
	row_refused(subscribe(s), "consent: email: not an e-mail address");
	s = good;
	s.phone_number = "0711 55";
	row_refused(subscribe(s), "consent: phone_number: not E.164");
	s = good;
	s.unsubscribe = 1;
	s.source = "Account";
	row_refused(subscribe(s), "consent: taken back, it has no source");
	s = good;
	s.id = "";
	row_refused(subscribe(s), "id: missing");
	memset(long_id, 'x', sizeof(long_id) - 1);
	s.id = long_id;
	row_refused(subscribe(s), "id: longer than 255 bytes");
	s = good;
	s.list = long_id;
	row_refused(subscribe(s), "list: longer than 255 bytes");
	s = good;
	s.source = "\xff";
	row_refused(subscribe(s), "data.attributes.custom_source: not UTF-8");
}

static void
back_in_stock(void **state)
{
	const struct klaviyo_profile anna = {.email = "anna@klaviyo-demo.com",
	    .phone_number = "+15005550006",
	    .external_id = "c7",
	    .first_name = "Anna",
	    .properties = "{\"a\":1}"};
	static char long_id[300];

	(void)state;
	memset(long_id, 'x', sizeof(long_id) - 1);
	row_refused(wait_for("b1", &anna, NULL), "variant: missing");
	row_refused(
	    wait_for("b1", &anna, long_id), "variant: longer than 255 bytes");
	row_refused(wait_for("", &anna, "1111"), "id: missing");
	row_refused(wait_for("b1",
	                &(struct klaviyo_profile){.external_id = "c7"}, "1111"),
	    "back in stock: email: not an e-mail address");
	assert_int_equal(wait_for("b1", &anna, "11\"11"), 0);
	assert_int_equal(wait_for("b1", &anna, "2222"), 0);
	assert_int_equal(row_count("1 = 1"), 1);
	body_is("Back in Stock/b1", "back-in-stock",
	    "{\"data\":{\"type\":\"back-in-stock-subscription\","
	    "\"relationships\":{\"variant\":{\"data\":{"
	    "\"type\":\"catalog-variant\","
	    "\"id\":\"$custom:::$default:::11\\\"11\"}}},"
	    "\"attributes\":{\"channels\":[\"EMAIL\"],"
	    "\"profile\":{\"data\":{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"anna@klaviyo-demo.com\","
	    "\"external_id\":\"c7\"}}}}}}");
}

static void
full(void **state)
{
	const struct klaviyo_profile anna = {.email = "anna@klaviyo-demo.com"};
	const struct klaviyo_subscription yes = {
	    .id = "s", .email = "anna@klaviyo-demo.com"};
	struct klaviyo_store s = store();

	(void)state;
	s.limit = 1;
	store_fill("a", 1, KLAVIYO_REALTIME, NOW);
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_subscription(&s, &yes, NOW), 1);
	assert_int_equal(
	    klaviyo_queue_back_in_stock(&s, "b", &anna, "1", NOW), 1);
	store_do("COMMIT");
	assert_int_equal(row_count("1 = 1"), 1);
}

/* ------------------------------------------------------------------- memory */

static int
queue_each(void)
{
	const struct klaviyo_profile anna = {.email = "anna@klaviyo-demo.com"};
	int ok;

	ok = subscribe((struct klaviyo_subscription){.id = "s",
	         .email = "anna@klaviyo-demo.com",
	         .phone_number = "+15005550006",
	         .list = "l",
	         .source = "x"}) == 0 &&
	     wait_for("b", &anna, "1") == 0;
	if (!ok)
		assert_true(klaviyo_error_passes());
	assert_int_equal(row_count("id = 'Back in Stock/b'"), ok);
	return ok;
}

static void
no_memory(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_true(nth_alloc_each(queue_each) > 60);
	cJSON_InitHooks(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(both), T(one), T(taken_back),
	    T(refused), T(back_in_stock), T(full), T(no_memory)};

	return cmocka_run_group_tests_name("subscription", tests, NULL, NULL);
}
