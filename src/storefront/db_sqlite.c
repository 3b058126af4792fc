/*
 * db_sqlite.c - SQLite under db.c: a file, its settings, the write gate.
 *
 * Promises: WAL with synchronous=FULL, so that a confirmed order survives a
 * power cut (NORMAL loses it); every write transaction of every process runs
 * inside the write gate, the library's too.
 *
 * The write gate: SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when one
 * connection checkpoints while another commits and restarts the log.  A lock
 * file held around each BEGIN..COMMIT, and around the checkpoint that closing
 * may run, keeps the two apart; it also queues writers fairly, where SQLite's
 * busy handler lets some wait for seconds.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATE_WAIT_MS 5000

struct connection {
	struct db db; /* first: the one is the other */
	sqlite3 *conn;
	int gate;    /* the lock file's descriptor, this connection's own */
	bool inside; /* holds the gate */
};

/* ------------------------------------------------------------ the write gate
 */

/* Threads of one process queue here, so that only processes poll the file. */
static pthread_mutex_t gate_mutex = PTHREAD_MUTEX_INITIALIZER;

static int
gate_enter(struct connection *c)
{
	struct timespec until;
	int waited = 0;

	if (c->inside)
		return 0;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += GATE_WAIT_MS / 1000;
	if (pthread_mutex_timedlock(&gate_mutex, &until) != 0)
		return shop_fail("the database is busy: no turn to write "
		                 "within 5 seconds");
	while (flock(c->gate, LOCK_EX | LOCK_NB) != 0) {
		if ((errno != EWOULDBLOCK && errno != EINTR) ||
		    waited++ >= GATE_WAIT_MS) {
			pthread_mutex_unlock(&gate_mutex);
			return shop_fail("the database is busy: another "
			                 "process holds its write lock");
		}
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	c->inside = true;
	return 0;
}

static void
gate_leave(struct connection *c)
{
	if (!c->inside)
		return;
	c->inside = false;
	flock(c->gate, LOCK_UN);
	pthread_mutex_unlock(&gate_mutex);
}

/* Opens the lock file beside the database. */
static int
gate_open(struct connection *c, const char *path)
{
	char *name;

	if (asprintf(&name, "%s.lock", path) < 0)
		return shop_fail("out of memory");
	c->gate = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (c->gate < 0)
		return shop_fail("%s.lock: %s", path, strerror(errno));
	return 0;
}

/* ------------------------------------------------------------- a connection */

static bool
sqlite_inside(struct db *db)
{
	return !sqlite3_get_autocommit(((struct connection *)db)->conn);
}

static int64_t
sqlite_sql(void *conn, const char *sql, int n, const char *const *arg,
    klaviyo_row *row, void *rowarg)
{
	struct connection *c = conn;
	int64_t result;

	if (strcmp(sql, "BEGIN") == 0 && gate_enter(c) != 0)
		return -1;
	result = klaviyo_sqlite(c->conn, sql, n, arg, row, rowarg);
	if (!sqlite_inside(&c->db))
		gate_leave(c);
	return result;
}

static void
sqlite_close(struct db *db)
{
	struct connection *c = (struct connection *)db;

	/* The last connection's close runs a checkpoint: inside the gate. */
	if (c->gate >= 0)
		gate_enter(c);
	if (c->conn != NULL)
		klaviyo_sqlite_finish(c->conn);
	sqlite3_close(c->conn);
	gate_leave(c);
	if (c->gate >= 0)
		close(c->gate);
	free(c);
}

static int
set_up(struct connection *c)
{
	static const char *const pragma[] = {"PRAGMA foreign_keys=ON",
	    "PRAGMA trusted_schema=OFF", "PRAGMA synchronous=FULL",
	    "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY"};

	sqlite3_busy_timeout(c->conn, GATE_WAIT_MS);
	sqlite3_extended_result_codes(c->conn, 1);
	for (size_t i = 0; i < sizeof(pragma) / sizeof(*pragma); i++)
		if (sqlite3_exec(c->conn, pragma[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			return shop_fail("%s", sqlite3_errmsg(c->conn));
	sqlite3_db_config(c->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return 0;
}

static int
use_wal(struct connection *c, const char *path)
{
	int rc;

	if (gate_enter(c) != 0)
		return -1;
	rc = sqlite3_exec(c->conn, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
	gate_leave(c);
	return rc == SQLITE_OK
	           ? 0
	           : shop_fail("%s: %s", path, sqlite3_errmsg(c->conn));
}

/* Opens both files; they are readable to their owner only. */
static int
open_files(struct connection *c, const char *path, bool create)
{
	/* Orders and addresses: nobody else's to read. */
	mode_t mask = umask(0077);
	int rc, result = 0;

	rc = sqlite3_open_v2(path, &c->conn,
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
	        (create ? SQLITE_OPEN_CREATE : 0),
	    NULL);
	if (rc == SQLITE_OK)
		result = gate_open(c, path);
	umask(mask);
	if (rc != SQLITE_OK)
		return shop_fail(
		    "%s: %s (STOREFRONT_DB; `storefront init` makes a new one)",
		    path, sqlite3_errmsg(c->conn));
	return result;
}

static struct db *
sqlite_open(const char *path, bool create)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	c->gate = -1;
	snprintf(c->db.name, sizeof(c->db.name), "%s", path);
	if (open_files(c, path, create) == 0 && set_up(c) == 0 &&
	    (!create || use_wal(c, path) == 0))
		return &c->db;
	sqlite_close(&c->db);
	return NULL;
}

static bool
sqlite_takes(const char *address)
{
	(void)address; /* any name is a file's */
	return true;
}

const struct engine db_sqlite = {
    .name = "SQLite",
    .takes = sqlite_takes,
    .open = sqlite_open,
    .sql = sqlite_sql,
    .inside = sqlite_inside,
    .close = sqlite_close,
};
