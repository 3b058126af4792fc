/*
 * test_event.c - the bodies that Klaviyo gets, the limits, and queueing: all
 * or none, and once.
 */
#include "books.h"
#include "internal.h"
#include "nth_alloc.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define NOW 1667865700

static const struct klaviyo_profile sarah = {
    .email = "sarah.mason@klaviyo-demo.com", .phone_number = "+15005550006"};

/* ------------------------------------------------------------------ bodies */

#define PROFILE                                                                \
	"\"profile\":{\"data\":{\"type\":\"profile\",\"attributes\":"          \
	"{\"email\":\"sarah.mason@klaviyo-demo.com\","                         \
	"\"phone_number\":\"+15005550006\"}}}"

/* The guide's Placed Order, with FACTS' corrections: time ends in Z. */
static const char placed_order[] =
    "{\"data\":{\"type\":\"event\",\"attributes\":{"
    "\"properties\":{"
    "\"OrderId\":\"d47aeda5-1751-4483-a81e-6fcc8ad48711\","
    "\"Categories\":[\"Fiction\",\"Children\",\"Classics\"],"
    "\"ItemNames\":[\"Winnie the Pooh\",\"A Tale of Two Cities\"],"
    "\"DiscountCode\":\"Free Shipping\",\"DiscountValue\":5.00,"
    "\"Brands\":[\"Kids Books\",\"Harcourt Classics\"],"
    "\"Items\":[{\"ProductID\":\"1111\",\"SKU\":\"WINNIEPOOH\","
    "\"ProductName\":\"Winnie the Pooh\",\"Quantity\":1,"
    "\"ItemPrice\":9.99,\"RowTotal\":9.99,"
    "\"ProductURL\":\"http://www.example.com/path/to/product\","
    "\"ImageURL\":\"http://www.example.com/path/to/product/image.png\","
    "\"Categories\":[\"Fiction\",\"Children\"],\"Brand\":\"Kids Books\"},"
    "{\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","
    "\"ProductName\":\"A Tale of Two Cities\",\"Quantity\":1,"
    "\"ItemPrice\":19.99,\"RowTotal\":19.99,"
    "\"ProductURL\":\"http://www.example.com/path/to/product2\","
    "\"ImageURL\":\"http://www.example.com/path/to/product/image2.png\","
    "\"Categories\":[\"Fiction\",\"Classics\"],"
    "\"Brand\":\"Harcourt Classics\"}],"
    "\"BillingAddress\":{\"FirstName\":\"John\",\"LastName\":\"Smith\","
    "\"Address1\":\"123 Abc St\",\"City\":\"Boston\",\"RegionCode\":\"MA\","
    "\"CountryCode\":\"US\",\"Zip\":\"02110\",\"Phone\":\"+15551234567\"},"
    "\"ShippingAddress\":{\"Address1\":\"123 Abc St\"}},"
    "\"time\":\"2022-11-08T00:00:00Z\","
    "\"value\":29.98,\"value_currency\":\"USD\","
    "\"unique_id\":\"d47aeda5-1751-4483-a81e-6fcc8ad48711\","
    "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"
    "{\"name\":\"Placed Order\"}}}," PROFILE "}}}";

static const char ordered_product[] =
    "{\"data\":{\"type\":\"event\",\"attributes\":{"
    "\"properties\":{"
    "\"OrderId\":\"d47aeda5-1751-4483-a81e-6fcc8ad48711\","
    "\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","
    "\"ProductName\":\"A Tale of Two Cities\",\"Quantity\":1,"
    "\"ProductURL\":\"http://www.example.com/path/to/product2\","
    "\"ImageURL\":\"http://www.example.com/path/to/product/image2.png\","
    "\"Categories\":[\"Fiction\",\"Classics\"],"
    "\"ProductBrand\":\"Harcourt Classics\"},"
    "\"time\":\"2022-11-08T00:00:00Z\","
    "\"value\":19.99,\"value_currency\":\"USD\","
    "\"unique_id\":\"d47aeda5-1751-4483-a81e-6fcc8ad48711:2\","
    "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"
    "{\"name\":\"Ordered Product\"}}}," PROFILE "}}}";

/* A store in memory, with the host's transaction open. */
static sqlite3 *db;
static struct klaviyo_store store;

static int
open_store(void **state)
{
	(void)state;
	assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
	store = (struct klaviyo_store){.sql = klaviyo_sqlite, .conn = db};
	assert_int_equal(klaviyo_outbox_create(&store), 0);
	assert_int_equal(sqlite3_exec(db,
	                     "CREATE TABLE host (x); BEGIN IMMEDIATE;"
	                     "INSERT INTO host VALUES (1)",
	                     NULL, NULL, NULL),
	    SQLITE_OK);
	return 0;
}

/* The host's transaction is still there, and commits. */
static int
close_store(void **state)
{
	(void)state;
	assert_false(sqlite3_get_autocommit(db));
	assert_int_equal(
	    sqlite3_exec(db, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	klaviyo_sqlite_finish(db);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	return 0;
}

struct found {
	int count;
	char *body;
};

static int
keep(void *arg, const struct klaviyo_entry *entry)
{
	struct found *found = arg;

	free(found->body);
	found->body = kl_event_body(entry->profile, entry->event);
	found->count++;
	return 0;
}

static int
count(void)
{
	struct found found = {0, NULL};

	assert_int_equal(
	    klaviyo_outbox_list(&store, NULL, NULL, NOW, 10000, keep, &found),
	    0);
	free(found.body);
	return found.count;
}

static void
expect_body(const char *id, const char *body)
{
	struct found found = {0, NULL};

	assert_int_equal(
	    klaviyo_outbox_list(&store, NULL, id, NOW, 2, keep, &found), 0);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.body, body);
	free(found.body);
}

static int
queue_order(const struct klaviyo_order *order)
{
	return klaviyo_queue_order(
	    &store, KLAVIYO_PLACED_ORDER, order, KLAVIYO_REALTIME, NOW);
}

static void
golden_order(void **state)
{
	struct klaviyo_order order = books_order();

	(void)state;
	assert_int_equal(queue_order(&order), 0);
	assert_int_equal(count(), 3);
	expect_body(
	    "Placed Order/d47aeda5-1751-4483-a81e-6fcc8ad48711", placed_order);
	expect_body("Ordered Product/d47aeda5-1751-4483-a81e-6fcc8ad48711:2",
	    ordered_product);
	/* Again is a no-op, even if the order has changed meanwhile. */
	order.total = 1;
	assert_int_equal(queue_order(&order), 0);
	assert_int_equal(count(), 3);
	expect_body(
	    "Placed Order/d47aeda5-1751-4483-a81e-6fcc8ad48711", placed_order);
}

/* Made before the transaction, of an order that is gone by then. */
static void
prepared_order(void **state)
{
	static const char id[] =
	    "Placed Order/d47aeda5-1751-4483-a81e-6fcc8ad48711";
	struct klaviyo_order order = books_order();
	struct klaviyo_prepared *made = klaviyo_prepare_order(
	    KLAVIYO_PLACED_ORDER, &order, KLAVIYO_REALTIME, NOW);

	(void)state;
	assert_non_null(made);
	memset(&order, 0, sizeof(order));
	assert_int_equal(count(), 0);
	assert_int_equal(sqlite3_exec(db, "SAVEPOINT host", NULL, NULL, NULL), 0);
	assert_int_equal(klaviyo_queue_prepared(&store, made), 0);
	assert_int_equal(count(), 3);
	assert_int_equal(
	    sqlite3_exec(db, "ROLLBACK TO host", NULL, NULL, NULL), 0);
	assert_int_equal(count(), 0);
	assert_int_equal(klaviyo_queue_prepared(&store, made), 0);
	klaviyo_prepared_free(made);
	assert_int_equal(count(), 3);
	expect_body(id, placed_order);
	klaviyo_prepared_free(NULL);
	/* What is wrong is said before anything is begun. */
	order = books_order();
	order.id = NULL;
	assert_null(klaviyo_prepare_order(
	    KLAVIYO_PLACED_ORDER, &order, KLAVIYO_REALTIME, NOW));
	assert_string_equal(
	    klaviyo_error(), "data.attributes.unique_id: missing");
	assert_int_equal(klaviyo_error_passes(), 0);
}

static void
order_lines(void **state)
{
	struct klaviyo_item items[3] = {books[0], books[0], books[0]};
	struct klaviyo_order order = books_order();

	(void)state;
	items[0].quantity = 3;
	items[1].line = "b";
	items[2].price = 0;
	order.id = "o";
	order.items = items;
	order.nitems = 3;
	order.profile.phone_number = "none";
	assert_int_equal(klaviyo_queue_order(&store, KLAVIYO_PLACED_ORDER,
	                     &order, KLAVIYO_HISTORICAL, NOW),
	    0);
	assert_int_equal(count(), 4);
	items[1].line = "3";
	order.id = "p";
	assert_int_equal(queue_order(&order), -1);
	assert_string_equal(
	    klaviyo_error(), "Items[2]: another line has its id");
	assert_int_equal(count(), 4);
	expect_body("Ordered Product/o:3",
	    "{\"data\":{\"type\":\"event\",\"attributes\":{"
	    "\"properties\":{\"OrderId\":\"o\",\"ProductID\":\"1111\","
	    "\"SKU\":\"WINNIEPOOH\",\"ProductName\":\"Winnie the Pooh\","
	    "\"Quantity\":1,"
	    "\"ProductURL\":\"http://www.example.com/path/to/product\","
	    "\"ImageURL\":"
	    "\"http://www.example.com/path/to/product/image.png\","
	    "\"Categories\":[\"Fiction\",\"Children\"],"
	    "\"ProductBrand\":\"Kids Books\"},"
	    "\"time\":\"2022-11-08T00:00:00Z\",\"unique_id\":\"o:3\","
	    "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"
	    "{\"name\":\"Ordered Product\"}}},\"backfill\":true,"
	    "\"profile\":{\"data\":{\"type\":\"profile\",\"attributes\":"
	    "{\"email\":\"sarah.mason@klaviyo-demo.com\"}}}}}}");
}

static void
events(void **state)
{
	(void)state;
	assert_int_equal(
	    klaviyo_queue_event(&store, "Reset Password", "r1", 1667865600,
	        &sarah, 0, "USD",
	        " {\"PasswordResetLink\": \"https://x/?a&b\", \"Zero\": 0.0,"
	        " \"Empty\": \"\", \"Null\": null, \"No\": false,"
	        " \"None\": {\"a\": [ ], \"b\": {}},"
	        " \"List\": [0, \"\", {\"c\": 0, \"d\": 9007199254740993}]} ",
	        KLAVIYO_REALTIME, NOW),
	    0);
	expect_body("Reset Password/r1",
	    "{\"data\":{\"type\":\"event\",\"attributes\":{"
	    "\"properties\":{\"PasswordResetLink\":\"https://x/?a&b\","
	    "\"No\":false,\"List\":[0,\"\",{\"d\":9007199254740993}]},"
	    "\"time\":\"2022-11-08T00:00:00Z\",\"unique_id\":\"r1\","
	    "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"
	    "{\"name\":\"Reset Password\"}}}," PROFILE "}}}");
	/* No currency, no value; no properties, still an object. */
	assert_int_equal(
	    klaviyo_queue_event(&store, "Became Lead", "l1", 1667865600, &sarah,
	        500, NULL, NULL, KLAVIYO_REALTIME, NOW),
	    0);
	expect_body("Became Lead/l1",
	    "{\"data\":{\"type\":\"event\",\"attributes\":{"
	    "\"properties\":{},"
	    "\"time\":\"2022-11-08T00:00:00Z\",\"unique_id\":\"l1\","
	    "\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"
	    "{\"name\":\"Became Lead\"}}}," PROFILE "}}}");
	assert_int_equal(count(), 2);
}

/* ------------------------------------------------------------------ limits */

static int
make(const char *metric, const char *unique_id, int64_t when,
    const struct klaviyo_profile *profile, cJSON *properties)
{
	struct kl_event event;
	int rc = kl_event_make(&event, metric, unique_id, when, profile, 100,
	    "USD", properties, KLAVIYO_REALTIME, NOW);

	if (rc != 0)
		assert_true(!event.id && !event.profile && !event.event);
	kl_event_free(&event);
	return rc;
}

static void
refuse(int rc, const char *error)
{
	assert_int_equal(rc, -1);
	assert_string_equal(klaviyo_error(), error);
	/* It lies in what was given, and would be refused again. */
	assert_false(klaviyo_error_passes());
}

/* A text of ${n} letters; ${i} says which of two. */
static char *
letters(int i, size_t n)
{
	static char text[2][6000001];

	memset(text[i], 'x', n);
	text[i][n] = '\0';
	return text[i];
}

static void
envelope_limits(void **state)
{
	const char *metric = "data.attributes.metric.data.attributes.name";
	char error[200];

	(void)state;
	assert_int_equal(
	    make(letters(0, 127), letters(1, 255), NOW, &sarah, NULL), 0);
	snprintf(error, sizeof(error), "%s: longer than 127 bytes", metric);
	refuse(make(letters(0, 128), "u", NOW, &sarah, NULL), error);
	snprintf(error, sizeof(error), "%s: missing", metric);
	refuse(make("", "u", NOW, &sarah, NULL), error);
	refuse(make(NULL, "u", NOW, &sarah, kl_object()), error);
	snprintf(error, sizeof(error), "%s: not UTF-8", metric);
	refuse(make("\xc0\x80", "u", NOW, &sarah, NULL), error);
	snprintf(error, sizeof(error), "%s: has a slash", metric);
	refuse(make("A/B", "u", NOW, &sarah, NULL), error);
	refuse(make("M", letters(0, 256), NOW, &sarah, NULL),
	    "data.attributes.unique_id: longer than 255 bytes");
	refuse(make("M", "", NOW, &sarah, NULL),
	    "data.attributes.unique_id: missing");
	refuse(make("M", NULL, NOW, &sarah, NULL),
	    "data.attributes.unique_id: missing");
	assert_int_equal(make("M", "u", 631152000, &sarah, NULL), 0);
	refuse(make("M", "u", 631151999, &sarah, NULL),
	    "data.attributes.time: before 1990");
	assert_int_equal(make("M", "u", NOW + 365 * 86400, &sarah, NULL), 0);
	refuse(make("M", "u", NOW + 365 * 86400 + 1, &sarah, NULL),
	    "data.attributes.time: more than a year ahead");
	refuse(make("M", "u", INT64_MAX, &sarah, NULL),
	    "data.attributes.time: more than a year ahead");
	refuse(make("M", "u", NOW, &(struct klaviyo_profile){0}, NULL),
	    "data.attributes.profile: no identifier is known");
}

/* {"p":..} with ${levels} objects in each other, itself included. */
static cJSON *
nested(int levels)
{
	cJSON *top = cJSON_CreateObject(), *at = top;

	while (--levels > 0)
		at = cJSON_AddObjectToObject(at, "p");
	cJSON_AddTrueToObject(at, "end");
	return top;
}

static void
property_limits(void **state)
{
	const struct klaviyo_profile long_name = {
	    .external_id = "e", .first_name = letters(1, 94000)};
	struct klaviyo_profile longer = {.external_id = "e"};
	cJSON *to, *list;
	char name[16];

	(void)state;
	for (int over = 0; over < 2; over++) {
		to = cJSON_CreateObject();
		list = cJSON_AddArrayToObject(to, "Items");
		for (int i = 0; i < 3; i++)
			cJSON_AddItemToArray(list, cJSON_CreateObject());
		cJSON_AddItemToArray(list, cJSON_CreateObject());
		cJSON_AddStringToObject(list->child->prev, "ProductName",
		    letters(0, 100000 + (size_t)over));
		assert_int_equal(make("M", "u", NOW, &sarah, to), -over);
	}
	assert_string_equal(klaviyo_error(),
	    "data.attributes.properties.Items[3].ProductName: "
	    "longer than 100 KB");

	for (int over = 0; over < 2; over++) {
		to = cJSON_CreateObject();
		list = cJSON_AddArrayToObject(to, "List");
		for (int i = 0; i < 4000 + over; i++)
			cJSON_AddItemToArray(list, cJSON_CreateTrue());
		assert_int_equal(make("M", "u", NOW, &sarah, to), -over);
	}
	assert_string_equal(klaviyo_error(),
	    "data.attributes.properties.List: more than 4000 items");

	for (int over = 0; over < 2; over++) {
		to = cJSON_CreateObject();
		for (int i = 0; i < 400 + over; i++) {
			snprintf(name, sizeof(name), "p%d", i);
			cJSON_AddTrueToObject(to, name);
		}
		assert_int_equal(make("M", "u", NOW, &sarah, to), -over);
	}
	assert_string_equal(klaviyo_error(),
	    "data.attributes.properties: more than 400 properties");

	assert_int_equal(make("M", "u", NOW, &sarah, nested(10)), 0);
	refuse(make("M", "u", NOW, &sarah, nested(11)),
	    "data.attributes.properties.p.p.p.p.p.p.p.p.p.p: "
	    "nested deeper than 10 levels");

	for (int over = 0; over < 2; over++) {
		to = cJSON_CreateObject();
		for (int i = 0; i < 49 + over; i++) {
			snprintf(name, sizeof(name), "p%d", i);
			cJSON_AddStringToObject(to, name, letters(0, 100000));
		}
		cJSON_AddStringToObject(to, "q", letters(0, 99000));
		assert_int_equal(make("M", "u", NOW, &sarah, to), -over);
	}
	assert_string_equal(
	    klaviyo_error(), "data.attributes: longer than 5000000 bytes");

	to = cJSON_CreateObject();
	cJSON_AddStringToObject(to, "a", "\xed\xa0\x80");
	refuse(make("M", "u", NOW, &sarah, to),
	    "data.attributes.properties.a: not UTF-8");
	to = cJSON_CreateObject();
	cJSON_AddStringToObject(to, "\xff", "a");
	refuse(make("M", "u", NOW, &sarah, to),
	    "data.attributes.properties: a name is not UTF-8");

	assert_int_equal(make("M", "u", NOW, &long_name, NULL), 0);
	longer.first_name = letters(1, 96000);
	refuse(make("M", "u", NOW, &longer, NULL),
	    "data.attributes.profile: longer than 95000 bytes");
	longer.first_name = "\xff";
	refuse(make("M", "u", NOW, &longer, NULL),
	    "data.attributes.profile.data.attributes.first_name: not UTF-8");
}

static void
bad_calls(void **state)
{
	struct klaviyo_order order = books_order();

	(void)state;
	refuse(klaviyo_queue_event(&store, "M", "u", NOW, &sarah, 0, NULL, "[]",
	           KLAVIYO_REALTIME, NOW),
	    "data.attributes.properties: not an object");
	refuse(klaviyo_queue_event(&store, "M", "u", NOW, &sarah, 0, NULL,
	           "{\"a\":01}", KLAVIYO_REALTIME, NOW),
	    "data.attributes.properties: not JSON, or nested deeper than 10, "
	    "at byte 6");
	refuse(klaviyo_queue_event(&store, "M", "u", NOW, &sarah, 100, "usd",
	           NULL, KLAVIYO_REALTIME, NOW),
	    "currency \"usd\": not an ISO 4217 code");
	refuse(klaviyo_queue_order(&store, KLAVIYO_VIEWED_PRODUCT, &order,
	           KLAVIYO_REALTIME, NOW),
	    "only Placed Order is queued from an order");
	order.currency = NULL;
	refuse(queue_order(&order),
	    "data.attributes.value_currency: not an ISO 4217 code");
	order = books_order();
	order.id = NULL;
	refuse(queue_order(&order), "data.attributes.unique_id: missing");
	assert_null(kl_event_body("{}", "{}"));
	assert_null(kl_event_body("", "{\"a\":1}"));
	assert_int_equal(count(), 0);
}

/* ----------------------------------------------------------- all or none */

static int statements_left; /* until one fails; 0 = none will */

static int64_t
failing_sql(void *conn, const char *sql, int n, const char *const arg[],
    klaviyo_row *row, void *rowarg)
{
	if (statements_left > 0 && --statements_left == 0)
		return kl_fail("the disk is full");
	return klaviyo_sqlite(conn, sql, n, arg, row, rowarg);
}

static void
all_or_none(void **state)
{
	struct klaviyo_order order = books_order();
	int n;

	(void)state;
	store.sql = failing_sql;
	for (n = 1; n < 20; n++) {
		statements_left = n;
		if (queue_order(&order) == 0)
			break;
		assert_int_equal(statements_left, 0);
		assert_string_equal(klaviyo_error(), "the disk is full");
		assert_true(klaviyo_error_passes());
		assert_int_equal(count(), 0);
		assert_false(sqlite3_get_autocommit(db));
	}
	statements_left = 0;
	store.sql = klaviyo_sqlite;
	assert_true(n >= 6); /* savepoint, three rows, release */
	assert_int_equal(count(), 3);
}

static int
queue_order_once(void)
{
	struct klaviyo_order order = books_order();
	int rc = queue_order(&order);

	assert_true(rc == 0 || klaviyo_error_passes());
	return rc == 0;
}

static int
queue_event_once(void)
{
	int rc = klaviyo_queue_event(&store, "M", "u", NOW, &sarah, 100, "USD",
	    "{\"a\":[1,{\"b\":0}]}", KLAVIYO_HISTORICAL, NOW);

	assert_true(rc == 0 || klaviyo_error_passes());
	return rc == 0;
}

static int
body_once(void)
{
	char *body = kl_event_body("{}", "{\"a\":1}");

	free(body);
	return body != NULL;
}

static void
no_memory(void **state)
{
	(void)state;
	assert_true(nth_alloc_each(queue_event_once) > 20);
	assert_int_equal(count(), 1);
	assert_true(nth_alloc_each(queue_order_once) > 100);
	assert_int_equal(count(), 4);
	assert_true(nth_alloc_each(body_once) >= 0);
}

#define STORE_TEST(name)                                                       \
	cmocka_unit_test_setup_teardown(name, open_store, close_store)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    STORE_TEST(golden_order),
	    STORE_TEST(prepared_order),
	    STORE_TEST(order_lines),
	    STORE_TEST(events),
	    cmocka_unit_test(envelope_limits),
	    cmocka_unit_test(property_limits),
	    STORE_TEST(bad_calls),
	    STORE_TEST(all_or_none),
	    STORE_TEST(no_memory),
	};

	nth_alloc_hook();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
