/*
 * migrate.c - `storefront migrate FROM TO`: moves a shop from SQLite to
 * PostgreSQL (or to another SQLite file), with all of its rows.
 *
 *   FROM             TO               the next run with the same arguments
 *   open             empty            closes FROM, makes TO, copies
 *   closed           arriving         goes on copying, checks, switches
 *   moved            complete         says that it is done
 *
 * No order is lost on the way.  Before the first row is copied, FROM is closed
 * for writing by triggers on its tables, in one transaction: also a web process
 * that has had it open for days can place no order in it any more (its
 * customers get 503, and their carts stay), and a worker there settles nothing.
 * FROM stays closed when a move is cut, until it is finished or taken back by
 * `migrate --cancel FROM`.  TO is no shop for anybody before all rows of both
 * have been compared.
 *
 * Does not delete FROM, nor change settings: STOREFRONT_DB is the operator's.
 */
#include "migrate.h"
#include "db.h"

#include <string.h>

#define CLOSED                                                                 \
	"this shop has moved to another database: set STOREFRONT_DB to its "   \
	"new address"

struct move {
	const char *from_address, *to_address;
	struct db *from, *to;
	struct arena *arena;
	struct table *tables;
	struct progress progress;
};

static int
text_row(void *arg, int n, const char *const col[])
{
	(void)n;
	snprintf(arg, 32, "%s", col[0]);
	return 0;
}

/* The mark of a database: "" for a shop that is where it is. */
static int
mark_of(struct db *db, char mark[32])
{
	mark[0] = '\0';
	return db_run(db, text_row, mark,
	           "SELECT value FROM meta WHERE name = $1", DB_MOVED) < 0
	           ? -1
	           : 0;
}

static int
set_mark(struct db *db, const char *mark)
{
	if (*mark == '\0')
		return db_run(db, NULL, NULL,
		           "DELETE FROM meta WHERE name = $1", DB_MOVED) < 0
		           ? -1
		           : 0;
	return db_run(db, NULL, NULL,
	           "INSERT INTO meta (name, value) VALUES ($1, $2) "
	           "ON CONFLICT (name) DO UPDATE SET value = $2",
	           DB_MOVED, mark) < 0
	           ? -1
	           : 0;
}

/* ----------------------------------------------------------------- progress */

static void
tell(void *arg, int64_t rows)
{
	progress_show(arg, rows, "");
}

static void
begin_phase(struct move *m, const char *what, int times)
{
	int64_t all = 0;

	for (const struct table *t = m->tables; t != NULL; t = t->next)
		all += t->rows * times;
	progress_begin(&m->progress, what, "rows", all);
}

/* -------------------------------------------------------- closing, opening */

static const char *const actions[] = {"INSERT", "UPDATE", "DELETE"};
#define ACTIONS (sizeof(actions) / sizeof(*actions))

/* Triggers that refuse every change of every table, or none. */
static int
triggers(struct move *m, bool closed)
{
	const char *sql;

	for (const struct table *t = m->tables; t != NULL; t = t->next)
		for (size_t i = 0; i < ACTIONS; i++) {
			sql = arena_printf(m->arena,
			    "DROP TRIGGER IF EXISTS moved_%s_%s", t->name,
			    actions[i]);
			if (sql == NULL || db_run(m->from, NULL, NULL, sql) < 0)
				return -1;
			sql = arena_printf(m->arena,
			    "CREATE TRIGGER moved_%s_%s BEFORE %s ON %s BEGIN "
			    "SELECT RAISE(ABORT, '" CLOSED "'); END",
			    t->name, actions[i], actions[i], t->name);
			if (closed && (sql == NULL ||
			                  db_run(m->from, NULL, NULL, sql) < 0))
				return -1;
		}
	return 0;
}

/* Marks FROM, which is closed before and after, or open with "". */
static int
mark_from(struct move *m, const char *mark)
{
	if (db_begin(m->from) != 0)
		return -1;
	if (triggers(m, false) == 0 && set_mark(m->from, mark) == 0 &&
	    (*mark == '\0' || triggers(m, true) == 0))
		return db_commit(m->from);
	db_rollback(m->from);
	return -1;
}

/* ------------------------------------------------------------- the new one */

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg += num(col[0]);
	return 0;
}

/* A shop as init leaves it, without a product, or none at all, is empty. */
static int
check_empty(struct move *m)
{
	int64_t rows = 0;

	if (db_run(m->to, count_row, &rows,
	        "SELECT COUNT(*) FROM product UNION ALL "
	        "SELECT COUNT(*) FROM orders UNION ALL "
	        "SELECT COUNT(*) FROM session UNION ALL "
	        "SELECT COUNT(*) FROM klaviyo_outbox") < 0)
		return -1;
	if (rows > 0)
		return shop_fail("%s is a shop already: name an empty database",
		    db_name(m->to));
	return 0;
}

/* Makes TO's tables, empties them of what init puts there, and marks it. */
static int
make_to(struct move *m, const char *currency)
{
	char mark[32];

	/* One that is there is opened as it is: init would put back what the
	   last run has emptied. */
	m->to = db_open_at(m->to_address);
	if (m->to == NULL)
		m->to = db_create_at(m->to_address, currency);
	if (m->to == NULL || mark_of(m->to, mark) != 0)
		return -1;
	if (strcmp(mark, DB_ARRIVING) == 0)
		return 0;
	if (*mark != '\0')
		return shop_fail(
		    "%s has moved itself: name another", db_name(m->to));
	if (check_empty(m) != 0 || db_begin(m->to) != 0)
		return -1;
	if (tables_empty(m->to, m->arena, m->tables) == 0 &&
	    set_mark(m->to, DB_ARRIVING) == 0)
		return db_commit(m->to) != 0 ? -1 : 0;
	db_rollback(m->to);
	return -1;
}

/* FROM ends being a shop for good, and then TO becomes one: cut between the
   two, the next run does the second. */
static int
complete_to(struct move *m)
{
	if (db_begin(m->to) != 0)
		return -1;
	if (db_run(m->to, NULL, NULL, "DELETE FROM meta WHERE name LIKE $1",
	        MARK "%") >= 0)
		return db_commit(m->to) != 0 ? -1 : 0;
	db_rollback(m->to);
	return -1;
}

static int
switch_over(struct move *m)
{
	return mark_from(m, DB_GONE) != 0 || complete_to(m) != 0 ? -1 : 0;
}

/* FROM is gone.  Is TO there? */
static int
already(struct move *m)
{
	char mark[32];

	m->to = db_open_at(m->to_address);
	if (m->to == NULL || mark_of(m->to, mark) != 0)
		return -1;
	if (strcmp(mark, DB_ARRIVING) == 0 && complete_to(m) != 0)
		return -1;
	printf(
	    "%s has moved already, to %s\n", db_name(m->from), db_name(m->to));
	return 0;
}

/* ---------------------------------------------------------------- the move */

static int
copy_all(struct move *m)
{
	begin_phase(m, "copying", 1);
	for (const struct table *t = m->tables; t != NULL; t = t->next)
		if (table_copy(m->from, m->to, m->arena, t, tell,
		        &m->progress) != 0 ||
		    table_identity(m->from, m->to, t) != 0)
			return -1;
	begin_phase(m, "checking", 2);
	for (const struct table *t = m->tables; t != NULL; t = t->next)
		if (table_check(m->from, m->to, m->arena, t, tell,
		        &m->progress) != 0)
			return -1;
	return 0;
}

static int
open_from(struct move *m, char mark[32])
{
	m->from = db_open_at(m->from_address);
	if (m->from == NULL)
		return -1;
	if (m->from->engine != &db_sqlite)
		return shop_fail("%s is not SQLite: migrate moves a shop from "
		                 "a SQLite file",
		    db_name(m->from));
	if (mark_of(m->from, mark) != 0 ||
	    tables_read(m->from, m->arena, &m->tables) != 0)
		return -1;
	if (strcmp(mark, DB_ARRIVING) == 0)
		return shop_fail("%s is itself the new place of a move that "
		                 "is not finished",
		    db_name(m->from));
	return 0;
}

static int
move(struct move *m)
{
	char mark[32], currency[32] = "";

	if (strcmp(m->from_address, m->to_address) == 0)
		return shop_fail("FROM and TO are the same");
	if (open_from(m, mark) != 0)
		return -1;
	if (strcmp(mark, DB_GONE) == 0)
		return already(m);
	/* TO first: nothing is closed for a TO that cannot be. */
	if (db_run(m->from, text_row, currency,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0 ||
	    make_to(m, currency) != 0 || mark_from(m, DB_LEAVING) != 0 ||
	    copy_all(m) != 0 || switch_over(m) != 0)
		return -1;
	progress_end(&m->progress);
	for (const struct table *t = m->tables; t != NULL; t = t->next)
		printf("%10lld %s\n", (long long)t->rows, t->name);
	printf("moved to %s and compared; set STOREFRONT_DB to it and start "
	       "the shop and the worker\n",
	    db_name(m->to));
	return 0;
}

static int
cancel(struct move *m)
{
	char mark[32] = "";

	if (open_from(m, mark) != 0)
		return -1;
	if (strcmp(mark, DB_GONE) == 0)
		return shop_fail("%s has moved: its new place is the shop now",
		    db_name(m->from));
	if (*mark == '\0')
		return shop_fail("%s is not moving", db_name(m->from));
	if (mark_from(m, "") != 0)
		return -1;
	printf("%s is open again; empty the other database before another "
	       "migrate\n",
	    db_name(m->from));
	return 0;
}

int
migrate_command(const struct settings *settings, int argc, char **argv)
{
	bool back = argc == 3 && strcmp(argv[1], "--cancel") == 0;
	struct move m = {0};
	int result;

	(void)settings;
	if (argc != 3 || (!back && *argv[1] == '-')) {
		fprintf(stderr,
		    "storefront: migrate takes FROM TO, addresses as "
		    "STOREFRONT_DB takes them, or --cancel FROM\n"
		    "  FROM is closed for writing from its first moment on; "
		    "cut, "
		    "it goes on when run\n  again.  Keep passwords out of the "
		    "address: PGPASSFILE\n");
		return 2;
	}
	m.from_address = back ? argv[2] : argv[1];
	m.to_address = argv[2];
	m.arena = arena_new();
	result = m.arena == NULL ? shop_fail("out of memory")
	         : back          ? cancel(&m)
	                         : move(&m);
	db_close(m.to);
	db_close(m.from);
	arena_free(m.arena);
	if (result == 0)
		return 0;
	progress_end(&m.progress);
	fprintf(stderr, "storefront: %s\n", shop_error());
	return 1;
}
