/*
 * db_lost.c - what SQLite reports of the disk, and its settings for all of the
 * process.
 *
 * A sync that failed: the kernel has dropped what it could not write, takes the
 * pages for clean, and the next sync says all is well.  What this process would
 * read, and copy on, may not be what is on the disk.  So it touches the
 * database no more (db_lost()) and ends; the next one reads the log with its
 * checksums.
 */
#include "db.h"

#include <sqlite3.h>
#include <stdatomic.h>

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
	shop_log_at(LOG_ERR, "SQLite: %s", text);
	if (code == SQLITE_IOERR_FSYNC && !atomic_exchange(&lost, true))
		shop_log_at(LOG_ERR,
		    "the disk failed to flush the database: what it "
		    "holds is not known.  This process ends; look after "
		    "the disk, and start it again");
}

void
db_sqlite_configure(void)
{
	sqlite3_config(SQLITE_CONFIG_LOG, on_log, NULL);
	/* What undoes a savepoint is kept in memory, however large: there is no
	   directory for it where the program is confined. */
	sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
	/* Not counted: the count is under one lock for all threads. */
	sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}
