/*
 * catalog.h - what catalog.c and catalog_list.c share.
 */
#ifndef STOREFRONT_CATALOG_H
#define STOREFRONT_CATALOG_H

#include "storefront.h"

/* Where the rows of a statement go. */
struct into {
	struct arena *arena;
	struct product **products;
	struct variant **variants;
	struct category **categories;
	int64_t total;
};

/*
 * A product of a row: id, handle, title, body, vendor, image, image_alt, mark; and
 * in a list: lowest and highest price, the cheapest's compare_at, in stock.  One of
 * a list that has no variant is left out.
 */
db_row catalog_product_row;
int catalog_categories(
    struct db *db, struct arena *arena, struct product *product);

#endif
