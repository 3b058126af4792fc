/*
 * db_schema.c - the shop's tables: making them, and bringing older ones up.
 *
 * meta's row 'schema' is the version of the tables.  Each step of the table
 * below brings a shop from the version before to its own, in one transaction
 * with that row: cut anywhere, a shop is at one version or the other, and the
 * next `storefront init` goes on.  A step's text is never changed once it has
 * been released; schema.sql is what a new shop is made by, and what the steps
 * lead to (tests/integration/test_schema.py compares the two, from the first
 * release's tables on).  What only adds a table or an index needs a step too:
 * its number is what an older program is refused by.
 *
 * Promises: tables of a newer program are not touched.  Nothing but
 * `storefront init`, and `migrate` for its target, runs this: a process that
 * serves has no business with the shape of tables, and several hosts would do
 * it at once.
 *
 * The outbox's tables are the library's, which brings them up by itself.
 */
#include "db.h"

#include <stdlib.h>
#include <string.h>

/* In this order: a script; the engine's triggers; what they would have written
   of the rows that are there, which only then escape nobody. */
static const struct step {
	int to;
	const char *what;
	const char *script; /* schema_N.sql, or NULL */
	enum { NO_TRIGGERS, MARKS, COLLECTIONS } triggers;
	const char *fill; /* or NULL */
} steps[] = {
    {2, "one active sender (the library's tables)", NULL, NO_TRIGGERS, NULL},
    {3, "what happens to an order", schema_3_sql, NO_TRIGGERS, NULL},
    {4, "accounts, leads, the catalogue as it was pushed", schema_4_sql,
        NO_TRIGGERS, NULL},
    {5, "marks of what has changed in the catalogue", schema_5_sql, MARKS,
        NULL},
    {6, "events of the shop's own", schema_6_sql, NO_TRIGGERS, NULL},
    {7, "the collections, in order and counted", schema_7_sql, COLLECTIONS,
        collections_fill_sql},
};
#define STEPS (sizeof(steps) / sizeof(*steps))

int
db_schema_version(void)
{
	return steps[STEPS - 1].to;
}

/* ------------------------------------------------------------------- scripts
 */

/* A statement's text must live as long as the connection. */
struct script {
	struct script *next;
	char text[];
};

void
db_scripts_free(struct script *script)
{
	while (script != NULL) {
		struct script *next = script->next;

		free(script);
		script = next;
	}
}

/* Runs the statements of a text: each ends with ';' at a line's end. */
static int
run_script(struct db *db, const char *text)
{
	size_t size = strlen(text) + 1;
	struct script *script = malloc(sizeof(*script) + size);
	char *next, *end;

	if (script == NULL)
		return shop_fail("out of memory");
	memcpy(script->text, text, size);
	script->next = db->scripts;
	db->scripts = script;
	for (next = script->text; (end = strstr(next, ";\n")) != NULL;
	     next = end + 2) {
		*end = '\0';
		if (db_run(db, NULL, NULL, next) < 0)
			return -1;
	}
	return 0;
}

/* --------------------------------------------------------------------- seeds
 */

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

/* ------------------------------------------------------------ making a shop */

/* What meta says; "" where there is nothing. */
struct meta {
	char version[16], currency[16];
};

static int
meta_row(void *arg, int n, const char *const col[])
{
	struct meta *meta = arg;

	(void)n;
	snprintf(strcmp(col[0], "schema") == 0 ? meta->version : meta->currency,
	    16, "%s", col[1]);
	return 0;
}

static int
read_meta(struct db *db, struct meta *meta)
{
	*meta = (struct meta){0};
	return db_run(db, meta_row, meta,
	           "SELECT name, value FROM meta "
	           "WHERE name IN ('schema', 'currency')") < 0
	           ? -1
	           : 0;
}

/* Whether this program may work on the shop that is there, if there is one. */
static int
check_meta(const struct meta *meta, const char *currency)
{
	if (num(meta->version) > db_schema_version())
		return shop_fail("this shop has schema version %s, this "
		                 "program knows %d: use a newer one",
		    meta->version, db_schema_version());
	/* The currency is the database's once it is set: its prices are in
	   it. */
	if (*meta->currency != '\0' && strcmp(meta->currency, currency) != 0)
		return shop_fail("this shop's prices are in %s; "
		                 "STOREFRONT_CURRENCY says %s: set it to %s, "
		                 "or init another database",
		    meta->currency, currency, meta->currency);
	return 0;
}

/* Asked before anything is changed. */
static int
look(struct db *db, const char *currency, struct meta *meta)
{
	static const char sql[] = "CREATE TABLE IF NOT EXISTS meta "
	                          "(name TEXT PRIMARY KEY, value TEXT NOT NULL"
	                          ") STRICT";

	if (db_begin(db) != 0)
		return -1;
	if (db_run(db, NULL, NULL, sql) >= 0 && read_meta(db, meta) == 0 &&
	    check_meta(meta, currency) == 0)
		return db_commit(db) == 0 ? 0 : -1;
	db_rollback(db);
	return -1;
}

static int
run_step(struct db *db, const struct step *step)
{
	const char *const script[] = {step->script,
	    step->triggers == MARKS         ? db->engine->marks
	    : step->triggers == COLLECTIONS ? db->engine->collections
	                                    : NULL,
	    step->fill};

	for (size_t i = 0; i < sizeof(script) / sizeof(*script); i++)
		if (script[i] != NULL && run_script(db, script[i]) != 0)
			return -1;
	return db_run(db, NULL, NULL,
	           "UPDATE meta SET value = $1 WHERE name = 'schema'",
	           NUM(step->to)) < 0
	           ? -1
	           : 0;
}

/* Another process may have been here since: the version is asked again. */
static int
take(struct db *db, const struct step *step)
{
	struct meta meta;
	bool mine;

	if (db_begin(db) != 0)
		return -1;
	if (read_meta(db, &meta) != 0)
		goto undo;
	mine = num(meta.version) < step->to;
	if (mine && run_step(db, step) != 0)
		goto undo;
	if (db_commit(db) != 0)
		return -1;
	if (mine)
		shop_log("%s: schema version %d: %s", db->name, step->to,
		    step->what);
	return 0;
undo:
	db_rollback(db);
	return -1;
}

/* The transaction that makes the tables, or finds them. */
static int
make_shop(struct db *db, const char *currency)
{
	if (db_begin(db) != 0)
		return -1;
	if (run_script(db, schema_sql) == 0 &&
	    run_script(db, db->engine->marks) == 0 &&
	    run_script(db, db->engine->collections) == 0 &&
	    db_run(db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('schema', $1), "
	        "('currency', $2) ON CONFLICT DO NOTHING",
	        NUM(db_schema_version()), currency) >= 0 &&
	    seed(db, currency) == 0)
		return db_commit(db) == 0 ? 0 : -1;
	db_rollback(db);
	return -1;
}

int
db_make(struct db *db, const char *currency)
{
	struct meta meta;

	if (look(db, currency, &meta) != 0)
		return -1;
	/* A transaction of its own, and first: the schema's number, which
	   db_open() asks for, stands for all of it. */
	if (klaviyo_outbox_create(&db->store) != 0)
		return shop_fail("%s", klaviyo_error());
	for (size_t i = 0; *meta.version != '\0' && i < STEPS; i++)
		if (num(meta.version) < steps[i].to && take(db, &steps[i]) != 0)
			return -1;
	return make_shop(db, currency);
}
