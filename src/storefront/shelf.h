/*
 * shelf.h - what is kept of the catalogue (kept.h), and how it is known that it
 * is still good.
 */
#ifndef STOREFRONT_SHELF_H
#define STOREFRONT_SHELF_H

#include "kept.h"

#define SHELF_OTHERS 4 /* products that a page shows beside its own */

/* Since when this thread has seen nothing change; 0: nothing is kept. */
uint64_t shelf_since(struct shop *shop);
/* The item of that key, as good as a new one, to be given back: 1; 0: there is
 * none, or not any more; -1.  ${sum} reads the sum that it should have. */
typedef int shelf_reads(
    struct shop *shop, const struct kept_item *item, uint64_t *sum);
int shelf_find(struct shop *shop, const char *key, shelf_reads *sum,
    struct kept_item **item);

/* The mark of the whole, as text; "" = none yet. */
int shelf_mark(struct db *db, char mark[MARK_BYTES]);
/* The sum of a page of ${product}, which shows ${others}: as it is in the
 * database now, and of what was read, after the mark. */
int shelf_sum(struct db *db, const char *product,
    const char *const others[SHELF_OTHERS], uint64_t *sum);
uint64_t shelf_sum_of(const char *mark, const struct product *product,
    const struct product *others);

/* The collections of the menu: catalog_collections(), but kept. */
int shelf_menu(struct shop *shop, struct arena *arena, struct category **list);
/* The first SHELF_OTHERS of catalog_related(): which they are is kept. */
int shelf_related(struct shop *shop, struct arena *arena, const char *product,
    struct product **list);

#endif
