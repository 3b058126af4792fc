/*
 * guide.c - does an event carry what Klaviyo's guide says it should?
 *
 * The guide is "Integrate an Ecommerce Platform Without a Pre-Built Klaviyo
 * Integration". Property names are free as far as the API goes, so a misspelled
 * one is no error there and is found only when an e-mail stays empty. Here each
 * metric of the guide has a table; a property that is not there, is of another
 * type or has a name that only resembles the guide's is counted and told.
 */
#include "sandbox.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum where { EVENT, PROPERTY, ITEM };
enum type { TEXT, NUMBER, TEXTS, OBJECT, OBJECTS };
enum { WANTS = 28 };

struct want {
	const char *name;
	enum where where;
	enum type type;
	int optional;
};
struct stat {
	unsigned seen, missing, mistyped;
	char instead[64]; /* the last name found in its place */
	unsigned misspelled;
};
struct expected {
	const char *metric;
	const struct want *wants[2]; /* own, and shared */
	unsigned events;
	struct stat stats[WANTS];
};

/* clang-format off: tables */
static const struct want viewed_product[] = {{"ProductName", PROPERTY, TEXT, 0},
    {"ProductID", PROPERTY, TEXT, 0}, {"SKU", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ImageURL", PROPERTY, TEXT, 0},
    {"URL", PROPERTY, TEXT, 0}, {"Brand", PROPERTY, TEXT, 1},
    {"Price", PROPERTY, NUMBER, 0}, {"CompareAtPrice", PROPERTY, NUMBER, 1},
    {NULL, 0, 0, 0}};

static const struct want added_to_cart[] = {
    {"AddedItemProductName", PROPERTY, TEXT, 0},
    {"AddedItemProductID", PROPERTY, TEXT, 0},
    {"AddedItemSKU", PROPERTY, TEXT, 0},
    {"AddedItemCategories", PROPERTY, TEXTS, 0},
    {"AddedItemImageURL", PROPERTY, TEXT, 0},
    {"AddedItemURL", PROPERTY, TEXT, 0},
    {"AddedItemPrice", PROPERTY, NUMBER, 0},
    {"AddedItemQuantity", PROPERTY, NUMBER, 0}, {NULL, 0, 0, 0}};

static const struct want started_checkout[] = {{"unique_id", EVENT, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {NULL, 0, 0, 0}};

/* What a cart carries, in Added to Cart and in Started Checkout. */
static const struct want cart[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 1}, {"ItemNames", PROPERTY, TEXTS, 0},
    {"CheckoutURL", PROPERTY, TEXT, 0}, {"Items", PROPERTY, OBJECTS, 0},
    {"ProductID", ITEM, TEXT, 0}, {"SKU", ITEM, TEXT, 0},
    {"ProductName", ITEM, TEXT, 0}, {"Quantity", ITEM, NUMBER, 0},
    {"ItemPrice", ITEM, NUMBER, 0}, {"RowTotal", ITEM, NUMBER, 0},
    {"ProductURL", ITEM, TEXT, 0}, {"ImageURL", ITEM, TEXT, 0},
    {"ProductCategories", ITEM, TEXTS, 0}, {NULL, 0, 0, 0}};

/* What an order carries, whatever becomes of it. */
static const struct want order[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 0}, {"unique_id", EVENT, TEXT, 0},
    {"time", EVENT, TEXT, 0}, {"OrderId", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ItemNames", PROPERTY, TEXTS, 0},
    {"Brands", PROPERTY, TEXTS, 1}, {"DiscountCode", PROPERTY, TEXT, 1},
    {"DiscountValue", PROPERTY, NUMBER, 1}, {"Items", PROPERTY, OBJECTS, 0},
    {"BillingAddress", PROPERTY, OBJECT, 1},
    {"ShippingAddress", PROPERTY, OBJECT, 1}, {"ProductID", ITEM, TEXT, 0},
    {"SKU", ITEM, TEXT, 0}, {"ProductName", ITEM, TEXT, 0},
    {"Quantity", ITEM, NUMBER, 0}, {"ItemPrice", ITEM, NUMBER, 0},
    {"RowTotal", ITEM, NUMBER, 0}, {"ProductURL", ITEM, TEXT, 0},
    {"ImageURL", ITEM, TEXT, 0}, {"Categories", ITEM, TEXTS, 0},
    {"Brand", ITEM, TEXT, 1}, {NULL, 0, 0, 0}};

static const struct want ordered_product[] = {{"value", EVENT, NUMBER, 0},
    {"value_currency", EVENT, TEXT, 0}, {"unique_id", EVENT, TEXT, 0},
    {"time", EVENT, TEXT, 0}, {"OrderId", PROPERTY, TEXT, 0},
    {"ProductID", PROPERTY, TEXT, 0}, {"SKU", PROPERTY, TEXT, 0},
    {"ProductName", PROPERTY, TEXT, 0}, {"Quantity", PROPERTY, NUMBER, 0},
    {"ProductURL", PROPERTY, TEXT, 0}, {"ImageURL", PROPERTY, TEXT, 0},
    {"Categories", PROPERTY, TEXTS, 0}, {"ProductBrand", PROPERTY, TEXT, 1},
    {NULL, 0, 0, 0}};

static const struct want reason[] = {
    {"Reason", PROPERTY, TEXT, 1}, {NULL, 0, 0, 0}};
static const struct want nothing[] = {{NULL, 0, 0, 0}};

/* clang-format on */

static struct expected expected[] = {
    {.metric = "Viewed Product", .wants = {viewed_product, nothing}},
    {.metric = "Added to Cart", .wants = {added_to_cart, cart}},
    {.metric = "Started Checkout", .wants = {started_checkout, cart}},
    {.metric = "Placed Order", .wants = {order, nothing}},
    {.metric = "Ordered Product", .wants = {ordered_product, nothing}},
    {.metric = "Fulfilled Order", .wants = {order, nothing}},
    {.metric = "Canceled Order", .wants = {order, reason}},
    {.metric = "Refunded Order", .wants = {order, reason}},
};
enum { METRICS = sizeof expected / sizeof *expected };

static const char *const where_names[] = {"event", "properties", "Items[]"};
static const char *const type_names[] = {
    "text", "number", "list of texts", "object", "list of objects"};

static const struct want *
want_at(const struct expected *e, int i)
{
	int n = 0;

	while (e->wants[0][n].name)
		n++;
	return i < n ? &e->wants[0][i] : &e->wants[1][i - n];
}

static int
fits(enum type t, const struct json *v)
{
	static const enum json_type types[] = {
	    JSON_STRING, JSON_NUMBER, JSON_ARRAY, JSON_OBJECT, JSON_ARRAY};
	enum json_type of = t == TEXTS ? JSON_STRING : JSON_OBJECT;

	if (v->type != types[t])
		return 0;
	if (t == TEXTS || t == OBJECTS)
		for (v = v->child; v; v = v->next)
			if (v->type != of)
				return 0;
	return 1;
}

/* Letters and digits only, in lower case. */
static void
plain(char out[48], const char *s)
{
	size_t n = 0;

	for (; *s && n < 47; s++)
		if (isalnum((unsigned char)*s))
			out[n++] = (char)tolower((unsigned char)*s);
	out[n] = 0;
}

/* Edit distance of two short texts. */
static int
distance(const char *a, const char *b)
{
	int row[49], n = (int)strlen(b);

	for (int j = 0; j <= n; j++)
		row[j] = j;
	for (int i = 1; a[i - 1]; i++) {
		int corner = row[0];

		row[0] = i;
		for (int j = 1; j <= n; j++) {
			int up = row[j];
			int best = corner + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			corner = up;
		}
	}
	return row[n];
}

static int
resembles(const char *name, const char *other)
{
	char a[48], b[48];

	plain(a, name);
	plain(b, other);
	return !strcmp(a, b) || (strlen(a) > 4 && distance(a, b) <= 2);
}

static int
wanted(const struct expected *e, enum where where, const char *name)
{
	const struct want *w;

	for (int i = 0; (w = want_at(e, i))->name; i++)
		if (w->where == where && !strcmp(w->name, name))
			return 1;
	return 0;
}

static void
tell(struct buf *remarks, const char *fmt, const char *a, const char *b,
    const char *c)
{
	struct buf s = {0};

	buf_printf(&s, fmt, a, b, c);
	buf_str(remarks, remarks->n ? "," : "");
	buf_json(remarks, s.p, s.n);
	buf_free(&s);
}

static void
judge(const struct expected *e, const struct want *w, struct stat *s,
    const struct json *object, struct buf *remarks, struct buf *missing)
{
	const struct json *v = json_get(object, w->name);

	if (v && v->type != JSON_NULL) {
		s->seen++;
		if (!fits(w->type, v)) {
			s->mistyped++;
			tell(remarks, "guide: %s %s should be a %s",
			    where_names[w->where], w->name,
			    type_names[w->type]);
		}
		return;
	}
	s->missing++;
	for (v = w->where == EVENT ? NULL : object->child; v; v = v->next)
		if (!wanted(e, w->where, v->key) &&
		    resembles(v->key, w->name)) {
			snprintf(s->instead, sizeof s->instead, "%s", v->key);
			s->misspelled++;
			tell(remarks,
			    "guide: %s \"%.60s\" should be spelled "
			    "%s",
			    where_names[w->where], v->key, w->name);
			return;
		}
	if (!w->optional)
		buf_printf(missing, "%s%s%s", missing->n ? ", " : "",
		    w->where == ITEM ? "Items[]." : "", w->name);
}

void
guide_note(const char *metric, const struct json *attributes,
    const struct json *profile, struct buf *remarks)
{
	const struct json *properties = json_get(attributes, "properties");
	const struct json *items = json_get(properties, "Items");
	const struct json *item =
	    items && items->type == JSON_ARRAY ? items->child : NULL;
	struct expected *e = expected;
	(void)profile;
	struct buf missing = {0};
	const struct want *w;

	while (e < expected + METRICS && strcmp(e->metric, metric))
		e++;
	if (e == expected + METRICS)
		return;
	e->events++;
	for (int i = 0; (w = want_at(e, i))->name; i++) {
		if (w->where == EVENT)
			judge(
			    e, w, &e->stats[i], attributes, remarks, &missing);
		else if (w->where == PROPERTY)
			judge(
			    e, w, &e->stats[i], properties, remarks, &missing);
		else
			for (const struct json *v = item; v; v = v->next)
				if (v->type == JSON_OBJECT)
					judge(e, w, &e->stats[i], v, remarks,
					    &missing);
	}
	if (missing.n)
		tell(remarks, "guide: not there: %s%s%s", missing.p, "", "");
	buf_free(&missing);
}

void
guide_json(struct buf *b)
{
	const struct want *w;

	buf_str(b, "[");
	for (int m = 0; m < METRICS; m++) {
		const struct expected *e = &expected[m];

		buf_printf(b,
		    "%s{\"metric\":\"%s\",\"events\":%u,"
		    "\"properties\":[",
		    m ? "," : "", e->metric, e->events);
		for (int i = 0; (w = want_at(e, i))->name; i++) {
			const struct stat *s = &e->stats[i];

			buf_printf(b,
			    "%s{\"name\":\"%s\",\"where\":\"%s\","
			    "\"type\":\"%s\",\"optional\":%s,\"seen\":%u,"
			    "\"missing\":%u,\"mistyped\":%u,\"misspelled\":%u,"
			    "\"instead\":",
			    i ? "," : "", w->name, where_names[w->where],
			    type_names[w->type], w->optional ? "true" : "false",
			    s->seen, s->missing, s->mistyped, s->misspelled);
			buf_json(b, s->instead, strlen(s->instead));
			buf_str(b, "}");
		}
		buf_str(b, "]}");
	}
	buf_str(b, "]");
}

void
guide_clear(void)
{
	for (int m = 0; m < METRICS; m++) {
		expected[m].events = 0;
		memset(expected[m].stats, 0, sizeof expected[m].stats);
	}
}
