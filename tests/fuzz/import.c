/*
 * import.c - fuzzes the catalogue's import as a whole: a CSV into a database
 * (import.c, import_store.c).
 *
 * Must hold: a file is taken whole or not at all; what was taken is shown as it
 * is promised (a product has a variant, prices are in range, texts are clean);
 * the same file once more changes nothing.
 */
#include "shop_kit.h"

static struct db *db;

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	db = kit_database();
	return 0;
}

static int
add_row(void *arg, int n, const char *const col[])
{
	for (int i = 0; i < n; i++)
		text_printf(arg, "%s|", col[i] != NULL ? col[i] : "NULL");
	text_add(arg, "\n");
	return 0;
}

/* All that an import writes, but for the time. */
static char *
content(void)
{
	struct text text = {0};

	text_add(&text, "");
	kit_must(
	    db_run(db, add_row, &text,
	        "SELECT id, handle, title, body, vendor, image, image_alt, "
	        "published, position, search FROM product ORDER BY id") >= 0 &&
	    db_run(db, add_row, &text,
	        "SELECT product, id, name, sku, price, compare_at, stock, "
	        "oversell, position FROM variant ORDER BY id") >= 0 &&
	    db_run(db, add_row, &text,
	        "SELECT product, slug, name, position FROM product_category "
	        "ORDER BY product, position") >= 0);
	return text.data;
}

static int
one_product(void *arg, struct arena *arena, const struct product *product)
{
	int64_t *products = arg;

	(void)arena;
	must(product->price_min >= 0 && product->price_min <= PRICE_MAX);
	must(*product->title != '\0' && *product->handle != '\0');
	must(clean_but(product->title, "") && clean_but(product->body, "\n"));
	++*products;
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct import_counts counts = {0}, again = {0};
	int64_t products = 0;
	char *first, *second;

	if (catalog_import(db, text, size, "USD", &counts) != 0) {
		first = content();
		must(*first == '\0' && *shop_error() != '\0');
		must(clean_but(shop_error(), ""));
		free(first);
		return 0;
	}
	must(counts.products > 0 && counts.variants >= counts.products);
	kit_must(catalog_each(db, one_product, &products) == 0);
	must(products <= counts.products);
	first = content();
	kit_must(catalog_import(db, text, size, "USD", &again) == 0);
	must(again.products == counts.products &&
	     again.variants == counts.variants);
	second = content();
	must(strcmp(first, second) == 0);
	free(first);
	free(second);
	kit_must(db_begin(db) == 0 &&
	         db_run(db, NULL, NULL, "DELETE FROM product") >= 0 &&
	         db_commit(db) == 0);
	return 0;
}
