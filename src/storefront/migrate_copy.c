/*
 * migrate_copy.c - the rows of a move from one database to another.
 *
 * Promises: a batch of rows and the mark of how far it came are one
 * transaction.  Memory is that of a batch.  Two tables that compare equal have
 * the same rows, in whatever order.
 */
#include "db.h"
#include "migrate.h"

#include <sodium.h>
#include <string.h>

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* ----------------------------------------------------------------- copying */

int
tables_empty(struct db *to, struct arena *arena, const struct table *list)
{
	const struct table *table[64];
	int n = 0;

	for (; list != NULL && n < 64; list = list->next)
		if (!table_is_meta(list))
			table[n++] = list;
	while (n-- > 0)
		if (db_run(to, NULL, NULL,
		        arena_printf(arena, "DELETE FROM %s", table[n]->name)) <
		    0)
			return -1;
	return 0;
}

struct copying {
	struct db *to;
	const char *insert;
	int64_t rowid, rows;
};

static int
copy_row(void *arg, int n, const char *const col[])
{
	struct copying *c = arg;

	c->rowid = num(col[0]);
	c->rows++;
	return db_sql(c->to, c->insert, n - 1, col + 1, NULL, NULL) < 0 ? -1
	                                                                : 0;
}

static int
place_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

/* The rows after ${c->rowid} and the mark, in one transaction. */
static int
copy_batch(
    struct db *from, struct copying *c, const char *select, const char *mark)
{
	c->rows = 0;
	if (db_begin(c->to) != 0)
		return -1;
	if (db_run(from, copy_row, c, select, NUM(c->rowid)) < 0 ||
	    db_run(c->to, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ($1, $2) "
	        "ON CONFLICT (name) DO UPDATE SET value = $2",
	        mark, NUM(c->rowid)) < 0) {
		db_rollback(c->to);
		return -1;
	}
	return db_commit(c->to) != 0 ? -1 : 0;
}

int
table_copy(struct db *from, struct db *to, struct arena *arena,
    const struct table *table, tell_rows *tell, void *arg)
{
	struct copying c = {.to = to};
	const char *mark = arena_printf(arena, MARK "%s", table->name);
	const char *select = sql_by_rowid(arena, table);

	c.insert = sql_insert(arena, table);
	if (mark == NULL || select == NULL || c.insert == NULL)
		return shop_fail("out of memory");
	if (db_run(to, place_row, &c.rowid,
	        "SELECT value FROM meta WHERE name = $1", mark) < 0)
		return -1;
	do {
		if (copy_batch(from, &c, select, mark) != 0)
			return -1;
		tell(arg, c.rows);
	} while (c.rows > 0);
	return 0;
}

int
table_identity(struct db *from, struct db *to, const struct table *table)
{
	int64_t last = 0;

	if (!table->identity)
		return 0;
	if (db_run(from, count_row, &last,
	        "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence "
	        "WHERE name = $1",
	        table->name) < 0)
		return -1;
	if (last == 0)
		return 0;
	return db_run(to, NULL, NULL,
	           to->engine == &db_sqlite
	               ? "UPDATE sqlite_sequence SET "
	                 "seq = CAST($2 AS BIGINT) WHERE name = $1"
	               : "SELECT setval(pg_get_serial_sequence($1, 'id'), "
	                 "CAST($2 AS BIGINT))",
	           table->name, NUM(last)) < 0
	           ? -1
	           : 0;
}

/* ---------------------------------------------------------------- checking */

struct sum {
	struct arena *arena;
	int keys;
	const char *key[KEY_MAX]; /* of the last row */
	int64_t rows, batch;
	uint64_t hash;
};

/* Adds a row's hash, so that the order does not matter. */
static void
add_row(struct sum *sum, const char *const *col, int n)
{
	crypto_generichash_state state;
	unsigned char out[16];
	uint64_t hash;

	crypto_generichash_init(&state, NULL, 0, 16);
	for (int i = 0; i < n; i++) {
		/* NULL is not "", and "a","b" not "ab","". */
		int64_t length = col[i] != NULL ? (int64_t)strlen(col[i]) : -1;

		crypto_generichash_update(
		    &state, (const unsigned char *)&length, sizeof(length));
		if (length > 0)
			crypto_generichash_update(&state,
			    (const unsigned char *)col[i],
			    (unsigned long long)length);
	}
	crypto_generichash_final(&state, out, sizeof(out));
	memcpy(&hash, out, sizeof(hash));
	sum->hash += hash;
	sum->rows++;
	sum->batch++;
}

static int
sum_row(void *arg, int n, const char *const col[])
{
	struct sum *sum = arg;

	for (int i = 0; i < sum->keys; i++)
		sum->key[i] = arena_copy(sum->arena, col[i]);
	add_row(sum, col + sum->keys, n - sum->keys);
	return 0;
}

static int
sum_table(struct db *db, struct arena *arena, const struct table *table,
    struct sum *sum, tell_rows *tell, void *arg)
{
	const char *begin = sql_by_key(arena, table, true);
	const char *go_on = sql_by_key(arena, table, false), *key[KEY_MAX];
	bool first = true;
	int64_t found;

	*sum = (struct sum){.keys = table->keys};
	if (begin == NULL || go_on == NULL)
		return -1;
	do {
		struct arena *batch = arena_new();

		if (batch == NULL)
			return shop_fail("out of memory");
		for (int i = 0; !first && i < table->keys; i++)
			key[i] = arena_copy(batch, sum->key[i]);
		arena_free(sum->arena);
		sum->arena = batch;
		sum->batch = 0;
		found = db_sql(db, first ? begin : go_on,
		    first ? 0 : table->keys, key, sum_row, sum);
		first = false;
		tell(arg, sum->batch);
	} while (found > 0);
	arena_free(sum->arena);
	sum->arena = NULL;
	return found < 0 ? -1 : 0;
}

int
table_check(struct db *from, struct db *to, struct arena *arena,
    const struct table *table, tell_rows *tell, void *arg)
{
	struct sum had, has;

	if (sum_table(from, arena, table, &had, tell, arg) != 0 ||
	    sum_table(to, arena, table, &has, tell, arg) != 0)
		return -1;
	if (had.rows != has.rows || had.hash != has.hash)
		return shop_fail("table %s: %lld rows before, %lld after%s",
		    table->name, (long long)had.rows, (long long)has.rows,
		    had.rows == has.rows ? ", and they differ" : "");
	return 0;
}
