/*
 * test_visitors.c - what the server tells of visitors, and what it does not: of
 * a cart that has changed since it was read, of a checkout that the browser has
 * told of; consents that Klaviyo would refuse; ids that stand beside each other.
 */
#include "catalog_db.h"

#include <time.h>

static struct settings settings;
static struct session visitor;
static struct cart cart;
static struct product *product;

/* A product and a cart with it, as they are read. */
static int
set_up(void **state)
{
	int64_t revision;
	const char *id = "";

	clear_shop(state);
	if (db_begin(db) != 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM klaviyo_outbox") < 0 ||
	    db_commit(db) != 0)
		fail_msg("%s", shop_error());
	load("Handle,Title,Body (HTML),Vendor,Type,Published,Option1 Name,"
	     "Option1 Value,Variant SKU,Variant Inventory Qty,Variant Price\n"
	     "pooh,Winnie the Pooh,.,demo,,true,Title,Default Title,POOH,50,"
	     "9.99\n");
	assert_int_equal(catalog_product(db, arena, "pooh", &product), 1);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(cart_add(db, arena, &id, product->variants->id, 2,
	                     1700000000, &revision),
	    CART_DONE);
	assert_int_equal(db_commit(db), 0);
	assert_int_equal(cart_load(db, arena, id, &cart), 0);
	settings = (struct settings){.url = "https://shop.example",
	    .public_key = "ABC123",
	    .consent = "implied",
	    .onsite = "server",
	    .list = ""};
	visitor = (struct session){.email = "sarah@klaviyo-demo.com",
	    .phone = "",
	    .first_name = "Sarah",
	    .last_name = "",
	    .cart = id,
	    .account = ""};
	return 0;
}

static struct tracking
page(enum side side)
{
	return (struct tracking){.settings = &settings,
	    .arena = arena,
	    .currency = "USD",
	    .side = side,
	    .visitor = &visitor,
	    .exchange_id = "",
	    .cart = &cart,
	    .checkout = true,
	    .checkout_url = "https://shop.example/cart/restore/x"};
}

static char *
queued(void)
{
	return ROWS("SELECT id FROM klaviyo_outbox WHERE due_at IS NOT NULL "
	            "ORDER BY id");
}

static char *
started(void)
{
	return arena_printf(
	    arena, "Started Checkout/%s_%lld\n", cart.id, 1700000000LL);
}

static void
test_a_started_checkout(void **state)
{
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	tracking_page(&t, db, 1700000001);
	assert_string_equal(queued(), started());
	tracking_page(&t, db, 1700000002);
	assert_string_equal(queued(), started());
}

/* Read, then ordered by another request, then shown. */
static void
test_a_cart_that_was_ordered_meanwhile(void **state)
{
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_run(db, NULL, NULL,
	                     "UPDATE cart SET revision = revision + 1 "
	                     "WHERE id = $1",
	                     cart.id),
	    1);
	assert_int_equal(tracking_drop_cart(db, cart.id), 0);
	assert_int_equal(db_commit(db), 0);
	tracking_page(&t, db, 1700000001);
	assert_string_equal(queued(), "");
}

static void
test_the_other_sides(void **state)
{
	struct tracking browser = page(SIDE_BROWSER), none = page(SIDE_NONE);
	struct added added = {product->variants->id, cart.revision, 2, NULL};

	(void)state;
	browser.viewed = none.viewed = product;
	browser.added = none.added = &added;
	tracking_page(&browser, db, 1700000001);
	tracking_page(&none, db, 1700000001);
	assert_int_equal(db_begin(db), 0);
	tracking_added(&browser, db, 1700000001);
	tracking_added(&none, db, 1700000001);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(queued(), "");
}

/* The browser has told of this checkout; or of another one. */
static void
test_what_the_browser_has_told(void **state)
{
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	t.told = arena_printf(arena, "%s-%lld", cart.id, 1700000000LL);
	tracking_page(&t, db, 1700000001);
	assert_string_equal(queued(), "");
	t.told = arena_printf(arena, "%s-%lld", cart.id, 1699999999LL);
	tracking_page(&t, db, 1700000001);
	assert_string_equal(queued(), started());
}

static void
test_nobody_that_the_server_could_name(void **state)
{
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	visitor.email = "";
	t.viewed = product;
	tracking_page(&t, db, 1700000001);
	assert_string_equal(queued(), "");
	t.exchange_id = "abcdef";
	tracking_page(&t, db, 1700000001);
	assert_string_equal(ROWS("SELECT COUNT(*) FROM klaviyo_outbox"), "2\n");
}

/* What was added; dropped with its cart, and only with it. */
static void
test_added_and_dropped(void **state)
{
	struct added added = {product->variants->id, cart.revision, 2, NULL};
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	t.added = &added;
	assert_int_equal(db_begin(db), 0);
	tracking_added(&t, db, 1700000001);
	assert_int_equal(db_commit(db), 0);
	tracking_page(&t, db, 1700000001);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(tracking_drop_cart(db, "another"), 0);
	assert_int_equal(tracking_drop_cart(db, ""), 0);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(
	    queued(), arena_printf(arena, "Added to Cart/%s:%lld\n%s", cart.id,
	                  (long long)cart.revision, started()));
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(tracking_drop_cart(db, cart.id), 0);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(queued(), "");
}

/* A line that is not in the cart any more is no addition. */
static void
test_added_and_gone(void **state)
{
	struct added added = {99999, cart.revision, 2, NULL};
	struct tracking t = page(SIDE_SERVER);

	(void)state;
	t.added = &added;
	assert_int_equal(db_begin(db), 0);
	tracking_added(&t, db, 1700000001);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(queued(), "");
}

/* A consent for nobody is logged, and stops nothing: what else the transaction
 * does stands. */
static void
test_a_consent_that_is_refused(void **state)
{
	struct subscription wrong[] = {
	    {"a:sms", NULL, "5005550006", "Checkout"},
	    {"a:email", "nobody", NULL, "Checkout"},
	    {"a:none", NULL, NULL, "Checkout"},
	};
	struct subscription right = {"b:sms", NULL, "+15005550006", "Checkout"};

	(void)state;
	assert_int_equal(db_begin(db), 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(
		    tracking_subscribe(&settings, db, &wrong[i], 1700000001),
		    0);
	assert_int_equal(
	    tracking_subscribe(&settings, db, &right, 1700000001), 0);
	assert_int_equal(db_commit(db), 0);
	assert_string_equal(queued(), "Subscription/b:sms\n");
	assert_true(tracking_phone_ok("+15005550006"));
	assert_false(tracking_phone_ok("5005550006"));
}

/* But the database's failure is the caller's, whose transaction is lost. */
static void
test_a_consent_that_cannot_be_written(void **state)
{
	struct subscription right = {"b:sms", NULL, "+15005550006", "Checkout"};

	(void)state;
	assert_int_equal(db_begin(db), 0);
	assert_true(db_run(db, NULL, NULL,
	                "ALTER TABLE klaviyo_outbox RENAME TO gone") >= 0);
	assert_int_equal(
	    tracking_subscribe(&settings, db, &right, 1700000001), -1);
	assert_int_equal(tracking_drop_cart(db, cart.id), -1);
	db_rollback(db);
	assert_string_equal(queued(), "");
}

/* Those of a moment begin alike, those of a later one come after, and no two
   are the same. */
static void
ids_of_a_moment(void **state)
{
	enum { IDS = 3000 };
	static char *id[IDS];
	int begins_alike = 0, later = 0;

	(void)state;
	for (int i = 0; i < IDS; i++) {
		id[i] = timed_id(arena);
		assert_int_equal(strlen(id[i]), TIMED_ID);
		assert_int_equal(
		    strspn(id[i], "0123456789abcdefghjkmnpqrstvwxyz"),
		    TIMED_ID);
		nanosleep(&(struct timespec){.tv_nsec = 10000}, NULL);
	}
	for (int i = 1; i < IDS; i++) {
		int order = strncmp(id[i - 1], id[i], TIMED_ID_TIME);

		assert_true(order <= 0);
		begins_alike += order == 0;
		later += order < 0;
		for (int j = 0; j < i; j++)
			assert_string_not_equal(
			    id[i] + TIMED_ID_TIME, id[j] + TIMED_ID_TIME);
	}
	assert_true(begins_alike > 0 && later > 0);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, set_up)
	static const struct CMUnitTest tests[] = {
	    TEST(test_a_started_checkout),
	    TEST(test_a_cart_that_was_ordered_meanwhile),
	    TEST(test_the_other_sides),
	    TEST(test_what_the_browser_has_told),
	    TEST(test_nobody_that_the_server_could_name),
	    TEST(test_added_and_dropped),
	    TEST(test_added_and_gone),
	    TEST(test_a_consent_that_is_refused),
	    TEST(test_a_consent_that_cannot_be_written),
	    TEST(ids_of_a_moment),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
