/*
 * db_wal.c - SQLite's write-ahead log: copied into the database after a COMMIT,
 * now and then, and begun anew; its head; which SQLite has a bug in it.
 *
 * SQLite begins the log anew once all of it is copied and nobody reads it.  A
 * shop with visitors always has somebody who began to read before the last
 * COMMIT; what came after cannot be copied yet, so that the log would grow for
 * ever, and every COMMIT pay for one more try.  So from a length on a COMMIT
 * waits for those who are reading: who comes meanwhile reads what is newest,
 * and is in nobody's way.  Only writers wait, as long as a page reads.
 *
 * Promises: a reader that takes long (a backup) is waited for WAIT_MS, and then
 * not again before the log has grown by a quarter; a checkpoint that fails is
 * told once, and never fails the COMMIT.
 *
 * Called with the write gate held, as every checkpoint has to be; which versions
 * of SQLite need that, and the log's head, are looked at without.
 */
#include "db.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define HEAD_BYTES 48 /* of the log's index */
#define COPY_PAGES 1000
#define LARGE_PAGES 3000
#define ANEW_AFTER 1000 /* more */
#define COMPANY 1000 /* COMMITs */
#define WAIT_MS 250

/* --------------------------------------------------------- the WAL-reset bug
 */

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

/* ------------------------------------------------------------- a checkpoint
 */

/* How long the log has to be for the next wait, for all threads. */
static atomic_int anew = COPY_PAGES + ANEW_AFTER;

static atomic_bool large;

void
db_wal_large(void)
{
	large = true;
}

/* Has another connection written since this was asked last? */
static bool
not_alone(struct db_wal *wal, sqlite3 *conn)
{
	int version = 0, former = wal->version;
	sqlite3_stmt *stmt;

	if (sqlite3_prepare_v2(
	        conn, "PRAGMA data_version", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		version = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	wal->version = version;
	return former != 0 && version != former;
}

/* How long the log has to be to be copied.  A copy is three syncs, and writes
   each page once, however often it is in the log: who writes a thousand pages in
   a moment has a third fewer syncs with a longer log.  But the next one to commit
   may have to copy it; so only who has been alone for a while may have one. */
static int
copied_from(struct db_wal *wal, sqlite3 *conn)
{
	if (!large)
		return COPY_PAGES;
	if (not_alone(wal, conn))
		wal->company = COMPANY;
	else if (wal->company > 0)
		wal->company--;
	return wal->company > 0 ? COPY_PAGES : LARGE_PAGES;
}

void
db_wal_committed(struct db_wal *wal, void *conn, const char *name, int pages)
{
	int how = SQLITE_CHECKPOINT_PASSIVE, rc;
	int copy = copied_from(wal, conn);

	if (pages < copy + ANEW_AFTER)
		anew = copy + ANEW_AFTER;
	if (pages < copy)
		return;
	if (pages >= anew) {
		anew = pages + pages / 4;
		how = SQLITE_CHECKPOINT_RESTART;
		sqlite3_busy_timeout(conn, WAIT_MS);
	}
	rc = sqlite3_wal_checkpoint_v2(conn, name, how, NULL, NULL);
	if (rc != wal->last && rc != SQLITE_OK && rc != SQLITE_BUSY)
		shop_log_at(LOG_WARNING,
		    "the database's log, %d pages, cannot be copied into "
		    "it and grows: %s",
		    pages, sqlite3_errmsg(conn));
	wal->last = rc;
}

/* ----------------------------------------------------------------- its head
 */

/* 48 bytes of SQLite's file format, in memory that all its processes share
 * (https://sqlite.org/walformat.html).  SQLite's own mapping; a statement has
 * opened it. */
const volatile uint64_t *
db_wal_head(void *conn)
{
	volatile void *head = NULL;
	sqlite3_file *file = NULL;

	if (sqlite3_exec(conn, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL,
	        NULL, NULL) != SQLITE_OK ||
	    sqlite3_file_control(conn, "main", SQLITE_FCNTL_FILE_POINTER,
	        &file) != SQLITE_OK ||
	    file == NULL || file->pMethods == NULL ||
	    file->pMethods->iVersion < 2 ||
	    file->pMethods->xShmMap(file, 0, 32768, 0, &head) != SQLITE_OK)
		return NULL;
	return head;
}

/* What is read while it is being written is no former head either. */
int64_t
db_wal_stamp(const volatile uint64_t *head)
{
	uint64_t sum = 0;

	atomic_thread_fence(memory_order_seq_cst);
	for (int i = 0; i < HEAD_BYTES / 8; i++) {
		sum = (sum ^ head[i]) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 32;
	}
	return (int64_t)sum;
}
