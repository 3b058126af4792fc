/*
 * catalog.h - what catalog.c and the files of lists share.
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
 * A product of a row: id, handle, title, body, vendor, image, image_alt, mark.
 */
db_row catalog_product_row;
/* The beginning of a statement of such rows, of products p. */
#define PRODUCTS                                                               \
	"SELECT p.id, p.handle, p.title, p.body, p.vendor, p.image, "          \
	"p.image_alt, (SELECT mark FROM shelf_mark WHERE product = p.id) FROM "
/* What a list says of the variants: lowest and highest price, the cheapest's
 * compare_at, in stock.  Products that have none are taken out of it. */
int catalog_prices(struct db *db, struct product **list);
int64_t catalog_length(const struct product *list);
int catalog_categories(
    struct db *db, struct arena *arena, struct product *product);

#endif
