/*
 * catalog_sku.c - the variant with a SKU, as a line of an order has it.
 *
 * Hidden products, too: what was sold once may be sold no more.
 */
#include "catalog.h"

struct found {
	struct arena *arena;
	struct line *line;
};

static int
sku_row(void *arg, int n, const char *const col[])
{
	struct found *found = arg;
	struct line *line = found->line;

	(void)n;
	line->id = num(col[0]);
	line->variant = arena_copy(found->arena, col[1]);
	line->product_id = arena_copy(found->arena, col[2]);
	line->handle = arena_copy(found->arena, col[3]);
	line->title = arena_copy(found->arena, col[4]);
	line->vendor = arena_copy(found->arena, col[5]);
	line->image = arena_copy(found->arena, col[6]);
	return arena_failed(found->arena) ? shop_fail("out of memory") : 0;
}

int
catalog_sku(
    struct db *db, struct arena *arena, const char *sku, struct line *line)
{
	struct found found = {arena, line};
	struct product product = {0};
	int64_t rows;

	rows = db_run(db, sku_row, &found,
	    "SELECT v.id, v.name, p.id, p.handle, p.title, p.vendor, p.image "
	    "FROM variant v JOIN product p ON p.id = v.product "
	    "WHERE v.sku = $1 ORDER BY v.id LIMIT 1",
	    sku);
	if (rows <= 0)
		return (int)rows;
	product.id = line->product_id;
	if (catalog_categories(db, arena, &product) != 0)
		return -1;
	line->categories = product.categories;
	return 1;
}
