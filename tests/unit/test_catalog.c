/*
 * test_catalog.c - lookups: products, collections, lists, search, related.
 */
#include "catalog_db.h"

static const char shop_csv[] =
    "ID,Handle,Title,Body (HTML),Vendor,Type,Tags,Published,Option1 Name,"
    "Option1 Value,Variant SKU,Variant Inventory Tracker,"
    "Variant Inventory Qty,Variant Price,Variant Compare At Price,Image Src\n"
    "1,whale,Moby-Dick,<p>A white whale.</p>,Harcourt,Fiction,Classics,true,"
    "Binding,Hardback,MD-H,shopify,0,28,32,/images/whale.png\n"
    ",whale,,,,,,,,Paperback,MD-P,shopify,3,12.50,15,\n"
    ",whale,,,,,,,,Audio,MD-A,shopify,0,40,,\n"
    "2,ship,The Ship,About a whale of a ship,Harcourt,Fiction,,true,,,,"
    "shopify,0,9,,/images/ship.png\n"
    "3,secret,Secret Whale,,,Fiction,Hidden,false,,,,,,1,,\n"
    "4,mug,Mug 100%,For tea_time,Kiln,Kitchen,Gifts,true,,,,,,7,,\n"
    "5,whale-mug,Whale Mug,,Kiln,KITCHEN,\"Gifts, Classics\",true,,,,shopify,"
    "5,8,,/images/wm.png\n"
    "6,etui,\"\xc3\x89tui <b>\"\"'&\",,Kiln,Kitchen,,true,,,,,,7,,\n";

static int
stock_shop(void **state)
{
	clear_shop(state);
	load(shop_csv);
	return 0;
}

static void
a_product(void **state)
{
	struct product *p;
	struct variant *v;

	(void)state;
	assert_int_equal(catalog_product(db, arena, "whale", &p), 1);
	assert_string_equal(p->id, "1");
	assert_string_equal(p->title, "Moby-Dick");
	assert_string_equal(p->body, "A white whale.");
	assert_string_equal(p->vendor, "Harcourt");
	assert_string_equal(p->image, "/images/whale.png");
	assert_int_equal(p->price_min, 1250);
	assert_int_equal(p->price_max, 4000);
	assert_int_equal(p->compare_at, 1500); /* the cheapest's */
	assert_true(p->in_stock);
	v = p->variants;
	assert_string_equal(v->name, "Hardback");
	assert_string_equal(v->sku, "MD-H");
	assert_int_equal(v->price, 2800);
	assert_int_equal(v->stock, 0);
	assert_false(v->oversell);
	assert_string_equal(v->next->name, "Paperback");
	assert_null(v->next->next->next);
	assert_ptr_equal(variant_shown(p), v->next);
	assert_string_equal(p->categories->name, "Fiction");
	assert_string_equal(p->categories->next->slug, "classics");
	assert_null(p->categories->next->next);

	assert_int_equal(catalog_product(db, arena, "ship", &p), 1);
	assert_false(p->in_stock);
	assert_ptr_equal(variant_shown(p), p->variants);
	assert_int_equal(catalog_product(db, arena, "mug", &p), 1);
	assert_true(p->in_stock); /* not tracked */

	/* Hidden, or not there. */
	assert_int_equal(catalog_product(db, arena, "secret", &p), 0);
	assert_null(p);
	assert_int_equal(catalog_product(db, arena, "", &p), 0);
	assert_int_equal(catalog_product(db, arena, "' OR 1=1 --", &p), 0);
}

static void
a_handle(void **state)
{
	const char *handle;
	int64_t id = num(ROWS("SELECT id FROM variant WHERE sku = 'MD-P'"));
	int64_t hidden =
	    num(ROWS("SELECT id FROM variant WHERE product = '3'"));

	(void)state;
	assert_true(catalog_handle(db, arena, id, &handle) >= 0);
	assert_string_equal(handle, "whale");
	assert_true(catalog_handle(db, arena, hidden, &handle) >= 0);
	assert_null(handle);
	assert_true(catalog_handle(db, arena, -1, &handle) >= 0);
	assert_null(handle);
}

static void
collections(void **state)
{
	static const struct {
		const char *slug, *name, *image;
		int count;
	} all[] = {
	    {"fiction", "Fiction", "/images/whale.png", 2},
	    {"classics", "Classics", "/images/whale.png", 2},
	    {"kitchen", "Kitchen", "", 3},
	    {"gifts", "Gifts", "", 2},
	};
	struct category *list, *one;
	size_t i = 0;

	(void)state;
	assert_int_equal(catalog_collections(db, arena, &list), 0);
	for (; list != NULL; list = list->next, i++) {
		assert_string_equal(list->slug, all[i].slug);
		assert_string_equal(list->name, all[i].name);
		assert_string_equal(list->image, all[i].image);
		assert_int_equal(list->count, all[i].count);
		assert_int_equal(
		    catalog_collection(db, arena, all[i].slug, &one), 1);
		assert_string_equal(one->name, all[i].name);
		assert_string_equal(one->image, all[i].image);
		assert_int_equal(one->count, all[i].count);
	}
	assert_int_equal(i, 4);
	assert_int_equal(catalog_collection(db, arena, "hidden", &one), 0);
	assert_null(one);
	assert_int_equal(catalog_collection(db, arena, "", &one), 0);
}

/* The ids found, and the total: "1 2 (2)". */
static const char *
found(const char *slug, const char *search, int offset, int limit)
{
	struct listing listing;
	char *text = arena_copy(arena, "");

	if (catalog_list(db, arena, slug, search, offset, limit, &listing) != 0)
		fail_msg("%s", shop_error());
	for (struct product *p = listing.products; p != NULL; p = p->next)
		text = arena_printf(arena, "%s%s ", text, p->id);
	return arena_printf(arena, "%s(%lld)", text, (long long)listing.total);
}

static const char *related(const char *id, int limit);

static void
lists(void **state)
{
	struct listing listing;
	struct product *p;

	(void)state;
	/* Of the whole shop, those alone are counted. */
	assert_string_equal(found(NULL, NULL, 0, 24), "1 2 4 5 6 (5)");
	assert_string_equal(found(NULL, NULL, 0, 2), "1 2 (2)");
	assert_string_equal(found(NULL, NULL, 2, 2), "4 5 (2)");
	assert_string_equal(found(NULL, NULL, 4, 2), "6 (1)");
	assert_string_equal(found(NULL, NULL, 6, 2), "(0)");
	assert_string_equal(found(NULL, NULL, -1, 2), "(0)");
	assert_string_equal(found("kitchen", NULL, 0, 2), "4 5 (3)");
	assert_string_equal(found("kitchen", NULL, 2, 2), "6 (3)");
	assert_string_equal(found("kitchen", NULL, 4, 2), "(3)");
	assert_string_equal(found("fiction", NULL, 0, 24), "1 2 (2)");
	assert_string_equal(found("kitchen", NULL, 0, 24), "4 5 6 (3)");
	assert_string_equal(found("kitchen", "whale", 0, 24), "5 (1)");
	assert_string_equal(found("hidden", NULL, 0, 24), "(0)");
	assert_string_equal(found("", NULL, 0, 24), "(0)");

	assert_int_equal(
	    catalog_list(db, arena, "classics", NULL, 0, 9, &listing), 0);
	p = listing.products;
	assert_string_equal(p->handle, "whale");
	assert_int_equal(p->price_min, 1250);
	assert_int_equal(p->price_max, 4000);
	assert_int_equal(p->compare_at, 1500);
	assert_true(p->in_stock);
	/* One that has nothing to sell is in no list. */
	db_run(db, NULL, NULL, "DELETE FROM variant WHERE product = '4'");
	assert_string_equal(found(NULL, NULL, 0, 24), "1 2 5 6 (4)");
	assert_string_equal(found("kitchen", NULL, 0, 24), "5 6 (3)");
	assert_string_equal(found(NULL, "gifts", 0, 24), "5 (2)");
	assert_string_equal(related("5", 4), "6 1 (2)");
}

static void
searches(void **state)
{
	static const struct {
		const char *search, *found;
	} table[] = {
	    {"whale", "5 1 2 (3)"}, /* a title's word first; 3 is hidden */
	    {"WHALE", "5 1 2 (3)"},
	    {"  whale \t white ", "1 (1)"},
	    {"whale white mug", "(0)"},
	    {"wha", "1 2 5 (3)"},
	    {"dick", "1 (1)"},
	    {"moby-dick", "1 (1)"},
	    {"harcourt", "1 2 (2)"},
	    {"gifts", "4 5 (2)"},
	    {"\xc3\xa9TUI", "6 (1)"},
	    {"e\xcc\x81tui", "6 (1)"}, /* decomposed */
	    {"etui", "(0)"},
	    {"100%", "4 (1)"},
	    {"%", "4 (1)"},
	    {"_", "4 (1)"},
	    {"tea_time", "4 (1)"},
	    {"!", "(0)"},
	    {"\\", "(0)"},
	    {"\"'&", "6 (1)"},
	    {"<b>", "6 (1)"},
	    {"' OR '1'='1", "(0)"},
	    {"", "(0)"},
	    {" \n\t ", "(0)"},
	    {"\xff", "(0)"},
	    /* Words past the eighth are not looked at. */
	    {"a w h a l e m o zzz", "1 (1)"},
	};
	char longest[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const char *got = found(NULL, table[i].search, 0, 24);

		if (strcmp(got, table[i].found) != 0)
			fail_msg("%s: %s", table[i].search, got);
	}
	/* Past 200 bytes it is cut, between two characters. */
	memset(longest, ' ', 999);
	longest[999] = '\0';
	memcpy(longest, "whale", 5);
	memcpy(longest + 900, "white", 5);
	assert_string_equal(found(NULL, longest, 0, 24), "5 1 2 (3)");
	memcpy(longest + 199, "\xc3\xa9", 2);
	assert_string_equal(found(NULL, longest, 0, 24), "5 1 2 (3)");
}

static const char *
related(const char *id, int limit)
{
	struct listing listing;
	char *text = arena_copy(arena, "");

	if (catalog_related(db, arena, id, limit, &listing) != 0)
		fail_msg("%s", shop_error());
	for (struct product *p = listing.products; p != NULL; p = p->next) {
		text = arena_printf(arena, "%s%s ", text, p->id);
	}
	return arena_printf(arena, "%s(%lld)", text, (long long)listing.total);
}

static void
related_products(void **state)
{
	(void)state;
	assert_string_equal(related("1", 4), "2 5 (2)");
	assert_string_equal(related("2", 4), "1 (1)");
	/* 5 shares two categories with 4; 6 comes after 4, and before wraps. */
	assert_string_equal(related("4", 4), "5 6 (2)");
	assert_string_equal(related("5", 4), "4 6 1 (3)");
	assert_string_equal(related("5", 1), "4 (1)");
	assert_string_equal(related("6", 4), "4 5 (2)");
	assert_string_equal(related("none", 4), "(0)");
	assert_string_equal(related("1", 0), "(0)");
}

static void
cards(void **state)
{
	static const char *const id[] = {"5", "none", "1", "4", "2", "6"};
	static const char *const shown[] = {"5", "1", "4", "2", "6"};
	struct product *list;
	size_t n = 0;

	(void)state;
	assert_int_equal(catalog_cards(db, arena, id, 6, &list), 0);
	for (struct product *p = list; p != NULL; p = p->next)
		assert_string_equal(p->id, shown[n++]);
	assert_int_equal(n, 5);
	assert_int_equal(catalog_cards(db, arena, id, 0, &list), 0);
	assert_null(list);
}

/* Of equally cheap variants the first one's former price is shown, by position
 * and id; what has no variant is nobody's to buy. */
static void
prices_of_a_list(void **state)
{
	static const struct {
		const char *product, *price, *compare_at, *stock, *position;
	} variant[] = {
	    {"2", "900", "1", "0", "9"},  /* 900 already, at position 1 */
	    {"4", "700", "2", "0", "0"},  /* before the one that is there */
	    {"5", "800", "3", "-4", "1"}, /* at the same position, but later */
	    {"5", "9900", "4", "0", "0"},
	};
	static const char *const id[] = {"2", "4", "5", "6"};
	struct product *p;

	(void)state;
	for (size_t i = 0; i < sizeof(variant) / sizeof(variant[0]); i++)
		assert_int_equal(
		    db_run(db, NULL, NULL,
		        "INSERT INTO variant (product, name, sku, price, "
		        "compare_at, stock, oversell, position) "
		        "VALUES ($1, $2, '', $3, $4, $5, 0, $6)",
		        variant[i].product, NUM((int64_t)i), variant[i].price,
		        variant[i].compare_at, variant[i].stock,
		        variant[i].position),
		    1);
	db_run(db, NULL, NULL, "DELETE FROM variant WHERE product = '6'");
	assert_int_equal(catalog_cards(db, arena, id, 4, &p), 0);
	assert_string_equal(p->id, "2");
	assert_int_equal(p->compare_at, 0);
	assert_int_equal(p->price_min, 900);
	assert_int_equal(p->price_max, 900);
	assert_false(p->in_stock);
	p = p->next;
	assert_string_equal(p->id, "4");
	assert_int_equal(p->compare_at, 2);
	assert_true(p->in_stock); /* not tracked */
	p = p->next;
	assert_string_equal(p->id, "5");
	assert_int_equal(p->compare_at, 0);
	assert_int_equal(p->price_min, 800);
	assert_int_equal(p->price_max, 9900);
	assert_true(p->in_stock);
	assert_null(p->next);
}

/* Of a large collection the next twelve, and round its end: goods.h. */
static void
related_in_a_large_shop(void **state)
{
	const char *first;

	(void)state;
	for (int i = 10; i < 60; i++) {
		const char *id = arena_printf(arena, "n%d", i);

		db_run(db, NULL, NULL,
		    "INSERT INTO product (id, handle, title, body, vendor, "
		    "image, image_alt, published, position, search, "
		    "changed_at) VALUES ($1, $1, $1, '', '', '', '', 1, $2, "
		    "'', 0)",
		    id, NUM(i));
		db_run(db, NULL, NULL,
		    "INSERT INTO variant (product, name, sku, price, "
		    "compare_at, stock, oversell, position) "
		    "VALUES ($1, '', '', 1, 0, 0, 0, 1)",
		    id);
		db_run(db, NULL, NULL,
		    "INSERT INTO product_category (product, slug, name, "
		    "position) VALUES ($1, 'many', 'Many', 1)",
		    id);
	}
	assert_string_equal(related("n10", 20),
	    "n11 n12 n13 n14 n15 n16 n17 n18 n19 n20 "
	    "n21 n22 (12)");
	assert_string_equal(related("n10", 4), "n11 n12 n13 n14 (4)");
	/* Round the end: those before come after. */
	assert_string_equal(related("n57", 4), "n58 n59 n10 n11 (4)");
	assert_string_equal(related("n59", 4), "n10 n11 n12 n13 (4)");
	/* Sold out or not is no matter; unpublished is. */
	db_run(db, NULL, NULL,
	    "UPDATE product SET published = 0 WHERE id IN ('n11', 'n13')");
	assert_string_equal(related("n10", 4), "n12 n14 n15 n16 (4)");
	/* Two shared go before one, within the twelve of either. */
	for (int i = 20; i < 60; i += 10)
		db_run(db, NULL, NULL,
		    "INSERT INTO product_category (product, slug, name, "
		    "position) VALUES ($1, 'tens', 'Tens', 2)",
		    arena_printf(arena, "n%d", i));
	assert_string_equal(related("n20", 5), "n30 n40 n50 n21 n22 (5)");
	assert_string_equal(related("n40", 5), "n50 n20 n30 n41 n42 (5)");
	first = related("n44", 12);
	for (int i = 0; i < 3; i++)
		assert_string_equal(related("n44", 12), first);
	/* A product in more than eight looks at the first eight. */
	for (int i = 0; i < 9; i++) {
		const char *slug = arena_printf(arena, "s%d", i);

		db_run(db, NULL, NULL,
		    "INSERT INTO product_category (product, slug, name, "
		    "position) VALUES ('6', $1, 'S', $2)",
		    slug, NUM(i + 2));
		db_run(db, NULL, NULL,
		    "INSERT INTO product_category (product, slug, name, "
		    "position) VALUES ($1, $2, 'S', 5)",
		    arena_printf(arena, "n%d", 50 + i), slug);
	}
	assert_string_equal(related("6", 20), "n50 n51 n52 n53 n54 n55 n56 4 "
	                                      "5 (9)");
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, stock_shop)
	const struct CMUnitTest tests[] = {
	    TEST(a_product),
	    TEST(a_handle),
	    TEST(collections),
	    TEST(lists),
	    TEST(searches),
	    TEST(related_products),
	    TEST(cards),
	    TEST(prices_of_a_list),
	    TEST(related_in_a_large_shop),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
