/*
 * db.c - the shop's database: opening, transactions.  Its tables are made by
 * db_schema.c.
 *
 * The address says which engine: the connections themselves are db_sqlite.c's.
 * The library's statements run on the same connection, in the same transaction,
 * through the same function as the shop's.
 *
 * Does not know what the tables mean.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

static const struct engine *const engines[] = {&db_pgsql, &db_sqlite};

/* Notes how a transaction fares, whoever's statement it is. */
static int64_t
noted_sql(void *conn, const char *sql, int n, const char *const *arg,
    klaviyo_row *row, void *rowarg)
{
	struct db *db = conn;
	int64_t result = db->engine->sql(db, sql, n, arg, row, rowarg);

	if (result >= 0 && strcmp(sql, "BEGIN") == 0)
		db->again = false;
	return result;
}

int64_t
db_sql(struct db *db, const char *sql, int n, const char *const *arg,
    db_row *row, void *rowarg)
{
	int64_t result;

	result = noted_sql(db, sql, n, arg, row, rowarg);
	/* -2: the engine has said what was wrong. */
	if (result == -1 && strcmp(sql, "BEGIN") != 0)
		shop_fail("%s", klaviyo_error());
	return result < 0 ? -1 : result;
}

int
db_begin(struct db *db)
{
	return db_sql(db, "BEGIN", 0, NULL, NULL, NULL) < 0 ? -1 : 0;
}

int
db_commit(struct db *db)
{
	if (db_sql(db, "COMMIT", 0, NULL, NULL, NULL) >= 0)
		return 0;
	/* Busy or full: the transaction is still open, and must not be. */
	db_rollback(db);
	return db->unknown ? DB_UNKNOWN : -1;
}

struct job {
	const struct db *db;
	db_work *work;
	void *arg;
};

/* Its log lines are of its own request, whoever's thread this is. */
static bool
do_job(void *arg)
{
	struct job *job = arg;

	log_about(job->db->store.origin);
	return job->work(job->arg);
}

int
db_together(struct db *db, db_work *work, void *arg)
{
	struct job job = {db, work, arg};
	int result;

	if (db->engine->inside(db))
		return shop_fail("a transaction is open already");
	if (db->engine->together != NULL) {
		db->again = false;
		result = db->engine->together(db, do_job, &job);
		log_about(db->store.origin);
		return result;
	}
	if (db_begin(db) != 0)
		return -1;
	if (work(arg))
		return db_commit(db);
	db_rollback(db);
	return 1;
}

bool
db_again(const struct db *db)
{
	return db->again;
}

bool
db_unknown(const struct db *db)
{
	return db->unknown;
}

void
db_known(struct db *db)
{
	db->unknown = false;
}

void
db_rollback(struct db *db)
{
	/* The error that led here is the one to report. */
	if (db->engine->inside(db))
		db->engine->sql(db, "ROLLBACK", 0, NULL, NULL, NULL);
}

int
db_stamp(struct db *db, int64_t stamp[2])
{
	return db->engine->stamp == NULL ? -1 : db->engine->stamp(db, stamp);
}

const void *
db_store(struct db *db)
{
	return &db->store;
}

void
db_origin(struct db *db, const char *request)
{
	db->store.origin = request;
}

const char *
db_name(const struct db *db)
{
	return db->name;
}

void
db_describe(struct db *db, char *text, size_t size)
{
	db->engine->describe(db, text, size);
}

int
db_space(struct db *db, int64_t *free, int *percent)
{
	return db->engine->space != NULL ? db->engine->space(db, free, percent)
	                                 : 0;
}

void
db_large(struct db *db)
{
	if (db->engine->large != NULL)
		db->engine->large(db);
}

void
db_needs(struct db *db, db_need *need, void *arg)
{
	db->engine->needs(db, need, arg);
}

/* ------------------------------------------------------------------- opening
 */

static struct db *
connect_to(const char *address, bool create)
{
	size_t i = 0, last = sizeof(engines) / sizeof(*engines) - 1;
	struct db *db;

	while (i < last && !engines[i]->takes(address))
		i++;
	db = engines[i]->open(address, create);
	if (db == NULL)
		return NULL;
	db->engine = engines[i];
	db->store = (struct klaviyo_store){.sql = noted_sql, .conn = db};
	return db;
}

void
db_close(struct db *db)
{
	struct script *scripts;

	if (db == NULL)
		return;
	scripts = db->scripts;
	db->engine->close(db);
	db_scripts_free(scripts);
}

static int
copy_value(void *arg, int n, const char *const col[])
{
	char *value = arg;

	if (n > 0 && col[0] != NULL)
		snprintf(value, 16, "%s", col[0]);
	return 0;
}

struct db *
db_open_at(const char *address)
{
	struct db *db = connect_to(address, false);
	char version[16] = "";

	if (db == NULL)
		return NULL;
	if (db_run(db, copy_value, version,
	        "SELECT value FROM meta WHERE name = 'schema'") < 0)
		shop_fail("%s is no shop (STOREFRONT_DB): `storefront init` "
		          "makes one (%s)",
		    db->name, strdupa(shop_error()));
	else if (*version == '\0')
		shop_fail("%s is no shop yet: `storefront init` was cut; run "
		          "it again",
		    db->name);
	else if (num(version) < db_schema_version())
		shop_fail("%s has schema version %s, this program knows %d: "
		          "`storefront init` brings it up to date",
		    db->name, version, db_schema_version());
	else if (num(version) > db_schema_version())
		shop_fail("%s has schema version %s, this program knows %d: "
		          "use the program that made it, or a newer one",
		    db->name, version, db_schema_version());
	else
		return db;
	db_close(db);
	return NULL;
}

/* Is the shop here, and not on its way to or from another database? */
static int
check_moved(struct db *db)
{
	char mark[16] = "";

	if (db_run(db, copy_value, mark,
	        "SELECT value FROM meta WHERE name = $1", DB_MOVED) < 0)
		return -1;
	if (*mark == '\0')
		return 0;
	if (strcmp(mark, DB_GONE) == 0)
		return shop_fail("%s: this shop has moved: set STOREFRONT_DB "
		                 "to its new address",
		    db->name);
	return shop_fail("%s: `storefront migrate` was cut: run it again, with "
	                 "the same arguments",
	    db->name);
}

struct db *
db_open(const struct settings *settings)
{
	struct db *db = db_open_at(settings->db);

	if (db != NULL && check_moved(db) != 0) {
		db_close(db);
		return NULL;
	}
	if (db != NULL)
		db->store.limit = num(settings->outbox_limit);
	return db;
}

/* ------------------------------------------------------------------ creating
 */

struct db *
db_create_at(const char *address, const char *currency)
{
	struct db *db = connect_to(address, true);

	if (db == NULL)
		return NULL;
	if (db_make(db, currency) == 0)
		return db;
	db_close(db);
	return NULL;
}

struct db *
db_scratch(void)
{
	struct db *db = connect_to(DB_MEMORY, true);

	if (db == NULL || klaviyo_outbox_create(&db->store) == 0)
		return db;
	shop_fail("%s", klaviyo_error());
	db_close(db);
	return NULL;
}

struct db *
db_create(const struct settings *settings)
{
	return db_create_at(settings->db, settings->currency);
}
