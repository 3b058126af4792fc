/*
 * properties.c - the one place where Klaviyo's property names are spelled.
 *
 * Promises: the names are the guide's, event by event, letter by letter, also
 * where they differ for the same thing: a product's categories are Categories
 * when viewed or ordered, ProductCategories in a cart, AddedItemCategories
 * above it.  A spelling that changes would be a new property to Klaviyo, and
 * segments built on the old one would fall silent.
 * What is not known is left out: "", 0, and objects and arrays of nothing.
 * Klaviyo takes such values for never set; no segment would find them.
 *
 * Does not: check limits (limits.c), nor know of API envelopes (event.c).
 * Here are browsing and carts; orders are in properties_order.c, accounts and
 * leads in properties_account.c and profiles in profile.c, for their length
 * alone.
 */
#include "outbox.h"
#include "properties.h"

#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum kl_worth worth;
} metrics[] = {
    [KLAVIYO_VIEWED_PRODUCT] = {"Viewed Product", KL_WORTH_LOW},
    [KLAVIYO_ADDED_TO_CART] = {"Added to Cart", KL_WORTH_LOW},
    [KLAVIYO_STARTED_CHECKOUT] = {"Started Checkout", KL_WORTH_LOW},
    [KLAVIYO_PLACED_ORDER] = {"Placed Order", KL_WORTH_ORDER},
    [KLAVIYO_ORDERED_PRODUCT] = {"Ordered Product", KL_WORTH_ORDER},
    [KLAVIYO_FULFILLED_ORDER] = {"Fulfilled Order", KL_WORTH_ORDER},
    [KLAVIYO_CANCELED_ORDER] = {"Canceled Order", KL_WORTH_ORDER},
    [KLAVIYO_REFUNDED_ORDER] = {"Refunded Order", KL_WORTH_ORDER},
    [KLAVIYO_SHIPPING_UPDATE] = {"Shipping Update", KL_WORTH_ORDER},
    [KLAVIYO_CREATED_INVOICE] = {"Created Invoice", KL_WORTH_ORDER},
    [KLAVIYO_FAILED_PAYMENT] = {"Failed Payment", KL_WORTH_ORDER},
    [KLAVIYO_CREATED_ACCOUNT] = {"Created Account", KL_WORTH_PLAIN},
    [KLAVIYO_UPDATED_ACCOUNT] = {"Updated Account", KL_WORTH_PLAIN},
    [KLAVIYO_RESET_PASSWORD] = {"Reset Password", KL_WORTH_PLAIN},
    [KLAVIYO_BECAME_LEAD] = {"Became Lead", KL_WORTH_PLAIN},
    [KLAVIYO_NEW_LEAD] = {"New Lead", KL_WORTH_PLAIN},
};

const char *
klaviyo_metric_name(enum klaviyo_metric metric)
{
	if ((unsigned)metric >= KLAVIYO_METRICS)
		return NULL;
	return metrics[metric].name;
}

enum kl_worth
kl_metric_worth(const char *metric)
{
	for (size_t i = 0; i < sizeof(metrics) / sizeof(*metrics); i++)
		if (strcmp(metrics[i].name, metric) == 0)
			return metrics[i].worth;
	return KL_WORTH_PLAIN;
}

/* ---------------------------------------------------------- building blocks */

bool
kl_put_count(cJSON *to, const char *name, int count)
{
	return count == 0 || kl_put(to, name, cJSON_CreateNumber(count));
}

static cJSON *
new_list(void)
{
	cJSON *list = cJSON_CreateArray();

	if (list == NULL)
		kl_fail("out of memory");
	return list;
}

static bool
append(cJSON *list, cJSON *value)
{
	if (value != NULL && cJSON_AddItemToArray(list, value))
		return true;
	cJSON_Delete(value);
	kl_fail("out of memory");
	return false;
}

cJSON *
kl_texts(const char *const *text, size_t n)
{
	cJSON *list = new_list();
	bool ok = list != NULL;

	for (size_t i = 0; ok && i < n; i++)
		if (text[i] != NULL && *text[i] != '\0')
			ok = append(list, cJSON_CreateString(text[i]));
	return kl_group(list, ok);
}

static bool
append_new(cJSON *list, const char *text)
{
	const cJSON *known;

	if (text == NULL || *text == '\0')
		return true;
	for (known = list->child; known != NULL; known = known->next)
		if (strcmp(known->valuestring, text) == 0)
			return true;
	return append(list, cJSON_CreateString(text));
}

/* ------------------------------------------------------- lists over the items
 */

cJSON *
kl_categories(const struct klaviyo_item *items, size_t n)
{
	cJSON *list = new_list();
	bool ok = list != NULL;
	size_t i, c;

	for (i = 0; i < n; i++)
		for (c = 0; ok && c < items[i].ncategories; c++)
			ok = append_new(list, items[i].categories[c]);
	return kl_group(list, ok);
}

cJSON *
kl_brands(const struct klaviyo_item *items, size_t n)
{
	cJSON *list = new_list();
	bool ok = list != NULL;
	size_t i;

	for (i = 0; ok && i < n; i++)
		ok = append_new(list, items[i].brand);
	return kl_group(list, ok);
}

cJSON *
kl_item_names(const struct klaviyo_item *items, size_t n)
{
	cJSON *list = new_list();
	bool ok = list != NULL;
	size_t i;

	for (i = 0; ok && i < n; i++)
		if (items[i].name != NULL && *items[i].name != '\0')
			ok = append(list, cJSON_CreateString(items[i].name));
	return kl_group(list, ok);
}

static cJSON *
line(const struct klaviyo_item *item, const char *currency, enum kl_dialect in)
{
	const char *name = in == KL_CART ? "ProductCategories" : "Categories";
	int64_t total;
	cJSON *to;
	bool ok;

	if (kl_money_times(item->price, item->quantity, &total) != 0 ||
	    (to = kl_object()) == NULL)
		return NULL;
	ok = kl_put_text(to, "ProductID", item->product_id) &&
	     kl_put_text(to, "SKU", item->sku) &&
	     kl_put_text(to, "ProductName", item->name) &&
	     kl_put_count(to, "Quantity", item->quantity) &&
	     kl_put_money(to, "ItemPrice", item->price, currency) &&
	     kl_put_money(to, "RowTotal", total, currency) &&
	     kl_put_text(to, "ProductURL", item->url) &&
	     kl_put_text(to, "ImageURL", item->image_url) &&
	     kl_put_group(to, name, kl_categories(item, 1)) &&
	     (in == KL_CART || kl_put_text(to, "Brand", item->brand));
	return kl_group(to, ok);
}

cJSON *
kl_lines(const struct klaviyo_item *items, size_t n, const char *currency,
    enum kl_dialect in)
{
	cJSON *list = new_list(), *one;
	bool ok = list != NULL;
	size_t i;

	for (i = 0; ok && i < n; i++) {
		one = line(&items[i], currency, in);
		if (one != NULL && one->child == NULL)
			cJSON_Delete(one);
		else
			ok = one != NULL && append(list, one);
	}
	return kl_group(list, ok);
}

/* ---------------------------------------------------------------- browsing */

cJSON *
kl_viewed_product_properties(
    const struct klaviyo_item *item, const char *currency)
{
	int64_t before = item->compare_at_price;
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "ProductName", item->name) &&
	     kl_put_text(to, "ProductID", item->product_id) &&
	     kl_put_text(to, "SKU", item->sku) &&
	     kl_put_group(to, "Categories", kl_categories(item, 1)) &&
	     kl_put_text(to, "ImageURL", item->image_url) &&
	     kl_put_text(to, "URL", item->url) &&
	     kl_put_text(to, "Brand", item->brand) &&
	     kl_put_money(to, "Price", item->price, currency) &&
	     kl_put_money(to, "CompareAtPrice", before, currency);
	return kl_group(to, ok);
}

static cJSON *
metadata(const struct klaviyo_item *item, const char *currency)
{
	int64_t before = item->compare_at_price;
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "Brand", item->brand) &&
	     kl_put_money(to, "Price", item->price, currency) &&
	     kl_put_money(to, "CompareAtPrice", before, currency);
	return kl_group(to, ok);
}

/* Klaviyo's script keeps viewed items by ItemId: without one there is none. */
cJSON *
kl_viewed_item_properties(const struct klaviyo_item *item, const char *currency)
{
	cJSON *to;
	bool ok;

	if (item->product_id == NULL || *item->product_id == '\0') {
		kl_fail("ItemId: missing");
		return NULL;
	}
	to = kl_object();
	ok = to != NULL && kl_put_text(to, "Title", item->name) &&
	     kl_put_text(to, "ItemId", item->product_id) &&
	     kl_put_group(to, "Categories", kl_categories(item, 1)) &&
	     kl_put_text(to, "ImageUrl", item->image_url) &&
	     kl_put_text(to, "Url", item->url) &&
	     kl_put_group(to, "Metadata", metadata(item, currency));
	return kl_group(to, ok);
}

/* -------------------------------------------------------------------- cart */

/* $event_id is ${cart}${between}${number}; a cart without an id gets none, and
   Klaviyo then takes the time of the event for it. */
static bool
put_event_id(cJSON *to, const char *cart, char between, int64_t number)
{
	char id[256]; /* 255 characters are Klaviyo's limit */
	int n;

	if (cart == NULL || *cart == '\0')
		return true;
	n = snprintf(
	    id, sizeof(id), "%s%c%lld", cart, between, (long long)number);
	if (n < 0 || (size_t)n >= sizeof(id)) {
		kl_fail("$event_id: longer than 255 bytes");
		return false;
	}
	return kl_put_text(to, "$event_id", id);
}

const char *
kl_held_id(const cJSON *properties)
{
	return cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(properties, "$event_id"));
}

static bool
put_value(cJSON *to, int64_t value, const char *currency)
{
	if (value == 0)
		return true;
	return kl_put_money(to, "$value", value, currency) &&
	       kl_put_text(to, "$value_currency", currency);
}

int
kl_take_event_id(cJSON *properties, char **id)
{
	static const char *const own[] = {
	    "$event_id", "$value", "$value_currency"};
	const char *text = cJSON_GetStringValue(
	    cJSON_GetObjectItemCaseSensitive(properties, own[0]));

	*id = NULL;
	if (text != NULL && (*id = kl_copy(text)) == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		cJSON_DeleteItemFromObjectCaseSensitive(properties, own[i]);
	return 0;
}

cJSON *
kl_added_to_cart_properties(
    const struct klaviyo_cart *cart, size_t added, int quantity)
{
	const struct klaviyo_item *items = cart->items, *item;
	const char *currency = cart->currency;
	size_t n = cart->nitems;
	cJSON *to;
	bool ok;

	if (added >= n) {
		kl_fail("Items[%zu]: the cart has %zu items", added, n);
		return NULL;
	}
	item = &items[added];
	to = kl_object();
	ok = to != NULL && put_event_id(to, cart->id, ':', cart->revision) &&
	     put_value(to, cart->value, currency) &&
	     kl_put_text(to, "AddedItemProductName", item->name) &&
	     kl_put_text(to, "AddedItemProductID", item->product_id) &&
	     kl_put_text(to, "AddedItemSKU", item->sku) &&
	     kl_put_group(to, "AddedItemCategories", kl_categories(items, n)) &&
	     kl_put_text(to, "AddedItemImageURL", item->image_url) &&
	     kl_put_text(to, "AddedItemURL", item->url) &&
	     kl_put_money(to, "AddedItemPrice", item->price, currency) &&
	     kl_put_count(to, "AddedItemQuantity", quantity) &&
	     kl_put_group(to, "ItemNames", kl_item_names(items, n)) &&
	     kl_put_text(to, "CheckoutURL", cart->checkout_url) &&
	     kl_put_group(to, "Items", kl_lines(items, n, currency, KL_CART));
	return kl_group(to, ok);
}

cJSON *
kl_started_checkout_properties(const struct klaviyo_cart *cart)
{
	const struct klaviyo_item *items = cart->items;
	const char *currency = cart->currency;
	int64_t changed = cart->changed_at;
	size_t n = cart->nitems;
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL &&
	     put_event_id(to, changed ? cart->id : NULL, '_', changed) &&
	     put_value(to, cart->value, currency) &&
	     kl_put_group(to, "ItemNames", kl_item_names(items, n)) &&
	     kl_put_text(to, "CheckoutURL", cart->checkout_url) &&
	     kl_put_group(to, "Categories", kl_categories(items, n)) &&
	     kl_put_group(to, "Items", kl_lines(items, n, currency, KL_CART));
	return kl_group(to, ok);
}
