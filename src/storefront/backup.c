/*
 * backup.c - `storefront backup FILE`: the whole shop in one file, while it
 * runs.
 *
 * Promises: FILE is a database as it was at one moment, complete and checked,
 * or FILE is as it was before: the copy is made beside it, flushed, checked,
 * and then takes its name, and the folder is flushed.  Nobody waits for it: it
 * reads, and writers go on.  Only its owner may read it.
 *
 * VACUUM INTO, and not a copy of files: a copy of a database in use may be torn
 * (of 12 tried under load, 4 were), and SQLite's backup interface begins anew
 * with every write of another process.
 *
 * What a restored backup means for Klaviyo: events sent after it was taken are
 * sent again, under the same unique_id, and dropped there.  Orders placed after
 * it are known to Klaviyo and gone from the shop; their ids are random and
 * never come again.  Claims in it are over by the time it is restored.
 */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---------------------------------------------------------------- the copy */

static int
check_row(void *arg, int n, char **col, char **name)
{
	bool *good = arg;

	(void)name;
	if (n < 1 || col[0] == NULL || strcmp(col[0], "ok") != 0)
		*good = false;
	return 0;
}

/* Opens the finished copy by itself: what is on the disk, not what the shop's
   connection remembers.  In WAL, as the shop wants it. */
static int
check_copy(const char *path)
{
	sqlite3 *conn = NULL;
	bool good = true;
	int rc;

	rc = sqlite3_open_v2(path, &conn, SQLITE_OPEN_READWRITE, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
		    conn, "PRAGMA integrity_check(1)", check_row, &good, NULL);
	if (rc == SQLITE_OK && good)
		rc = sqlite3_exec(conn,
		    "PRAGMA synchronous=FULL; "
		    "PRAGMA journal_mode=WAL",
		    NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		shop_fail("the copy: %s", sqlite3_errmsg(conn));
	else if (!good)
		shop_fail("the copy failed SQLite's integrity check: check the "
		          "shop's database itself, and the disk");
	if (sqlite3_close(conn) != SQLITE_OK || rc != SQLITE_OK || !good)
		return -1;
	return 0;
}

static int
flush(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC), result = 0;

	if (fd < 0 || fsync(fd) != 0)
		result = shop_fail("%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return result;
}

static int
flush_folder(const char *path)
{
	char *copy = strdup(path);
	int result = -1;

	if (copy == NULL)
		return shop_fail("out of memory");
	result = flush(dirname(copy), O_RDONLY | O_DIRECTORY);
	free(copy);
	return result;
}

static int
unlink_with(const char *path, const char *suffix)
{
	char *name;
	int result = 0;

	if (asprintf(&name, "%s%s", path, suffix) < 0)
		return shop_fail("out of memory");
	if (unlink(name) != 0 && errno != ENOENT)
		result = shop_fail("%s: %s", name, strerror(errno));
	free(name);
	return result;
}

/* ${beside} is an empty file of ours. */
static int
make_copy(struct db *db, const char *beside, const char *path)
{
	if (db_run(db, NULL, NULL, "VACUUM INTO $1", beside) < 0 ||
	    check_copy(beside) != 0 || flush(beside, O_RDONLY) != 0)
		return -1;
	/* The log of a FILE that was used would be taken for the new one's. */
	if (unlink_with(path, "-wal") != 0 || unlink_with(path, "-shm") != 0)
		return -1;
	if (rename(beside, path) != 0)
		return shop_fail("%s: %s", path, strerror(errno));
	return flush_folder(path);
}

static int
backup_to(struct db *db, const char *path)
{
	static const char *const suffix[] = {"", "-journal", "-wal", "-shm"};
	char *beside = NULL, why[256];
	int fd, result;

	if (asprintf(&beside, "%s.XXXXXX", path) < 0)
		return shop_fail("out of memory");
	fd = mkostemp(beside, O_CLOEXEC); /* mode 0600 */
	if (fd < 0) {
		result = shop_fail("%s: %s", path, strerror(errno));
	} else {
		close(fd);
		result = make_copy(db, beside, path);
	}
	if (result != 0 && fd >= 0) {
		snprintf(why, sizeof(why), "%s", shop_error());
		for (size_t i = 0; i < sizeof(suffix) / sizeof(*suffix); i++)
			unlink_with(beside, suffix[i]);
		shop_fail("%s; no backup was made", why);
	}
	free(beside);
	return result;
}

/* ------------------------------------------------------------- the command */

static int
wrong_call(void)
{
	fprintf(stderr,
	    "storefront: backup takes FILE [--force]\n"
	    "  --force replaces a FILE that is there.  To restore one: stop "
	    "the shop and\n  all workers, move STOREFRONT_DB, its -wal and its "
	    "-shm away, copy FILE to\n  STOREFRONT_DB, start them.\n");
	return 2;
}

/* May ${path} be written?  The shop's own database never. */
static int
check_target(const struct settings *settings, const char *path, bool force)
{
	struct stat there, shop;

	if (lstat(path, &there) != 0)
		return errno == ENOENT
		           ? 0
		           : shop_fail("%s: %s", path, strerror(errno));
	if (stat(settings->db, &shop) == 0 && there.st_dev == shop.st_dev &&
	    there.st_ino == shop.st_ino)
		return shop_fail("%s is the shop's database itself", path);
	if (!S_ISREG(there.st_mode))
		return shop_fail("%s is there, and no plain file", path);
	return force ? 0
	             : shop_fail("%s is there already: --force replaces it, "
	                         "or name another",
	                   path);
}

int
backup_command(const struct settings *settings, int argc, char **argv)
{
	bool force = argc == 3 && strcmp(argv[2], "--force") == 0;
	struct stat made;
	struct db *db;
	int result;

	if ((argc != 2 && !force) || *argv[1] == '-' || *argv[1] == '\0')
		return wrong_call();
	/* A limit of file sizes is an error as any other. */
	signal(SIGXFSZ, SIG_IGN);
	db = db_open(settings);
	if (db == NULL)
		result = -1;
	else if (db->engine != &db_sqlite)
		result = shop_fail("the shop is on PostgreSQL: back it up with "
		                   "pg_dump, or its server with pg_basebackup");
	else if ((result = check_target(settings, argv[1], force)) == 0)
		result = backup_to(db, argv[1]);
	db_close(db);
	if (result != 0) {
		fprintf(stderr, "storefront: %s\n", shop_error());
		return 1;
	}
	printf("%s: %lld bytes, checked\n", argv[1],
	    stat(argv[1], &made) == 0 ? (long long)made.st_size : 0);
	return 0;
}
