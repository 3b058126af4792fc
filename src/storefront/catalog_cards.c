/*
 * catalog_cards.c - products as a list has them: with their prices.
 *
 * Promises: a product's mark is read before its prices, so that a change in
 * between is seen at the next look; one statement for some products.
 */
#include <string.h>

#include "catalog.h"

enum { ASKED = 8 }; /* products in one statement */

/* Of some products, the cheapest variant so far; the first among equals. */
struct cheapest {
	struct product *product;
	int64_t position, id;
	bool any;
};

struct prices {
	struct cheapest of[ASKED];
	int n;
};

static struct cheapest *
cheapest(struct prices *prices, const char *product)
{
	for (int i = 0; i < prices->n; i++)
		if (strcmp(prices->of[i].product->id, product) == 0)
			return &prices->of[i];
	return NULL;
}

static bool
cheaper(const struct cheapest *c, int64_t price, int64_t position, int64_t id)
{
	if (!c->any || price != c->product->price_min)
		return !c->any || price < c->product->price_min;
	return position != c->position ? position < c->position : id < c->id;
}

/* product, price, compare_at, position, id, can it be bought */
static int
price_row(void *arg, int n, const char *const col[])
{
	int64_t price = num(col[1]), position = num(col[3]), id = num(col[4]);
	struct cheapest *c = cheapest(arg, col[0]);
	struct product *p;

	(void)n;
	if (c == NULL)
		return 0;
	p = c->product;
	if (!c->any || price > p->price_max)
		p->price_max = price;
	if (cheaper(c, price, position, id)) {
		p->price_min = price;
		p->compare_at = num(col[2]);
		c->position = position;
		c->id = id;
	}
	c->any = true;
	p->in_stock = p->in_stock || num(col[5]) != 0;
	return 0;
}

/* Of the first few from here on; those with nothing to sell are taken out.
 * Moves the list on to the next. */
static int
some_prices(struct db *db, struct product ***list)
{
	struct prices prices = {.n = 0};
	struct product *p = **list;
	const char *id[ASKED];

	for (; p != NULL && prices.n < ASKED; p = p->next)
		prices.of[prices.n++].product = p;
	for (int i = 0; i < ASKED; i++)
		id[i] = i < prices.n ? prices.of[i].product->id : "";
	if (db_run(db, price_row, &prices,
	        "SELECT product, price, compare_at, position, id, "
	        "CASE WHEN stock > 0 OR oversell = 1 THEN 1 ELSE 0 END "
	        "FROM variant "
	        "WHERE product IN ($1, $2, $3, $4, $5, $6, $7, $8)",
	        id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]) < 0)
		return -1;
	for (int i = 0; i < prices.n; i++)
		if (prices.of[i].any)
			*list = &(**list)->next;
		else
			**list = (**list)->next;
	return 0;
}

int
catalog_prices(struct db *db, struct product **list)
{
	while (*list != NULL)
		if (some_prices(db, &list) != 0)
			return -1;
	return 0;
}

int64_t
catalog_length(const struct product *list)
{
	int64_t n = 0;

	for (; list != NULL; list = list->next)
		n++;
	return n;
}

/* Appends those of these ids, at most ASKED, in their order. */
static int
some_cards(struct db *db, struct arena *arena, const char *const *id, size_t n,
    struct product ***end)
{
	struct product *list = NULL, **at;
	struct into into = {.arena = arena, .products = &list};
	const char *p[ASKED];

	for (size_t i = 0; i < ASKED; i++)
		p[i] = i < n ? id[i] : "";
	if (db_run(db, catalog_product_row, &into,
	        PRODUCTS "product p WHERE p.published = 1 "
	                 "AND p.id IN ($1, $2, $3, $4, $5, $6, $7, $8)",
	        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7]) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		for (at = &list; *at != NULL; at = &(*at)->next)
			if (strcmp((*at)->id, id[i]) == 0)
				break;
		if (*at == NULL)
			continue;
		**end = *at;
		*at = (*at)->next;
		*end = &(**end)->next;
		**end = NULL;
	}
	return 0;
}

int
catalog_cards(struct db *db, struct arena *arena, const char *const *id,
    size_t n, struct product **list)
{
	struct product **end = list;

	*list = NULL;
	for (size_t i = 0; i < n; i += ASKED)
		if (some_cards(db, arena, id + i, n - i < ASKED ? n - i : ASKED,
		        &end) != 0)
			return -1;
	return catalog_prices(db, list);
}
