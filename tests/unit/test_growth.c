/*
 * test_growth.c - what pages, carts and orders ask of the database costs the
 * same in a shop of 300 products and of ten times as many, in one collection.
 *
 * Work is counted, not timed: SQLite's steps, and the rows and index entries
 * that PostgreSQL says it has read.
 *
 * Replaces: klaviyo_sqlite
 */
#include <klaviyo.h>
#include <sqlite3.h>

#include "catalog_db.h"

/* PostgreSQL passes over some rows of the smaller shop, until it has vacuumed.
 */
enum { FEW = 300, MANY = 3000, WITHIN = 20 /* percent */, DEAD = 200 };

klaviyo_sql __real_klaviyo_sqlite, __wrap_klaviyo_sqlite;

static bool postgres;
static int64_t steps;

int64_t
__wrap_klaviyo_sqlite(void *conn, const char *sql, int n,
    const char *const arg[], klaviyo_row *row, void *rowarg)
{
	int64_t result = __real_klaviyo_sqlite(conn, sql, n, arg, row, rowarg);
	sqlite3_stmt *stmt = NULL;

	while ((stmt = sqlite3_next_stmt(conn, stmt)) != NULL)
		steps +=
		    sqlite3_stmt_status(stmt, SQLITE_STMTSTATUS_VM_STEP, 1);
	return result;
}

static int
number_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* What was done up to now. */
static int64_t
work(void)
{
	int64_t rows = 0;

	if (!postgres)
		return steps;
	if (db_run(db, NULL, NULL, "SELECT pg_stat_force_next_flush()") < 0 ||
	    db_run(db, number_row, &rows,
	        "SELECT (SELECT SUM(seq_tup_read + COALESCE(idx_tup_fetch, 0)) "
	        "FROM pg_stat_user_tables) + (SELECT SUM(idx_tup_read) "
	        "FROM pg_stat_user_indexes)") < 0)
		fail_msg("%s", shop_error());
	return rows;
}

/* ----------------------------------------------------------------- the shops
 */

static void
run(const char *sql, const char *n)
{
	const char *const arg[] = {n};

	if (db_sql(db, sql, n != NULL, arg, NULL, NULL) < 0)
		fail_msg("%s", shop_error());
}

/* Products of two variants: all in "all", and each in another of twelve; each
 * third is not published, and the first fifty are not. */
static void
make(int n)
{
#define EACH                                                                   \
	"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "     \
	"WHERE i < CAST($1 AS BIGINT)) "
	clear_shop(NULL);
	assert_int_equal(db_begin(db), 0);
	run(EACH "INSERT INTO product (id, handle, title, body, vendor, image, "
	         "image_alt, published, position, search, changed_at) "
	         "SELECT 'p' || i, 'p' || i, 'Title ' || i, 'Text', 'House', "
	         "'', '', CASE WHEN i > 50 AND i % 3 > 0 THEN 1 ELSE 0 END, i, "
	         "'text', 0 FROM n",
	    NUM(n));
	run(EACH "INSERT INTO variant (product, name, sku, price, compare_at, "
	         "stock, oversell, position) SELECT 'p' || i, 'small', "
	         "'s' || i, 500 + i % 100, 0, 100, 0, 1 FROM n",
	    NUM(n));
	run(EACH "INSERT INTO variant (product, name, sku, price, compare_at, "
	         "stock, oversell, position) SELECT 'p' || i, 'large', "
	         "'l' || i, 900 + i % 100, 0, 100, 0, 2 FROM n",
	    NUM(n));
	run(EACH "INSERT INTO product_category (product, slug, name, position) "
	         "SELECT 'p' || i, 'all', 'All', 1 FROM n",
	    NUM(n));
	run(EACH "INSERT INTO product_category (product, slug, name, position) "
	         "SELECT 'p' || i, 'c' || i % 12, 'C', 2 FROM n",
	    NUM(n));
	assert_int_equal(db_commit(db), 0);
	/* As it would by itself: so few rows as a shop has collections it does
	   not look at. */
	if (postgres)
		run("ANALYZE product, variant, product_category, "
		    "collection_product",
		    NULL);
}

/* ----------------------------------------------------------- what is measured
 */

static struct product *
shown(const char *handle)
{
	struct listing others;
	struct product *p;

	assert_int_equal(catalog_product(db, arena, handle, &p), 1);
	assert_int_equal(catalog_related(db, arena, p->id, 4, &others), 0);
	assert_int_equal(others.total, 4);
	return p;
}

static void
list(const char *slug, int offset, int limit)
{
	struct listing found;
	int64_t n = 0;

	assert_int_equal(
	    catalog_list(db, arena, slug, NULL, offset, limit, &found), 0);
	for (struct product *p = found.products; p != NULL; p = p->next)
		n++;
	assert_int_equal(n, limit);
}

static void
home(int n)
{
	(void)n;
	list(NULL, 0, 8);
}

static void
menu(int n)
{
	struct category *c;
	int64_t counted = 0, published = 0;

	for (int i = 51; i <= n; i++)
		published += i % 3 > 0;
	assert_int_equal(catalog_collections(db, arena, &c), 0);
	for (; c != NULL; c = c->next)
		counted += c->count;
	/* Each twice: in "all", and in another. */
	assert_int_equal(counted, 2 * published);
}

static void
collection(int n)
{
	struct category *c;

	(void)n;
	assert_int_equal(catalog_collection(db, arena, "all", &c), 1);
	list("all", 0, 24);
	list("all", 48, 24);
}

static void
first_product(int n)
{
	(void)n;
	shown("p52");
}

static void
middle_product(int n)
{
	shown(arena_printf(arena, "p%d", n / 2 + 1));
}

static void
last_product(int n)
{
	shown(arena_printf(arena, "p%d", n - 1));
}

static void
order(int n)
{
	struct product *p = shown("p52");
	struct order placed = {.time = 1,
	    .currency = "USD",
	    .status = "placed",
	    .email = "",
	    .phone = ""};
	const struct address none = {"", "", "", "", "", "", "", ""};
	const struct line *sold_out;
	struct shipping *methods;
	struct discount discount;
	const char *id = "", *key = random_id(arena, 16);
	struct cart cart;
	int64_t revision;

	(void)n;
	placed.shipping_address = placed.billing_address = none;
	assert_int_equal(db_begin(db), 0);
	for (; p->variants != NULL; p->variants = p->variants->next)
		assert_int_equal(
		    cart_add(db, arena, &id, p->variants->id, 2, 1, &revision),
		    CART_DONE);
	assert_int_equal(cart_load(db, arena, id, &cart), 0);
	assert_int_equal(cart.nlines, 2);
	assert_int_equal(shipping_methods(db, arena, 1, &methods), 0);
	assert_int_equal(discount_find(db, arena, "", 1, &discount), 0);
	assert_int_equal(order_totals(&placed, methods, &discount), 0);
	assert_int_equal(order_draft(&placed, arena, &cart), 0);
	assert_int_equal(
	    order_place(db, arena, &placed, &cart, "s", key, "h", &sold_out),
	    ORDER_PLACED);
	assert_int_equal(db_commit(db), 0);
}

static const struct {
	const char *name;
	void (*does)(int n);
} things[] = {
    {"the home page's products", home},
    {"the menu", menu},
    {"a collection's pages", collection},
    {"the first product", first_product},
    {"a product in the middle", middle_product},
    {"the last product", last_product},
    {"a cart and an order", order},
};
#define THINGS (sizeof(things) / sizeof(*things))

static void
measure(int n, int64_t cost[THINGS])
{
	make(n);
	for (size_t i = 0; i < THINGS; i++) {
		/* Once, for what is done only when a statement is new. */
		things[i].does(n);
		cost[i] = -work();
		things[i].does(n);
		cost[i] += work();
	}
}

static void
same_work(void **state)
{
	int64_t few[THINGS], many[THINGS];
	int times;

	(void)state;
	postgres = getenv("TEST_POSTGRES") != NULL;
	/* A small table PostgreSQL rather reads whole. */
	times = postgres ? 10 : 1;
	measure(FEW * times, few);
	measure(MANY * times, many);
	for (size_t i = 0; i < THINGS; i++) {
		print_message("%s: %lld, %lld\n", things[i].name,
		    (long long)few[i], (long long)many[i]);
		assert_true(few[i] > 0);
		if ((many[i] - (postgres ? DEAD : 0)) * 100 >
		    few[i] * (100 + WITHIN))
			fail_msg("%s: %lld with %d products, %lld with %d",
			    things[i].name, (long long)few[i], FEW * times,
			    (long long)many[i], MANY * times);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(same_work, clear_shop),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
