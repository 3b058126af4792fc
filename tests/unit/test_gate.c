/*
 * test_gate.c - the write gate against SQLite's WAL-reset bug, with the race
 * forced, and that nothing writes outside of it.
 *
 * The race: a checkpoint reads the log's header; before it reads how much of
 * the log has been copied already, another connection commits and begins the
 * log anew.  Then the checkpoint notes down more as copied than there is, and
 * what is committed next is never copied: it is lost with the log.  SQLite
 * calls the VFS's xUnfetch in just that window, if the header had changed:
 * there the other connection is let in.
 *
 * The test's VFS is the real one with methods of its own for a few calls.
 */
#include "storefront.h"

#include "db_files.h"

#include <fcntl.h>
#include <klaviyo.h>
#include <pthread.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmocka.h>

enum { BUGGY = 3040001, MENDED = 3051003, ROWS = 40 };

/* db_sqlite.c asks for it: this one stands before the library's. */
static int version;

int
sqlite3_libversion_number(void)
{
	return version;
}

static int
true_version(void)
{
	int major = 0, minor = 0, patch = 0;

	sscanf(sqlite3_libversion(), "%d.%d.%d", &major, &minor, &patch);
	return major * 1000000 + minor * 1000 + patch;
}

static char lock_path[112];

/* --------------------------------------------------------------------- the VFS
 */

static sqlite3_vfs vfs, *real;
static sqlite3_io_methods methods[2], before[2]; /* of database and log */
static void (*in_the_window)(void);
static atomic_int writes, outside;

/* Does anybody hold the gate?  A descriptor of its own would get the lock. */
static int
gate_held(void)
{
	int fd = open(lock_path, O_RDWR), held;

	if (fd < 0)
		return 0;
	held = flock(fd, LOCK_EX | LOCK_NB) != 0;
	close(fd);
	return held;
}

static void
note_write(void)
{
	atomic_fetch_add(&writes, 1);
	if (!gate_held())
		atomic_fetch_add(&outside, 1);
}

static int
db_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	note_write();
	return before[0].xWrite(file, data, n, at);
}

static int
log_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	note_write();
	return before[1].xWrite(file, data, n, at);
}

static int
unfetch(sqlite3_file *file, sqlite3_int64 at, void *data)
{
	void (*hook)(void) = in_the_window;

	if (hook && !data) {
		in_the_window = NULL;
		hook();
	}
	return before[0].xUnfetch(file, at, data);
}

static int
open_file(sqlite3_vfs *unused, const char *name, sqlite3_file *file, int flags,
    int *out)
{
	int rc = real->xOpen(real, name, file, flags, out);
	int log = (flags & SQLITE_OPEN_WAL) != 0;

	(void)unused;
	if (rc != SQLITE_OK || !file->pMethods ||
	    !(flags & (SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_DB)) ||
	    strncmp(name, path, strlen(path)) != 0)
		return rc;
	before[log] = methods[log] = *file->pMethods;
	methods[log].xWrite = log ? log_write : db_write;
	methods[log].xUnfetch = unfetch;
	file->pMethods = &methods[log];
	return rc;
}

static int
set_up(void **state)
{
	(void)state;
	version = BUGGY;
	files_make();
	snprintf(lock_path, sizeof(lock_path), "%s.lock", path);
	in_the_window = NULL;
	writes = outside = 0;
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return files_remove();
}

/* -------------------------------------------------------------------- the race
 */

static int
one_number(void *arg, int n, char **col, char **name)
{
	(void)n, (void)name;
	*(int *)arg = atoi(col[0] ? col[0] : "0");
	return 0;
}

static int
first_word(void *arg, int n, char **col, char **name)
{
	(void)n, (void)name;
	*(int *)arg += strcmp(col[0], "ok") == 0;
	return 0;
}

/* Opens the file anew, after all are closed: is everything there? */
static int
all_there(int rows)
{
	sqlite3 *conn;
	int found = 0, ok = 0, rc;

	assert_int_equal(sqlite3_open(path, &conn), SQLITE_OK);
	rc =
	    sqlite3_exec(conn, "PRAGMA integrity_check", first_word, &ok, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
		    conn, "SELECT COUNT(*) FROM t", one_number, &found, NULL);
	sqlite3_close(conn);
	return rc == SQLITE_OK && ok == 1 && found == rows;
}

static sqlite3 *raw[2];

static void
raw_do(sqlite3 *conn, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(conn, sql, NULL, NULL, &error))
		fail_msg("%s: %s", sql, error);
}

#define INSERT_SQL "INSERT INTO t (text) VALUES (hex(randomblob(400)))"

static void
raw_commit_and_begin_anew(void)
{
	raw_do(raw[1], INSERT_SQL);
}

/* Without the gate: what the bug does.  Were it not so, the next test would
   show nothing. */
static void
race_without_the_gate(void **state)
{
	int rows = 0;

	(void)state;
	if (!db_wal_reset_bug(true_version())) {
		print_message("this SQLite has no WAL-reset bug\n");
		return;
	}
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sqlite3_open(path, &raw[i]), SQLITE_OK);
		raw_do(raw[i], "PRAGMA journal_mode=WAL; "
		               "PRAGMA wal_autocheckpoint=0");
	}
	raw_do(raw[0], "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT); "
	               "CREATE INDEX t_text ON t (text)");
	/* The second one fills the log and copies all of it; the first has not
	   looked since. */
	for (; rows < ROWS; rows++)
		raw_do(raw[1], INSERT_SQL);
	raw_do(raw[1], "PRAGMA wal_checkpoint(PASSIVE)");
	in_the_window = raw_commit_and_begin_anew;
	raw_do(raw[0], "PRAGMA wal_checkpoint(PASSIVE)");
	assert_null(in_the_window);
	rows++;
	/* Committed, and told so to whoever asked. */
	for (int i = 0; i < 5; i++, rows++)
		raw_do(raw[1], INSERT_SQL);
	sqlite3_close(raw[0]);
	sqlite3_close(raw[1]);
	assert_false(all_there(rows));
}

static struct db *shop[2];
static pthread_t other;
static atomic_int committed;

static void *
commit_in_the_shop(void *arg)
{
	(void)arg;
	assert_int_equal(db_begin(shop[1]), 0);
	assert_true(db_run(shop[1], NULL, NULL, INSERT_SQL) >= 0);
	assert_int_equal(db_commit(shop[1]), 0);
	atomic_store(&committed, 1);
	return NULL;
}

/* The other one wants to write, and is given a second for it: it is kept out,
   or it would be done in a thousandth. */
static void
let_the_other_in(void)
{
	assert_int_equal(
	    pthread_create(&other, NULL, commit_in_the_shop, NULL), 0);
	for (int i = 0; i < 100 && !atomic_load(&committed); i++)
		usleep(10000);
	assert_int_equal(atomic_load(&committed), 0);
}

static void
insert_in_the_shop(struct db *db)
{
	assert_int_equal(db_begin(db), 0);
	assert_true(db_run(db, NULL, NULL, INSERT_SQL) >= 0);
	assert_int_equal(db_commit(db), 0);
}

static void
race_with_the_gate(void **state)
{
	int rows = 0;

	(void)state;
	shop[0] = db_create_at(path, "USD");
	shop[1] = db_open_at(path);
	assert_non_null(shop[0]);
	assert_non_null(shop[1]);
	atomic_store(&committed, 0);
	assert_true(
	    db_run(shop[0], NULL, NULL,
	        "CREATE TABLE t (id INTEGER PRIMARY KEY, text TEXT)") >= 0);
	assert_true(db_run(shop[0], NULL, NULL,
	                "CREATE INDEX t_text ON t (text)") >= 0);
	for (; rows < ROWS; rows++)
		insert_in_the_shop(shop[1]);
	assert_true(
	    db_run(shop[1], NULL, NULL, "PRAGMA wal_checkpoint(PASSIVE)") >= 0);
	in_the_window = let_the_other_in;
	assert_true(
	    db_run(shop[0], NULL, NULL, "PRAGMA wal_checkpoint(PASSIVE)") >= 0);
	assert_null(in_the_window); /* it was in the window */
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_int_equal(atomic_load(&committed), 1);
	rows++;
	for (int i = 0; i < 5; i++, rows++)
		insert_in_the_shop(shop[1]);
	db_close(shop[0]);
	db_close(shop[1]);
	assert_true(all_there(rows));
	assert_int_equal(outside, 0);
}

/* ------------------------------------------------------ nothing writes outside
 */

static int
stop_at_once(void *arg, const struct klaviyo_entry *entry)
{
	(void)arg, (void)entry;
	return 0;
}

static void
all_writes_inside(void **state)
{
	const struct klaviyo_profile who = {.email = "a@klaviyo-demo.com"};
	const struct klaviyo_store *store;
	struct import_counts counts;
	struct klaviyo_status status;
	sqlite3 *stranger;
	struct db *db, *second;
	int so_far;

	(void)state;
	db = db_create_at(path, "USD");
	assert_non_null(db);
	assert_int_equal(
	    catalog_import(db, demo_csv, strlen(demo_csv), "USD", &counts), 0);
	store = db_store(db);
	/* Enough for the checkpoint after a COMMIT, too. */
	for (int i = 0; i < 400; i++) {
		char id[16];

		snprintf(id, sizeof(id), "%d", i);
		assert_int_equal(db_begin(db), 0);
		assert_int_equal(
		    klaviyo_queue_event(store, "Wrote Review", id, 1700000000,
		        &who, 0, NULL, NULL, KLAVIYO_REALTIME, 1700000000),
		    0);
		assert_int_equal(db_commit(db), 0);
	}
	/* A statement of its own, and the library's transactions. */
	assert_true(db_run(db, NULL, NULL,
	                "UPDATE meta SET value = value WHERE name = 'x'") >= 0);
	assert_true(
	    db_run(db, NULL, NULL,
	        "INSERT INTO meta (name, value) VALUES ('x', 'y')") >= 0);
	assert_true(klaviyo_outbox_retry(store, NULL, 1800000000) >= 0);
	assert_int_equal(
	    klaviyo_outbox_drop(store, "Wrote Review/1", 1800000000), 1);
	assert_true(klaviyo_outbox_erase(store, &who) > 0);
	assert_true(klaviyo_outbox_prune(store, 1900000000, 1000) > 0);
	assert_int_equal(klaviyo_outbox_status(store, 1800000000, &status), 0);
	assert_int_equal(
	    klaviyo_outbox_list(store, NULL, NULL, 0, 1, stop_at_once, NULL),
	    0);
	second = db_open_at(path);
	assert_non_null(second);
	db_close(db);
	db_close(second); /* the last one: copies the log */
	assert_true(writes > 1000);
	assert_int_equal(outside, 0);

	/* It would be seen: a stranger who knows nothing of the gate. */
	so_far = writes;
	assert_int_equal(sqlite3_open(path, &stranger), SQLITE_OK);
	raw_do(stranger, "DELETE FROM meta WHERE name = 'x'");
	sqlite3_close(stranger);
	assert_true(writes > so_far);
	assert_int_equal(outside, writes - so_far);
}

/* ------------------------------------------------------------- which versions
 */

static void
versions(void **state)
{
	static const struct {
		int number;
		bool bug;
	} row[] = {{3006023, false}, {3007000, true}, {3034001, true},
	    {3040001, true}, {3043002, true}, {3044000, true}, {3044005, true},
	    {3044006, false}, {3044012, false}, {3045000, true},
	    {3046001, true}, {3049002, true}, {3050000, true}, {3050006, true},
	    {3050007, false}, {3050099, false}, {3051000, true},
	    {3051002, true}, {3051003, false}, {3052000, false},
	    {4000000, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++)
		if (db_wal_reset_bug(row[i].number) != row[i].bug)
			fail_msg("%d", row[i].number);
}

/* A mended SQLite: the gate stands open, for its like. */
static void
open_gate(void **state)
{
	char text[160];
	struct db *db;
	int fd;

	(void)state;
	db = db_create_at(path, "USD");
	assert_non_null(db);
	db_describe(db, text, sizeof(text));
	assert_non_null(strstr(text, "has the WAL-reset bug"));
	assert_true((fd = open(lock_path, O_RDWR)) >= 0);

	/* Another process of a mended version writes: */
	assert_int_equal(flock(fd, LOCK_SH), 0);
	version = MENDED;
	db_describe(db, text, sizeof(text));
	assert_non_null(strstr(text, "without the WAL-reset bug"));
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_commit(db), 0);
	/* with the bug, one waits for it. */
	version = BUGGY;
	assert_int_equal(db_begin(db), -1);
	assert_non_null(strstr(shop_error(), "busy"));
	assert_int_equal(db_run(db, NULL, NULL,
	                     "UPDATE meta SET value = value WHERE name = 'x'"),
	    -1);
	assert_non_null(strstr(shop_error(), "busy"));

	/* One with the bug writes: all wait. */
	assert_int_equal(flock(fd, LOCK_UN), 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	version = MENDED;
	assert_int_equal(db_begin(db), -1);
	assert_non_null(strstr(shop_error(), "busy"));
	close(fd);
	assert_int_equal(db_begin(db), 0);
	assert_int_equal(db_commit(db), 0);
	version = BUGGY;
	db_close(db);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {cmocka_unit_test(versions),
	    T(race_without_the_gate), T(race_with_the_gate),
	    T(all_writes_inside), T(open_gate)};

	real = sqlite3_vfs_find(NULL);
	vfs = *real;
	vfs.zName = "gate-test";
	vfs.pNext = NULL;
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 1);
	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
