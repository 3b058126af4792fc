/*
 * catalog_feed.c - the whole catalogue, product by product.
 *
 * Promises: only published products, or all, with their variants and what was
 * pushed of each; memory for one batch of them, however many there are; no
 * transaction stays open between two batches, so a long walk holds nobody up.
 * A product that is added, removed or renamed meanwhile is there or not; none
 * is there twice.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#define BATCH "500"
#define NO_PRICE (-1)

struct walk {
	struct arena *arena;
	struct product **last;  /* where the next product goes */
	struct product *at;     /* whose categories are being read */
	struct variant **last_variant;
	char none[64]; /* the id of a row's product that is not in the list */
};

/* The next product, with the columns that both statements begin with, and without
   what its variants say: NO_PRICE, until they do.  NULL: out of memory. */
static struct product *
next_product(struct walk *walk, const char *const col[])
{
	struct arena *arena = walk->arena;
	struct product *p = arena_alloc(arena, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->id = arena_copy(arena, col[0]);
	p->handle = arena_copy(arena, col[1]);
	p->title = arena_copy(arena, col[2]);
	p->body = arena_copy(arena, col[3]);
	p->image = arena_copy(arena, col[4]);
	p->price_min = NO_PRICE;
	*walk->last = p;
	walk->last = &p->next;
	return p;
}

static int
product_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct arena *arena = walk->arena;
	struct product *p = next_product(walk, col);

	(void)n;
	if (p == NULL)
		return shop_fail("out of memory");
	p->vendor = arena_copy(arena, col[5]);
	p->published = num(col[6]) != 0;
	p->pushed = col[7] != NULL ? arena_copy(arena, col[7]) : NULL;
	return arena_failed(arena) ? shop_fail("out of memory") : 0;
}

static int
plain_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;

	(void)n;
	if (next_product(walk, col) == NULL)
		return shop_fail("out of memory");
	return arena_failed(walk->arena) ? shop_fail("out of memory") : 0;
}

/* The product of a row, at or after the last row's; NULL: one that is not
   published, or is new since the list was read.  The rows of one are looked for
   once. */
static struct product *
owner(struct walk *walk, const char *id)
{
	struct product *p = walk->at;

	if (strcmp(walk->none, id) == 0)
		return NULL;
	while (p != NULL && strcmp(p->id, id) != 0)
		p = p->next;
	if (p == NULL)
		snprintf(walk->none, sizeof(walk->none), "%s", id);
	return p;
}

/* Both lists are in the database's order of product ids.  The few categories of
   one are put in order here: the database would sort those of all products. */
static int
category_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct category *category, **at;
	struct product *p;

	(void)n;
	p = owner(walk, col[0]);
	if (p == NULL)
		return 0;
	walk->at = p;
	category = arena_alloc(walk->arena, sizeof(*category));
	if (category == NULL)
		return shop_fail("out of memory");
	category->name = arena_copy(walk->arena, col[1]);
	category->slug = "";
	category->position = num(col[2]);
	at = &p->categories;
	while (*at != NULL && (*at)->position <= category->position)
		at = &(*at)->next;
	category->next = *at;
	*at = category;
	return 0;
}

/* A variant's part of what those of a product have together; a stock beyond what
   can be counted is all that can. */
static void
add_part(struct product *p, int64_t price, int64_t stock, bool oversell)
{
	if (p->price_min == NO_PRICE || price < p->price_min)
		p->price_min = price;
	if (__builtin_add_overflow(p->stock, stock, &p->stock))
		p->stock = stock > 0 ? INT64_MAX : INT64_MIN;
	p->in_stock = p->in_stock || stock > 0 || oversell;
}

/* Of a product that is read without its variants. */
static int
part_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct product *p = owner(walk, col[0]);

	(void)n;
	if (p == NULL)
		return 0;
	walk->at = p;
	add_part(p, num(col[1]), num(col[2]), num(col[3]) == 1);
	return 0;
}

static int
variant_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct product *p;
	struct variant *v;

	(void)n;
	p = owner(walk, col[0]);
	if (p == NULL)
		return 0;
	if (p != walk->at)
		walk->last_variant = &p->variants;
	walk->at = p;
	v = arena_alloc(walk->arena, sizeof(*v));
	if (v == NULL)
		return shop_fail("out of memory");
	v->name = arena_copy(walk->arena, col[1]);
	v->sku = arena_copy(walk->arena, col[2]);
	v->price = num(col[3]);
	v->stock = num(col[4]);
	v->oversell = num(col[5]) != 0;
	v->pushed = col[6] != NULL ? arena_copy(walk->arena, col[6]) : NULL;
	*walk->last_variant = v;
	walk->last_variant = &v->next;
	add_part(p, v->price, v->stock, num(col[5]) == 1);
	return 0;
}

/* In the order of an index: neither a join nor a sort nor groups, which would
   take longer than all else that a feed needs. */
static int
read_published(struct db *db, struct walk *walk, const char *after)
{
	struct product **list = walk->last;
	const struct product *p;

	if (db_run(db, plain_row, walk,
	        "SELECT id, handle, title, body, image FROM product "
	        "WHERE published = 1 AND id > $1 ORDER BY id LIMIT " BATCH,
	        after) < 0)
		return -1;
	if ((walk->at = *list) == NULL)
		return 0;
	for (p = *list; p->next != NULL;)
		p = p->next;
	return db_run(db, part_row, walk,
	           "SELECT product, price, stock, oversell FROM variant "
	           "WHERE product > $1 AND product <= $2 ORDER BY product",
	           after, p->id) < 0
	           ? -1
	           : 0;
}

static int
read_variants(struct db *db, struct walk *walk, struct product *list,
    const char *after, const char *end)
{
	walk->at = list;
	walk->last_variant = &list->variants;
	return db_run(db, variant_row, walk,
	           "SELECT v.product, v.name, v.sku, v.price, v.stock, "
	           "v.oversell, c.hash FROM variant v "
	           "LEFT JOIN catalog_pushed c ON c.kind = 'variant' "
	           "AND c.product = v.product AND c.name = v.name "
	           "WHERE v.product > $1 AND v.product <= $2 "
	           "ORDER BY v.product, v.position, v.id",
	           after, end) < 0
	           ? -1
	           : 0;
}

static int
read_whole(struct db *db, struct walk *walk, const char *after)
{
	return db_run(db, product_row, walk,
	           "SELECT p.id, p.handle, p.title, p.body, p.image, "
	           "p.vendor, p.published, c.hash FROM product p "
	           "LEFT JOIN catalog_pushed c ON c.kind = 'item' "
	           "AND c.product = p.id AND c.name = '' "
	           "WHERE p.id > $1 ORDER BY p.id LIMIT " BATCH,
	           after) < 0
	           ? -1
	           : 0;
}

/* The products after the id ${after}; their categories, of the same ones only,
   so that a row finds its product; of all, ${whole}, the variants, too. */
static int
read_batch(struct db *db, struct arena *arena, const char *after, bool whole,
    struct product **list)
{
	struct walk walk = {.arena = arena, .last = list};
	const struct product *p;

	*list = NULL;
	if (whole && read_whole(db, &walk, after) != 0)
		return -1;
	if (!whole && read_published(db, &walk, after) != 0)
		return -1;
	if (*list == NULL)
		return 0;
	for (p = *list; p->next != NULL;)
		p = p->next;
	walk.at = *list;
	if (db_run(db, category_row, &walk,
	        "SELECT product, name, position FROM product_category "
	        "WHERE product > $1 AND product <= $2 ORDER BY product",
	        after, p->id) < 0)
		return -1;
	return whole ? read_variants(db, &walk, *list, after, p->id) : 0;
}

/* 1: there may be more after ${after}, which moves on; 0: that was the end. */
static int
one_batch(struct db *db, struct arena *arena, char **after, bool whole,
    catalog_visit *visit, void *arg)
{
	struct product *p = NULL;
	char *last = NULL;
	int result = -1;

	if (read_batch(db, arena, *after, whole, &p) == 0)
		result = p != NULL;
	for (; result > 0 && p != NULL; p = p->next) {
		if (p->price_min != NO_PRICE && visit(arg, arena, p) != 0)
			result = -1;
		else if (p->next == NULL && (last = strdup(p->id)) == NULL)
			result = shop_fail("out of memory");
	}
	if (last != NULL) {
		free(*after);
		*after = last;
	}
	arena_clear(arena);
	return result;
}

static int
walk_all(struct db *db, bool whole, catalog_visit *visit, void *arg)
{
	struct arena *arena = arena_new();
	char *after = strdup("");
	int more = 1;

	if (arena == NULL || after == NULL)
		more = shop_fail("out of memory");
	while (more > 0)
		more = one_batch(db, arena, &after, whole, visit, arg);
	free(after);
	arena_free(arena);
	return more;
}

int
catalog_each(struct db *db, catalog_visit *visit, void *arg)
{
	return walk_all(db, false, visit, arg);
}

int
catalog_each_whole(struct db *db, catalog_visit *visit, void *arg)
{
	return walk_all(db, true, visit, arg);
}
