/*
 * test_collections.c - the collections, which triggers keep, are what the
 * catalogue says, whoever changes it and however: after each of many plain
 * statements, transactions taken back, imports, and several writers at once.
 *
 * TEST_SEED replays the choices.
 */
#include "catalog_db.h"

#include <pthread.h>
#include <stdatomic.h>

enum { CHANGES = 400, WRITERS = 4, TURNS = 25 };

static unsigned seed;

static int
chance(int n)
{
	return rand_r(&seed) % n;
}

static const char *
where_they_are(void)
{
	return ROWS("SELECT slug, position, product FROM collection_product "
	            "ORDER BY slug, position, product");
}

static const char *
how_many(void)
{
	return ROWS("SELECT slug, products FROM collection ORDER BY slug");
}

/* No trigger has a part in this. */
static void
check(const char *after)
{
	const char *where =
	    ROWS("SELECT c.slug, p.position, c.product FROM product_category c "
	         "JOIN product p ON p.id = c.product "
	         "WHERE p.published = 1 AND c.slug <> '' "
	         "ORDER BY c.slug, p.position, c.product");
	const char *many =
	    ROWS("SELECT c.slug, COUNT(*) FROM product_category c "
	         "JOIN product p ON p.id = c.product "
	         "WHERE p.published = 1 AND c.slug <> '' "
	         "GROUP BY c.slug ORDER BY c.slug");

	if (strcmp(where_they_are(), where) != 0)
		fail_msg("after %s (TEST_SEED): %s, not %s", after,
		    where_they_are(), where);
	if (strcmp(how_many(), many) != 0)
		fail_msg("after %s: %s, not %s", after, how_many(), many);
}

/* ------------------------------------------------------------ each statement
 */

#define ADD                                                                    \
	"INSERT INTO product (id, handle, title, body, vendor, image, "        \
	"image_alt, published, position, search, changed_at) VALUES ($1, "     \
	"'h' || $1, 't', '', '', '', '', CAST($2 AS BIGINT), "                 \
	"CAST($3 AS BIGINT), '', 0) "
#define PUT                                                                    \
	"INSERT INTO product_category (product, slug, name, position) "        \
	"SELECT id, $2, $2, 1 FROM product WHERE id = $1 "

/* $1: a product; $2: a collection, or 0 or 1; $3: another, or a position. */
static const struct {
	const char *sql;
	int n;
	enum { SLUGS, NUMBERS } what;
	bool sqlite; /* alone */
} changes[] = {
    {ADD "ON CONFLICT DO NOTHING", 3, NUMBERS, false},
    {ADD "ON CONFLICT (id) DO UPDATE SET published = excluded.published, "
         "position = excluded.position",
        3, NUMBERS, false},
    {PUT "ON CONFLICT DO NOTHING", 2, SLUGS, false},
    {PUT "ON CONFLICT DO NOTHING", 2, SLUGS, false},
    {PUT "ON CONFLICT (product, slug) DO UPDATE SET name = 'x'", 2, SLUGS,
        false},
    {"INSERT INTO product_category (product, slug, name, position) "
     "SELECT id, $1, '', 1 FROM product WHERE id > $2 "
     "ON CONFLICT DO NOTHING",
        2, NUMBERS, false},
    {"DELETE FROM product_category WHERE product = $1 AND slug = $2", 2, SLUGS,
        false},
    {"DELETE FROM product_category WHERE slug = $1", 1, SLUGS, false},
    {"UPDATE product_category SET slug = $3 WHERE product = $1 AND "
     "slug = $2 AND NOT EXISTS (SELECT 1 FROM product_category o "
     "WHERE o.product = $1 AND o.slug = $3)",
        3, SLUGS, false},
    {"UPDATE product_category SET name = name || '.' WHERE product = $1", 1,
        SLUGS, false},
    {"UPDATE product SET published = 1 - published WHERE id = $1", 1, NUMBERS,
        false},
    {"UPDATE product SET published = CAST($2 AS BIGINT) WHERE id > $1", 2,
        NUMBERS, false},
    {"UPDATE product SET position = CAST($3 AS BIGINT) WHERE id = $1 AND "
     "$2 = $2",
        3, NUMBERS, false},
    {"UPDATE product SET position = 100 - position", 0, NUMBERS, false},
    {"UPDATE product SET title = title || '.' WHERE id = $1", 1, NUMBERS,
        false},
    {"UPDATE product SET id = id || '0', handle = 'h' || id || '0' "
     "WHERE id = $1 AND id NOT IN (SELECT product FROM product_category) "
     "AND id || '0' NOT IN (SELECT id FROM product)",
        1, NUMBERS, false},
    {"DELETE FROM product WHERE id = $1", 1, NUMBERS, false},
    {"DELETE FROM product WHERE position > CAST($3 AS BIGINT) AND $1 = $2", 3,
        NUMBERS, false},
    {"INSERT OR REPLACE INTO product_category (product, slug, name, "
     "position) SELECT id, $2, $2, 1 FROM product WHERE id = $1",
        2, SLUGS, true},
    {"INSERT OR REPLACE INTO product (id, handle, title, body, vendor, image, "
     "image_alt, published, position, search, changed_at) VALUES ($1, "
     "'h' || $1, 't', '', '', '', '', CAST($2 AS BIGINT), "
     "CAST($3 AS BIGINT), '', 0)",
        3, NUMBERS, true},
    {"UPDATE OR REPLACE product_category SET slug = $3 WHERE product = $1 "
     "AND slug = $2",
        3, SLUGS, true},
};

/* A change by chance; what it was. */
static const char *
change(void)
{
	static const char *const slugs[] = {"a", "b", "c", "d", ""};
	size_t i = (size_t)chance(sizeof(changes) / sizeof(*changes));
	bool names = changes[i].what == SLUGS;
	const char *arg[3] = {arena_printf(arena, "%d", chance(9)),
	    names ? slugs[chance(5)] : arena_printf(arena, "%d", chance(2)),
	    names ? slugs[chance(5)] : arena_printf(arena, "%d", chance(50))};

	if (names && changes[i].n == 1)
		arg[0] = chance(2) == 0 ? arg[0] : arg[1];
	if (changes[i].sqlite && getenv("TEST_POSTGRES") != NULL)
		return "nothing";
	if (db_sql(db, changes[i].sql, changes[i].n, arg, NULL, NULL) < 0)
		fail_msg("%s: %s", changes[i].sql, shop_error());
	return changes[i].sql;
}

static void
after_each_change(void **state)
{
	const char *given = getenv("TEST_SEED");
	bool some = false;

	(void)state;
	seed = given != NULL ? (unsigned)atol(given) : 7;
	for (int i = 0; i < CHANGES; i++) {
		const char *what = "a transaction";
		int n = chance(4) == 0 ? 1 + chance(5) : 0;

		if (n > 0 && db_begin(db) != 0)
			fail_msg("%s", shop_error());
		do
			what = change();
		while (--n > 0);
		if (n == 0 && chance(2) == 0) {
			what = "a transaction taken back";
			db_rollback(db);
		} else if (n == 0) {
			assert_int_equal(db_commit(db), 0);
		}
		check(what);
		some = some || *how_many() != '\0';
		arena_free(arena);
		arena = arena_new();
	}
	assert_true(some);
}

/* A product more in "one". */
static void
put(int i)
{
	if (db_run(db, NULL, NULL, ADD, NUM(i), "1", NUM(i + 10)) < 0 ||
	    db_run(db, NULL, NULL, PUT, NUM(i), "one") < 0)
		fail_msg("%s", shop_error());
}

static void
run(const char *sql)
{
	if (db_sql(db, sql, 0, NULL, NULL, NULL) < 0)
		fail_msg("%s: %s", sql, shop_error());
}

/* What is taken back in part counts in part. */
static void
savepoints(void **state)
{
	(void)state;
	assert_int_equal(db_begin(db), 0);
	run("SAVEPOINT first");
	put(1);
	run("ROLLBACK TO first");
	put(2);
	run("SAVEPOINT second");
	put(3);
	run("DELETE FROM product WHERE id = '2'");
	run("ROLLBACK TO second");
	put(4);
	run("RELEASE second");
	run("RELEASE first");
	put(5);
	assert_int_equal(db_commit(db), 0);
	check("savepoints");
	assert_string_equal(how_many(), "one|3\n");
}

/* PostgreSQL adds up at the COMMIT, or at once where somebody wants that. */
static void
at_once(void **state)
{
	(void)state;
	assert_int_equal(db_begin(db), 0);
	put(1);
	if (getenv("TEST_POSTGRES") != NULL)
		run("SET CONSTRAINTS ALL IMMEDIATE");
	check("what is at once");
	put(2);
	check("what is at once");
	run("UPDATE product SET published = 0 WHERE id = '1'");
	check("what is at once");
	assert_int_equal(db_commit(db), 0);
	check("what was at once");
	assert_string_equal(how_many(), "one|1\n");
}

/* PostgreSQL's notes go with the COMMIT; all at once it can take away, too. */
static void
nothing_is_left(void **state)
{
	(void)state;
	if (getenv("TEST_POSTGRES") == NULL)
		return;
	put(1);
	put(2);
	assert_string_equal(
	    ROWS("SELECT COUNT(*) FROM collection_change"), "0\n");
	run("TRUNCATE product CASCADE");
	check("TRUNCATE");
	put(3);
	check("what comes after TRUNCATE");
}

static void
imports(void **state)
{
	static const char head[] = "Handle,Title,Type,Tags,Published,"
	                           "Variant Price\n";
	char *marks;

	(void)state;
	load(arena_printf(arena,
	    "%sa,A,One,Two,true,1\nb,B,Two,,true,1\n"
	    "c,C,One,,false,1\n",
	    head));
	check("an import");
	assert_string_equal(how_many(), "one|1\ntwo|2\n");
	/* Nothing new: no page is made anew.  (PostgreSQL's triggers take an
	   upsert for an INSERT.) */
	marks = ROWS("SELECT mark FROM shelf_mark WHERE product = ''");
	load(arena_printf(
	    arena, "%sa,A,One,Two,true,1\nb,B,Two,,true,1\n", head));
	if (getenv("TEST_POSTGRES") == NULL)
		assert_string_equal(
		    ROWS("SELECT mark FROM shelf_mark WHERE product = ''"),
		    marks);
	load(arena_printf(arena,
	    "%sa,A,Two,One,true,1\nb,B,,,true,1\n"
	    "c,C,One,,true,1\n",
	    head));
	check("another");
	assert_string_equal(how_many(), "one|2\ntwo|1\n");
	assert_string_equal(ROWS("SELECT slug FROM product_category WHERE "
	                         "product = 'a' ORDER BY position"),
	    "two\none\n");
	load(arena_printf(arena, "%sa,A,TWO,One,true,1\n", head));
	assert_string_equal(ROWS("SELECT name FROM product_category WHERE "
	                         "product = 'a' ORDER BY position"),
	    "TWO\nOne\n");
	check("other names");
}

/* ----------------------------------------------------------- several writers
 */

static atomic_int failed;
static char fault[256];

/* A product in three collections, in this order; then out of some. */
static int
write_one(struct db *own, int me, int turn)
{
	char id[16], slug[2] = "";

	snprintf(id, sizeof(id), "w%dn%d", me, turn);
	if (db_begin(own) != 0 ||
	    db_run(own, NULL, NULL, ADD, id, "1", NUM(turn)) < 0)
		return -1;
	for (int i = 0; i < 3; i++) {
		slug[0] = (char)('a' + (me + turn + i) % 3);
		if (db_run(own, NULL, NULL, PUT, id, slug) < 0)
			return -1;
	}
	if (turn % 3 == 0 &&
	    db_run(own, NULL, NULL,
	        "UPDATE product SET published = 0 WHERE id = $1", id) < 0)
		return -1;
	if (turn % 3 == 1 &&
	    db_run(own, NULL, NULL,
	        "DELETE FROM product_category WHERE product = $1 "
	        "AND slug = 'b'",
	        id) < 0)
		return -1;
	return db_commit(own);
}

/* Each its own products, all the same collections, each in another order. */
static void *
writer(void *arg)
{
	const char *address = getenv("TEST_POSTGRES");
	struct db *own = db_open_at(address != NULL ? address : path);
	int result = own != NULL ? 0 : -1;

	for (int turn = 0; result == 0 && turn < TURNS; turn++)
		result = write_one(own, (int)(intptr_t)arg, turn);
	if (result != 0 && atomic_fetch_add(&failed, 1) == 0)
		snprintf(fault, sizeof(fault), "%s", shop_error());
	if (result != 0 && own != NULL)
		db_rollback(own);
	db_close(own);
	return NULL;
}

static void
several_writers(void **state)
{
	pthread_t thread[WRITERS];

	(void)state;
	for (int i = 0; i < WRITERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, writer,
		                     (void *)(intptr_t)i),
		    0);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	if (failed > 0)
		fail_msg("%s", fault);
	check("several writers");
	assert_string_equal(ROWS("SELECT COUNT(*) FROM product "
	                         "WHERE id LIKE 'w%'"),
	    arena_printf(arena, "%d\n", WRITERS * TURNS));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, clear_shop)
	const struct CMUnitTest tests[] = {
	    TEST(after_each_change),
	    TEST(savepoints),
	    TEST(at_once),
	    TEST(nothing_is_left),
	    TEST(imports),
	    TEST(several_writers),
	};

	return cmocka_run_group_tests(tests, open_shop, close_shop);
}
