/*
 * catalog_feed.c - the whole catalogue, product by product.
 *
 * Promises: only published products; memory for one batch of them, however many
 * there are; no transaction stays open between two batches, so a long walk
 * holds nobody up.  A product that is added, removed or renamed meanwhile is
 * there or not; none is there twice.
 */
#include "catalog.h"

#include <stdlib.h>
#include <string.h>

#define BATCH "500"

struct walk {
	struct arena *arena;
	struct product **last;  /* where the next product goes */
	struct product *at;     /* whose categories are being read */
	struct category **next; /* where its next category goes */
};

static int
product_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct arena *arena = walk->arena;
	struct product *p = arena_alloc(arena, sizeof(*p));

	(void)n;
	if (p == NULL)
		return shop_fail("out of memory");
	p->id = arena_copy(arena, col[0]);
	p->handle = arena_copy(arena, col[1]);
	p->title = arena_copy(arena, col[2]);
	p->body = arena_copy(arena, col[3]);
	p->image = arena_copy(arena, col[4]);
	p->price_min = num(col[5]);
	p->stock = num(col[6]);
	p->in_stock = num(col[7]) != 0;
	*walk->last = p;
	walk->last = &p->next;
	return arena_failed(arena) ? shop_fail("out of memory") : 0;
}

/* Both lists are in the database's order of product ids. */
static int
category_row(void *arg, int n, const char *const col[])
{
	struct walk *walk = arg;
	struct category *category;

	(void)n;
	while (walk->at != NULL && strcmp(walk->at->id, col[0]) != 0) {
		walk->at = walk->at->next;
		walk->next = walk->at != NULL ? &walk->at->categories : NULL;
	}
	if (walk->at == NULL)
		return 0; /* of one that is new since, and in the next batch */
	category = arena_alloc(walk->arena, sizeof(*category));
	if (category == NULL)
		return shop_fail("out of memory");
	category->name = arena_copy(walk->arena, col[1]);
	category->slug = "";
	*walk->next = category;
	walk->next = &category->next;
	return 0;
}

/* The products after the id ${after}; their categories, of published ones only,
   so that every row finds its product. */
static int
read_batch(struct db *db, struct arena *arena, const char *after,
    struct product **list)
{
	struct walk walk = {.arena = arena, .last = list};
	const struct product *p;

	*list = NULL;
	if (db_run(db, product_row, &walk,
	        "SELECT p.id, p.handle, p.title, p.body, p.image, "
	        "MIN(v.price), SUM(v.stock), MAX(CASE WHEN v.stock > 0 "
	        "OR v.oversell = 1 THEN 1 ELSE 0 END) "
	        "FROM (SELECT id, handle, title, body, image FROM product "
	        "WHERE published = 1 AND id > $1 ORDER BY id LIMIT " BATCH
	        ") p "
	        "JOIN variant v ON v.product = p.id "
	        "GROUP BY p.id, p.handle, p.title, p.body, p.image "
	        "ORDER BY p.id",
	        after) < 0)
		return -1;
	if (*list == NULL)
		return 0;
	for (p = *list; p->next != NULL;)
		p = p->next;
	walk.at = *list;
	walk.next = &walk.at->categories;
	return db_run(db, category_row, &walk,
	           "SELECT c.product, c.name FROM product_category c "
	           "JOIN product p ON p.id = c.product "
	           "WHERE p.published = 1 AND c.product > $1 "
	           "AND c.product <= $2 ORDER BY c.product, c.position",
	           after, p->id) < 0
	           ? -1
	           : 0;
}

/* 1: there may be more after ${after}, which moves on; 0: that was the end. */
static int
one_batch(struct db *db, char **after, catalog_visit *visit, void *arg)
{
	struct arena *arena = arena_new();
	struct product *p = NULL;
	char *last = NULL;
	int result = -1;

	if (arena == NULL)
		return shop_fail("out of memory");
	if (read_batch(db, arena, *after, &p) == 0)
		result = p != NULL;
	for (; result > 0 && p != NULL; p = p->next) {
		if (visit(arg, arena, p) != 0)
			result = -1;
		else if (p->next == NULL && (last = strdup(p->id)) == NULL)
			result = shop_fail("out of memory");
	}
	if (last != NULL) {
		free(*after);
		*after = last;
	}
	arena_free(arena);
	return result;
}

int
catalog_each(struct db *db, catalog_visit *visit, void *arg)
{
	char *after = strdup("");
	int more = after != NULL ? 1 : shop_fail("out of memory");

	while (more > 0)
		more = one_batch(db, &after, visit, arg);
	free(after);
	return more;
}
