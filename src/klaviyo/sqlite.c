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
 * SQLite takes $1 for a name, and numbers the names by first appearance: where
 * that is their order anyway, as in most, no name is looked up at each call.
 *
 * To undo a statement that fails half way, and not its transaction, SQLite first
 * copies each page that the statement writes.  One that begins with HINT, a
 * comment to other engines, is told to do without.
 */
#include "internal.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK "/*klaviyo"
#define MARK_LEN (sizeof(MARK) - 1)
/* Then how its parameters are bound, and the statement as it was given. */
#define IN_ORDER "=*/ "
#define BY_NAME "$*/ "
#define HOW_LEN (sizeof(IN_ORDER) - 1)
/* What it begins with, and what SQLite gets instead; of one length. */
#define HINT "UPDATE /*OR FAIL*/ "
#define HINTED "UPDATE OR FAIL     "
_Static_assert(sizeof(HINT) == sizeof(HINTED), "the rest stays where it is");
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

/* How long the hint is; 0: there is none. */
static size_t
hint(const char *sql)
{
	size_t n = sizeof(HINT) - 1;

	return strncmp(sql, HINT, n) == 0 ? n : 0;
}

/* Is ${stmt}, which is ours, made of ${sql}, with a hint so long? */
static int
is_of(sqlite3_stmt *stmt, const char *sql, size_t hinted)
{
	const char *text = sqlite3_sql(stmt) + MARK_LEN + HOW_LEN;

	return strncmp(text, HINTED, hinted) == 0 &&
	       strcmp(text + hinted, sql + hinted) == 0;
}

static sqlite3_stmt *
find(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	size_t hinted = hint(sql);

	while ((stmt = sqlite3_next_stmt(db, stmt)))
		if (is_ours(stmt) && !sqlite3_stmt_busy(stmt) &&
		    is_of(stmt, sql, hinted))
			return stmt;
	return NULL;
}

/* Do $1, $2 .. first appear in this order? */
static int
in_order(const char *sql)
{
	long next = 1, at;

	while ((sql = strchr(sql, '$'))) {
		at = strtol(++sql, NULL, 10);
		if (at > next)
			return 0;
		next += at == next;
	}
	return 1;
}

/* Which of $1..$n the parameter ${at} is; 0: none of them. */
static long
number(sqlite3_stmt *stmt, int at, int n)
{
	const char *name = sqlite3_bind_parameter_name(stmt, at);
	long which = name && *name == '$' ? strtol(name + 1, NULL, 10) : 0;

	return which >= 1 && which <= n ? which : 0;
}

/* With ${how} it binds.  NULL: an error, or it cannot be bound so. */
static sqlite3_stmt *
prepare_as(sqlite3 *db, const char *how, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	const char *tail = NULL, *wrong = NULL;
	size_t hinted = hint(sql);
	char *text = sqlite3_mprintf(
	    MARK "%s%.*s%s", how, (int)hinted, HINTED, sql + hinted);

	if (!text) {
		fail("out of memory", sql);
		return NULL;
	}
	if (sqlite3_prepare_v3(
	        db, text, -1, SQLITE_PREPARE_PERSISTENT, &stmt, &tail)) {
		fail(sqlite3_errmsg(db), sql);
		goto out;
	}
	/* One call, one statement: PostgreSQL takes no second one either. */
	if (!stmt || tail[strspn(tail, " \t\r\n;")])
		wrong = "not one statement";
	/* Each once, and as many as there are: all, as in PostgreSQL. */
	for (int n = sqlite3_bind_parameter_count(stmt), at = 1;
	     at <= n && !wrong; at++)
		if (number(stmt, at, n) == 0 ||
		    (*how == *IN_ORDER && number(stmt, at, n) != at))
			wrong = "a parameter is missing";
	if (wrong) {
		fail(wrong, sql);
		sqlite3_finalize(stmt);
		stmt = NULL;
	}
out:
	sqlite3_free(text);
	return stmt;
}

static sqlite3_stmt *
prepare(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *stmt = find(db, sql);

	if (!stmt && in_order(sql))
		stmt = prepare_as(db, IN_ORDER, sql);
	/* In quotes a "$1" is none. */
	return stmt ? stmt : prepare_as(db, BY_NAME, sql);
}

static int
bind(sqlite3_stmt *stmt, const char *sql, int n, const char *const arg[])
{
	int by_name = sqlite3_sql(stmt)[MARK_LEN] == *BY_NAME;

	if (sqlite3_bind_parameter_count(stmt) != n)
		return fail("wrong number of parameters", sql);
	for (int at = 1; at <= n; at++) {
		long which = by_name ? number(stmt, at, n) : at;

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
