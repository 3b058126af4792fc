/*
 * sqlite.c - runs one statement on the host's SQLite connection.
 *
 * Promises: a statement is prepared once per connection and found again; its
 * parameters are unbound and its cursor closed before the call returns, so no
 * read lock stays behind.  BEGIN takes the write lock at once.  An error says
 * SQLite's words and the first words of the statement, never a parameter:
 * those are personal data.
 *
 * Does not open, tune or close the connection, and does not wait for a lock
 * longer than the host's busy timeout does.
 *
 * The statements prepared here begin with MARK, which is how they are found
 * again, and told from the host's own, without a table beside the connection.
 */
#include "internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "/*klaviyo*/ "
#define MARK_LEN (sizeof(MARK) - 1)
enum { MAX_COLUMNS = 64, WORDS = 40 };

static int
fail(const char *what, const char *sql)
{
	return kl_fail(
	    "sqlite: %s, in \"%.*s..\"", what, WORDS, sql ? sql : "");
}

static int
is_ours(sqlite3_stmt *stmt)
{
	return strncmp(sqlite3_sql(stmt), MARK, MARK_LEN) == 0;
}

static sqlite3_stmt *
find(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;

	while ((stmt = sqlite3_next_stmt(db, stmt)))
		if (is_ours(stmt) && !sqlite3_stmt_busy(stmt) &&
		    strcmp(sqlite3_sql(stmt) + MARK_LEN, sql) == 0)
			return stmt;
	return NULL;
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = find(db, sql);
	const char *tail = NULL;
	char *text = NULL;

	if (stmt)
		return stmt;
	if (!(text = sqlite3_mprintf(MARK "%s", sql))) {
		fail("out of memory", sql);
		goto out;
	}
	if (sqlite3_prepare_v3(
	        db, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail)) {
		fail(sqlite3_errmsg(db), sql);
		goto out;
	}
	/* One call, one statement: PostgreSQL takes no second one either. */
	if (!stmt || tail[strspn(tail, " \t\r\n;")]) {
		fail("not one statement", sql);
		sqlite3_finalize(stmt);
		stmt = NULL;
	}
out:
	sqlite3_free(text);
	return stmt;
}

/* SQLite takes $1 for a name and numbers the names by first appearance, so each
   is bound by its name.  Like PostgreSQL, all of $1..$n must appear. */
static int
bind(sqlite3_stmt *stmt, const char *sql, int n, const char *const arg[])
{
	const char *name;
	long which;

	/* Each once, and as many as there are: all. */
	if (sqlite3_bind_parameter_count(stmt) != n)
		return fail("wrong number of parameters", sql);
	for (int at = 1; at <= n; at++) {
		name = sqlite3_bind_parameter_name(stmt, at);
		which = name && *name == '$' ? strtol(name + 1, NULL, 10) : 0;
		if (which < 1 || which > n)
			return fail("a parameter is missing", sql);
		if (!arg[which - 1])
			continue; /* unbound is NULL */
		/* Static: unbound again before the call returns. */
		if (sqlite3_bind_text(
		        stmt, at, arg[which - 1], -1, SQLITE_STATIC))
			return fail("a parameter is too large", sql);
	}
	return 0;
}

static int
hand_over(sqlite3_stmt *stmt, klaviyo_row *row, void *rowarg, const char *sql)
{
	const char *col[MAX_COLUMNS];
	int n = sqlite3_column_count(stmt);

	if (n > MAX_COLUMNS)
		return fail("too many columns", sql);
	for (int i = 0; i < n; i++) {
		col[i] = (const char *)sqlite3_column_text(stmt, i);
		if (!col[i] && sqlite3_column_type(stmt, i) != SQLITE_NULL)
			return fail("out of memory", sql);
	}
	return row(rowarg, n, col) ? -1 : 0;
}

int64_t
klaviyo_sqlite(void *conn, const char *sql, int n, const char *const arg[],
    klaviyo_row *row, void *rowarg)
{
	sqlite3 *db = conn;
	sqlite3_stmt *stmt;
	int64_t rows = 0, changes, before, result = -1;
	int rc;

	/* A deferred BEGIN that reads first and then writes cannot wait for
	   another writer: it fails. */
	if (strcmp(sql, "BEGIN") == 0)
		sql = "BEGIN IMMEDIATE";
	/* A full disk or an I/O error has already rolled back. */
	if (strcmp(sql, "ROLLBACK") == 0 && sqlite3_get_autocommit(db))
		return 0;

	if (!(stmt = prepare(db, sql)))
		return -1;
	before = sqlite3_total_changes64(db);
	if (bind(stmt, sql, n, arg))
		goto out;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		rows++;
		if (row && hand_over(stmt, row, rowarg, sql))
			goto out;
	}
	if (rc != SQLITE_DONE) {
		fail(sqlite3_errmsg(db), sql);
		goto out;
	}
	/* changes() keeps the last writer's number through BEGIN or SELECT. */
	changes =
	    sqlite3_total_changes64(db) == before ? 0 : sqlite3_changes64(db);
	result = sqlite3_column_count(stmt) ? rows : changes;
out:
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return result;
}

void
klaviyo_sqlite_finish(void *conn)
{
	sqlite3_stmt *stmt = NULL, *next;

	next = sqlite3_next_stmt(conn, NULL);
	while ((stmt = next)) {
		next = sqlite3_next_stmt(conn, stmt);
		if (is_ours(stmt))
			sqlite3_finalize(stmt);
	}
}
