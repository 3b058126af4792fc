/*
 * test_group.c - transactions that wait at the write gate together: one COMMIT,
 * one sync; what becomes of them when one fails, or all do.
 *
 * A member is a thread with a connection.  What it does, and in which order
 * they wait, is fixed: one is told to begin when the one before it is seen to
 * wait.  The test's VFS is the real one that counts the log's syncs, and fails
 * the log's writes when told to.
 */
#include "storefront.h"

#include "db_files.h"

#include "db_group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* Beside the members there is one who lets them in. */
enum { MEMBERS = 4, USHER = MEMBERS, ALL, TRIES = 200, LINGER_MS = 50 };

/* ------------------------------------------------------------------ the VFS */

static sqlite3_vfs vfs, *real;
static sqlite3_io_methods methods, before;
static atomic_int syncs, told, told_early;
static atomic_bool full;

static int
log_sync(sqlite3_file *file, int flags)
{
	/* Who has been told already was told of an earlier one. */
	atomic_fetch_add(&told_early, atomic_load(&told));
	atomic_fetch_add(&syncs, 1);
	return before.xSync(file, flags);
}

static int
log_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 at)
{
	if (atomic_load(&full))
		return SQLITE_FULL;
	return before.xWrite(file, data, n, at);
}

static int
open_file(sqlite3_vfs *unused, const char *name, sqlite3_file *file, int flags,
    int *out)
{
	int rc = real->xOpen(real, name, file, flags, out);

	(void)unused;
	if (rc != SQLITE_OK || !file->pMethods || !(flags & SQLITE_OPEN_WAL))
		return rc;
	before = methods = *file->pMethods;
	methods.xSync = log_sync;
	methods.xWrite = log_write;
	file->pMethods = &methods;
	return rc;
}

/* ------------------------------------------------------------- the members */

static void
pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static sqlite3 *
open_it(const char *name)
{
	sqlite3 *conn;

	if (sqlite3_open_v2(name, &conn,
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
	            SQLITE_OPEN_NOMUTEX,
	        NULL) != SQLITE_OK ||
	    sqlite3_exec(conn,
	        "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL", NULL, NULL,
	        NULL) != SQLITE_OK)
		return NULL;
	return conn;
}

static void
close_it(sqlite3 *conn, bool gate)
{
	(void)gate;
	if (conn != NULL)
		klaviyo_sqlite_finish(conn);
	sqlite3_close(conn);
}

static struct member member[ALL];

static int64_t
say(int i, const char *sql)
{
	struct member *m = &member[i];
	int64_t result;

	result = klaviyo_sqlite(
	    m->in != NULL ? m->in : m->own, sql, 0, NULL, NULL, NULL);
	group_look(m);
	return result;
}

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int *)arg = atoi(col[0]);
	return 0;
}

/* The rows as member ${i} sees them. */
static int
rows(int i)
{
	struct member *m = &member[i];
	int n = -1;

	klaviyo_sqlite(m->in != NULL ? m->in : m->own, "SELECT COUNT(*) FROM t",
	    0, NULL, count_row, &n);
	return n;
}

static void
open_all(bool with_writer)
{
	for (int i = 0; i < ALL; i++) {
		struct member *m = &member[i];

		memset(m, 0, sizeof(*m));
		m->name = path;
		m->own = open_it(path);
		assert_non_null(m->own);
		assert_int_equal(group_enter(m, path), 0);
	}
	if (with_writer)
		assert_int_equal(group_writer(&member[0], open_it), 1);
	assert_int_equal(group_alone(&member[0]), 0);
	assert_int_equal(
	    say(0, "CREATE TABLE IF NOT EXISTS t (n INTEGER UNIQUE)"), 0);
	group_done(&member[0]);
	syncs = told = told_early = 0;
	full = false;
}

static void
close_all(void)
{
	for (int i = 0; i < ALL; i++)
		group_exit(&member[i], close_it);
}

static int
set_up(void **state)
{
	(void)state;
	files_make();
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	return files_remove();
}

/* What a thread does with its turn. */
enum deed {
	COMMITS,
	ROLLS_BACK,
	GIVES_UP_ALL,
	ALONE,
	EXITS,
	LEAVES,       /* its work to be done, which is to stay */
	LEAVES_UNDONE, /* which is not */
	LEAVES_GIVING_UP, /* and SQLite gives up all in it */
};

struct part {
	enum deed deed;
	bool lingers; /* with its turn, for longer than anybody is waited for */
	int saw;      /* rows, after its own was written */
	int64_t result; /* of the end */
	pthread_t thread, worker;
	char error[64]; /* shop_error(), if it failed */
};
static struct part part[MEMBERS];

static const char *const inserts[MEMBERS] = {"INSERT INTO t VALUES (0)",
    "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)",
    "INSERT INTO t VALUES (3)"};

static void
end_part(int i)
{
	struct part *p = &part[i];

	switch (p->deed) {
	case COMMITS:
		p->result = group_commit(&member[i]);
		atomic_fetch_add(&told, 1);
		break;
	case ROLLS_BACK:
		p->result = group_rollback(&member[i]);
		break;
	case GIVES_UP_ALL:
		/* Its own row again; SQLite gives up the transaction. */
		p->result =
		    say(i, "INSERT OR ROLLBACK INTO t SELECT MAX(n) FROM t");
		break;
	case EXITS:
		_exit(atomic_load(&told));
	default:
		break;
	}
}

/* What it leaves to be done. */
static bool
work(void *arg)
{
	int i = (int)(intptr_t)arg;
	struct part *p = &part[i];

	p->worker = pthread_self();
	if (say(i, inserts[i]) < 0)
		return false;
	p->saw = rows(i);
	if (p->deed == LEAVES_GIVING_UP)
		say(i, "INSERT OR ROLLBACK INTO t SELECT MAX(n) FROM t");
	if (p->deed != LEAVES)
		shop_fail("%d says why", i);
	return p->deed == LEAVES;
}

static void *
play(void *arg)
{
	int i = (int)(intptr_t)arg;
	struct part *p = &part[i];

	if (p->deed >= LEAVES) {
		p->result = group_together(&member[i], work, arg);
		atomic_fetch_add(&told, p->result == 0);
		snprintf(p->error, sizeof(p->error), "%s", shop_error());
		return NULL;
	}

	if (p->deed == ALONE) {
		p->result = group_alone(&member[i]);
		p->saw = rows(i);
		group_done(&member[i]);
		return NULL;
	}
	if ((p->result = group_begin(&member[i])) != 0 ||
	    (p->result = say(i, inserts[i])) < 0)
		return NULL;
	p->saw = rows(i);
	for (int ms = 0; p->lingers && ms < LINGER_MS; ms++)
		pause_ms(1);
	end_part(i);
	return NULL;
}

/* All wait for their turn, in order, before the first one has it. */
static void
all_play(void)
{
	assert_int_equal(group_alone(&member[USHER]), 0);
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(pthread_create(&part[i].thread, NULL, play,
		                     (void *)(intptr_t)i),
		    0);
		while (group_waiting(&member[USHER]) <= i)
			pause_ms(1);
	}
	group_done(&member[USHER]);
	for (int i = 0; i < MEMBERS; i++)
		assert_int_equal(pthread_join(part[i].thread, NULL), 0);
}

/* A transaction is handed on for GROUP_MS.  On a machine that is too busy for
   that, they do not share it: tried again, until there were so many syncs. */
static bool
run_parts(enum deed a, enum deed b, enum deed c, enum deed d, int want_syncs)
{
	const enum deed deed[MEMBERS] = {a, b, c, d};

	for (int tries = 0; tries < TRIES; tries++) {
		for (int i = 0; i < MEMBERS; i++)
			part[i] = (struct part){.deed = deed[i], .saw = -1};
		assert_int_equal(group_alone(&member[USHER]), 0);
		assert_true(say(USHER, "DELETE FROM t") >= 0);
		group_done(&member[USHER]);
		syncs = told = told_early = 0;
		all_play();
		if (syncs == want_syncs)
			return true;
	}
	return false;
}

/* -------------------------------------------------------------------- tests */

static bool with_writer;

static void
share_one_sync(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(COMMITS, COMMITS, COMMITS, COMMITS, 1));
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(part[i].result, 0);
		/* Its own, and those of whom it follows. */
		assert_int_equal(part[i].saw, i + 1);
	}
	assert_int_equal(told_early, 0); /* nobody before the sync */
	assert_int_equal(rows(0), MEMBERS);
	close_all();
}

static void
one_fails(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(COMMITS, ROLLS_BACK, COMMITS, COMMITS, 1));
	assert_int_equal(part[1].saw, 2);
	assert_int_equal(part[2].saw, 2); /* not the second's */
	assert_int_equal(rows(0), 3);
	/* The last: the others are committed all the same. */
	assert_true(run_parts(COMMITS, COMMITS, COMMITS, ROLLS_BACK, 1));
	for (int i = 0; i < 3; i++)
		assert_int_equal(part[i].result, 0);
	assert_int_equal(rows(0), 3);
	/* The first: the rest begins anew. */
	assert_true(run_parts(ROLLS_BACK, COMMITS, COMMITS, COMMITS, 1));
	assert_int_equal(rows(0), 3);
	close_all();
}

/* All do the same, and nothing of any is there. */
static void
play_on_full_disk(enum deed deed)
{
	for (int i = 0; i < MEMBERS; i++)
		part[i] = (struct part){.deed = deed};
	full = true;
	all_play();
	full = false;
	for (int i = 0; i < MEMBERS; i++)
		assert_null(member[i].in);
	assert_int_equal(rows(0), 0);
}

static void
commit_fails(void **state)
{
	(void)state;
	open_all(with_writer);
	play_on_full_disk(COMMITS);
	for (int i = 0; i < MEMBERS; i++)
		assert_true(part[i].result < 0);
	assert_true(run_parts(COMMITS, COMMITS, COMMITS, COMMITS, 1));
	assert_int_equal(rows(0), MEMBERS);
	close_all();
}

static void
given_up_by_sqlite(void **state)
{
	(void)state;
	open_all(with_writer);
	/* No sync: the third undoes what the first two have done, and the
	   fourth, after it, its own. */
	assert_true(run_parts(COMMITS, COMMITS, GIVES_UP_ALL, ROLLS_BACK, 0));
	assert_int_equal(part[2].saw, 3);
	for (int i = 0; i < 2; i++) {
		assert_true(part[i].result < 0);
		assert_true(member[i].again); /* through no fault of its own */
	}
	assert_int_equal(part[3].saw, 1);
	assert_int_equal(rows(0), 0);
	close_all();
}

/* What needs the gate for itself gets it, and sees what was committed. */
static void
alone_between(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(COMMITS, ALONE, COMMITS, COMMITS, 2));
	assert_int_equal(part[1].result, 0);
	assert_int_equal(part[1].saw, 1);
	assert_int_equal(rows(0), 3);
	close_all();
}

/* The first is not kept waiting for ever by those who come. */
static void
no_group_for_ever(void **state)
{
	(void)state;
	open_all(with_writer);
	part[0] = (struct part){.deed = COMMITS, .lingers = true};
	for (int i = 1; i < MEMBERS; i++)
		part[i] = (struct part){.deed = ROLLS_BACK};
	all_play();
	assert_int_equal(part[0].result, 0);
	assert_int_equal(syncs, 1);
	assert_false(member[1].joined); /* the second began anew */
	close_all();
}

/* ------------------------------------------------- work that others may do */

static void
work_is_shared(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(LEAVES, LEAVES, LEAVES, LEAVES, 1));
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(part[i].result, 0);
		assert_int_equal(part[i].saw, i + 1);
		/* The first has done all of it. */
		assert_true(pthread_equal(part[i].worker, part[0].thread));
	}
	assert_int_equal(told_early, 0);
	assert_int_equal(rows(0), MEMBERS);
	/* With those who do their own: by whoever has the turn. */
	assert_true(run_parts(LEAVES, COMMITS, LEAVES, COMMITS, 1));
	assert_true(pthread_equal(part[2].worker, part[1].thread));
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(part[i].result, 0);
		assert_int_equal(part[i].saw, i + 1);
	}
	assert_int_equal(told_early, 0);
	assert_int_equal(rows(0), MEMBERS);
	close_all();
}

static void
work_is_undone(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(LEAVES, LEAVES_UNDONE, LEAVES, LEAVES_UNDONE, 1));
	for (int i = 0; i < MEMBERS; i++) {
		assert_true(pthread_equal(part[i].worker, part[0].thread));
		assert_int_equal(part[i].result, i % 2);
		assert_null(member[i].in);
	}
	/* Its own thread hears why; the one that did it forgets it. */
	assert_string_equal(part[1].error, "1 says why");
	assert_string_equal(part[3].error, "3 says why");
	assert_int_equal(part[2].saw, 2);
	assert_int_equal(rows(0), 2);
	/* The first one's is nobody else's end. */
	assert_true(run_parts(LEAVES_UNDONE, LEAVES, LEAVES, ROLLS_BACK, 1));
	assert_int_equal(part[0].result, 1);
	assert_int_equal(rows(0), 2);
	close_all();
}

static void
work_fails_with_the_commit(void **state)
{
	(void)state;
	open_all(with_writer);
	play_on_full_disk(LEAVES);
	for (int i = 0; i < MEMBERS; i++) {
		assert_int_equal(part[i].result, -1);
		assert_non_null(strstr(part[i].error, "full"));
	}
	assert_true(run_parts(LEAVES, LEAVES, LEAVES, LEAVES, 1));
	assert_int_equal(rows(0), MEMBERS);
	close_all();
}

static void
work_given_up_by_sqlite(void **state)
{
	(void)state;
	open_all(with_writer);
	assert_true(run_parts(LEAVES, LEAVES, LEAVES_GIVING_UP, LEAVES, 1));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(part[i].result, -1);
		assert_true(member[i].again);
	}
	assert_int_equal(part[2].result, -1);
	assert_false(member[2].again);
	assert_string_equal(part[2].error, "2 says why");
	/* It began anew, by itself. */
	assert_int_equal(part[3].result, 0);
	assert_int_equal(part[3].saw, 1);
	assert_true(pthread_equal(part[3].worker, part[3].thread));
	assert_int_equal(rows(0), 1);
	close_all();
}

/* The last of a group ends the process: nobody else was told, or all is there.
   The exit code: how many were told. */
static int
die_in_the_middle(void)
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		open_all(with_writer);
		for (int i = 0; i < MEMBERS; i++)
			part[i] = (struct part){
			    .deed = i < MEMBERS - 1 ? COMMITS : EXITS};
		all_play();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
dies_in_the_middle(void **state)
{
	bool shared = false;

	(void)state;
	for (int tries = 0; !shared && tries < TRIES; tries++) {
		int were_told = die_in_the_middle();

		assert_true(were_told < MEMBERS);
		open_all(with_writer);
		assert_true(rows(0) >= were_told && rows(0) < MEMBERS);
		shared = were_told == 0 && rows(0) == 0;
		assert_true(run_parts(COMMITS, COMMITS, COMMITS, COMMITS, 1));
		assert_int_equal(group_alone(&member[USHER]), 0);
		assert_true(say(USHER, "DELETE FROM t") >= 0);
		group_done(&member[USHER]);
		close_all();
	}
	assert_true(shared);
}

static int
on_its_own_connection(void **state)
{
	with_writer = false;
	return set_up(state);
}

static int
on_a_writer(void **state)
{
	with_writer = true;
	return set_up(state);
}

int
main(void)
{
#define T(f)                                                                   \
	{#f " on the first's connection", f, on_its_own_connection, tear_down, \
	    NULL},                                                             \
	{                                                                      \
#f " on a writer's", f, on_a_writer, tear_down, NULL           \
	}
	const struct CMUnitTest tests[] = {T(share_one_sync), T(one_fails),
	    T(commit_fails), T(given_up_by_sqlite), T(alone_between),
	    T(no_group_for_ever), T(work_is_shared), T(work_is_undone),
	    T(work_fails_with_the_commit), T(work_given_up_by_sqlite),
	    T(dies_in_the_middle)};

	real = sqlite3_vfs_find(NULL);
	vfs = *real;
	vfs.zName = "group-test";
	vfs.pNext = NULL;
	vfs.xOpen = open_file;
	sqlite3_vfs_register(&vfs, 1);
	return cmocka_run_group_tests_name("group", tests, NULL, NULL);
}
