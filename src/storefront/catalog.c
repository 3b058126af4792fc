/*
 * catalog.c - lookups in the catalogue: a product, a collection, a handle.
 *
 * Promises: only published products, here and in every count; the same literal
 * SQL for every engine; no statement takes longer in a larger shop, but the
 * menu's, by each collection more.
 * Does not: write (import.c does, order.c takes from the stock), nor know a
 * page.  Lists are catalog_list.c, catalog_related.c and catalog_cards.c.
 */
#include "catalog.h"

/* v.id, v.name, v.sku, v.price, v.compare_at, v.stock, v.oversell */
static struct variant *
variant_of(struct arena *arena, const char *const col[])
{
	struct variant *variant = arena_alloc(arena, sizeof(*variant));

	if (variant == NULL)
		return NULL;
	variant->id = num(col[0]);
	variant->name = arena_copy(arena, col[1]);
	variant->sku = arena_copy(arena, col[2]);
	variant->price = num(col[3]);
	variant->compare_at = num(col[4]);
	variant->stock = num(col[5]);
	variant->oversell = num(col[6]) != 0;
	return variant;
}

static int
variant_row(void *arg, int n, const char *const col[])
{
	struct into *into = arg;

	(void)n;
	*into->variants = variant_of(into->arena, col);
	if (*into->variants == NULL)
		return -1;
	into->variants = &(*into->variants)->next;
	return 0;
}

/* slug, name; and where there is a list of them: count, image */
static int
category_row(void *arg, int n, const char *const col[])
{
	struct into *into = arg;
	struct category *category = arena_alloc(into->arena, sizeof(*category));

	if (category == NULL)
		return -1;
	category->slug = arena_copy(into->arena, col[0]);
	category->name = arena_copy(into->arena, col[1]);
	category->count = n > 2 ? num(col[2]) : 0;
	category->image = arena_copy(into->arena, n > 3 ? col[3] : NULL);
	*into->categories = category;
	into->categories = &category->next;
	return 0;
}

int
catalog_product_row(void *arg, int n, const char *const col[])
{
	struct into *into = arg;
	struct arena *arena = into->arena;
	struct product *product;

	(void)n;
	product = arena_alloc(arena, sizeof(*product));
	if (product == NULL)
		return -1;
	product->id = arena_copy(arena, col[0]);
	product->handle = arena_copy(arena, col[1]);
	product->title = arena_copy(arena, col[2]);
	product->body = arena_copy(arena, col[3]);
	product->vendor = arena_copy(arena, col[4]);
	product->image = arena_copy(arena, col[5]);
	product->image_alt = arena_copy(arena, col[6]);
	snprintf(product->mark, MARK_BYTES, "%s", col[7] ? col[7] : "");
	*into->products = product;
	into->products = &product->next;
	return 0;
}

int
catalog_categories(struct db *db, struct arena *arena, struct product *product)
{
	struct into into = {.arena = arena, .categories = &product->categories};

	return db_run(db, category_row, &into,
	           "SELECT slug, name FROM product_category "
	           "WHERE product = $1 ORDER BY position",
	           product->id) < 0
	           ? -1
	           : 0;
}

static int
load_variants(struct db *db, struct arena *arena, struct product *product)
{
	struct into into = {.arena = arena, .variants = &product->variants};
	const struct variant *v;

	if (db_run(db, variant_row, &into,
	        "SELECT id, name, sku, price, compare_at, stock, oversell "
	        "FROM variant WHERE product = $1 ORDER BY position, id",
	        product->id) < 0)
		return -1;
	v = product->variants;
	if (v == NULL)
		return shop_fail("product %s has no variant: load the "
		                 "catalogue again",
		    product->id);
	product->price_min = product->price_max = v->price;
	product->compare_at = v->compare_at;
	for (; v != NULL; v = v->next) {
		if (v->price < product->price_min) {
			product->price_min = v->price;
			product->compare_at = v->compare_at;
		}
		if (v->price > product->price_max)
			product->price_max = v->price;
		if (variant_buyable(v))
			product->in_stock = true;
	}
	return 0;
}

int
catalog_product(struct db *db, struct arena *arena, const char *handle,
    struct product **product)
{
	struct into into = {.arena = arena, .products = product};

	*product = NULL;
	if (db_run(db, catalog_product_row, &into,
	        PRODUCTS "product p WHERE p.handle = $1 AND p.published = 1",
	        handle) < 0)
		return -1;
	if (*product == NULL)
		return 0;
	if (load_variants(db, arena, *product) != 0 ||
	    catalog_categories(db, arena, *product) != 0)
		return -1;
	return 1;
}

/* A name may be spelled in several ways: the first product's counts. */
int
catalog_collection(struct db *db, struct arena *arena, const char *slug,
    struct category **category)
{
	struct into into = {.arena = arena, .categories = category};

	*category = NULL;
	if (db_run(db, category_row, &into,
	        "SELECT f.slug, c.name, (SELECT products FROM collection "
	        "WHERE slug = f.slug), p.image FROM ("
	        "SELECT slug, product FROM collection_product "
	        "WHERE slug = $1 ORDER BY position, product LIMIT 1) f "
	        "JOIN product p ON p.id = f.product "
	        "JOIN product_category c "
	        "ON c.product = f.product AND c.slug = f.slug",
	        slug) < 0)
		return -1;
	return *category == NULL ? 0 : 1;
}

/* Each is looked up by itself: of a table as small as this PostgreSQL may know
 * no size, and would rather join the whole catalogue to it. */
int
catalog_collections(struct db *db, struct arena *arena, struct category **list)
{
	struct into into = {.arena = arena, .categories = list};

	*list = NULL;
	return db_run(db, category_row, &into,
	           "SELECT g.slug, (SELECT name FROM product_category "
	           "WHERE product = g.first AND slug = g.slug), g.products, "
	           "(SELECT image FROM product WHERE id = g.first) FROM ("
	           "SELECT c.slug AS slug, c.products AS products, "
	           "(SELECT f.product FROM collection_product f "
	           "WHERE f.slug = c.slug "
	           "ORDER BY f.position, f.product LIMIT 1) "
	           "AS first FROM collection c) g ORDER BY "
	           "(SELECT position FROM product WHERE id = g.first), "
	           "g.first, (SELECT position FROM product_category "
	           "WHERE product = g.first AND slug = g.slug), g.slug") < 0
	           ? -1
	           : 0;
}

struct handle {
	struct arena *arena;
	const char **handle;
};

static int
handle_row(void *arg, int n, const char *const col[])
{
	struct handle *found = arg;

	(void)n;
	*found->handle = arena_copy(found->arena, col[0]);
	return 0;
}

int
catalog_handle(
    struct db *db, struct arena *arena, int64_t variant, const char **handle)
{
	struct handle found = {arena, handle};

	*handle = NULL;
	return db_run(db, handle_row, &found,
	           "SELECT p.handle FROM variant v "
	           "JOIN product p ON p.id = v.product "
	           "WHERE v.id = $1 AND p.published = 1",
	           NUM(variant)) < 0
	           ? -1
	           : 0;
}

bool
variant_buyable(const struct variant *variant)
{
	return variant->oversell || variant->stock > 0;
}

const struct variant *
variant_shown(const struct product *product)
{
	for (const struct variant *v = product->variants; v; v = v->next)
		if (variant_buyable(v))
			return v;
	return product->variants;
}
