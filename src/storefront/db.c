/*
 * db.c - the shop's database: opening, creating, transactions.
 *
 * The address says which engine: the connections themselves are db_sqlite.c's.
 * The library's statements run on the same connection, in the same transaction,
 * through the same function as the shop's.
 *
 * Does not know what the tables mean, beyond what a new shop is seeded with.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

/* 1: before there was a sender's lease; 2: before changes of orders; 3: before
   accounts.  `storefront init` brings an older shop to this version: so far by
   making the tables that are missing. */
#define SCHEMA_VERSION "4"

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

const void *
db_store(struct db *db)
{
	return &db->store;
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
	char *script;

	if (db == NULL)
		return;
	script = db->script;
	db->engine->close(db);
	free(script);
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
	else if (num(version) < num(SCHEMA_VERSION))
		shop_fail("%s has schema version %s, this program knows %s: "
		          "`storefront init` brings it up to date",
		    db->name, version, SCHEMA_VERSION);
	else if (strcmp(version, SCHEMA_VERSION) != 0)
		shop_fail("%s has schema version %s, this program knows %s: "
		          "use the program that made it, or a newer one",
		    db->name, version, SCHEMA_VERSION);
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

/* Runs the statements of a text: each ends with ';' at a line's end. */
static int
run_script(struct db *db, const char *script)
{
	char *next, *end;

	/* A statement's text must live as long as the connection. */
	next = db->script = strdup(script);
	if (next == NULL)
		return shop_fail("out of memory");
	for (; (end = strstr(next, ";\n")) != NULL; next = end + 2) {
		*end = '\0';
		if (db_run(db, NULL, NULL, next) < 0)
			return -1;
	}
	return 0;
}

/* Amounts are written in hundredths, and scaled to the shop's currency. */
static int
seed(struct db *db, const char *currency)
{
	static const struct {
		const char *code, *name, *when;
		int price, free_from, position;
	} methods[] = {
	    {"standard", "Standard delivery", "3 to 5 working days", 495, 5000,
	        1},
	    {"express", "Express delivery", "the next working day", 1295, 0, 2},
	    {"collect", "Collect from the shop", "ready within two hours", 0, 0,
	        3},
	};
	static const struct {
		const char *code, *kind;
		int value, minimum;
	} discounts[] = {
	    {"WELCOME10", "percent", 10, 0},
	    {"FIVEOFF", "amount", 500, 2500},
	    {"FREESHIP", "shipping", 0, 0},
	};
	int64_t scale = 1;

	for (int i = klaviyo_exponent(currency); i > 0; i--)
		scale *= 10;
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (db_run(db, NULL, NULL,
		        "INSERT INTO shipping_method (code, name, whenthere, "
		        "price, free_from, position) "
		        "VALUES ($1, $2, $3, $4, $5, $6) "
		        "ON CONFLICT DO NOTHING",
		        methods[i].code, methods[i].name, methods[i].when,
		        NUM(methods[i].price * scale / 100),
		        methods[i].free_from == 0
		            ? NULL
		            : NUM(methods[i].free_from * scale / 100),
		        NUM(methods[i].position)) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(discounts) / sizeof(*discounts); i++) {
		int64_t value = discounts[i].value;

		if (strcmp(discounts[i].kind, "amount") == 0)
			value = value * scale / 100;
		if (db_run(db, NULL, NULL,
		        "INSERT INTO discount (code, kind, value, minimum) "
		        "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
		        discounts[i].code, discounts[i].kind, NUM(value),
		        NUM(discounts[i].minimum * scale / 100)) < 0)
			return -1;
	}
	return 0;
}

/* The currency is the database's once it is set: its prices are in it. */
static int
settle_currency(struct db *db, const char *currency)
{
	char had[16] = "", version[16] = "";

	if (db_run(db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('schema', $1), "
	        "('currency', $2) ON CONFLICT DO NOTHING",
	        SCHEMA_VERSION, currency) < 0 ||
	    db_run(db, copy_value, version,
	        "SELECT value FROM meta WHERE name = 'schema'") < 0 ||
	    db_run(db, copy_value, had,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0)
		return -1;
	if (strcmp(had, currency) != 0)
		return shop_fail("this shop's prices are in %s; "
		                 "STOREFRONT_CURRENCY says %s: unset it, or "
		                 "init another database",
		    had, currency);
	if (num(version) > num(SCHEMA_VERSION))
		return shop_fail("this shop has schema version %s, this "
		                 "program knows %s: use a newer one",
		    version, SCHEMA_VERSION);
	return db_run(db, NULL, NULL,
	           "UPDATE meta SET value = $1 WHERE name = 'schema'",
	           SCHEMA_VERSION) < 0
	           ? -1
	           : 0;
}

/* The transaction that makes the tables, or finds them. */
static int
make_shop(struct db *db, const char *currency)
{
	if (db_begin(db) != 0)
		return -1;
	if (run_script(db, schema_sql) == 0 &&
	    settle_currency(db, currency) == 0 && seed(db, currency) == 0)
		return db_commit(db);
	db_rollback(db);
	return -1;
}

struct db *
db_create_at(const char *address, const char *currency)
{
	struct db *db = connect_to(address, true);

	if (db == NULL)
		return NULL;
	/* A transaction of its own, and first: the schema's number, which
	   db_open() asks for, stands for all of it. */
	if (klaviyo_outbox_create(&db->store) != 0)
		shop_fail("%s", klaviyo_error());
	else if (make_shop(db, currency) == 0)
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
