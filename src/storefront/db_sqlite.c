/*
 * db_sqlite.c - SQLite under db.c: a file, its settings, the write gate.
 *
 * Promises: WAL with synchronous=FULL, so that a confirmed order survives a
 * power cut (NORMAL loses it); every write and every checkpoint of every
 * process runs inside the write gate, the library's too.  The gate itself, and
 * that transactions which wait at it share a COMMIT, is db_group.c's.
 *
 * The write gate: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when one
 * connection checkpoints while another commits and restarts the log (the
 * WAL-reset bug).  A lock file held around each BEGIN..COMMIT, around a
 * statement that writes by itself, and around every checkpoint keeps the two
 * apart; it also queues writers fairly, where SQLite's busy handler lets some
 * wait for seconds.
 *
 * On a SQLite without the bug the gate stands open: its processes share the
 * lock and queue by SQLite's own means.  They still keep out, and are kept out
 * by, a process whose SQLite has the bug and that uses the same file.
 */
#include "db.h"
#include "db_group.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

struct connection {
	struct db db;    /* first: the one is the other */
	struct member m; /* with its SQLite connection */
	const volatile uint64_t *head; /* db_wal_head()'s */
};

/* ------------------------------------------------------------- a connection */

static bool
sqlite_inside(struct db *db)
{
	return ((struct connection *)db)->m.in != NULL;
}

/* What may run outside the gate: reading, and the ends of a transaction, which
   has entered it.  VACUUM INTO reads, and writes another file. */
static bool
needs_no_gate(const char *sql)
{
	static const char *const free[] = {"SELECT ", "WITH ", "VACUUM INTO ",
	    "COMMIT", "ROLLBACK", "SAVEPOINT ", "RELEASE "};

	for (size_t i = 0; i < sizeof(free) / sizeof(*free); i++)
		if (strncmp(sql, free[i], strlen(free[i])) == 0)
			return true;
	return strncmp(sql, "PRAGMA ", 7) == 0 &&
	       strstr(sql, "checkpoint") == NULL;
}

/* The ends of a transaction are the group's. */
static int64_t
sqlite_end(struct connection *c, bool rollback)
{
	int64_t result;

	if (rollback)
		return group_rollback(&c->m);
	result = group_commit(&c->m);
	c->db.again |= result < 0 && c->m.again;
	return result;
}

static int64_t
sqlite_sql(void *conn, const char *sql, int n, const char *const *arg,
    klaviyo_row *row, void *rowarg)
{
	struct connection *c = conn;
	bool rollback = strcmp(sql, "ROLLBACK") == 0;
	bool alone = false;
	int64_t result;
	sqlite3 *in;

	if (db_lost() && !rollback) {
		shop_fail("the disk failed to flush the database");
		return -2;
	}
	if (strcmp(sql, "BEGIN") == 0)
		return group_begin(&c->m);
	/* Where none is open, SQLite says so. */
	if (rollback || (c->m.in != NULL && strcmp(sql, "COMMIT") == 0))
		return sqlite_end(c, rollback);
	if (c->m.in == NULL && !needs_no_gate(sql)) {
		if (group_alone(&c->m) != 0)
			return -2;
		alone = true;
	}
	in = c->m.in;
	result = klaviyo_sqlite(
	    in != NULL ? in : group_reader(&c->m), sql, n, arg, row, rowarg);
	if (in == NULL)
		group_read(&c->m);
	group_look(&c->m);
	if (alone)
		group_done(&c->m);
	return result;
}

static int
sqlite_together(struct db *db, db_work *work, void *arg)
{
	struct connection *c = (struct connection *)db;
	int result;

	if (db_lost())
		return shop_fail("the disk failed to flush the database");
	result = group_together(&c->m, work, arg);
	db->again |= result < 0 && c->m.again;
	return result;
}

static int
sqlite_stamp(struct db *db, int64_t stamp[2])
{
	struct connection *c = (struct connection *)db;

	if (db_lost())
		return -1;
	if (c->head == NULL && (c->head = db_wal_head(c->m.own)) == NULL)
		return -1;
	stamp[0] = db_wal_stamp(c->head);
	/* What only this connection sees, since it has not committed it yet:
	   its number is enough.  Where connections are shared, the writer has
	   it. */
	stamp[1] = c->m.own != NULL ? sqlite3_total_changes64(c->m.own) : 0;
	return 0;
}

/* Else, from 2 MB on, SQLite writes what a transaction has changed to the log
   before its COMMIT, to read it again and write it once more. */
static void
sqlite_large(struct db *db)
{
	struct connection *c = (struct connection *)db;

	db_wal_large();
	if (c->m.own != NULL)
		sqlite3_exec(
		    c->m.own, "PRAGMA cache_size=-8192", NULL, NULL, NULL);
}

static void
close_one(sqlite3 *conn, bool gate)
{
	if (conn == NULL)
		return;
	klaviyo_sqlite_finish(conn);
	/* The last connection's close runs a checkpoint: inside the gate or not
	   at all, and not of what a failed sync has left. */
	sqlite3_db_config(conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
	    db_lost() || !gate ? 1 : 0, (int *)NULL);
	sqlite3_close(conn);
}

static void
sqlite_close(struct db *db)
{
	struct connection *c = (struct connection *)db;

	group_exit(&c->m, close_one);
	free(c);
}

/* After a COMMIT, which has succeeded whatever comes of this. */
static int
on_commit(void *arg, sqlite3 *conn, const char *name, int pages)
{
	static _Thread_local struct db_wal wal;

	(void)arg;
	db_wal_committed(&wal, conn, name, pages);
	sqlite3_busy_timeout(conn, GATE_WAIT_MS);
	return SQLITE_OK;
}

static int
set_up(sqlite3 *conn, const char *name)
{
	static const char *const pragma[] = {"PRAGMA foreign_keys=ON",
	    "PRAGMA trusted_schema=OFF", "PRAGMA synchronous=FULL",
	    "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY",
	    /* What the outbox empties is gone from the file, too. */
	    "PRAGMA secure_delete=ON"};

	sqlite3_busy_timeout(conn, GATE_WAIT_MS);
	sqlite3_extended_result_codes(conn, 1);
	sqlite3_wal_hook(conn, on_commit, NULL);
	for (size_t i = 0; i < sizeof(pragma) / sizeof(*pragma); i++)
		if (sqlite3_exec(conn, pragma[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			return shop_fail("%s: %s", name, sqlite3_errmsg(conn));
	sqlite3_db_config(conn, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return 0;
}

static int
use_wal(struct connection *c, const char *path)
{
	sqlite3 *conn = c->m.own;
	int rc;

	if (group_alone(&c->m) != 0)
		return -1;
	rc = sqlite3_exec(conn, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
	group_done(&c->m);
	return rc == SQLITE_OK ? 0
	                       : shop_fail("%s: %s", path, sqlite3_errmsg(conn));
}

/* Not to be used by two threads at the same time. */
#define OPEN_FLAGS (SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX)

/* Opens both files; they are readable to their owner only. */
static int
open_files(struct connection *c, const char *path, bool create)
{
	/* Orders and addresses: nobody else's to read. */
	mode_t mask = umask(0077);
	int rc, result = 0;

	rc = sqlite3_open_v2(path, &c->m.own,
	    OPEN_FLAGS | (create ? SQLITE_OPEN_CREATE : 0), NULL);
	if (rc == SQLITE_OK)
		result = group_enter(&c->m, path);
	umask(mask);
	if (rc != SQLITE_OK)
		return shop_fail(
		    "%s: %s (STOREFRONT_DB; `storefront init` makes a new one)",
		    path, sqlite3_errmsg(c->m.own));
	return result;
}

static sqlite3 *
open_writer(const char *path)
{
	sqlite3 *conn;
	int rc = sqlite3_open_v2(path, &conn, OPEN_FLAGS, NULL);

	if (rc == SQLITE_OK && set_up(conn, path) == 0)
		return conn;
	if (rc != SQLITE_OK)
		shop_fail("%s: %s", path, sqlite3_errmsg(conn));
	sqlite3_close(conn);
	return NULL;
}

/* Others read with it from now on.  What db_stamp() looks at is all the
   connections', and stays as long as there is one. */
static void
share(struct connection *c)
{
	c->head = db_wal_head(c->m.own);
	if (c->head != NULL)
		group_share(&c->m);
}

static struct db *
sqlite_open(const char *path, bool create)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct connection *c = calloc(1, sizeof(*c));
	int writer;

	pthread_once(&once, db_sqlite_configure);
	if (c == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	snprintf(c->db.name, sizeof(c->db.name), "%s", path);
	c->m.name = c->db.name;
	if (open_files(c, path, create) == 0 && set_up(c->m.own, path) == 0 &&
	    (!create || use_wal(c, path) == 0) &&
	    (writer = group_writer(&c->m, open_writer)) >= 0) {
		if (writer == 1)
			share(c);
		return &c->db;
	}
	sqlite_close(&c->db);
	return NULL;
}

static void
sqlite_describe(struct db *db, char *text, size_t size)
{
	(void)db;
	snprintf(text, size, "SQLite %s, %s", sqlite3_libversion(),
	    db_wal_reset_bug(sqlite3_libversion_number())
	        ? "which has the WAL-reset bug: the write gate keeps it away"
	        : "without the WAL-reset bug: the write gate is open");
}

/* By the lock file's descriptor, which lies beside the database: a confined
   process opens none.  What is kept back for root is not free. */
static int
sqlite_space(struct db *db, int64_t *room, int *percent)
{
	int gate = group_gate(&((struct connection *)db)->m);
	struct statvfs fs;

	if (gate < 0)
		return 0; /* in memory */
	if (fstatvfs(gate, &fs) != 0)
		return shop_fail("%s: %s", db->name, strerror(errno));
	*room = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
	*percent = fs.f_blocks > 0
	               ? (int)((double)fs.f_bavail * 100 / (double)fs.f_blocks)
	               : 100;
	return 1;
}

/* Its files are open, and stay so; those of the log go with the last
   connection.  The log's first sync is also the directory's: without it, a power
   cut may take away the log's name. */
static void
sqlite_needs(struct db *db, db_need *need, void *arg)
{
	static const char *const files[] = {"", "-wal", "-shm", ".lock"};
	const char *path = group_file(&((struct connection *)db)->m);
	char name[PATH_MAX + 8];

	if (strlen(path) > PATH_MAX)
		return;
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
		snprintf(name, sizeof(name), "%s%s", path, files[i]);
		need(arg, DB_WRITES, name);
	}
	snprintf(name, sizeof(name), "%s", path);
	need(arg, DB_FOLDER, dirname(name));
}

static bool
sqlite_takes(const char *address)
{
	(void)address; /* any name is a file's */
	return true;
}

const struct engine db_sqlite = {
    .takes = sqlite_takes,
    .open = sqlite_open,
    .sql = sqlite_sql,
    .together = sqlite_together,
    .inside = sqlite_inside,
    .close = sqlite_close,
    .space = sqlite_space,
    .large = sqlite_large,
    .describe = sqlite_describe,
    .needs = sqlite_needs,
    .stamp = sqlite_stamp,
    .marks = marks_sqlite_sql,
    .collections = collections_sqlite_sql,
};
