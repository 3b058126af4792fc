/*
 * test_account.c - rows of accounts and leads: the guide's properties letter
 * by letter, what is refused, all or none.
 */
#include "nth_alloc.h"
#include "rows.h"

enum { NOW = 1667900000, THEN = 1667880000 };

#define JOHN                                                                   \
	"{\"type\":\"profile\",\"attributes\":{"                               \
	"\"email\":\"John.Smith@klaviyo-demo.com\"}}"
#define TAIL(metric, id)                                                       \
	"\"time\":\"2022-11-08T04:00:00Z\",\"unique_id\":\"" id "\","          \
	"\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"            \
	"{\"name\":\"" metric "\"}}}}"

static const struct klaviyo_profile john = {
    .email = "John.Smith@klaviyo-demo.com"};

static int
account(enum klaviyo_metric metric, const char *id, const char *type,
    const struct klaviyo_updated *updated, size_t n)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_account(
	    &s, metric, id, THEN, &john, type, updated, n, NOW));
}

static void
created(void **state)
{
	(void)state;
	assert_int_equal(
	    account(KLAVIYO_CREATED_ACCOUNT, "c7", NULL, NULL, 0), 0);
	row_is("Created Account/c7", "event", "", JOHN,
	    "{\"properties\":{}," TAIL("Created Account", "c7"));
	/* Twice is once. */
	store_do("UPDATE klaviyo_outbox SET event = 'first'");
	assert_int_equal(
	    account(KLAVIYO_CREATED_ACCOUNT, "c7", NULL, NULL, 0), 0);
	assert_int_equal(row_count("event = 'first'"), 1);
	assert_int_equal(row_count("1 = 1"), 1);
}

static void
updated(void **state)
{
	static const struct klaviyo_updated names[] = {
	    {"FirstName", "Jo", "John"}, {"Birthday", "", "1989-01-18"},
	    {"Phone", "+15005550006", NULL}, {"Password", NULL, ""}};
	static const struct klaviyo_updated password = {"password", NULL, NULL};

	(void)state;
	assert_int_equal(
	    account(KLAVIYO_UPDATED_ACCOUNT, "c7:1", "Name Update", names, 4),
	    0);
	row_is("Updated Account/c7:1", "event", "", JOHN,
	    "{\"properties\":{\"UpdateType\":\"Name Update\","
	    "\"UpdatedProperties\":[\"FirstName\",\"Birthday\",\"Phone\","
	    "\"Password\"],"
	    "\"OldValues\":{\"FirstName\":\"Jo\",\"Phone\":\"+15005550006\"},"
	    "\"NewValues\":{\"FirstName\":\"John\","
	    "\"Birthday\":\"1989-01-18\"}}," TAIL("Updated Account", "c7:1"));
	assert_int_equal(
	    account(KLAVIYO_UPDATED_ACCOUNT, "c7:2", NULL, &password, 1), 0);
	row_is("Updated Account/c7:2", "event", "", JOHN,
	    "{\"properties\":{\"UpdatedProperties\":[\"password\"]},"
	    "" TAIL("Updated Account", "c7:2"));
}

static void
accounts_refused(void **state)
{
	struct klaviyo_updated bad[] = {{"A", "x", "y"}, {"A", "x", "y"}};

	(void)state;
	row_refused(account(KLAVIYO_RESET_PASSWORD, "1", NULL, NULL, 0),
	    "not an account's metric");
	row_refused(account(KLAVIYO_UPDATED_ACCOUNT, "1", "", NULL, 0),
	    "Updated Account: what was updated is missing");
	row_refused(
	    account(KLAVIYO_CREATED_ACCOUNT, "1", "Name Update", NULL, 0),
	    "Created Account: nothing is updated by it");
	row_refused(account(KLAVIYO_CREATED_ACCOUNT, "1", NULL, bad, 1),
	    "Created Account: nothing is updated by it");
	row_refused(account(KLAVIYO_UPDATED_ACCOUNT, "1", NULL, bad, 2),
	    "UpdatedProperties[1]: named twice");
	bad[1].name = "";
	row_refused(account(KLAVIYO_UPDATED_ACCOUNT, "1", NULL, bad, 2),
	    "UpdatedProperties[1]: missing");
	for (int i = 0; i < 2; i++) {
		bad[1] = (struct klaviyo_updated){
		    "NewPASSWORD", i ? "secret" : "", i ? NULL : "secret"};
		row_refused(account(KLAVIYO_UPDATED_ACCOUNT, "1", NULL, bad, 2),
		    "UpdatedProperties[1]: a password is given, which may "
		    "never be");
	}
	row_refused(account(KLAVIYO_CREATED_ACCOUNT, "", NULL, NULL, 0),
	    "data.attributes.unique_id: missing");
	bad[0].after = "\xff";
	row_refused(account(KLAVIYO_UPDATED_ACCOUNT, "1", NULL, bad, 1),
	    "data.attributes.properties.NewValues.A: not UTF-8");
}

static void
reset(void **state)
{
	struct klaviyo_store s = store();
	char *event;

	(void)state;
	row_refused(IN_HOST(klaviyo_queue_reset(&s, NULL, THEN, &john, NOW)),
	    "data.attributes.unique_id: missing");
	row_refused(IN_HOST(klaviyo_queue_reset(
	                &s, "r1", THEN, &(struct klaviyo_profile){0}, NOW)),
	    "data.attributes.profile: no identifier is known");
	assert_int_equal(
	    IN_HOST(klaviyo_queue_reset(&s, "r1", THEN, &john, NOW)), 0);
	assert_int_equal(
	    IN_HOST(klaviyo_queue_reset(&s, "r1", THEN, &john, NOW)), 0);
	row_is("Reset Password/r1", "reset", "", JOHN,
	    "{\"properties\":{}," TAIL("Reset Password", "r1"));
	event = kl_event_with_link(row_text("event", "Reset Password/r1"), "L");
	assert_string_equal(event,
	    "{\"properties\":{\"PasswordResetLink\":\"L\"},"
	    "" TAIL("Reset Password", "r1"));
	free(event);
}

/* ------------------------------------------------------------------- leads */

#define LEAD                                                                   \
	(struct klaviyo_lead)                                                  \
	{                                                                      \
		.id = "l1", .time = THEN, .action = "Contact form",            \
		.source = "Website", .phone = "555 1234",                      \
		.prospect = {.email = "anna@klaviyo-demo.com",                 \
		    .first_name = "Anna",                                      \
		    .last_name = "Lee",                                        \
		    .properties = "{\"Size\":1.50,"                            \
		                  "\"MostRecentLeadSource\":\"old\"}"},        \
		.representative = {                                            \
			.email = "rep@klaviyo-demo.com"                        \
		}                                                              \
	}

static int
lead(const struct klaviyo_lead *l)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_lead(&s, l, NOW));
}

static void
leads(void **state)
{
	struct klaviyo_lead l = LEAD;

	(void)state;
	assert_int_equal(lead(&l), 0);
	assert_int_equal(lead(&l), 0);
	assert_int_equal(row_count("1 = 1"), 2);
	row_is("Became Lead/l1", "event", "",
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"anna@klaviyo-demo.com\",\"first_name\":\"Anna\","
	    "\"last_name\":\"Lee\",\"properties\":{\"Size\":1.50,"
	    "\"MostRecentLeadSource\":\"Website\"}}}",
	    "{\"properties\":{\"Action\":\"Contact form\"},"
	    "" TAIL("Became Lead", "l1"));
	row_is("New Lead/l1", "event", "",
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"email\":\"rep@klaviyo-demo.com\"}}",
	    "{\"properties\":{\"LeadFirstName\":\"Anna\","
	    "\"LeadLastName\":\"Lee\",\"LeadPhoneNumber\":\"555 1234\","
	    "\"LeadEmailAddress\":\"anna@klaviyo-demo.com\","
	    "\"LeadAction\":\"Contact form\"}," TAIL("New Lead", "l1"));
	/* Nobody to tell, nothing known but the person. */
	l = (struct klaviyo_lead){.id = "l2",
	    .time = THEN,
	    .prospect = {.phone_number = "+15005550006"}};
	assert_int_equal(lead(&l), 0);
	assert_int_equal(row_count("id LIKE '%/l2'"), 1);
	row_is("Became Lead/l2", "event", "",
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"phone_number\":\"+15005550006\"}}",
	    "{\"properties\":{}," TAIL("Became Lead", "l2"));
	/* A number that Klaviyo takes is one to show, too. */
	l.id = "l3";
	l.representative.external_id = "rep";
	assert_int_equal(lead(&l), 0);
	row_is("New Lead/l3", "event", "",
	    "{\"type\":\"profile\",\"attributes\":{"
	    "\"external_id\":\"rep\"}}",
	    "{\"properties\":{\"LeadPhoneNumber\":\"+15005550006\"},"
	    "" TAIL("New Lead", "l3"));
}

static void
leads_refused(void **state)
{
	struct klaviyo_lead l = LEAD;

	(void)state;
	l.representative.email = "nobody";
	row_refused(lead(&l), "data.attributes.profile.data.attributes.email: "
	                      "not an e-mail address of at most 100 bytes");
	l = LEAD;
	l.prospect.email = NULL;
	row_refused(
	    lead(&l), "data.attributes.profile: no identifier is known");
	l = LEAD;
	l.prospect.properties = "[]";
	row_refused(lead(&l),
	    "data.attributes.profile.data.attributes.properties: not an "
	    "object");
	l = LEAD;
	l.id = NULL;
	row_refused(lead(&l), "data.attributes.unique_id: missing");
}

/* ------------------------------------------------------------------- email */

static int
email(const char *id, const char *from, const char *to)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_email(&s, id, from, to, NOW));
}

static void
emails(void **state)
{
	(void)state;
	row_refused(email("c7:1", "john", "b@klaviyo-demo.com"),
	    "the old address is not an e-mail address");
	row_refused(email("c7:1", NULL, "b@klaviyo-demo.com"),
	    "the old address is not an e-mail address");
	row_refused(email("c7:1", "a@klaviyo-demo.com", "b@"),
	    "the new address is not an e-mail address");
	row_refused(email("", "a@klaviyo-demo.com", "b@c"), "id: missing");
	assert_int_equal(
	    email("c7:1", "John.Smith@klaviyo-demo.com", "J@Klaviyo-Demo.com"),
	    0);
	assert_int_equal(
	    email("c7:1", "John.Smith@klaviyo-demo.com", "K@Klaviyo-Demo.com"),
	    0);
	assert_int_equal(row_count("1 = 1"), 1);
	row_is("Updated Email/c7:1", "email", "email:j@klaviyo-demo.com", JOHN,
	    "{\"email\":\"J@Klaviyo-Demo.com\"}");
}

/* ----------------------------------------------------------- all of these */

/* When the queue is full they are refused, and counted. */
static void
full(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_lead l = LEAD;

	(void)state;
	s.limit = 1;
	store_fill("a", 1, KLAVIYO_REALTIME, NOW);
	store_do("BEGIN");
	assert_int_equal(klaviyo_queue_account(&s, KLAVIYO_CREATED_ACCOUNT, "1",
	                     THEN, &john, NULL, NULL, 0, NOW),
	    1);
	assert_int_equal(klaviyo_queue_reset(&s, "1", THEN, &john, NOW), 1);
	assert_int_equal(klaviyo_queue_email(&s, "1", "a@b", "b@c", NOW), 1);
	assert_int_equal(klaviyo_queue_lead(&s, &l, NOW), 1);
	store_do("COMMIT");
	assert_int_equal(row_count("1 = 1"), 1);
	assert_int_equal(store_number("SELECT refused FROM klaviyo_bound"), 4);
}

/* Whatever statement fails: both events of a lead or none, and the host's
   transaction goes on. */
static void
all_or_none(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_lead l = LEAD;
	int rc = -1, at;

	(void)state;
	for (at = 1; rc < 0; at++) {
		store_do("BEGIN");
		store_fail_at = at;
		rc = klaviyo_queue_lead(&s, &l, NOW);
		store_fail_at = 0;
		if (rc < 0)
			assert_true(klaviyo_error_passes());
		store_do("COMMIT");
		assert_int_equal(row_count("1 = 1"), rc < 0 ? 0 : 2);
	}
	assert_true(at > 6);
}

static int
queue_each(void)
{
	static const struct klaviyo_updated names[] = {{"N", "a", "b"}};
	struct klaviyo_lead l = LEAD;
	int ok;

	ok = account(KLAVIYO_UPDATED_ACCOUNT, "c:1", "T", names, 1) == 0 &&
	     email("c:1", "a@klaviyo-demo.com", "b@klaviyo-demo.com") == 0 &&
	     lead(&l) == 0;
	if (!ok)
		assert_true(klaviyo_error_passes());
	assert_int_equal(row_count("id LIKE '%Lead/%'"), ok ? 2 : 0);
	return ok;
}

static void
no_memory(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_true(nth_alloc_each(queue_each) > 100);
	cJSON_InitHooks(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, store_new, store_drop)
	const struct CMUnitTest tests[] = {T(created), T(updated),
	    T(accounts_refused), T(reset), T(leads), T(leads_refused),
	    T(emails), T(full), T(all_or_none), T(no_memory)};

	return cmocka_run_group_tests_name("account", tests, NULL, NULL);
}
