/*
 * catalog_related.c - the products beside a product.
 *
 * A walk from the product along each of its collections, in the order of an
 * index, as far as goods.h says: it costs the same in a collection of twenty
 * and of a million, and where all have one position, too.  In how many of the
 * collections each that was met stands is asked by key.
 *
 * Promises: only published products; the same literal SQL for every engine; as
 * many statements as the product has collections, and a few.
 */
#include <stdlib.h>
#include <string.h>

#include "catalog.h"

enum {
	SLUGS = 8,  /* collections that are looked at */
	STEPS = 12, /* that are gone along each */
	ASKED = 12, /* products in one statement */
};

struct met {
	const char *product;
	int64_t position;
	int shared;   /* of the walk's collections it stands in so many */
	bool wrapped; /* it comes before the product in the index */
};

struct walk {
	struct db *db;
	struct arena *arena;
	const char *product;
	int64_t position;
	const char *slug[SLUGS];
	int slugs;
	struct met met[SLUGS * STEPS];
	int n, steps;
	bool wrapped;
};

static int
slug_row(void *arg, int n, const char *const col[])
{
	struct walk *w = arg;

	(void)n;
	w->slug[w->slugs++] = arena_copy(w->arena, col[0]);
	w->position = num(col[1]);
	return 0;
}

static struct met *
met(struct walk *w, const char *product)
{
	for (int i = 0; i < w->n; i++)
		if (strcmp(w->met[i].product, product) == 0)
			return &w->met[i];
	return NULL;
}

static int
step_row(void *arg, int n, const char *const col[])
{
	struct walk *w = arg;

	(void)n;
	if (w->steps == STEPS)
		return 0;
	w->steps++;
	if (met(w, col[0]) == NULL)
		w->met[w->n++] =
		    (struct met){.product = arena_copy(w->arena, col[0]),
		        .position = num(col[1]),
		        .wrapped = w->wrapped};
	return 0;
}

/* After the product to the collection's end, and from its beginning on. */
static int
go_along(struct walk *w, const char *slug)
{
	w->steps = 0;
	w->wrapped = false;
	if (db_run(w->db, step_row, w,
	        "SELECT product, position FROM collection_product "
	        "WHERE slug = $1 "
	        "AND (position, product) > (CAST($2 AS BIGINT), $3) "
	        "ORDER BY position, product LIMIT 12",
	        slug, NUM(w->position), w->product) < 0)
		return -1;
	w->wrapped = true;
	return w->steps == STEPS ||
	               db_run(w->db, step_row, w,
	                   "SELECT product, position FROM collection_product "
	                   "WHERE slug = $1 "
	                   "AND (position, product) < "
	                   "(CAST($2 AS BIGINT), $3) "
	                   "ORDER BY position, product LIMIT 12",
	                   slug, NUM(w->position), w->product) >= 0
	           ? 0
	           : -1;
}

static int
shared_row(void *arg, int n, const char *const col[])
{
	struct walk *w = arg;
	struct met *m = met(w, col[0]);

	(void)n;
	if (m != NULL)
		for (int i = 0; i < w->slugs; i++)
			m->shared += strcmp(w->slug[i], col[1]) == 0;
	return 0;
}

/* What was met in one of them may stand in others, too. */
static int
count_shared(struct walk *w)
{
	const char *p[ASKED];

	for (int from = 0; w->slugs > 1 && from < w->n; from += ASKED) {
		for (int i = 0; i < ASKED; i++)
			p[i] = from + i < w->n ? w->met[from + i].product : "";
		if (db_run(w->db, shared_row, w,
		        "SELECT product, slug FROM collection_product "
		        "WHERE product IN ($1, $2, $3, $4, $5, $6, $7, $8, "
		        "$9, $10, $11, $12)",
		        p[0], p[1], p[2], p[3], p[4], p[5], p[6], p[7], p[8],
		        p[9], p[10], p[11]) < 0)
			return -1;
	}
	return 0;
}

static int
by_rank(const void *a, const void *b)
{
	const struct met *x = a, *y = b;

	if (x->shared != y->shared)
		return x->shared > y->shared ? -1 : 1;
	if (x->wrapped != y->wrapped)
		return x->wrapped ? 1 : -1;
	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return strcmp(x->product, y->product);
}

int
catalog_related(struct db *db, struct arena *arena, const char *product_id,
    int limit, struct listing *listing)
{
	struct walk w = {.db = db, .arena = arena, .product = product_id};
	const char *id[SLUGS * STEPS] = {NULL};

	*listing = (struct listing){0};
	if (db_run(db, slug_row, &w,
	        "SELECT o.slug, p.position FROM product p "
	        "JOIN product_category o ON o.product = p.id "
	        "WHERE p.id = $1 AND p.published = 1 "
	        "ORDER BY o.position, o.slug LIMIT 8",
	        product_id) < 0)
		return -1;
	for (int i = 0; i < w.slugs; i++)
		if (go_along(&w, w.slug[i]) != 0)
			return -1;
	if (count_shared(&w) != 0 || arena_failed(arena))
		return -1;
	qsort(w.met, (size_t)w.n, sizeof(w.met[0]), by_rank);
	for (int i = 0; i < w.n; i++)
		id[i] = w.met[i].product;
	if (w.n > limit)
		w.n = limit < 0 ? 0 : limit;
	if (catalog_cards(db, arena, id, (size_t)w.n, &listing->products) != 0)
		return -1;
	listing->total = catalog_length(listing->products);
	return 0;
}
