/*
 * order_sums.c - the sums of a checkout: delivery, discount, total.
 *
 * Promises: totals are computed here and nowhere else, from the catalogue's
 * prices.
 */
#include "storefront.h"

#include <ctype.h>
#include <string.h>

struct methods {
	struct arena *arena;
	int64_t subtotal;
	struct shipping **last;
};

static int
shipping_row(void *arg, int n, const char *const col[])
{
	struct methods *m = arg;
	struct shipping *method = arena_alloc(m->arena, sizeof(*method));

	(void)n;
	if (method == NULL)
		return shop_fail("out of memory");
	method->code = arena_copy(m->arena, col[0]);
	method->name = arena_copy(m->arena, col[1]);
	method->when = arena_copy(m->arena, col[2]);
	method->price = num(col[3]);
	if (col[4] != NULL && m->subtotal >= num(col[4]))
		method->price = 0;
	*m->last = method;
	m->last = &method->next;
	return 0;
}

int
shipping_methods(struct db *db, struct arena *arena, int64_t subtotal,
    struct shipping **list)
{
	struct methods methods = {arena, subtotal, list};

	*list = NULL;
	return db_run(db, shipping_row, &methods,
	           "SELECT code, name, whenthere, price, free_from "
	           "FROM shipping_method ORDER BY position") < 0
	    ? -1
	    : 0;
}

struct rule {
	struct arena *arena;
	const char *code, *kind;
	int64_t value, minimum;
};

static int
rule_row(void *arg, int n, const char *const col[])
{
	struct rule *rule = arg;

	(void)n;
	rule->code = arena_copy(rule->arena, col[0]);
	rule->kind = arena_copy(rule->arena, col[1]);
	rule->value = num(col[2]);
	rule->minimum = num(col[3]);
	return arena_failed(rule->arena) ? -1 : 0;
}

int
discount_find(struct db *db, struct arena *arena, const char *code,
    int64_t subtotal, struct discount *discount)
{
	struct rule rule = {.arena = arena};
	char upper[64];
	size_t n = 0;
	int64_t found;

	memset(discount, 0, sizeof(*discount));
	discount->code = "";
	for (const char *p = code; *p != '\0' && n + 1 < sizeof(upper); p++)
		if (!isspace((unsigned char)*p))
			upper[n++] = (char)toupper((unsigned char)*p);
	upper[n] = '\0';
	if (n == 0)
		return 0;
	found = db_run(db, rule_row, &rule,
	    "SELECT code, kind, value, minimum FROM discount WHERE code = $1",
	    upper);
	if (found < 0)
		return -1;
	if (found == 0) {
		discount->why_not = "This code is not known.";
		return 0;
	}
	if (subtotal < rule.minimum) {
		discount->why_not = "This code needs a larger order.";
		return 0;
	}
	discount->code = rule.code;
	if (strcmp(rule.kind, "percent") == 0)
		discount->amount = subtotal * rule.value / 100;
	else if (strcmp(rule.kind, "amount") == 0)
		discount->amount =
		    rule.value < subtotal ? rule.value : subtotal;
	else
		discount->free_shipping = true;
	return 0;
}

int
order_totals(struct order *order, const struct shipping *shipping,
    const struct discount *discount)
{
	order->shipping_name = shipping->name;
	order->discount_code = discount->code;
	order->shipping = shipping->price;
	order->discount = discount->amount;
	if (discount->free_shipping)
		order->discount = shipping->price;
	if (__builtin_add_overflow(
	        order->subtotal, order->shipping, &order->total) ||
	    __builtin_sub_overflow(
	        order->total, order->discount, &order->total))
		return shop_fail("the order's total overflows");
	return 0;
}
