/*
 * catalog.h - what catalog.c, catalog_list.c and catalog_related.c share.
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
/* The beginning of a statement of products p, as a list has them. */
#define CARDS                                                                  \
	"SELECT p.id, p.handle, p.title, p.body, p.vendor, p.image, "          \
	"p.image_alt, "                                                        \
	"(SELECT mark FROM shelf_mark WHERE product = p.id), "                 \
	"(SELECT MIN(price) FROM variant WHERE product = p.id), "              \
	"(SELECT MAX(price) FROM variant WHERE product = p.id), "              \
	"(SELECT compare_at FROM variant WHERE product = p.id "                \
	"ORDER BY price, position, id LIMIT 1), "                              \
	"(SELECT MAX(CASE WHEN stock > 0 OR oversell = 1 "                     \
	"THEN 1 ELSE 0 END) FROM variant WHERE product = p.id) FROM "
int catalog_categories(
    struct db *db, struct arena *arena, struct product *product);

#endif
