/*
 * db.c - the shop's database: one SQLite connection behind db_sql().
 *
 * Promises: WAL with synchronous=FULL, so that a confirmed order survives a
 * power cut (NORMAL loses it); every write transaction of every process runs
 * inside the write gate; the library's statements run on the same connection,
 * in the same transaction, through the same gate.
 *
 * The write gate: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when one
 * connection checkpoints while another commits and restarts the log.  A lock
 * file held around each BEGIN..COMMIT, and around the checkpoint that closing
 * may run, keeps the two apart; it also queues writers fairly, where SQLite's
 * busy handler lets some wait for seconds.
 *
 * Does not know what the tables mean.
 */
#include "storefront.h"

#include <errno.h>
#include <fcntl.h>
#include <klaviyo.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATE_WAIT_MS 5000
#define SCHEMA_VERSION "1"

struct db {
	sqlite3 *conn;
	int gate;      /* the lock file's descriptor, this connection's own */
	bool inside;   /* holds the gate */
	struct klaviyo_store store;
};

/* Threads of one process queue here, so that only processes poll the file. */
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;

static int
gate_enter(struct db *db)
{
	struct timespec until;
	int waited = 0;

	if (db->inside)
		return 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GATE_WAIT_MS / 1000;
	if (pthread_mutex_timedlock(&gate_mutex, &until) != 0)
		return shop_fail("the database is busy: no turn to write "
		                 "within 5 seconds");
	while (flock(db->gate, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    waited++ >= GATE_WAIT_MS) {
			pthread_mutex_unlock(&gate_mutex);
			return shop_fail("the database is busy: another "
			                 "process holds its write lock");
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	db->inside = true;
	return 0;
}

static void
gate_leave(struct db *db)
{
	if (!db->inside)
		return;
	db->inside = false;
	flock(db->gate, LOCK_UN);
	pthread_mutex_unlock(&gate_mutex);
}

/* The klaviyo_sql of this shop: SQLite's, with the gate around transactions. */
static int64_t
gated_sql(void *conn, const char *sql, int n, const char *const *arg,
    klaviyo_row *row, void *rowarg)
{
	struct db *db = conn;
	int64_t result;

	if (strcmp(sql, "BEGIN") == 0 && gate_enter(db) != 0)
		return -1;
	result = klaviyo_sqlite(db->conn, sql, n, arg, row, rowarg);
	if (sqlite3_get_autocommit(db->conn))
		gate_leave(db);
	return result;
}

int64_t
db_sql(struct db *db, const char *sql, int n, const char *const *arg,
    db_row *row, void *rowarg)
{
	int64_t result;

	result = gated_sql(db, sql, n, arg, row, rowarg);
	if (result < 0 && strcmp(sql, "BEGIN") != 0)
		shop_fail("%s", klaviyo_error());
	return result;
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
	if (!sqlite3_get_autocommit(db->conn))
		klaviyo_sqlite(db->conn, "ROLLBACK", 0, NULL, NULL, NULL);
	gate_leave(db);
	return -1;
}

void
db_rollback(struct db *db)
{
	/* The error that led here is the one to report. */
	if (!sqlite3_get_autocommit(db->conn))
		klaviyo_sqlite(db->conn, "ROLLBACK", 0, NULL, NULL, NULL);
	gate_leave(db);
}

const void *
db_store(struct db *db)
{
	return &db->store;
}

/* Opens the lock file beside the database. */
static int
gate_open(struct db *db, const char *path)
{
	char *name;

	if (asprintf(&name, "%s.lock", path) < 0)
		return shop_fail("out of memory");
	db->gate = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (db->gate < 0)
		return shop_fail("%s.lock: %s", path, strerror(errno));
	return 0;
}

static int
set_up(struct db *db)
{
	static const char *const pragma[] = {"PRAGMA foreign_keys=ON",
	    "PRAGMA trusted_schema=OFF", "PRAGMA synchronous=FULL",
	    "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY"};

	sqlite3_busy_timeout(db->conn, GATE_WAIT_MS);
	sqlite3_extended_result_codes(db->conn, 1);
	for (size_t i = 0; i < sizeof(pragma) / sizeof(*pragma); i++)
		if (sqlite3_exec(db->conn, pragma[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			return shop_fail("%s", sqlite3_errmsg(db->conn));
	sqlite3_db_config(
	    db->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return 0;
}

static struct db *
open_path(const char *path, int flags)
{
	struct db *db;
	mode_t mask;
	int rc;

	db = calloc(1, sizeof(*db));
	if (db == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	db->gate = -1;
	db->store = (struct klaviyo_store){gated_sql, db};
	mask = umask(0077); /* orders and addresses: nobody else's to read */
	rc = sqlite3_open_v2(
	    path, &db->conn, flags | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK && gate_open(db, path) != 0)
		goto bad;
	umask(mask);
	if (rc != SQLITE_OK) {
		shop_fail("%s: %s (STOREFRONT_DB; `storefront init` makes a "
		          "new one)",
		    path, sqlite3_errmsg(db->conn));
		goto close;
	}
	if (set_up(db) == 0)
		return db;
close:
	db_close(db);
	return NULL;
bad:
	umask(mask);
	goto close;
}

void
db_close(struct db *db)
{
	if (db == NULL)
		return;
	/* The last connection's close runs a checkpoint: inside the gate. */
	if (db->gate >= 0)
		gate_enter(db);
	if (db->conn != NULL)
		klaviyo_sqlite_finish(db->conn);
	sqlite3_close(db->conn);
	gate_leave(db);
	if (db->gate >= 0)
		close(db->gate);
	free(db);
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
db_open(const struct settings *settings)
{
	struct db *db;
	char version[16] = "";

	db = open_path(settings->db, SQLITE_OPEN_READWRITE);
	if (db == NULL)
		return NULL;
	if (db_run(db, copy_value, version,
	        "SELECT value FROM meta WHERE name = 'schema'") < 0)
		shop_fail("%s is no shop (STOREFRONT_DB): `storefront init` "
		          "makes one",
		    settings->db);
	else if (strcmp(version, SCHEMA_VERSION) != 0)
		shop_fail("%s has schema version '%s', this program knows %s: "
		          "use the program that made it, or a newer one",
		    settings->db, version, SCHEMA_VERSION);
	else
		return db;
	db_close(db);
	return NULL;
}

/* Runs the statements of a text: each ends with ';' at a line's end. */
static int
run_script(struct db *db, const char *script)
{
	char *error = NULL;

	/* Multi-statement text is not for prepared statements. */
	if (sqlite3_exec(db->conn, script, NULL, NULL, &error) != SQLITE_OK) {
		shop_fail("%s", error != NULL ? error : "out of memory");
		sqlite3_free(error);
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
	char had[16] = "";

	if (db_run(db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('schema', $1), "
	        "('currency', $2) ON CONFLICT DO NOTHING",
	        SCHEMA_VERSION, currency) < 0 ||
	    db_run(db, copy_value, had,
	        "SELECT value FROM meta WHERE name = 'currency'") < 0)
		return -1;
	if (strcmp(had, currency) != 0)
		return shop_fail("this shop's prices are in %s; "
		                 "STOREFRONT_CURRENCY says %s: unset it, or "
		                 "init another database",
		    had, currency);
	return 0;
}

struct db *
db_create(const struct settings *settings)
{
	struct db *db;

	db = open_path(
	    settings->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
	if (db == NULL)
		return NULL;
	if (gate_enter(db) != 0)
		goto bad;
	if (sqlite3_exec(db->conn, "PRAGMA journal_mode=WAL", NULL, NULL,
	        NULL) != SQLITE_OK) {
		shop_fail("%s: %s", settings->db, sqlite3_errmsg(db->conn));
		goto bad;
	}
	gate_leave(db);
	/* A transaction of its own, and first: the schema's number, which
	   db_open() asks for, stands for all of it. */
	if (klaviyo_outbox_create(&db->store) != 0) {
		shop_fail("%s", klaviyo_error());
		goto bad;
	}
	if (db_begin(db) != 0)
		goto bad;
	if (run_script(db, schema_sql) != 0 ||
	    settle_currency(db, settings->currency) != 0 ||
	    seed(db, settings->currency) != 0)
		goto bad;
	if (db_commit(db) != 0)
		goto bad;
	return db;
bad:
	db_rollback(db);
	db_close(db);
	return NULL;
}
