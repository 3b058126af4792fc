/*
 * import_orders.c - Shopify's order export (CSV) to orders of this shop: which
 * of its rows are one order.  import_order_rows.c reads them.
 *
 * Promises: an order is the consecutive rows of one Name: the first has all of
 * the order, each has one line of it.  Memory is one order's, however long the
 * file.  What cannot be read is an error that names the line and the column.
 *
 * Does not find an order that comes again later in the file:
 * import_repeats.c does.
 */
#include <string.h>

#include "import_orders.h"

static const char *const names[ORDER_COLUMNS] = {
    [ORDER_NAME] = "Name",
    [ORDER_EMAIL] = "Email",
    [ORDER_FINANCIAL] = "Financial Status",
    [ORDER_PAID_AT] = "Paid at",
    [ORDER_FULFILLMENT] = "Fulfillment Status",
    [ORDER_FULFILLED_AT] = "Fulfilled at",
    [ORDER_CURRENCY] = "Currency",
    [ORDER_SHIPPING] = "Shipping",
    [ORDER_TOTAL] = "Total",
    [ORDER_DISCOUNT_CODE] = "Discount Code",
    [ORDER_DISCOUNT] = "Discount Amount",
    [ORDER_METHOD] = "Shipping Method",
    [ORDER_CREATED_AT] = "Created at",
    [ORDER_CANCELED_AT] = "Cancelled at",
    [ORDER_REFUNDED] = "Refunded Amount",
    [ORDER_ID] = "Id",
    [ORDER_PHONE] = "Phone",
    [LINE_QUANTITY] = "Lineitem quantity",
    [LINE_NAME] = "Lineitem name",
    [LINE_PRICE] = "Lineitem price",
    [LINE_SKU] = "Lineitem sku",
    [LINE_FULFILLMENT] = "Lineitem fulfillment status",
    [LINE_VENDOR] = "Vendor",
    [BILLING + PLACE_NAME] = "Billing Name",
    [BILLING + PLACE_STREET] = "Billing Street",
    [BILLING + PLACE_ADDRESS1] = "Billing Address1",
    [BILLING + PLACE_ADDRESS2] = "Billing Address2",
    [BILLING + PLACE_CITY] = "Billing City",
    [BILLING + PLACE_ZIP] = "Billing Zip",
    [BILLING + PLACE_REGION] = "Billing Province",
    [BILLING + PLACE_COUNTRY] = "Billing Country",
    [BILLING + PLACE_PHONE] = "Billing Phone",
    [SHIPPING + PLACE_NAME] = "Shipping Name",
    [SHIPPING + PLACE_STREET] = "Shipping Street",
    [SHIPPING + PLACE_ADDRESS1] = "Shipping Address1",
    [SHIPPING + PLACE_ADDRESS2] = "Shipping Address2",
    [SHIPPING + PLACE_CITY] = "Shipping City",
    [SHIPPING + PLACE_ZIP] = "Shipping Zip",
    [SHIPPING + PLACE_REGION] = "Shipping Province",
    [SHIPPING + PLACE_COUNTRY] = "Shipping Country",
    [SHIPPING + PLACE_PHONE] = "Shipping Phone",
};
static const int required[] = {ORDER_NAME, ORDER_EMAIL, ORDER_CURRENCY,
    ORDER_TOTAL, ORDER_CREATED_AT, LINE_QUANTITY, LINE_NAME, LINE_PRICE};

static const struct sheet order_sheet = {.names = names,
    .columns = ORDER_COLUMNS,
    .required = required,
    .nrequired = sizeof(required) / sizeof(*required),
    .example = "Name, Email, Total"};

/* ----------------------------------------------------------------- rows */

/* The order whose rows are read is whole. */
static int
end_order(struct reading *r)
{
	int result = 0;

	if (r->past == NULL)
		return 0;
	if (past_changes(r->arena, r->past) != 0)
		result = -1;
	else if (arena_failed(r->arena))
		result = shop_fail("out of memory");
	else
		result = r->each(r->arg, r->arena, r->past);
	arena_free(r->arena);
	r->arena = NULL;
	r->past = NULL;
	return result;
}

/* A further row says nothing of the order, or what its first row said; and then
   each does, and none is the first one again: that is a second copy of the
   order, which import_repeats.c looks at. */
static int
is_further(
    struct reading *r, const struct row *row, const char *name, bool *further)
{
	struct past_order *past = r->past;
	int64_t time;

	*further = false;
	if (past == NULL || strcmp(past->name, name) != 0)
		return 0;
	if (cell_time(row, ORDER_CREATED_AT, &time) != 0)
		return -1;
	if (time == 0 || *row->cell[ORDER_TOTAL] == '\0')
		*further = past->bare = true;
	else
		*further = time == past->order.time && !past->bare &&
		           repeats_row(row, false) == past->said &&
		           repeats_row(row, true) != past->row;
	return 0;
}

static int
begin_order(struct reading *r, const struct row *row, const char *name)
{
	if (end_order(r) != 0)
		return -1;
	r->arena = arena_new();
	if (r->arena == NULL)
		return -1;
	r->past = arena_alloc(r->arena, sizeof(*r->past));
	if (r->past == NULL)
		return -1;
	r->past->file_line = row->line;
	r->past->name = arena_copy(r->arena, name);
	r->past->lines_end = &r->past->order.lines;
	r->past->said = repeats_row(row, false);
	r->past->row = repeats_row(row, true);
	return past_read(r, row, r->past);
}

static int
take_row(void *arg, const struct row *row)
{
	struct reading *r = arg;
	const char *name;
	bool further;

	if (cell_text(row, ORDER_NAME, NAME_MAX_CHARS, &name) != 0)
		return -1;
	if (*name == '\0')
		return cell_fail(
		    row, ORDER_NAME, "is empty; each row names its order");
	if (is_further(r, row, name, &further) != 0 ||
	    (!further && begin_order(r, row, name) != 0))
		return -1;
	return past_line(r, row, r->past);
}

int
orders_read(
    FILE *file, const char *currency, int64_t now, past_each *each, void *arg)
{
	struct reading r = {
	    .currency = currency, .now = now, .each = each, .arg = arg};
	int result;

	result = rows_stream(file, &order_sheet, take_row, &r);
	if (result == 0)
		result = end_order(&r);
	arena_free(r.arena);
	return result;
}
