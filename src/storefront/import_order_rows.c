/*
 * import_order_rows.c - what one row of Shopify's order export says: of its
 * order, if it is the first one, and of a line.
 *
 * Promises: what cannot be read, or cannot be, is an error that names the line
 * and the column.  Texts are copies in the order's arena.
 *
 * The order's id is made of Shopify's own number for it (Id; without that
 * column, of its Name and time): the same for the same order in every export,
 * and on every shop, so that nothing is loaded, or told, twice.  It is a hash,
 * and no counter.
 *
 * The total is the export's: what the customer paid.  This shop's sums know no
 * tax, so that the goods' subtotal is what is left of the total without
 * delivery and with the discount: taxes that Shopify adds are in it.
 *
 * Company names have no place in this shop, and are passed over.
 */
#include <sodium.h>
#include <string.h>

#include "import_orders.h"

#define YEAR_1990 631152000
#define FIRST_ROW                                                              \
	"is empty; the first row of an order has all of it, and the rows of "  \
	"an order stand together"

/* ------------------------------------------------------------------- cells */

/* A cell's text in the order's arena: the row's goes with the row. */
static int
keep_text(
    struct reading *r, const struct row *row, int column, const char **text)
{
	if (cell_text(row, column, NAME_MAX_CHARS, text) != 0)
		return -1;
	*text = arena_copy(r->arena, *text);
	return 0;
}

/* A number that a spreadsheet must not touch is written '02110. */
static int
keep_number(
    struct reading *r, const struct row *row, int column, const char **text)
{
	if (keep_text(r, row, column, text) != 0)
		return -1;
	if (**text == '\'')
		++*text;
	return 0;
}

/* "+1 (500) 555-0006" as +15005550006. */
static int
keep_phone(
    struct reading *r, const struct row *row, int column, const char **phone)
{
	const char *from;
	char *to;

	if (keep_number(r, row, column, &from) != 0)
		return -1;
	*phone = to = arena_copy(r->arena, from);
	if (*from == '+') {
		for (; *from != '\0'; from++)
			if (strchr(" -().", *from) == NULL)
				*to++ = *from;
		*to = '\0';
	}
	return 0;
}

/* Empty is 0. */
static int
read_amount(struct reading *r, const struct row *row, int column, int64_t *n)
{
	*n = 0;
	return *row->cell[column] == '\0'
	           ? 0
	           : cell_amount(row, column, r->currency, n);
}

static int
read_time(struct reading *r, const struct row *row, int column, int64_t *time)
{
	if (cell_time(row, column, time) != 0)
		return -1;
	if (*time != 0 && *time < YEAR_1990)
		return cell_fail(row, column, "is before 1990");
	if (*time > r->now + 86400)
		return cell_fail(row, column, "is yet to come");
	return 0;
}

/* ---------------------------------------------------------------- addresses */

/* The last word is the last name. */
static void
split_name(struct arena *arena, const char *name, struct address *a)
{
	const char *last = strrchr(name, ' ');

	a->first_name = last == NULL
	                    ? name
	                    : arena_copyn(arena, name, (size_t)(last - name));
	a->last_name = last == NULL ? "" : last + 1;
}

static int
read_address(
    struct reading *r, const struct row *row, int at, struct address *a)
{
	const char *name, *street;

	if (keep_text(r, row, at + PLACE_NAME, &name) != 0 ||
	    keep_text(r, row, at + PLACE_STREET, &street) != 0 ||
	    keep_text(r, row, at + PLACE_ADDRESS1, &a->address1) != 0 ||
	    keep_text(r, row, at + PLACE_ADDRESS2, &a->address2) != 0 ||
	    keep_text(r, row, at + PLACE_CITY, &a->city) != 0 ||
	    keep_number(r, row, at + PLACE_ZIP, &a->zip) != 0 ||
	    keep_text(r, row, at + PLACE_REGION, &a->region) != 0 ||
	    keep_text(r, row, at + PLACE_COUNTRY, &a->country) != 0)
		return -1;
	split_name(r->arena, name, a);
	if (*a->address1 == '\0')
		a->address1 = street;
	return 0;
}

/* The customer's, else that of an address. */
static int
read_phone(struct reading *r, const struct row *row, const char **phone)
{
	static const int columns[] = {
	    ORDER_PHONE, BILLING + PLACE_PHONE, SHIPPING + PLACE_PHONE};

	*phone = "";
	for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++)
		if (**phone == '\0' &&
		    keep_phone(r, row, columns[i], phone) != 0)
			return -1;
	return 0;
}

/* ---------------------------------------------------------- an order's first
 * row */

/* Sixteen characters like those of every other order. */
static char *
order_id(struct arena *arena, const char *key)
{
	static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
	static const char prefix[] = "storefront: an order of Shopify's ";
	unsigned char hash[16];
	char *id = arena_alloc(arena, sizeof(hash) + 1);
	const char *text = arena_printf(arena, "%s%s", prefix, key);

	if (id == NULL)
		return NULL;
	crypto_generichash(hash, sizeof(hash), (const unsigned char *)text,
	    strlen(text), NULL, 0);
	for (size_t i = 0; i < sizeof(hash); i++)
		id[i] = digits[hash[i] % 32];
	return id;
}

static int
read_id(struct reading *r, const struct row *row, struct past_order *past)
{
	struct order *o = &past->order;
	const char *number;

	if (keep_number(r, row, ORDER_ID, &number) != 0)
		return -1;
	/* A spreadsheet makes 5.1E+12 of it: two orders would be one. */
	if (strspn(number, "0123456789") != strlen(number))
		return cell_fail(row, ORDER_ID,
		    "is no whole number; export the file again, a spreadsheet "
		    "has rounded it");
	o->id = order_id(r->arena,
	    *number != '\0' ? arena_printf(r->arena, "Id %s", number)
	                    : arena_printf(r->arena, "Name %s at %lld",
	                          past->name, (long long)o->time));
	return o->id != NULL ? 0 : -1;
}

static int
read_sums(struct reading *r, const struct row *row, struct order *o)
{
	const char *currency;

	if (cell_text(row, ORDER_CURRENCY, NAME_MAX_CHARS, &currency) != 0)
		return -1;
	if (strcmp(currency, r->currency) != 0)
		return cell_fail(row, ORDER_CURRENCY,
		    "is \"%s\"; this shop's orders are in %s: export them in "
		    "the shop's own currency, or leave this order out",
		    currency, r->currency);
	o->currency = r->currency;
	if (*row->cell[ORDER_TOTAL] == '\0')
		return cell_fail(row, ORDER_TOTAL, FIRST_ROW);
	if (cell_amount(row, ORDER_TOTAL, r->currency, &o->total) != 0 ||
	    read_amount(r, row, ORDER_SHIPPING, &o->shipping) != 0 ||
	    read_amount(r, row, ORDER_DISCOUNT, &o->discount) != 0)
		return -1;
	/* An order that was edited: delivery cannot be more than all of it. */
	if (o->shipping > o->total + o->discount)
		o->shipping = o->total + o->discount;
	o->subtotal = o->total - o->shipping + o->discount;
	return keep_text(r, row, ORDER_DISCOUNT_CODE, &o->discount_code);
}

int
past_read(struct reading *r, const struct row *row, struct past_order *past)
{
	struct order *o = &past->order;

	if (read_time(r, row, ORDER_CREATED_AT, &o->time) != 0)
		return -1;
	if (o->time == 0)
		return cell_fail(row, ORDER_CREATED_AT, FIRST_ROW);
	if (read_sums(r, row, o) != 0 || read_id(r, row, past) != 0 ||
	    keep_text(r, row, ORDER_EMAIL, &o->email) != 0 ||
	    read_phone(r, row, &o->phone) != 0 ||
	    keep_text(r, row, ORDER_METHOD, &o->shipping_name) != 0 ||
	    keep_text(r, row, ORDER_FULFILLMENT, &past->fulfillment) != 0 ||
	    keep_text(r, row, ORDER_FINANCIAL, &past->financial) != 0 ||
	    read_time(r, row, ORDER_PAID_AT, &past->paid_at) != 0 ||
	    read_time(r, row, ORDER_FULFILLED_AT, &past->fulfilled_at) != 0 ||
	    read_time(r, row, ORDER_CANCELED_AT, &past->canceled_at) != 0 ||
	    read_amount(r, row, ORDER_REFUNDED, &past->refunded) != 0 ||
	    read_address(r, row, BILLING, &o->billing_address) != 0 ||
	    read_address(r, row, SHIPPING, &o->shipping_address) != 0)
		return -1;
	if (past->refunded > o->total)
		return cell_fail(row, ORDER_REFUNDED,
		    "is more than Total, which is all that was paid");
	o->exchange_id = "";
	return 0;
}

/* ------------------------------------------------------------------- lines */

/* A line that was taken off the order again has no units. */
int
past_line(struct reading *r, const struct row *row, struct past_order *past)
{
	struct line *line = arena_alloc(r->arena, sizeof(*line));
	struct order *o = &past->order;
	const char *state;
	int64_t units;

	if (line == NULL)
		return -1;
	if (*row->cell[LINE_NAME] == '\0' && *row->cell[LINE_QUANTITY] == '\0')
		return 0;
	if (keep_text(r, row, LINE_NAME, &line->title) != 0 ||
	    keep_text(r, row, LINE_SKU, &line->sku) != 0 ||
	    keep_text(r, row, LINE_VENDOR, &line->vendor) != 0 ||
	    cell_text(row, LINE_FULFILLMENT, NAME_MAX_CHARS, &state) != 0 ||
	    cell_whole(row, LINE_QUANTITY, &units) != 0 ||
	    cell_amount(row, LINE_PRICE, r->currency, &line->price) != 0)
		return -1;
	if (units < 0)
		return cell_fail(row, LINE_QUANTITY, "is less than nothing");
	if (units > PAST_UNITS_MAX)
		return cell_fail(row, LINE_QUANTITY, "is too large; at most %d",
		    PAST_UNITS_MAX);
	if (units == 0)
		return 0;
	if (*line->title == '\0')
		return cell_fail(row, LINE_NAME, "is empty");
	if (o->nlines == PAST_LINES_MAX)
		return cell_fail(row, LINE_NAME,
		    "is one more than %d lines of order %s", PAST_LINES_MAX,
		    past->name);
	past->sent[o->nlines] = strcmp(state, "fulfilled") == 0;
	line->quantity = (int)units;
	line->product_id = line->handle = line->variant = line->image = "";
	*past->lines_end = line;
	past->lines_end = &line->next;
	o->nlines++;
	o->units += line->quantity;
	return 0;
}
