/*
 * catalog_db.h - a shop's database in a temporary directory, or at the address
 * TEST_POSTGRES (tests/postgres.py), for tests of the catalogue, and its
 * content as text.
 */
#ifndef CATALOG_DB_H
#define CATALOG_DB_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <libpq-fe.h>

#include "storefront.h"

static char dir[64], path[80];
static struct db *db;
static struct arena *arena;

/* An empty database at the address. */
static inline void
empty(const char *address)
{
	PGconn *conn = PQconnectdb(address);
	PGresult *result = PQexec(conn,
	    "SET client_min_messages = warning; "
	    "DROP SCHEMA public CASCADE; CREATE SCHEMA public");

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(conn));
	PQclear(result);
	PQfinish(conn);
}

static inline int
open_shop(void **state)
{
	const char *address = getenv("TEST_POSTGRES");

	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/catalog.XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/shop.db", dir);
	if (address != NULL)
		empty(address);
	db = db_create_at(address != NULL ? address : path, "USD");
	if (db == NULL)
		fail_msg("%s", shop_error());
	arena = arena_new();
	return 0;
}

static inline int
close_shop(void **state)
{
	char command[128];

	(void)state;
	db_close(db);
	arena_free(arena);
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

static inline int
dump_row(void *arg, int n, const char *const col[])
{
	for (int i = 0; i < n; i++)
		text_printf(arg, "%s%s", col[i] == NULL ? "NULL" : col[i],
		    i + 1 < n ? "|" : "\n");
	return 0;
}

/* The rows of a statement, columns parted by |; the caller's arena's. */
#define ROWS(...)                                                              \
	({                                                                     \
		struct text rows_ = {0};                                       \
		text_add(&rows_, "");                                          \
		if (db_run(db, dump_row, &rows_, __VA_ARGS__) < 0)             \
			fail_msg("%s", shop_error());                          \
		arena_take(arena, rows_.data);                                 \
	})

/* All that an import can change. */
static inline char *
content(void)
{
	return arena_printf(arena, "%s--\n%s--\n%s--\n%s--\n%s",
	    ROWS("SELECT * FROM product ORDER BY id"),
	    ROWS("SELECT * FROM variant ORDER BY id"),
	    ROWS("SELECT * FROM product_category ORDER BY product, slug"),
	    ROWS("SELECT * FROM cart_line ORDER BY cart, variant"),
	    ROWS("SELECT * FROM cart ORDER BY id"));
}

static inline void
load(const char *csv)
{
	struct import_counts counts = {0};

	if (catalog_import(db, csv, strlen(csv), "USD", &counts) != 0)
		fail_msg("%s", shop_error());
}

/* The import fails with this very error, and changes nothing. */
static inline void
refused(const char *csv, size_t length, const char *error)
{
	struct import_counts counts = {-1, -1};
	char *before = content();

	assert_int_equal(catalog_import(db, csv, length, "USD", &counts), -1);
	assert_string_equal(shop_error(), error);
	assert_string_equal(content(), before);
	assert_int_equal(counts.products, -1);
	assert_true(utf8_clean(shop_error()));
}

static inline int
clear_shop(void **state)
{
	(void)state;
	if (db_begin(db) != 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM cart") < 0 ||
	    db_run(db, NULL, NULL, "DELETE FROM product") < 0 ||
	    db_commit(db) != 0)
		fail_msg("%s", shop_error());
	return 0;
}

#endif
