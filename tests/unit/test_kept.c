/*
 * test_kept.c - what is kept in memory: its bounds, its order, threads; and that
 * it is known whether it is still good, whoever has changed a row.
 */
#include "catalog_db.h"

#include <pthread.h>

#include "nth_alloc.h"
#include "shelf.h"

/* ------------------------------------------------------------------- kept.c */

static atomic_int living;

struct thing {
	struct kept_item item;
	char key[16];
	int number; /* the same as in its key */
};

static void
thing_drop(struct kept_item *item)
{
	atomic_fetch_sub(&living, 1);
	free(item);
}

static struct kept_item *
thing_add(struct kept *kept, int number, size_t size, uint64_t when)
{
	struct thing *thing = calloc(1, sizeof(*thing));

	assert_non_null(thing);
	snprintf(thing->key, sizeof(thing->key), "%d", number);
	thing->number = number;
	thing->item = (struct kept_item){
	    .key = thing->key, .size = size, .drop = thing_drop};
	atomic_fetch_add(&living, 1);
	kept_add(kept, &thing->item, when);
	return &thing->item;
}

static bool
there(struct kept *kept, const char *key)
{
	struct kept_item *item = kept_find(kept, key);

	kept_release(item);
	return item != NULL;
}

static size_t
bytes(struct kept *kept)
{
	size_t n, all;

	kept_count(kept, &n, &all);
	return all;
}

static void
no_more_than_its_limit(void **state)
{
	struct kept *kept = kept_new(1000);
	size_t n, all;

	(void)state;
	for (int i = 0; i < 50; i++) {
		kept_release(thing_add(kept, i, 100, 1));
		assert_true(bytes(kept) <= 1000);
	}
	kept_count(kept, &n, &all);
	assert_int_equal(n, 10);
	assert_int_equal(all, 1000);
	assert_int_equal(living, 10);
	assert_false(there(kept, "39"));
	assert_true(there(kept, "40"));
	/* The one that was just used stays, the next goes. */
	kept_release(thing_add(kept, 50, 100, 1));
	assert_true(there(kept, "40"));
	assert_false(there(kept, "41"));
	kept_free(kept);
	assert_int_equal(living, 0);
	kept_free(NULL);
}

static void
one_of_a_key(void **state)
{
	struct kept *kept = kept_new(1000);
	struct kept_item *old = thing_add(kept, 7, 100, 1), *found;

	(void)state;
	kept_release(thing_add(kept, 7, 90, 2));
	assert_int_equal(bytes(kept), 90);
	/* Who has the old one still has it. */
	assert_int_equal(living, 2);
	assert_int_equal(((struct thing *)old)->number, 7);
	kept_release(old);
	assert_int_equal(living, 1);
	found = kept_find(kept, "7");
	assert_true(kept_good(found, 2));
	assert_false(kept_good(found, 3));
	kept_checked(found, 5);
	kept_checked(found, 4); /* an earlier look, which ended later */
	assert_true(kept_good(found, 5));
	kept_free(kept);
	assert_int_equal(living, 1);
	kept_release(found);
	assert_int_equal(living, 0);
}

static void
not_one_for_all(void **state)
{
	struct kept *kept = kept_new(1000);
	struct kept_item *large = thing_add(kept, 1, 500, 1);

	(void)state;
	/* It would push out all others: it is its user's alone. */
	assert_false(there(kept, "1"));
	assert_int_equal(bytes(kept), 0);
	kept_release(large);
	assert_int_equal(living, 0);
	kept_free(kept);
}

static int
make(void)
{
	struct kept *kept = kept_new(1000);

	kept_free(kept);
	return kept != NULL;
}

static void
no_memory(void **state)
{
	(void)state;
	nth_alloc_hook();
	assert_int_equal(nth_alloc_each(make), 1);
	assert_string_equal(shop_error(), "out of memory");
}

enum { THREADS = 4, TURNS = 20000, KEYS = 40 };

static void *
use(void *arg)
{
	struct kept *kept = arg;
	unsigned int seed = (unsigned int)(uintptr_t)&seed;
	char key[16];

	for (int i = 0; i < TURNS; i++) {
		int number = rand_r(&seed) % KEYS;
		struct kept_item *item;

		snprintf(key, sizeof(key), "%d", number);
		item = kept_find(kept, key);
		if (item == NULL)
			item = thing_add(kept, number, 100, kept_now(kept));
		if (((struct thing *)item)->number != number)
			return item;
		kept_checked(item, kept_next(kept));
		kept_release(item);
	}
	return NULL;
}

static void
many_threads(void **state)
{
	struct kept *kept = kept_new(2000); /* half of the keys */
	pthread_t thread[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(
		    pthread_create(&thread[i], NULL, use, kept), 0);
	for (int i = 0; i < THREADS; i++) {
		void *wrong;

		pthread_join(thread[i], &wrong);
		assert_null(wrong);
	}
	assert_true(bytes(kept) <= 2000);
	assert_true(living <= 20);
	assert_true(kept_now(kept) > THREADS * TURNS);
	kept_free(kept);
	assert_int_equal(living, 0);
}

/* ------------------------------------------------------------------ shelf.c */

static const char shop_csv[] =
    "ID,Handle,Title,Type,Tags,Published,Option1 Name,Option1 Value,"
    "Variant Inventory Tracker,Variant Inventory Qty,Variant Price\n"
    "1,one,One,Fiction,Gifts,true,Size,S,shopify,9,10\n"
    ",one,,,,,,M,shopify,0,12\n"
    "2,two,Two,Fiction,,true,,,shopify,3,9\n"
    "3,three,Three,Fiction,,true,,,shopify,0,8\n"
    "4,four,Four,Kitchen,,true,,,,,7\n";

/* A thread's shop on a connection of its own, which keeps. */
static struct shop
shop_on(struct kept *kept)
{
	const char *address = getenv("TEST_POSTGRES");
	struct shop shop = {.kept = kept,
	    .db = db_open_at(address != NULL ? address : path)};

	if (shop.db == NULL)
		fail_msg("%s", shop_error());
	return shop;
}

static int reads; /* how often a sum was asked for */

static int
read_sum(struct shop *shop, const struct kept_item *item, uint64_t *sum)
{
	static const char *const others[SHELF_OTHERS] = {"2", "3", "", ""};

	(void)item;
	reads++;
	return shelf_sum(shop->db, "1", others, sum);
}

/* The sum of what is read for a page. */
static uint64_t
sum_now(void)
{
	struct listing others = {0};
	struct product *p;
	char mark[MARK_BYTES];

	assert_int_equal(shelf_mark(db, mark), 0);
	assert_int_equal(catalog_product(db, arena, "one", &p), 1);
	assert_int_equal(
	    catalog_related(db, arena, p->id, SHELF_OTHERS, &others), 0);
	return shelf_sum_of(mark, p, others.products);
}

static const char *const changes[] = {
    "UPDATE product SET title = 'Other' WHERE id = '1'",
    "UPDATE product SET body = 'Other' WHERE id = '2'",
    "UPDATE product SET vendor = 'Other' WHERE id = '1'",
    "UPDATE product SET image = '/images/other.png' WHERE id = '1'",
    "UPDATE product SET image_alt = 'Other' WHERE id = '3'",
    "UPDATE product SET position = 99 WHERE id = '4'",
    "UPDATE product SET published = 0 WHERE id = '4'",
    "UPDATE variant SET price = 1 WHERE product = '1'",
    "UPDATE variant SET compare_at = 5000 WHERE product = '2'",
    "UPDATE variant SET stock = 8 WHERE product = '1' AND name = 'S'",
    "UPDATE variant SET stock = 0 WHERE product = '2'",
    "UPDATE variant SET oversell = 1 WHERE product = '3'",
    "UPDATE variant SET sku = 'other' WHERE product = '1'",
    "UPDATE variant SET position = 9 WHERE product = '1' AND name = 'S'",
    "UPDATE variant SET name = 'XL' WHERE product = '1' AND name = 'S'",
    "DELETE FROM variant WHERE product = '1' AND name = 'XL'",
    "INSERT INTO variant (product, name, sku, price, compare_at, stock, "
    "oversell, position) VALUES ('1', 'L', '', 1, 0, 1, 0, 3)",
    "INSERT INTO product_category (product, slug, name, position) "
    "VALUES ('4', 'new', 'New', 2)",
    "UPDATE product_category SET name = 'Newer' WHERE slug = 'new'",
    "DELETE FROM product_category WHERE slug = 'new'",
    "DELETE FROM product WHERE id = '4'",
};

static int
stock_shop(void **state)
{
	clear_shop(state);
	load(shop_csv);
	return 0;
}

static void
each_change_is_another_sum(void **state)
{
	uint64_t sum, had;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		struct shop shop = {.db = db};

		assert_int_equal(read_sum(&shop, NULL, &had), 0);
		/* What was read, and what is asked for, are the same. */
		assert_true(had == sum_now());
		if (db_run(db, NULL, NULL, changes[i]) < 0)
			fail_msg("%s", shop_error());
		assert_int_equal(read_sum(&shop, NULL, &sum), 0);
		if (sum == had)
			fail_msg("not seen: %s", changes[i]);
	}
	/* Of others, only whether there is any. */
	load(shop_csv);
	had = sum_now();
	db_run(db, NULL, NULL,
	    "UPDATE variant SET stock = 2 WHERE product = '2'");
	assert_true(had == sum_now());
}

/* That another connection commits is seen by each thread, at its next look. */
static void
each_change_is_seen(void **state)
{
	struct kept *kept = kept_new(100000);
	struct shop a = shop_on(kept), b = shop_on(kept);
	bool cheap = getenv("TEST_POSTGRES") == NULL;
	struct kept_item *item;
	uint64_t when;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		assert_int_equal(shelf_find(&a, "1", read_sum, &item), 0);
		assert_null(item);
		when = kept_now(kept);
		item = thing_add(kept, 1, 100, when);
		item->sum = sum_now();
		kept_release(item);
		for (int turn = 0; turn < 3; turn++) {
			reads = 0;
			assert_int_equal(
			    shelf_find(&a, "1", read_sum, &item), 1);
			kept_release(item);
			assert_int_equal(
			    shelf_find(&b, "1", read_sum, &item), 1);
			kept_release(item);
			/* Nothing happened: nobody asks. */
			if (cheap && turn == 2)
				assert_int_equal(reads, 0);
		}
		/* By another, or on its own connection. */
		if (db_run(i % 2 == 0 ? db : b.db, NULL, NULL, changes[i]) < 0)
			fail_msg("%s", shop_error());
		assert_int_equal(shelf_find(&b, "1", read_sum, &item), 0);
		assert_null(item);
	}
	db_close(a.db);
	db_close(b.db);
	kept_free(kept);
	assert_int_equal(living, 0);
}

static void
the_menu(void **state)
{
	struct kept *kept = kept_new(100000);
	struct shop a = shop_on(kept), b = shop_on(kept);
	struct category *list, *plain;

	(void)state;
	for (int turn = 0; turn < 3; turn++) {
		assert_int_equal(shelf_menu(&a, arena, &list), 0);
		assert_int_equal(shelf_menu(&b, arena, &list), 0);
		assert_int_equal(catalog_collections(db, arena, &plain), 0);
		for (; plain != NULL; plain = plain->next, list = list->next) {
			assert_string_equal(list->name, plain->name);
			assert_string_equal(list->slug, plain->slug);
			assert_string_equal(list->image, plain->image);
			assert_int_equal(list->count, plain->count);
		}
		assert_null(list);
		if (turn == 1)
			db_run(a.db, NULL, NULL,
			    "UPDATE product_category SET slug = 'gift', "
			    "name = 'A gift' WHERE slug = 'gifts'");
	}
	/* None at all, and one who keeps nothing. */
	db_run(db, NULL, NULL, "DELETE FROM product");
	assert_int_equal(shelf_menu(&a, arena, &list), 0);
	assert_null(list);
	b.kept = NULL;
	load(shop_csv);
	assert_int_equal(shelf_menu(&b, arena, &list), 0);
	assert_string_equal(list->name, "Fiction");
	db_close(a.db);
	db_close(b.db);
	kept_free(kept);
}

/* As they would be chosen anew, whatever has changed, and each as it is now. */
static void
the_neighbours(void **state)
{
	struct kept *kept = kept_new(100000);
	struct shop a = shop_on(kept);
	struct product *list, *none;
	struct listing plain;

	(void)state;
	for (size_t i = 0; i < sizeof(changes) / sizeof(*changes); i++) {
		for (int turn = 0; turn < 2; turn++) {
			assert_int_equal(
			    shelf_related(&a, arena, "1", &list), 0);
			assert_int_equal(catalog_related(db, arena, "1",
			                     SHELF_OTHERS, &plain),
			    0);
			for (struct product *p = plain.products; p != NULL;
			     p = p->next, list = list->next) {
				assert_non_null(list);
				assert_string_equal(list->id, p->id);
				assert_string_equal(list->title, p->title);
				assert_string_equal(list->mark, p->mark);
				assert_int_equal(list->price_min, p->price_min);
				assert_int_equal(
				    list->compare_at, p->compare_at);
				assert_int_equal(list->in_stock, p->in_stock);
			}
			assert_null(list);
		}
		if (db_run(db, NULL, NULL, changes[i]) < 0)
			fail_msg("%s", shop_error());
	}
	assert_int_equal(shelf_related(&a, arena, "none", &none), 0);
	assert_null(none);
	assert_int_equal(shelf_related(&a, arena, "none", &none), 0);
	assert_null(none);
	db_close(a.db);
	kept_free(kept);
}

/* Out of memory at each allocation of the menu's making: then it is not kept,
 * or the page fails; never a part of it. */
static struct shop menu_shop;

static void
no_memory_for_the_menu(void **state)
{
	struct kept *kept = kept_new(100000);
	struct category *list;
	int result;

	(void)state;
	menu_shop = shop_on(kept);
	for (long n = 1; n < 100; n++) {
		struct arena *own = arena_new();
		size_t names = 0;

		nth_alloc = n;
		result = shelf_menu(&menu_shop, own, &list);
		if (nth_alloc > 0)
			n = 100;
		nth_alloc = 0;
		for (; list != NULL; list = list->next)
			names++;
		if (result == 0)
			assert_int_equal(names, 3);
		arena_free(own);
		db_run(db, NULL, NULL,
		    "UPDATE product_category SET name = name");
	}
	assert_int_equal(result, 0);
	db_close(menu_shop.db);
	kept_free(kept);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_more_than_its_limit),
	    cmocka_unit_test(one_of_a_key),
	    cmocka_unit_test(not_one_for_all),
	    cmocka_unit_test(no_memory),
	    cmocka_unit_test(many_threads),
	    cmocka_unit_test_setup(each_change_is_another_sum, stock_shop),
	    cmocka_unit_test_setup(each_change_is_seen, stock_shop),
	    cmocka_unit_test_setup(the_menu, stock_shop),
	    cmocka_unit_test_setup(the_neighbours, stock_shop),
	    cmocka_unit_test_setup(no_memory_for_the_menu, stock_shop),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
