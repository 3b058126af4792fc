/*
 * test_change.c - what happens to an order afterwards: the guide's properties
 * of each metric, unique_ids, values, parts, and what is refused.
 */
#include "books.h"
#include "nth_alloc.h"
#include "store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { NOW = 1667900000, THEN = 1667880000 };

static struct klaviyo_order sale; /* the guide's, with the id "o" */

static struct klaviyo_item order_items[2];

static int
set_up(void **state)
{
	sale = books_order();
	memcpy(order_items, sale.items, sizeof(order_items));
	sale.id = "o";
	sale.items = order_items;
	return store_new(state);
}

/* ${metric} is KLAVIYO_METRICS for ${own}. */
static int
queue_as(enum klaviyo_metric metric, const char *own,
    const struct klaviyo_change *change)
{
	struct klaviyo_store s = store();
	int rc;

	store_do("BEGIN");
	rc = metric == KLAVIYO_METRICS
	         ? klaviyo_queue_own_change(
	               &s, own, &sale, change, KLAVIYO_REALTIME, NOW)
	         : klaviyo_queue_change(
	               &s, metric, &sale, change, KLAVIYO_REALTIME, NOW);
	store_do("COMMIT");
	return rc;
}

static int
queue(enum klaviyo_metric metric, const struct klaviyo_change *change)
{
	return queue_as(metric, NULL, change);
}

static int
queue_own(const char *metric, const struct klaviyo_change *change)
{
	return queue_as(KLAVIYO_METRICS, metric, change);
}

/* The event of the last queued row. */
static cJSON *
event(const char *id)
{
	char sql[160];
	cJSON *tree;

	snprintf(sql, sizeof(sql),
	    "SELECT event FROM klaviyo_outbox WHERE id = '%s'", id);
	tree = cJSON_Parse(store_text(sql));
	assert_non_null(tree);
	return tree;
}

static void
expect(const cJSON *object, const char *name, const char *json)
{
	char *text = cJSON_PrintUnformatted(
	    cJSON_GetObjectItemCaseSensitive(object, name));

	if (json == NULL)
		assert_null(text);
	else if (text == NULL)
		fail_msg("%s: not there", name);
	else
		assert_string_equal(text, json);
	cJSON_free(text);
}

static const cJSON *
properties(const cJSON *event)
{
	return cJSON_GetObjectItemCaseSensitive(event, "properties");
}

/* Every property that the guide shows for all of them. */
static void
expect_order(const cJSON *e, const char *value)
{
	const cJSON *p = properties(e);

	expect(p, "OrderId", "\"o\"");
	expect(p, "Categories", "[\"Fiction\",\"Children\",\"Classics\"]");
	expect(
	    p, "ItemNames", "[\"Winnie the Pooh\",\"A Tale of Two Cities\"]");
	expect(p, "Brands", "[\"Kids Books\",\"Harcourt Classics\"]");
	expect(p, "DiscountCode", "\"Free Shipping\"");
	expect(p, "DiscountValue", "5");
	assert_int_equal(
	    cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(p, "Items")),
	    2);
	assert_non_null(cJSON_GetObjectItemCaseSensitive(p, "BillingAddress"));
	expect(p, "ShippingAddress", "{\"Address1\":\"123 Abc St\"}");
	expect(e, "value", value);
	expect(e, "value_currency", "\"USD\"");
	expect(e, "time", "\"2022-11-08T04:00:00Z\"");
}

static void
each_metric(void **state)
{
	static const char *const missing[] = {"signature", "", "size"};
	static const struct {
		enum klaviyo_metric metric;
		struct klaviyo_change change;
		const char *id, *property[3], *json[3];
	} row[] = {
	    {KLAVIYO_FULFILLED_ORDER,
	        {.id = "s1",
	            .tracking_number = "1Z 9",
	            .tracking_url = "u",
	            .tracking_company = "UPS"},
	        "Fulfilled Order/o:s1",
	        {"TrackingNumber", "TrackingURL", "TrackingCompany"},
	        {"\"1Z 9\"", "\"u\"", "\"UPS\""}},
	    {KLAVIYO_CANCELED_ORDER, {.reason = "No longer needed"},
	        "Canceled Order/o", {"Reason"}, {"\"No longer needed\""}},
	    {KLAVIYO_CANCELED_ORDER, {.id = "c2"}, "Canceled Order/o:c2",
	        {"Reason"}, {NULL}},
	    {KLAVIYO_REFUNDED_ORDER, {.reason = "Torn"}, "Refunded Order/o",
	        {"Reason"}, {"\"Torn\""}},
	    {KLAVIYO_REFUNDED_ORDER, {.id = "r2"}, "Refunded Order/o:r2",
	        {"ItemsNotRefunded"}, {NULL}},
	    {KLAVIYO_SHIPPING_UPDATE,
	        {.id = "s1", .update_type = "Out for delivery"},
	        "Shipping Update/o:s1:Out for delivery", {"UpdateType"},
	        {"\"Out for delivery\""}},
	    {KLAVIYO_CREATED_INVOICE,
	        {.id = "i7", .missing = missing, .nmissing = 3},
	        "Created Invoice/i7", {"MissingInformation"},
	        {"[\"signature\",\"size\"]"}},
	    {KLAVIYO_FAILED_PAYMENT,
	        {.id = "1",
	            .payment_failure = "Card not accepted",
	            .next_steps = "Another card"},
	        "Failed Payment/o:1", {"PaymentFailure", "PaymentNextSteps"},
	        {"\"Card not accepted\"", "\"Another card\""}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		struct klaviyo_change change = row[i].change;
		char name[160];
		cJSON *e;

		change.time = THEN;
		if (queue(row[i].metric, &change) != 0)
			fail_msg("%s: %s", row[i].id, klaviyo_error());
		e = event(row[i].id);
		expect_order(e, "29.98");
		for (int k = 0; k < 3 && row[i].property[k] != NULL; k++)
			expect(
			    properties(e), row[i].property[k], row[i].json[k]);
		snprintf(name, sizeof(name),
		    "{\"data\":{\"type\":\"metric\",\"attributes\":"
		    "{\"name\":\"%s\"}}}",
		    klaviyo_metric_name(row[i].metric));
		expect(e, "metric", name);
		cJSON_Delete(e);
	}
	/* Queued again, each is a no-op. */
	assert_int_equal(queue(row[0].metric, &row[0].change), -1);
	assert_non_null(strstr(klaviyo_error(), "time"));
}

/* One of two units of a line, and none of the other line. */
static void
a_part(void **state)
{
	const struct klaviyo_part part[] = {{1, 1}};
	struct klaviyo_change change = {
	    .id = "s1", .time = THEN, .parts = part, .nparts = 1};
	static const struct {
		enum klaviyo_metric metric;
		const char *id, *others;
	} row[] = {
	    {KLAVIYO_FULFILLED_ORDER, "Fulfilled Order/o:s1",
	        "ItemsNotFulfilled"},
	    {KLAVIYO_CANCELED_ORDER, "Canceled Order/o:s1", "ItemsNotCanceled"},
	    {KLAVIYO_REFUNDED_ORDER, "Refunded Order/o:s1", "ItemsNotRefunded"},
	};

	(void)state;
	order_items[1].quantity = 3;
	for (size_t i = 0; i < 3; i++) {
		const cJSON *others, *item;
		cJSON *e;

		assert_int_equal(queue(row[i].metric, &change), 0);
		e = event(row[i].id);
		expect(e, "value", "19.99");
		expect(
		    properties(e), "ItemNames", "[\"A Tale of Two Cities\"]");
		expect(properties(e), "Brands", "[\"Harcourt Classics\"]");
		item = cJSON_GetArrayItem(
		    cJSON_GetObjectItemCaseSensitive(properties(e), "Items"),
		    0);
		expect(item, "Quantity", "1");
		expect(item, "RowTotal", "19.99");
		others = cJSON_GetObjectItemCaseSensitive(
		    properties(e), row[i].others);
		assert_int_equal(cJSON_GetArraySize(others), 2);
		expect(cJSON_GetArrayItem(others, 0), "SKU", "\"WINNIEPOOH\"");
		expect(cJSON_GetArrayItem(others, 1), "Quantity", "2");
		cJSON_Delete(e);
	}
	/* An amount that is not the parts' (a fee kept) is the caller's. */
	change.id = "r2";
	change.value = 1500;
	assert_int_equal(queue(KLAVIYO_REFUNDED_ORDER, &change), 0);
	{
		cJSON *e = event("Refunded Order/o:r2");

		expect(e, "value", "15");
		cJSON_Delete(e);
	}
}

/* A metric of the shop's own: the same event under another name. */
static void
own_metric(void **state)
{
	struct klaviyo_change change = {
	    .id = "n1", .time = THEN, .reason = "Aisle 3"};
	cJSON *e;

	(void)state;
	assert_int_equal(queue_own("Ready for Pickup", &change), 0);
	assert_int_equal(queue_own("Ready for Pickup", &change), 0);
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), 1);
	e = event("Ready for Pickup/o:n1");
	expect_order(e, "29.98");
	expect(properties(e), "Reason", "\"Aisle 3\"");
	expect(e, "metric",
	    "{\"data\":{\"type\":\"metric\",\"attributes\":"
	    "{\"name\":\"Ready for Pickup\"}}}");
	cJSON_Delete(e);

	assert_int_equal(queue_own("Canceled Order", &change), -1);
	assert_non_null(strstr(klaviyo_error(), "the guide's own"));
	assert_int_equal(queue_own("", &change), -1);
	assert_int_equal(queue_own(NULL, &change), -1);
	assert_int_equal(queue_own("a/b", &change), -1);
	change.id = NULL;
	assert_int_equal(queue_own("Ready for Pickup", &change), -1);
	assert_non_null(strstr(klaviyo_error(), "Ready for Pickup needs one"));
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), 1);
}

static void
refused(void **state)
{
	const struct klaviyo_part none[] = {{2, 1}}, many[] = {{0, 1}, {0, 1}},
	                          zero[] = {{0, 0}};
	static const struct klaviyo_change plain = {.time = THEN};
	struct klaviyo_change c = plain;

	(void)state;
#define REFUSE(metric, words)                                                  \
	assert_int_equal(queue(metric, &c), -1);                               \
	if (strstr(klaviyo_error(), words) == NULL)                            \
	fail_msg("%s", klaviyo_error())
	REFUSE(KLAVIYO_PLACED_ORDER, "not a change");
	REFUSE(KLAVIYO_FULFILLED_ORDER, "Fulfilled Order needs one");
	REFUSE(KLAVIYO_CREATED_INVOICE, "Created Invoice needs one");
	REFUSE(KLAVIYO_FAILED_PAYMENT, "Failed Payment needs one");
	c.id = "1";
	REFUSE(KLAVIYO_SHIPPING_UPDATE, "UpdateType");
	c.parts = none;
	c.nparts = 1;
	REFUSE(KLAVIYO_CANCELED_ORDER, "parts[0]: the order has 2 items");
	c.parts = many;
	c.nparts = 2;
	REFUSE(KLAVIYO_CANCELED_ORDER, "parts[0]: not 1 to 1 units");
	c.parts = zero;
	c.nparts = 1;
	REFUSE(KLAVIYO_CANCELED_ORDER, "not 1 to 1 units of Items[0]");
	c = plain;
	sale.currency = "dollars";
	REFUSE(KLAVIYO_CANCELED_ORDER, "ISO 4217");
	sale.currency = "USD";
	sale.id = "";
	REFUSE(KLAVIYO_CANCELED_ORDER, "OrderId: missing");
	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), 0);
}

/* An allocation fails: an error, no row, no leak (under a sanitizer). */
static int
queue_a_part(void)
{
	const struct klaviyo_part part[] = {{1, 1}};
	const struct klaviyo_change change = {.id = "s1",
	    .time = THEN,
	    .reason = "r",
	    .parts = part,
	    .nparts = 1};
	int ok = queue(KLAVIYO_REFUNDED_ORDER, &change) == 0;

	assert_int_equal(
	    store_number("SELECT COUNT(*) FROM klaviyo_outbox"), ok);
	return ok;
}

static void
out_of_memory(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_true(nth_alloc_each(queue_a_part) > 20);
	cJSON_InitHooks(NULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, store_drop)
	const struct CMUnitTest tests[] = {T(each_metric), T(a_part),
	    T(own_metric), T(refused), T(out_of_memory)};

	return cmocka_run_group_tests_name("change", tests, NULL, NULL);
}
