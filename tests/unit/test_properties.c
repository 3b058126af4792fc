/*
 * test_properties.c - Klaviyo's property names, letter by letter, on the
 * guide's own example, and what is left out.
 */
#include "books.h"
#include "internal.h"
#include "nth_alloc.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

/* Takes ${tree}. */
static void
expect(cJSON *tree, const char *json)
{
	char *text;

	if (tree == NULL)
		fail_msg("%s", klaviyo_error());
	text = cJSON_PrintUnformatted(tree);
	assert_string_equal(text, json);
	cJSON_free(text);
	cJSON_Delete(tree);
}

static void
refuse(cJSON *tree, const char *error)
{
	assert_null(tree);
	assert_string_equal(klaviyo_error(), error);
}

#define CART_ITEMS                                                             \
	"\"Items\":[{\"ProductID\":\"1111\",\"SKU\":\"WINNIEPOOH\","           \
	"\"ProductName\":\"Winnie the Pooh\",\"Quantity\":1,"                  \
	"\"ItemPrice\":9.99,\"RowTotal\":9.99,"                                \
	"\"ProductURL\":\"http://www.example.com/path/to/product\","           \
	"\"ImageURL\":\"http://www.example.com/path/to/product/image.png\","   \
	"\"ProductCategories\":[\"Fiction\",\"Children\"]},"                   \
	"{\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","                       \
	"\"ProductName\":\"A Tale of Two Cities\",\"Quantity\":1,"             \
	"\"ItemPrice\":19.99,\"RowTotal\":19.99,"                              \
	"\"ProductURL\":\"http://www.example.com/path/to/product2\","          \
	"\"ImageURL\":\"http://www.example.com/path/to/product/image2.png\","  \
	"\"ProductCategories\":[\"Fiction\",\"Classics\"]}]"

static void
viewed(void **state)
{
	(void)state;
	expect(kl_viewed_product_properties(&books[1], "USD"),
	    "{\"ProductName\":\"A Tale of Two Cities\","
	    "\"ProductID\":\"1112\",\"SKU\":\"TALEOFTWO\","
	    "\"Categories\":[\"Fiction\",\"Classics\"],"
	    "\"ImageURL\":\"http://www.example.com/path/to/product/"
	    "image2.png\",\"URL\":\"http://www.example.com/path/to/product2\","
	    "\"Brand\":\"Harcourt Classics\",\"Price\":19.99,"
	    "\"CompareAtPrice\":25.00}");
	expect(kl_viewed_item_properties(&books[1], "USD"),
	    "{\"Title\":\"A Tale of Two Cities\",\"ItemId\":\"1112\","
	    "\"Categories\":[\"Fiction\",\"Classics\"],"
	    "\"ImageUrl\":\"http://www.example.com/path/to/product/"
	    "image2.png\",\"Url\":\"http://www.example.com/path/to/product2\","
	    "\"Metadata\":{\"Brand\":\"Harcourt Classics\",\"Price\":19.99,"
	    "\"CompareAtPrice\":25.00}}");
	expect(kl_viewed_product_properties(
	           &(struct klaviyo_item){.name = "", .sku = "S"}, NULL),
	    "{\"SKU\":\"S\"}");
	expect(kl_viewed_item_properties(
	           &(struct klaviyo_item){.product_id = "7"}, NULL),
	    "{\"ItemId\":\"7\"}");
	refuse(kl_viewed_item_properties(
	           &(struct klaviyo_item){.name = "Title"}, NULL),
	    "ItemId: missing");
	refuse(kl_viewed_product_properties(&books[0], "Euro"),
	    "currency \"Euro\": not an ISO 4217 code");
}

static void
carts(void **state)
{
	struct klaviyo_cart cart = books_cart();

	(void)state;
	expect(kl_added_to_cart_properties(&cart, 1, 1),
	    "{\"$event_id\":\"1000123:2\",\"$value\":29.98,"
	    "\"$value_currency\":\"USD\","
	    "\"AddedItemProductName\":\"A Tale of Two Cities\","
	    "\"AddedItemProductID\":\"1112\",\"AddedItemSKU\":\"TALEOFTWO\","
	    "\"AddedItemCategories\":[\"Fiction\",\"Children\",\"Classics\"],"
	    "\"AddedItemImageURL\":"
	    "\"http://www.example.com/path/to/product/image2.png\","
	    "\"AddedItemURL\":\"http://www.example.com/path/to/product2\","
	    "\"AddedItemPrice\":19.99,\"AddedItemQuantity\":1,"
	    "\"ItemNames\":[\"Winnie the Pooh\",\"A Tale of Two Cities\"],"
	    "\"CheckoutURL\":\"http://www.example.com/path/to/"
	    "checkout\"," CART_ITEMS "}");
	expect(kl_started_checkout_properties(&cart),
	    "{\"$event_id\":\"1000123_1387299423\",\"$value\":29.98,"
	    "\"$value_currency\":\"USD\","
	    "\"ItemNames\":[\"Winnie the Pooh\",\"A Tale of Two Cities\"],"
	    "\"CheckoutURL\":\"http://www.example.com/path/to/checkout\","
	    "\"Categories\":[\"Fiction\",\"Children\",\"Classics\"]," CART_ITEMS
	    "}");
	refuse(kl_added_to_cart_properties(&cart, 2, 1),
	    "Items[2]: the cart has 2 items");
}

static void
cart_unknowns(void **state)
{
	static const char *const categories[] = {"", NULL, "A", "A", "B"};
	struct klaviyo_item items[] = {
	    {.categories = categories, .ncategories = 5},
	    {.categories = categories, .ncategories = 2},
	    {.name = "N", .price = 100, .quantity = 3}, {.name = "N"}};
	struct klaviyo_cart cart = {
	    .currency = "JPY", .items = items, .nitems = 4, .revision = 3};
	char id[400];

	(void)state;
	expect(kl_added_to_cart_properties(&cart, 0, 0),
	    "{\"AddedItemCategories\":[\"A\",\"B\"],"
	    "\"ItemNames\":[\"N\",\"N\"],"
	    "\"Items\":[{\"ProductCategories\":[\"A\",\"B\"]},"
	    "{\"ProductName\":\"N\",\"Quantity\":3,\"ItemPrice\":100,"
	    "\"RowTotal\":300},{\"ProductName\":\"N\"}]}");
	cart.nitems = 0;
	cart.id = "c";
	expect(kl_started_checkout_properties(&cart), "{}");
	memset(id, 'x', sizeof(id));
	id[254] = '\0';
	cart.id = id;
	cart.changed_at = 1;
	refuse(kl_started_checkout_properties(&cart),
	    "$event_id: longer than 255 bytes");
	cart = books_cart();
	items[0] = books[0];
	items[0].price = INT64_MAX / 2;
	items[0].quantity = 3;
	cart.items = items;
	refuse(kl_started_checkout_properties(&cart),
	    "price times quantity: too large");
}

static void
orders(void **state)
{
	struct klaviyo_order order = books_order();

	(void)state;
	order.id = "1234";
	order.shipping_method = "Courier";
	order.nitems = 1;
	order.billing = (struct klaviyo_address){"F", "L", "Co", "A1", "A2",
	    "Ci", "Re", "RC", "Ct", "CC", "Z", "Ph"};
	order.shipping = (struct klaviyo_address){0};
	expect(kl_order_properties(&order),
	    "{\"OrderId\":\"1234\",\"Categories\":[\"Fiction\",\"Children\"],"
	    "\"ItemNames\":[\"Winnie the Pooh\"],"
	    "\"DiscountCode\":\"Free Shipping\",\"DiscountValue\":5.00,"
	    "\"ShippingMethod\":\"Courier\",\"Brands\":[\"Kids Books\"],"
	    "\"Items\":[{\"ProductID\":\"1111\",\"SKU\":\"WINNIEPOOH\","
	    "\"ProductName\":\"Winnie the Pooh\",\"Quantity\":1,"
	    "\"ItemPrice\":9.99,\"RowTotal\":9.99,"
	    "\"ProductURL\":\"http://www.example.com/path/to/product\","
	    "\"ImageURL\":"
	    "\"http://www.example.com/path/to/product/image.png\","
	    "\"Categories\":[\"Fiction\",\"Children\"],"
	    "\"Brand\":\"Kids Books\"}],"
	    "\"BillingAddress\":{\"FirstName\":\"F\",\"LastName\":\"L\","
	    "\"Company\":\"Co\",\"Address1\":\"A1\",\"Address2\":\"A2\","
	    "\"City\":\"Ci\",\"Region\":\"Re\",\"RegionCode\":\"RC\","
	    "\"Country\":\"Ct\",\"CountryCode\":\"CC\",\"Zip\":\"Z\","
	    "\"Phone\":\"Ph\"}}");
	expect(kl_ordered_product_properties(&order, 0),
	    "{\"OrderId\":\"1234\",\"ProductID\":\"1111\","
	    "\"SKU\":\"WINNIEPOOH\",\"ProductName\":\"Winnie the Pooh\","
	    "\"Quantity\":1,"
	    "\"ProductURL\":\"http://www.example.com/path/to/product\","
	    "\"ImageURL\":"
	    "\"http://www.example.com/path/to/product/image.png\","
	    "\"Categories\":[\"Fiction\",\"Children\"],"
	    "\"ProductBrand\":\"Kids Books\"}");
}

static void
profiles(void **state)
{
	struct klaviyo_profile profile = {.id = "01GDDKASAP8TKDDA2GRZDSVP4H",
	    .email = "sarah.mason@klaviyo-demo.com",
	    .phone_number = "+15005550006",
	    .external_id = "63f64a2b-c6bf-40c7-b81f-bed08162edbe",
	    .anonymous_id = "a",
	    .exchange_id = "x.y",
	    .first_name = "Sarah",
	    .last_name = "Mason",
	    .organization = "Klaviyo",
	    .title = "Engineer",
	    .locale = "en-US",
	    .location = {"1 St", "Apt 2", "Boston", "MA", "US", "02110",
	        "America/New_York"},
	    .properties = "{\"pseudonym\": \"Dr. Octopus\", \"Points\": 0, "
	                  "\"Old\": null}"};

	(void)state;
	expect(kl_profile_data(&profile),
	    "{\"type\":\"profile\",\"id\":\"01GDDKASAP8TKDDA2GRZDSVP4H\","
	    "\"attributes\":{\"email\":\"sarah.mason@klaviyo-demo.com\","
	    "\"phone_number\":\"+15005550006\","
	    "\"external_id\":\"63f64a2b-c6bf-40c7-b81f-bed08162edbe\","
	    "\"anonymous_id\":\"a\",\"_kx\":\"x.y\",\"first_name\":\"Sarah\","
	    "\"last_name\":\"Mason\",\"organization\":\"Klaviyo\","
	    "\"title\":\"Engineer\",\"locale\":\"en-US\","
	    "\"location\":{\"address1\":\"1 St\",\"address2\":\"Apt 2\","
	    "\"city\":\"Boston\",\"region\":\"MA\",\"country\":\"US\","
	    "\"zip\":\"02110\",\"timezone\":\"America/New_York\"},"
	    "\"properties\":{\"pseudonym\":\"Dr. Octopus\",\"Points\":0,"
	    "\"Old\":null}}}");
	expect(kl_identify_properties(&profile),
	    "{\"id\":\"01GDDKASAP8TKDDA2GRZDSVP4H\","
	    "\"$id\":\"63f64a2b-c6bf-40c7-b81f-bed08162edbe\","
	    "\"email\":\"sarah.mason@klaviyo-demo.com\","
	    "\"phone_number\":\"+15005550006\",\"first_name\":\"Sarah\","
	    "\"last_name\":\"Mason\",\"organization\":\"Klaviyo\","
	    "\"title\":\"Engineer\",\"$address1\":\"1 St\","
	    "\"$city\":\"Boston\",\"$region\":\"MA\",\"$zip\":\"02110\","
	    "\"$country\":\"US\",\"$timezone\":\"America/New_York\","
	    "\"pseudonym\":\"Dr. Octopus\",\"Points\":0,\"Old\":null}");
	expect(kl_profile_data(&(struct klaviyo_profile){.id = "01G"}),
	    "{\"type\":\"profile\",\"id\":\"01G\",\"attributes\":{}}");
	/* Example.com is Klaviyo's to drop, not ours. */
	expect(kl_profile_data(
	           &(struct klaviyo_profile){.email = "a@example.com"}),
	    "{\"type\":\"profile\",\"attributes\":"
	    "{\"email\":\"a@example.com\"}}");
}

static void
bad_identifiers(void **state)
{
	static const char *const bad[] = {"no at", "a@", "@b", "a@b@c",
	    "a b@c.de", "a@b.c\n", "\xff@b.de", "a@b\x7f",
	    ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbb.de") /* 101 */};
	struct klaviyo_profile profile = {0};

	(void)state;
	refuse(kl_profile_data(&profile),
	    "data.attributes.profile: no identifier is known");
	refuse(kl_identify_properties(&profile),
	    "identify: no identifier is known");
	profile.phone_number = "555-1234";
	refuse(kl_profile_data(&profile),
	    "data.attributes.profile: no identifier is known");
	profile.email = "";
	profile.anonymous_id = "a";
	expect(kl_profile_data(&profile),
	    "{\"type\":\"profile\",\"attributes\":{\"anonymous_id\":\"a\"}}");
	refuse(kl_identify_properties(&profile),
	    "identify: no identifier is known");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		profile.email = bad[i];
		profile.external_id = "e";
		expect(kl_profile_data(&profile),
		    "{\"type\":\"profile\",\"attributes\":"
		    "{\"external_id\":\"e\",\"anonymous_id\":\"a\"}}");
		expect(kl_identify_properties(&profile), "{\"$id\":\"e\"}");
		profile.external_id = NULL;
		refuse(kl_profile_data(&(struct klaviyo_profile){
		           .email = bad[i], .phone_number = "+0"}),
		    "data.attributes.profile.data.attributes.email: not an "
		    "e-mail address of at most 100 bytes");
	}
	expect(kl_profile_data(&(struct klaviyo_profile){.email = bad[8] + 1}),
	    "{\"type\":\"profile\",\"attributes\":{\"email\":\""
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbb.de\"}}");
}

static void
custom_properties(void **state)
{
	struct klaviyo_profile profile = {.external_id = "e"};

	(void)state;
	profile.properties = "{\"email\":\"someone@else.com\"}";
	refuse(kl_identify_properties(&profile),
	    "properties.email: the name is taken");
	profile.properties = "{\"a\":1,\"$id\":\"other\",\"b\":2}";
	refuse(kl_identify_properties(&profile),
	    "properties.$id: the name is taken");
	profile.properties = "[]";
	refuse(kl_identify_properties(&profile), "properties: not an object");
	refuse(kl_profile_data(&profile),
	    "data.attributes.profile.data.attributes.properties: "
	    "not an object");
	profile.properties = "{}";
	expect(kl_identify_properties(&profile), "{\"$id\":\"e\"}");
	expect(kl_profile_data(&profile),
	    "{\"type\":\"profile\",\"attributes\":{\"external_id\":\"e\"}}");
	profile.properties = "{\"a\":9007199254740993}";
	expect(kl_identify_properties(&profile),
	    "{\"$id\":\"e\",\"a\":9007199254740993}");
}

static int
done(cJSON *tree)
{
	cJSON_Delete(tree);
	return tree != NULL;
}

static int
viewed_product_once(void)
{
	return done(kl_viewed_product_properties(&books[1], "USD"));
}

static int
viewed_item_once(void)
{
	return done(kl_viewed_item_properties(&books[1], "USD"));
}

static int
added_once(void)
{
	struct klaviyo_cart cart = books_cart();

	return done(kl_added_to_cart_properties(&cart, 1, 1));
}

static int
checkout_once(void)
{
	struct klaviyo_cart cart = books_cart();

	return done(kl_started_checkout_properties(&cart));
}

static int
order_once(void)
{
	struct klaviyo_order order = books_order();

	return done(kl_order_properties(&order));
}

static int
ordered_once(void)
{
	struct klaviyo_order order = books_order();

	return done(kl_ordered_product_properties(&order, 1));
}

static const struct klaviyo_profile full = {.id = "i",
    .email = "a@b.de",
    .external_id = "e",
    .location = {.city = "Boston"},
    .properties = "{\"a\":[1,\"x\"],\"b\":{}}"};

static int
profile_once(void)
{
	return done(kl_profile_data(&full));
}

static int
identify_once(void)
{
	return done(kl_identify_properties(&full));
}

static void
no_memory(void **state)
{
	(void)state;
	assert_true(nth_alloc_each(viewed_product_once) > 20);
	assert_true(nth_alloc_each(viewed_item_once) > 20);
	assert_true(nth_alloc_each(added_once) > 50);
	assert_true(nth_alloc_each(checkout_once) > 50);
	assert_true(nth_alloc_each(order_once) > 50);
	assert_true(nth_alloc_each(ordered_once) > 20);
	assert_true(nth_alloc_each(profile_once) > 15);
	assert_true(nth_alloc_each(identify_once) > 15);
}

static void
metric_names(void **state)
{
	(void)state;
	assert_string_equal(
	    klaviyo_metric_name(KLAVIYO_VIEWED_PRODUCT), "Viewed Product");
	assert_string_equal(
	    klaviyo_metric_name(KLAVIYO_ADDED_TO_CART), "Added to Cart");
	assert_string_equal(
	    klaviyo_metric_name(KLAVIYO_STARTED_CHECKOUT), "Started Checkout");
	assert_string_equal(
	    klaviyo_metric_name(KLAVIYO_PLACED_ORDER), "Placed Order");
	assert_string_equal(
	    klaviyo_metric_name(KLAVIYO_ORDERED_PRODUCT), "Ordered Product");
	assert_null(klaviyo_metric_name(KLAVIYO_METRICS));
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
	    cmocka_unit_test(viewed),
	    cmocka_unit_test(carts),
	    cmocka_unit_test(cart_unknowns),
	    cmocka_unit_test(orders),
	    cmocka_unit_test(profiles),
	    cmocka_unit_test(bad_identifiers),
	    cmocka_unit_test(custom_properties),
	    cmocka_unit_test(metric_names),
	    cmocka_unit_test(no_memory),
	};

	nth_alloc_hook();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
