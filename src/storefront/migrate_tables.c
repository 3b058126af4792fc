/*
 * migrate_tables.c - what there is to move: the tables, read off the source
 * itself, so that one that is added to the schema is moved, too; and the
 * statements for their rows.  The shelf's marks and the collections are not
 * moved: the destination's triggers make its own.
 *
 * Statements are put together from the names of tables and columns, which are
 * checked to be plain words; values are parameters, here as everywhere.
 */
#include "migrate.h"

#include <string.h>

#define BATCH "500"

/* ------------------------------------------------------------------ tables */

struct reading {
	struct arena *arena;
	struct table *table, **last;
	const char *bad;
};

/* A name that can stand in a statement as it is. */
static const char *
plain(struct reading *r, const char *name)
{
	if (name[strspn(name, "abcdefghijklmnopqrstuvwxyz_0123456789")] != '\0')
		r->bad = "a name that is no plain word";
	return arena_copy(r->arena, name);
}

static int
table_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;
	struct table *table = arena_alloc(r->arena, sizeof(*table));

	(void)n;
	if (table == NULL)
		return shop_fail("out of memory");
	table->name = plain(r, col[0]);
	table->identity = strstr(col[1], "AUTOINCREMENT") != NULL;
	*r->last = table;
	r->last = &table->next;
	return 0;
}

/* name, place in the key */
static int
column_row(void *arg, int n, const char *const col[])
{
	struct reading *r = arg;
	struct table *table = r->table;
	int64_t place = num(col[1]);

	(void)n;
	if (table->columns == COLUMNS_MAX || place > KEY_MAX)
		return shop_fail("table %s: too many columns", table->name);
	table->column[table->columns++] = plain(r, col[0]);
	if (place > 0) {
		table->key[place - 1] = table->column[table->columns - 1];
		table->keys++;
	}
	return 0;
}

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* How deep a table stands under those that its rows refer to. */
static int
depth_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int *)arg = (int)num(col[0]);
	return 0;
}

static int
read_table(struct db *from, struct arena *arena, struct table *table)
{
	struct reading r = {.arena = arena, .table = table};

	if (db_run(from, column_row, &r,
	        "SELECT name, pk FROM pragma_table_info($1) ORDER BY cid",
	        table->name) < 0 ||
	    db_run(from, depth_row, &table->parents,
	        "WITH RECURSIVE up (name, depth) AS (SELECT $1, 0 UNION "
	        "SELECT f.\"table\", up.depth + 1 FROM up, "
	        "pragma_foreign_key_list(up.name) f WHERE up.depth < 20) "
	        "SELECT MAX(depth) FROM up",
	        table->name) < 0 ||
	    db_run(from, count_row, &table->rows,
	        arena_printf(arena, "SELECT COUNT(*) FROM %s", table->name)) <
	        0)
		return -1;
	if (r.bad != NULL || table->keys == 0)
		return shop_fail("table %s: %s", table->name,
		    r.bad != NULL ? r.bad : "no primary key");
	return arena_failed(arena) ? shop_fail("out of memory") : 0;
}

int
tables_read(struct db *from, struct arena *arena, struct table **list)
{
	struct table *found = NULL, *table, **at;
	struct reading r = {.arena = arena, .last = &found};

	*list = NULL;
	if (db_run(from, table_row, &r,
	        "SELECT name, sql FROM sqlite_schema WHERE type = 'table' "
	        "AND name NOT LIKE 'sqlite!_%' ESCAPE '!' "
	        "AND name NOT IN ('shelf_mark', 'collection_product', "
	        "'collection') ORDER BY name") < 0)
		return -1;
	if (r.bad != NULL)
		return shop_fail("a table has %s", r.bad);
	while ((table = found) != NULL) {
		found = table->next;
		if (read_table(from, arena, table) != 0)
			return -1;
		for (at = list;
		     *at != NULL && (*at)->parents <= table->parents;)
			at = &(*at)->next;
		table->next = *at;
		*at = table;
	}
	return 0;
}

/* -------------------------------------------------------------- statements */

/* "a, b, c" */
static void
put_names(struct text *sql, const char *const *name, int n)
{
	for (int i = 0; i < n; i++)
		text_printf(sql, "%s%s", i > 0 ? ", " : "", name[i]);
}

static void
put_numbers(struct text *sql, int n)
{
	for (int i = 1; i <= n; i++)
		text_printf(sql, "%s$%d", i > 1 ? ", " : "", i);
}

static const char *
finish(struct arena *arena, struct text *sql)
{
	const char *text = NULL;

	if (!sql->failed)
		text = arena_copy(arena, sql->data);
	text_free(sql);
	if (text == NULL)
		shop_fail("out of memory");
	return text;
}

/* A move's marks are not the shop's. */
bool
table_is_meta(const struct table *table)
{
	return strcmp(table->name, "meta") == 0;
}

/* A batch in order of rowid, which the source alone has; it is first. */
const char *
sql_by_rowid(struct arena *arena, const struct table *t)
{
	struct text sql = {0};

	text_add(&sql, "SELECT rowid, ");
	put_names(&sql, t->column, t->columns);
	text_printf(&sql, " FROM %s WHERE rowid > CAST($1 AS BIGINT)%s",
	    t->name, table_is_meta(t) ? " AND name NOT LIKE '" MARK "%'" : "");
	text_add(&sql, " ORDER BY rowid LIMIT " BATCH);
	return finish(arena, &sql);
}

/* A batch in order of the primary key: the first, or the one after a row. */
const char *
sql_by_key(struct arena *arena, const struct table *t, bool first)
{
	struct text sql = {0};

	text_add(&sql, "SELECT ");
	put_names(&sql, t->key, t->keys);
	text_add(&sql, ", ");
	put_names(&sql, t->column, t->columns);
	text_printf(&sql, " FROM %s WHERE 1 = 1%s", t->name,
	    table_is_meta(t) ? " AND name NOT LIKE '" MARK "%'" : "");
	if (!first) {
		text_add(&sql, " AND (");
		put_names(&sql, t->key, t->keys);
		text_add(&sql, ") > (");
		put_numbers(&sql, t->keys);
		text_add(&sql, ")");
	}
	text_add(&sql, " ORDER BY ");
	put_names(&sql, t->key, t->keys);
	text_add(&sql, " LIMIT " BATCH);
	return finish(arena, &sql);
}

const char *
sql_insert(struct arena *arena, const struct table *t)
{
	struct text sql = {0};

	text_printf(&sql, "INSERT INTO %s (", t->name);
	put_names(&sql, t->column, t->columns);
	text_add(&sql, ") VALUES (");
	put_numbers(&sql, t->columns);
	/* The schema's number and the currency are there from the start. */
	text_add(&sql, table_is_meta(t) ? ") ON CONFLICT DO NOTHING" : ")");
	return finish(arena, &sql);
}
