/*
 * db_wal.c - SQLite's write-ahead log: copied into the database after a COMMIT,
 * now and then, and begun anew.
 *
 * SQLite begins the log anew once all of it is copied and nobody reads it.  A
 * shop with visitors always has somebody who began to read before the last
 * COMMIT; what came after cannot be copied yet, so that the log would grow for
 * ever, and every COMMIT pay for one more try.  So from ANEW_PAGES on a COMMIT
 * waits for those who are reading: who comes meanwhile reads what is newest,
 * and is in nobody's way.  Only writers wait, as long as a page reads.
 *
 * Promises: a reader that takes long (a backup) is waited for WAIT_MS, and then
 * not again before the log has grown by a quarter; a checkpoint that fails is
 * told once, and never fails the COMMIT.
 *
 * Called with the write gate held, as every checkpoint has to be.
 */
#include "db.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define COPY_PAGES 1000
#define ANEW_PAGES 2000
#define WAIT_MS 250

/* How long the log has to be for the next wait, for all threads. */
static atomic_int anew = ANEW_PAGES;

void
db_wal_committed(struct db_wal *wal, void *conn, const char *name, int pages)
{
	int how = SQLITE_CHECKPOINT_PASSIVE, rc;

	if (pages < ANEW_PAGES)
		anew = ANEW_PAGES;
	if (pages < COPY_PAGES)
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
