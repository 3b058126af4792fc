/*
 * test_onsite.c - the browser's events, queued by the server: the snippets'
 * properties, the ids, and what becomes of them when the cart is an order.
 */
#include "books.h"
#include "nth_alloc.h"
#include "rows.h"

enum { NOW = 1667900000, THEN = 1667880000 };

#define JOHN "{\"type\":\"profile\",\"attributes\":{\"_kx\":\"x.y\"}}"
#define ITEMS                                                                  \
	"\"Items\":[{\"ProductID\":\"1111\",\"SKU\":\"WINNIEPOOH\","           \
	"\"ProductName\":\"Winnie the Pooh\",\"Quantity\":1,"                  \
	"\"ItemPrice\":9.99,\"RowTotal\":9.99,"                                \
	"\"ProductURL\":\"" SHOP "product\","                                  \
	"\"ImageURL\":\"" SHOP "product/image.png\","                          \
	"\"ProductCategories\":[\"Fiction\",\"Children\"]},"                   \
	"{\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","                       \
	"\"ProductName\":\"A Tale of Two Cities\",\"Quantity\":1,"             \
	"\"ItemPrice\":19.99,\"RowTotal\":19.99,"                              \
	"\"ProductURL\":\"" SHOP "product2\","                                 \
	"\"ImageURL\":\"" SHOP "product/image2.png\","                         \
	"\"ProductCategories\":[\"Fiction\",\"Classics\"]}]"
#define METRIC(metric)                                                         \
	"\"metric\":{\"data\":{\"type\":\"metric\",\"attributes\":"            \
	"{\"name\":\"" metric "\"}}}}"
#define WORTH "\"value\":29.98,\"value_currency\":\"USD\","
#define TIME "\"time\":\"2022-11-08T04:00:00Z\","
#define ADDED "Added to Cart/1000123:2"
#define STARTED "Started Checkout/1000123_1387299423"

static const struct klaviyo_profile visitor = {.exchange_id = "x.y"};

static int
added(const struct klaviyo_cart *cart, size_t item)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_added_to_cart(
	    &s, THEN, &visitor, cart, item, 1, NOW));
}

static int
started(const struct klaviyo_cart *cart)
{
	struct klaviyo_store s = store();

	return IN_HOST(
	    klaviyo_queue_started_checkout(&s, THEN, &visitor, cart, NOW));
}

static int
viewed(const char *id, const char *currency)
{
	struct klaviyo_store s = store();

	return IN_HOST(klaviyo_queue_viewed_product(
	    &s, id, THEN, &visitor, &books[1], currency, NOW));
}

static int64_t
drop(const char *cart)
{
	struct klaviyo_store s = store();

	return IN_HOST((int)klaviyo_drop_cart(&s, cart));
}

static void
golden(void **state)
{
	struct klaviyo_cart cart = books_cart();

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(viewed("v1", "USD"), 0);
		assert_int_equal(added(&cart, 1), 0);
		assert_int_equal(started(&cart), 0);
	}
	assert_int_equal(row_count("1 = 1"), 3);
	row_is("Viewed Product/v1", "event", "", JOHN,
	    "{\"properties\":{\"ProductName\":\"A Tale of Two Cities\","
	    "\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","
	    "\"Categories\":[\"Fiction\",\"Classics\"],"
	    "\"ImageURL\":\"" SHOP "product/image2.png\","
	    "\"URL\":\"" SHOP "product2\",\"Brand\":\"Harcourt Classics\","
	    "\"Price\":19.99,\"CompareAtPrice\":25.00}," TIME
	    "\"unique_id\":\"v1\"," METRIC("Viewed Product"));
	row_is(ADDED, "event", "cart:1000123", JOHN,
	    "{\"properties\":{"
	    "\"AddedItemProductName\":\"A Tale of Two Cities\","
	    "\"AddedItemProductID\":\"1112\",\"AddedItemSKU\":\"TALEOFTWO\","
	    "\"AddedItemCategories\":[\"Fiction\",\"Children\",\"Classics\"],"
	    "\"AddedItemImageURL\":\"" SHOP "product/image2.png\","
	    "\"AddedItemURL\":\"" SHOP "product2\","
	    "\"AddedItemPrice\":19.99,\"AddedItemQuantity\":1,"
	    "\"ItemNames\":[\"Winnie the Pooh\",\"A Tale of Two Cities\"],"
	    "\"CheckoutURL\":\"" SHOP "checkout\"," ITEMS "}," TIME WORTH
	    "\"unique_id\":\"1000123:2\"," METRIC("Added to Cart"));
	row_is(STARTED, "event", "cart:1000123", JOHN,
	    "{\"properties\":{"
	    "\"ItemNames\":[\"Winnie the Pooh\",\"A Tale of Two Cities\"],"
	    "\"CheckoutURL\":\"" SHOP "checkout\","
	    "\"Categories\":[\"Fiction\",\"Children\",\"Classics\"]," ITEMS
	    "}," TIME WORTH
	    "\"unique_id\":\"1000123_1387299423\"," METRIC("Started Checkout"));
	/* What klaviyo.js would have taken out is nowhere. */
	assert_int_equal(row_count("event LIKE '%$%'"), 0);
}

static void
refused(void **state)
{
	struct klaviyo_cart cart = books_cart();

	(void)state;
	row_refused(viewed("", "USD"), "data.attributes.unique_id: missing");
	row_refused(
	    viewed("v", "usd"), "currency \"usd\": not an ISO 4217 code");
	row_refused(added(&cart, 2), "Items[2]: the cart has 2 items");
	cart.changed_at = 0;
	row_refused(started(&cart), "data.attributes.unique_id: missing");
	cart.id = NULL;
	row_refused(added(&cart, 0), "data.attributes.unique_id: missing");
}

/* The first to be refused: from half the limit on. */
static void
worth_little(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_cart cart = books_cart();

	(void)state;
	s.limit = 4;
	store_fill("a", 2, KLAVIYO_REALTIME, NOW);
	store_do("BEGIN");
	assert_int_equal(
	    klaviyo_queue_added_to_cart(&s, THEN, &visitor, &cart, 0, 1, NOW),
	    1);
	assert_int_equal(
	    klaviyo_queue_started_checkout(&s, THEN, &visitor, &cart, NOW), 1);
	assert_int_equal(klaviyo_queue_viewed_product(
	                     &s, "v", THEN, &visitor, &books[0], "USD", NOW),
	    1);
	store_do("COMMIT");
	assert_int_equal(row_count("1 = 1"), 2);
	assert_int_equal(store_number("SELECT refused FROM klaviyo_bound"), 3);
}

/* ------------------------------------------------------------------- drop */

/* Waiting, being sent and dead, but nothing of another cart, whose name only
   looks alike, and nothing that is sent. */
static void
dropped(void **state)
{
	static const char *const others[] = {
	    "1000123 ", "100012", "10001234", "1000123%", "A", "a"};
	struct klaviyo_store s = store();
	struct klaviyo_cart cart = books_cart();
	struct kl_claim *list;
	struct kl_settlement done = {.outcome = KL_SENT};
	struct klaviyo_status status;
	char token[2] = "t";

	(void)state;
	assert_int_equal(viewed("v", "USD"), 0);
	for (int64_t r = 1; r <= 4; r++) {
		cart.revision = r;
		assert_int_equal(added(&cart, 0), 0);
	}
	assert_int_equal(started(&cart), 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		cart.id = others[i];
		assert_int_equal(added(&cart, 0), 0);
	}
	/* :1 sent, :2 dead, :3 being sent; :4 and the checkout wait. */
	store_do("UPDATE klaviyo_outbox SET due_at = 5 WHERE id LIKE '%123:1'");
	for (int i = 1; i <= 2; i++) {
		assert_int_equal(kl_outbox_claim(&s, token, KL_ANY_LANE, 1, NOW,
		                     NOW + 60, &list),
		    0);
		done.claim = list;
		assert_int_equal(kl_outbox_settle(&s, token, &done, 1, NOW), 1);
		kl_claims_free(list);
		done.outcome = KL_DEAD;
		store_do("UPDATE klaviyo_outbox SET due_at = 5"
		         " WHERE id LIKE '%123:2' AND due_at > 5");
	}
	assert_string_equal(row_text("about", "Added to Cart/1000123:1"), "");
	store_do("UPDATE klaviyo_outbox SET due_at = 5 WHERE id LIKE '%123:3'");
	assert_int_equal(
	    kl_outbox_claim(&s, token, KL_ANY_LANE, 1, NOW, NOW + 60, &list),
	    0);
	assert_string_equal(list->id, "Added to Cart/1000123:3");

	assert_int_equal(drop(NULL), 0);
	assert_int_equal(drop(""), 0);
	assert_int_equal(drop("1000"), 0);
	assert_int_equal(drop("1000123"), 4);
	assert_int_equal(drop("1000123"), 0);
	/* The answer to what was being sent finds nothing to settle. */
	done.claim = list;
	done.outcome = KL_SENT;
	assert_int_equal(kl_outbox_settle(&s, token, &done, 1, NOW), 0);
	done.outcome = KL_RETRY;
	assert_int_equal(kl_outbox_settle(&s, token, &done, 1, NOW), 0);
	kl_claims_free(list);
	assert_int_equal(row_count("event = '' AND profile = '' AND due_at IS"
	                           " NULL AND claim IS NULL AND about IS NULL"
	                           " AND sent_at IS NULL"),
	    4);
	assert_int_equal(row_count("event <> ''"), 7);
	assert_int_equal(klaviyo_outbox_status(&s, NOW, &status), 0);
	assert_int_equal(status.dropped, 4);
	assert_int_equal(status.sent, 1);
	assert_int_equal(status.waiting, 7);
	assert_int_equal(status.claimed + status.dead, 0);
	/* Nor does a retry bring one back, nor queueing it again. */
	assert_int_equal(klaviyo_outbox_retry(&s, NULL, NOW), 0);
	cart = books_cart();
	assert_int_equal(added(&cart, 0), 0);
	assert_int_equal(row_count("event <> ''"), 7);
}

/* The host's transaction goes on whatever fails, and can be taken back. */
static void
drop_fails(void **state)
{
	struct klaviyo_store s = store();
	struct klaviyo_cart cart = books_cart();
	int64_t n = -1;
	int at;

	(void)state;
	assert_int_equal(added(&cart, 0), 0);
	store_do("BEGIN");
	assert_int_equal(klaviyo_drop_cart(&s, cart.id), 1);
	store_do("ROLLBACK");
	assert_int_equal(row_count("event <> ''"), 1);
	for (at = 1; n < 0; at++) {
		store_do("BEGIN");
		store_fail_at = at;
		n = klaviyo_drop_cart(&s, cart.id);
		store_fail_at = 0;
		if (n < 0)
			assert_true(klaviyo_error_passes());
		store_do("COMMIT");
		assert_int_equal(row_count("event <> ''"), n < 0);
	}
	assert_int_equal(n, 1);
	assert_int_equal(at, 5);
}

/* ------------------------------------------------------------------- memory */

static int
queue_each(void)
{
	struct klaviyo_cart cart = books_cart();
	int ok = viewed("v", "USD") == 0 && added(&cart, 0) == 0 &&
	         started(&cart) == 0 && drop(cart.id) == 2;

	if (!ok)
		assert_true(klaviyo_error_passes());
	store_do("DELETE FROM klaviyo_outbox");
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
	const struct CMUnitTest tests[] = {T(golden), T(refused),
	    T(worth_little), T(dropped), T(drop_fails), T(no_memory)};

	return cmocka_run_group_tests_name("onsite", tests, NULL, NULL);
}
