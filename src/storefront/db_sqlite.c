/*
 * db_sqlite.c - SQLite under db.c: a file, its settings, the write gate.
 *
 * Promises: WAL with synchronous=FULL, so that a confirmed order survives a
 * power cut (NORMAL loses it); every write and every checkpoint of every
 * process runs inside the write gate, the library's too; nobody waits for it
 * longer than GATE_WAIT_MS, whatever is done to the system's clock.
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
 *
 * A sync that failed: the kernel has dropped what it could not write, takes the
 * pages for clean, and the next sync says all is well.  What this process would
 * read, and copy on, may not be what is on the disk.  So it touches the
 * database no more (db_lost()) and ends; the next one reads the log with its
 * checksums.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define GATE_WAIT_MS 5000

struct connection {
	struct db db; /* first: the one is the other */
	sqlite3 *conn;
	int gate;    /* the lock file's descriptor, this connection's own */
	bool inside; /* holds the gate */
	struct db_wal wal;
};

/* ------------------------------------------------------------ the write gate
 */

/* Threads of one process queue here, so that only processes poll the file.  Not
   a mutex alone: its timed lock goes by the clock that people set. */
static struct {
	pthread_once_t once;
	pthread_mutex_t mutex;
	pthread_cond_t free;
	bool taken;
} turn = {.once = PTHREAD_ONCE_INIT, .mutex = PTHREAD_MUTEX_INITIALIZER};

static void
turn_init(void)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&turn.free, &attributes);
	pthread_condattr_destroy(&attributes);
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static bool
turn_take(int64_t until_ms)
{
	struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
	bool mine;
	int over = 0;

	pthread_once(&turn.once, turn_init);
	pthread_mutex_lock(&turn.mutex);
	while (turn.taken && over == 0)
		over = pthread_cond_timedwait(&turn.free, &turn.mutex, &until);
	mine = !turn.taken;
	turn.taken = true;
	pthread_mutex_unlock(&turn.mutex);
	return mine;
}

static void
turn_give(void)
{
	pthread_mutex_lock(&turn.mutex);
	turn.taken = false;
	pthread_cond_signal(&turn.free);
	pthread_mutex_unlock(&turn.mutex);
}

bool
db_wal_reset_bug(int version)
{
	static const struct {
		int from, fixed; /* of one line of releases */
	} fixes[] = {
	    {3051000, 3051003}, {3050000, 3050007}, {3044000, 3044006}};

	if (version < 3007000)
		return false;
	for (size_t i = 0; i < sizeof(fixes) / sizeof(*fixes); i++)
		if (version >= fixes[i].from && version < fixes[i].from + 1000)
			return version < fixes[i].fixed;
	return version < 3051003;
}

static bool
gate_shared(void)
{
	return !db_wal_reset_bug(sqlite3_libversion_number());
}

/* The file's lock.  Some file systems of the network have none. */
static int
file_lock(struct connection *c, int64_t until_ms)
{
	int how = gate_shared() ? LOCK_SH : LOCK_EX;

	while (flock(c->gate, how | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return shop_fail("%s.lock cannot be locked: %s; put "
			                 "the database on a local file system",
			    c->db.name, strerror(errno));
		if (now_ms() >= until_ms)
			return shop_fail("the database is busy: another "
			                 "process holds its write lock");
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

/* Until the time ${until_ms}, for the turn and for the file together. */
static int
gate_enter(struct connection *c, int64_t until_ms)
{
	bool turns = !gate_shared();

	if (c->inside)
		return 0;
	if (turns && !turn_take(until_ms))
		return shop_fail("the database is busy: no turn to write "
		                 "within 5 seconds");
	if (file_lock(c, until_ms) != 0) {
		if (turns)
			turn_give();
		return -1;
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
	if (!gate_shared())
		turn_give();
}

/* Opens the lock file beside the database. */
static int
gate_open(struct connection *c, const char *path)
{
	char *name;

	if (asprintf(&name, "%s.lock", path) < 0)
		return shop_fail("out of memory");
	c->gate = strcmp(path, DB_MEMORY) == 0
	    ? memfd_create("gate", MFD_CLOEXEC) /* nobody else's */
	    : open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (c->gate < 0)
		return shop_fail("%s.lock: %s", path, strerror(errno));
	return 0;
}

/* ------------------------------------------------------- a sync that failed */

static atomic_bool lost;

bool
db_lost(void)
{
	return lost;
}

/* What SQLite has to say.  Of a checkpoint's failure nothing else hears, since
   it is not the failure of the COMMIT that ran it. */
static void
on_log(void *arg, int code, const char *text)
{
	(void)arg;
	if ((code & 0xff) != SQLITE_IOERR && (code & 0xff) != SQLITE_CORRUPT)
		return;
	shop_log("SQLite: %s", text);
	if (code == SQLITE_IOERR_FSYNC && !atomic_exchange(&lost, true))
		shop_log("the disk failed to flush the database: what it "
		         "holds is not known.  This process ends; look after "
		         "the disk, and start it again");
}

static void
listen_to_sqlite(void)
{
	/* Before SQLite's first use, or not at all. */
	sqlite3_config(SQLITE_CONFIG_LOG, on_log, NULL);
}

/* ------------------------------------------------------------- a connection */

static bool
sqlite_inside(struct db *db)
{
	return !sqlite3_get_autocommit(((struct connection *)db)->conn);
}

/* Both locks within GATE_WAIT_MS: the gate, and SQLite's own, which somebody
   who knows nothing of the gate may hold. */
static int64_t
sqlite_begin(struct connection *c)
{
	int64_t until_ms = now_ms() + GATE_WAIT_MS, left, result;

	if (gate_enter(c, until_ms) != 0)
		return -1;
	left = until_ms - now_ms();
	sqlite3_busy_timeout(c->conn, left > 1 ? (int)left : 1);
	result = klaviyo_sqlite(c->conn, "BEGIN", 0, NULL, NULL, NULL);
	sqlite3_busy_timeout(c->conn, GATE_WAIT_MS);
	if (result < 0) {
		shop_fail("%s", klaviyo_error());
		gate_leave(c);
	}
	return result;
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

static int64_t
sqlite_sql(void *conn, const char *sql, int n, const char *const *arg,
    klaviyo_row *row, void *rowarg)
{
	struct connection *c = conn;
	bool rollback = strcmp(sql, "ROLLBACK") == 0;
	int64_t result;

	if (db_lost() && !rollback) {
		shop_fail("the disk failed to flush the database");
		return -2;
	}
	if (strcmp(sql, "BEGIN") == 0)
		return sqlite_begin(c);
	if (!needs_no_gate(sql) && !sqlite_inside(&c->db) &&
	    gate_enter(c, now_ms() + GATE_WAIT_MS) != 0)
		return -2;
	result = klaviyo_sqlite(c->conn, sql, n, arg, row, rowarg);
	if (!sqlite_inside(&c->db))
		gate_leave(c);
	return result;
}

static void
sqlite_close(struct db *db)
{
	struct connection *c = (struct connection *)db;

	/* The last connection's close runs a checkpoint: inside the gate or not
	   at all, and not of what a failed sync has left. */
	if (c->gate >= 0)
		gate_enter(c, now_ms() + GATE_WAIT_MS);
	if (c->conn != NULL) {
		klaviyo_sqlite_finish(c->conn);
		sqlite3_db_config(c->conn, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
		    db_lost() || !c->inside ? 1 : 0, (int *)NULL);
	}
	sqlite3_close(c->conn);
	gate_leave(c);
	if (c->gate >= 0)
		close(c->gate);
	free(c);
}

/* After a COMMIT, which has succeeded whatever comes of this. */
static int
on_commit(void *arg, sqlite3 *conn, const char *name, int pages)
{
	db_wal_committed(&((struct connection *)arg)->wal, conn, name, pages);
	sqlite3_busy_timeout(conn, GATE_WAIT_MS);
	return SQLITE_OK;
}

static int
set_up(struct connection *c)
{
	static const char *const pragma[] = {"PRAGMA foreign_keys=ON",
	    "PRAGMA trusted_schema=OFF", "PRAGMA synchronous=FULL",
	    "PRAGMA mmap_size=0", "PRAGMA temp_store=MEMORY",
	    /* What the outbox empties is gone from the file, too. */
	    "PRAGMA secure_delete=ON"};

	sqlite3_busy_timeout(c->conn, GATE_WAIT_MS);
	sqlite3_extended_result_codes(c->conn, 1);
	sqlite3_wal_hook(c->conn, on_commit, c);
	for (size_t i = 0; i < sizeof(pragma) / sizeof(*pragma); i++)
		if (sqlite3_exec(c->conn, pragma[i], NULL, NULL, NULL) !=
		    SQLITE_OK)
			return shop_fail(
			    "%s: %s", c->db.name, sqlite3_errmsg(c->conn));
	sqlite3_db_config(c->conn, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	return 0;
}

static int
use_wal(struct connection *c, const char *path)
{
	int rc;

	if (gate_enter(c, now_ms() + GATE_WAIT_MS) != 0)
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
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct connection *c = calloc(1, sizeof(*c));

	pthread_once(&once, listen_to_sqlite);
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

static void
sqlite_describe(struct db *db, char *text, size_t size)
{
	(void)db;
	snprintf(text, size, "SQLite %s, %s", sqlite3_libversion(),
	    gate_shared() ? "without the WAL-reset bug: the write gate is open"
	                  : "which has the WAL-reset bug: the write gate "
	                    "keeps it away");
}

/* Its files are open, and stay so; those of the log go with the last
   connection.  The log's first sync is also the directory's: without it, a power
   cut may take away the log's name. */
static void
sqlite_needs(struct db *db, db_need *need, void *arg)
{
	static const char *const files[] = {"", "-wal", "-shm", ".lock"};
	const char *path =
	    sqlite3_db_filename(((struct connection *)db)->conn, "main");
	char name[PATH_MAX + 8];

	if (path == NULL || strlen(path) > PATH_MAX)
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
    .inside = sqlite_inside,
    .close = sqlite_close,
    .describe = sqlite_describe,
    .needs = sqlite_needs,
};
