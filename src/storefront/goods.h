/*
 * goods.h - what is sold: the catalogue and the cart.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef GOODS_H
#define GOODS_H

#include "base.h"

/* ------------------------------------------------------- catalog.c: the catalogue */

#define PRICE_MAX 1000000000 /* minor units */
#define MARK_BYTES 24        /* a number of 64 bits as text */

struct variant {
	int64_t id;
	const char *name; /* "Small / Blue"; "" = the only one */
	const char *sku;
	int64_t price, compare_at; /* compare_at 0 = none */
	int64_t stock;
	bool oversell;    /* sold even without stock */
	const char *pushed; /* see struct product */
	struct variant *next;
};
struct category {
	const char *name, *slug;
	int64_t count;
	const char *image; /* of its first product */
	int64_t position; /* among its product's, in a feed */
	struct category *next;
};
struct product {
	const char *id;   /* Klaviyo's ProductID */
	char mark[MARK_BYTES]; /* shelf_mark's of it; "" = none, or not read */
	const char *handle, *title, *body, *vendor;
	const char *image, *image_alt; /* "/images/x.png" or an absolute URL */
	struct category *categories; /* none in a list */
	struct variant *variants; /* at least one; none in a list */
	int64_t price_min, price_max, compare_at;
	int64_t stock;    /* of all variants; known to catalog_each() only */
	bool in_stock;
	/* Known to catalog_each_whole() only; ${pushed} is the hash of what
	 * Klaviyo's catalog has of it: NULL = nothing, "" = anything. */
	bool published;
	const char *pushed;
	struct product *next;
};
struct listing {
	struct product *products;
	int64_t total; /* of all pages */
};

/* Lookups: 1 found, 0 not, -1 failure. */
int catalog_product(struct db *db, struct arena *arena, const char *handle,
    struct product **product);
int catalog_collection(struct db *db, struct arena *arena, const char *slug,
    struct category **category);
int catalog_collections(
    struct db *db, struct arena *arena, struct category **list);
/* Products of a collection (slug), matching a search text, both or neither
 * (NULL), by position.  With neither, the total is of those alone: what the whole
 * shop has nobody counts. */
int catalog_list(struct db *db, struct arena *arena, const char *slug,
    const char *search, int offset, int limit, struct listing *listing);
/* The handle of a variant's product; NULL if there is none.  -1 on failure. */
int catalog_handle(struct db *db, struct arena *arena, int64_t variant,
    const char **handle);
/* What a line of an order says of the variant with this SKU: its id, product,
 * names, picture and categories; the first, if there are several.  0: there is
 * none, and the line stays as it is. */
struct line;
int catalog_sku(
    struct db *db, struct arena *arena, const char *sku, struct line *line);
/* The variant that a product page opens on: the first that can be bought. */
const struct variant *variant_shown(const struct product *product);
bool variant_buyable(const struct variant *variant);
/* Others of the same collections: of each of its first eight, the twelve that
 * follow it there, and after the last the first ones, by position and id.  Of
 * these, those first that are in most of the eight, too; among equals the ones
 * after this product, so that not every page shows the same, by position and id.
 * The same list at each call, whatever else the shop has. */
int catalog_related(struct db *db, struct arena *arena, const char *product_id,
    int limit, struct listing *listing);
/* Products as a list has them, in the order of their ids; those that there are
 * not are left out. */
int catalog_cards(struct db *db, struct arena *arena, const char *const *id,
    size_t n, struct product **list);

/* Calls ${visit} for every published product, with the lowest price, the stock
 * of all variants and the categories' names; ${arena} is emptied now and then.
 * ${visit} ends it by returning non-zero. */
typedef int catalog_visit(
    void *arg, struct arena *arena, const struct product *product);
int catalog_each(struct db *db, catalog_visit *visit, void *arg);
/* The same for every product, with its variants. */
int catalog_each_whole(struct db *db, catalog_visit *visit, void *arg);

/* catalog_way.c: the feed, or what is pushed.  Notes in meta when something was:
 * "catalog push", "feed asked". */
int catalog_note(struct db *db, const char *what, int64_t now);
/* What `doctor` has to say of it: prints it; the number of faults. */
int catalog_doctor(const struct settings *settings, struct db *db, FILE *out);

/*
 * import.c: loads Shopify's product CSV in one transaction: all of it, or
 * nothing with shop_error() naming the line.  Products are known by the
 * optional column ID, else by their handle; those not in the file stay.
 */
struct import_counts {
	int64_t products, variants;
};
int catalog_import(struct db *db, const char *text, size_t length,
    const char *currency, struct import_counts *counts);

/* ----------------------------------------- cart.c, cart_read.c: the cart */

#define QUANTITY_MAX 999
#define LINES_MAX 100

struct line { /* of a cart or an order */
	int64_t id;      /* of a cart: the variant's; of an order: 1.. */
	const char *product_id, *handle, *title, *variant, *sku, *vendor;
	const char *image;
	struct category *categories;
	int64_t price, compare_at, stock;
	bool oversell;
	int quantity;
	struct line *next;
};
struct cart {
	const char *id;
	int64_t revision, changed_at;
	struct line *lines;
	int nlines, units;
	int64_t subtotal;
};
int cart_load(struct db *db, struct arena *arena, const char *id,
    struct cart *cart); /* "" gives an empty cart */
/* What cart_units() asks for, of a cart that ${cart} is in SQL. */
#define CART_UNITS(cart)                                                       \
	"(SELECT COALESCE(SUM(l.quantity), 0) FROM cart_line l "               \
	"JOIN variant v ON v.id = l.variant "                                  \
	"JOIN product p ON p.id = v.product "                                  \
	"WHERE l.cart = " cart " AND p.published = 1), "                       \
	"(SELECT COUNT(*) FROM cart_added WHERE cart = " cart ")"
/* Units in a cart, for the header; -1 on failure.  ${added}: is there something
 * to take by cart_take_added()? */
int cart_units(struct db *db, const char *id, bool *added);

enum cart_change {
	CART_FAILED = -1,
	CART_DONE = 0,
	CART_NO_VARIANT,   /* there is no such variant */
	CART_SOLD_OUT,     /* less in stock than asked for */
	CART_TOO_MANY,     /* more than QUANTITY_MAX or LINES_MAX */
};
/* Adds to a cart, making it if ${cart} is "".  Within a transaction.  ${cart}
 * gets the id, ${revision} the new revision. */
enum cart_change cart_add(struct db *db, struct arena *arena,
    const char **cart, int64_t variant, int quantity, int64_t now,
    int64_t *revision);
/* Sets a line's quantity, 0 removes it.  ${added} gets by how much it grew. */
enum cart_change cart_set(struct db *db, const char *cart, int64_t variant,
    int quantity, int64_t now, int64_t *revision, int *added);
/* Is the cart still as it was read?  1, and it stays so until the transaction
 * ends; 0 it has changed; -1. */
int cart_hold(struct db *db, const struct cart *cart);
/* Adds the lines of ${from} to ${cart}, as far as stock and limits go: 1 if that
 * was not all of them.  Both held.  Within a transaction. */
int cart_merge(struct db *db, const struct cart *cart, const struct cart *from,
    int64_t now);
/* Replaces the lines of ${cart} by those of ${from}. */
int cart_copy(struct db *db, struct arena *arena, const char **cart,
    const char *from, int64_t now);
/* What was added but is not yet reported by a page: noted with the change, and
 * taken once, by the next page shown. */
struct added {
	int64_t variant, revision;
	int quantity;
	struct added *next;
};
int cart_note_added(struct db *db, const char *cart, int64_t revision,
    int64_t variant, int quantity);
int cart_take_added(
    struct db *db, struct arena *arena, const char *cart, struct added **list);

#endif
