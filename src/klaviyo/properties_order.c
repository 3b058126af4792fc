/*
 * properties_order.c - the properties of an order, and of what happens to it
 * afterwards.  The promises are properties.c's.
 *
 * What happened to a part of an order (some lines, or some units of a line)
 * is in Items, and what it did not happen to in one more list, so that an
 * e-mail can show both; the guide asks for both and names neither.
 */
#include "properties.h"

#include <stdlib.h>
#include <string.h>

/* --------------------------------------------------------------- the order */

static cJSON *
address(const struct klaviyo_address *of)
{
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "FirstName", of->first_name) &&
	     kl_put_text(to, "LastName", of->last_name) &&
	     kl_put_text(to, "Company", of->company) &&
	     kl_put_text(to, "Address1", of->address1) &&
	     kl_put_text(to, "Address2", of->address2) &&
	     kl_put_text(to, "City", of->city) &&
	     kl_put_text(to, "Region", of->region) &&
	     kl_put_text(to, "RegionCode", of->region_code) &&
	     kl_put_text(to, "Country", of->country) &&
	     kl_put_text(to, "CountryCode", of->country_code) &&
	     kl_put_text(to, "Zip", of->zip) &&
	     kl_put_text(to, "Phone", of->phone);
	return kl_group(to, ok);
}

/* What an order and all that follows it have in common, about ${n} ${items}. */
static bool
put_order(cJSON *to, const struct klaviyo_order *order,
    const struct klaviyo_item *items, size_t n)
{
	const char *currency = order->currency;

	return kl_put_group(to, "Categories", kl_categories(items, n)) &&
	       kl_put_group(to, "ItemNames", kl_item_names(items, n)) &&
	       kl_put_text(to, "DiscountCode", order->discount_code) &&
	       kl_put_money(to, "DiscountValue", order->discount, currency) &&
	       kl_put_text(to, "ShippingMethod", order->shipping_method) &&
	       kl_put_group(to, "Brands", kl_brands(items, n)) &&
	       kl_put_group(
	           to, "Items", kl_lines(items, n, currency, KL_ORDER));
}

static bool
put_addresses(cJSON *to, const struct klaviyo_order *order)
{
	return kl_put_group(to, "BillingAddress", address(&order->billing)) &&
	       kl_put_group(to, "ShippingAddress", address(&order->shipping));
}

cJSON *
kl_order_properties(const struct klaviyo_order *order)
{
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "OrderId", order->id) &&
	     put_order(to, order, order->items, order->nitems) &&
	     put_addresses(to, order);
	return kl_group(to, ok);
}

cJSON *
kl_ordered_product_properties(const struct klaviyo_order *order, size_t index)
{
	const struct klaviyo_item *item = &order->items[index];
	cJSON *to = kl_object();
	bool ok;

	ok = to != NULL && kl_put_text(to, "OrderId", order->id) &&
	     kl_put_text(to, "ProductID", item->product_id) &&
	     kl_put_text(to, "SKU", item->sku) &&
	     kl_put_text(to, "ProductName", item->name) &&
	     kl_put_count(to, "Quantity", item->quantity) &&
	     kl_put_text(to, "ProductURL", item->url) &&
	     kl_put_text(to, "ImageURL", item->image_url) &&
	     kl_put_group(to, "Categories", kl_categories(item, 1)) &&
	     kl_put_text(to, "ProductBrand", item->brand);
	return kl_group(to, ok);
}

/* -------------------------------------------------- what happens afterwards */

/* Copies of an order's items: those that a change is about, with as many units
   as it is about, or the others. */
struct split {
	struct klaviyo_item *items;
	size_t n;
};

static int
changed_units(const struct klaviyo_change *change, size_t item)
{
	int units = 0;

	for (size_t i = 0; i < change->nparts; i++)
		if (change->parts[i].item == item)
			units += change->parts[i].quantity;
	return units;
}

static int
split_items(struct split *split, const struct klaviyo_order *order,
    const struct klaviyo_change *change, bool others)
{
	split->n = 0;
	split->items = calloc(order->nitems + 1, sizeof(*split->items));
	if (split->items == NULL)
		return kl_fail("out of memory");
	for (size_t i = 0; i < order->nitems; i++) {
		int units = order->items[i].quantity;

		if (change->nparts > 0) {
			units = changed_units(change, i);
			if (others)
				units = order->items[i].quantity - units;
		} else if (others) {
			units = 0;
		}
		if (units <= 0)
			continue;
		split->items[split->n] = order->items[i];
		split->items[split->n++].quantity = units;
	}
	return 0;
}

int
kl_change_check(
    const struct klaviyo_order *order, const struct klaviyo_change *change)
{
	for (size_t i = 0; i < change->nparts; i++) {
		size_t item = change->parts[i].item;

		if (item >= order->nitems)
			return kl_fail("parts[%zu]: the order has %zu items", i,
			    order->nitems);
		if (change->parts[i].quantity < 1 ||
		    changed_units(change, item) > order->items[item].quantity)
			return kl_fail("parts[%zu]: not 1 to %d units of "
			               "Items[%zu]",
			    i, order->items[item].quantity, item);
	}
	return 0;
}

int
kl_change_value(const struct klaviyo_order *order,
    const struct klaviyo_change *change, int64_t *value)
{
	int64_t one;

	*value = change->value;
	if (*value != 0)
		return 0;
	if (change->nparts == 0) {
		*value = order->total;
		return 0;
	}
	for (size_t i = 0; i < change->nparts; i++) {
		const struct klaviyo_part *part = &change->parts[i];

		if (kl_money_times(order->items[part->item].price,
		        part->quantity, &one) != 0)
			return -1;
		if (__builtin_add_overflow(*value, one, value))
			return kl_fail("value: beyond int64_t");
	}
	return 0;
}

/* The other items' list, by metric; NULL where there is none. */
static const char *
others_name(enum klaviyo_metric metric)
{
	switch (metric) {
	case KLAVIYO_FULFILLED_ORDER:
		return "ItemsNotFulfilled";
	case KLAVIYO_CANCELED_ORDER:
		return "ItemsNotCanceled";
	case KLAVIYO_REFUNDED_ORDER:
		return "ItemsNotRefunded";
	default:
		return NULL;
	}
}

static bool
put_others(cJSON *to, enum klaviyo_metric metric,
    const struct klaviyo_order *order, const struct klaviyo_change *change)
{
	const char *name = others_name(metric);
	struct split others;
	bool ok;

	if (name == NULL)
		return true;
	if (split_items(&others, order, change, true) != 0)
		return false;
	ok = kl_put_group(to, name,
	    kl_lines(others.items, others.n, order->currency, KL_ORDER));
	free(others.items);
	return ok;
}

cJSON *
kl_change_properties(enum klaviyo_metric metric,
    const struct klaviyo_order *order, const struct klaviyo_change *change)
{
	struct split about = {0};
	cJSON *to = NULL;
	bool ok;

	if (split_items(&about, order, change, false) == 0)
		to = kl_object();
	ok = to != NULL && kl_put_text(to, "OrderId", order->id) &&
	     kl_put_text(to, "Reason", change->reason) &&
	     kl_put_text(to, "UpdateType", change->update_type) &&
	     kl_put_text(to, "PaymentFailure", change->payment_failure) &&
	     kl_put_text(to, "PaymentNextSteps", change->next_steps) &&
	     kl_put_text(to, "TrackingNumber", change->tracking_number) &&
	     kl_put_text(to, "TrackingURL", change->tracking_url) &&
	     kl_put_text(to, "TrackingCompany", change->tracking_company) &&
	     put_order(to, order, about.items, about.n) &&
	     put_others(to, metric, order, change) &&
	     kl_put_group(to, "MissingInformation",
	         kl_texts(change->missing, change->nmissing)) &&
	     put_addresses(to, order);
	free(about.items);
	return kl_group(to, ok);
}
