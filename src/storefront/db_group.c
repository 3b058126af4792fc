/*
 * db_group.c - the transactions of one process that wait at the write gate
 * together and share one COMMIT, which is one sync.
 *
 * Who has the gate (db_turn.c) begins a transaction.  When its statements are
 * done and others wait, it does not commit: it does the work of those who have
 * left theirs to be done (group_together()), each within a savepoint, or hands
 * the open transaction on, and waits for the outcome; and so on, up to GROUP_MS.
 * The last one, or the one whose time it is, commits; all are told.  To do
 * another's work is to spare two changes of threads, which take as long as half
 * an order.
 *
 *   a member           waits -> go -> (its statements) -> commits, for all
 *                         |                            -> in -> done, failed
 *                         -> in, another at its work   -> done, undone, failed
 *   the transaction    none -> begun by the first -> handed on.. -> none
 *
 * Promises: nobody is told of a COMMIT that was not done, and synced.  A member
 * that fails is undone to its savepoint and alone.  A COMMIT that fails, or a
 * transaction that SQLite has given up as a whole, fails all that were in it:
 * each is told, and nothing of any is there.  A member sees what it has
 * written.
 *
 * The transactions run on a connection of their own, which has no thread, if
 * the process has several, so that what it has read is not forgotten because
 * another connection has written; with one connection, on that.
 *
 * Does not know what the statements do.
 */
#include "db_group.h"
#include "storefront.h"

/* The first of a group is answered after so long, and a sync. */
#define GROUP_MS 10

static int64_t
run(sqlite3 *conn, const char *sql)
{
	return klaviyo_sqlite(conn, sql, 0, NULL, NULL, NULL);
}

/* -------------------------------------------------------- an open transaction
 */

/* The COMMIT of all.  What klaviyo_error() says of it is for each of them. */
static int64_t
commit(struct group *g)
{
	int64_t result;

	/* What a sync that failed has left is not to be built on. */
	if (db_lost()) {
		run(g->open, "ROLLBACK");
		shop_fail("the disk failed to flush the database");
		group_finish(g, shop_error(), false);
		return -2;
	}
	result = run(g->open, "COMMIT");
	if (result < 0)
		/* Busy or full: it is still open, and must not be. */
		run(g->open, "ROLLBACK");
	group_finish(g, result < 0 ? klaviyo_error() : NULL, false);
	return result;
}

/* Is somebody waiting who may come into the open transaction, and is there time
   for it?  Under the lock. */
static bool
goes_on(const struct group *g)
{
	return g->first != NULL && g->first->joins &&
	       group_now_ms() - g->begun_ms < GROUP_MS;
}

/* Hands the open transaction on.  False: it is for the caller to end it. */
static bool
hand_on(struct group *g)
{
	bool on;

	pthread_mutex_lock(&g->lock);
	if ((on = goes_on(g)))
		group_next_turn(g);
	pthread_mutex_unlock(&g->lock);
	return on;
}

/* Both locks within GATE_WAIT_MS: the gate, and SQLite's own, which somebody
   who knows nothing of the gate may hold. */
static int
begin_first(struct member *m, int64_t until_ms)
{
	struct group *g = m->group;
	sqlite3 *conn = g->writer != NULL ? g->writer : m->own;
	int64_t left, result;

	if (group_file_lock(m, until_ms) != 0)
		return -1;
	left = until_ms - group_now_ms();
	sqlite3_busy_timeout(conn, left > 1 ? (int)left : 1);
	result = run(conn, "BEGIN");
	sqlite3_busy_timeout(conn, GATE_WAIT_MS);
	if (result < 0)
		return shop_fail("%s", klaviyo_error());
	g->open = conn;
	g->begun_ms = group_now_ms();
	return 0;
}

/* Its part begins: it has the turn. */
static int
enter(struct member *m, int64_t until_ms)
{
	struct group *g = m->group;

	m->joined = g->open != NULL;
	if (!m->joined && begin_first(m, until_ms) != 0) {
		group_finish(g, NULL, false); /* of nobody */
		return -1;
	}
	m->in = g->open;
	if (m->joined && run(m->in, "SAVEPOINT member") < 0) {
		shop_fail("%s", klaviyo_error());
		m->in = NULL;
		if (!hand_on(g))
			commit(g);
		return -1;
	}
	return 0;
}

int64_t
group_begin(struct member *m)
{
	int64_t until_ms = group_now_ms() + GATE_WAIT_MS;

	if (m->in != NULL)
		return shop_fail("a transaction is open already");
	m->again = false;
	m->work = NULL;
	if (group_turn(m, true, until_ms) != 0)
		return -1;
	return enter(m, until_ms);
}

/* SQLite has given up the whole transaction, or it must. */
static void
broken(struct member *m)
{
	if (!sqlite3_get_autocommit(m->in))
		run(m->in, "ROLLBACK");
	m->in = NULL;
	group_finish(m->group,
	    "the transaction was undone together with another that failed",
	    true);
}

/* ------------------------------------------------- the work of those who wait
 */

/* Who waits longest, if its work may be done for it now. */
static struct member *
take_work(struct group *g)
{
	struct member *m = NULL;

	pthread_mutex_lock(&g->lock);
	if (goes_on(g) && g->first->work != NULL) {
		m = group_next(g);
		m->state = MEMBER_IN;
	}
	pthread_mutex_unlock(&g->lock);
	return m;
}

/* Its part is over before the COMMIT. */
static void
tell(struct member *m, int state, const char *why)
{
	snprintf(m->why, sizeof(m->why), "%s", why);
	m->state = state;
	sem_post(&m->wake);
}

/* Nothing of its part stays, and the transaction does.  False: nor does that. */
static bool
undo(struct member *m)
{
	if (run(m->in, "ROLLBACK TO SAVEPOINT member") < 0 ||
	    run(m->in, "RELEASE SAVEPOINT member") < 0) {
		broken(m);
		return false;
	}
	m->in = NULL;
	return true;
}

/* Does ${m}'s work in the open transaction.  False: that is over. */
static bool
do_work(struct group *g, struct member *m)
{
	bool keeps, open = true;

	m->joined = true;
	m->in = g->open;
	if (run(m->in, "SAVEPOINT member") < 0) {
		m->in = NULL;
		tell(m, MEMBER_FAILED, klaviyo_error());
		return true;
	}
	keeps = m->work(m->arg);
	if (m->in == NULL) {
		open = false;
	} else if (keeps && run(m->in, "RELEASE SAVEPOINT member") >= 0) {
		m->in = NULL;
		m->next = g->over;
		g->over = m;
		return true;
	} else {
		if (keeps)
			shop_fail("%s", klaviyo_error());
		open = undo(m);
	}
	tell(m, keeps || !open ? MEMBER_FAILED : MEMBER_UNDONE, shop_error());
	return open;
}

static void
do_all_work(struct group *g)
{
	struct member *other;
	bool open = true;

	while (open && (other = take_work(g)) != NULL)
		open = do_work(g, other);
}

/* ${m}, whose part is done, makes the COMMIT, or waits for it. */
static int64_t
commit_or_wait(struct group *g, struct member *m)
{
	bool mine;

	m->waits = false;
	m->state = MEMBER_IN;
	m->next = g->over;
	g->over = m;
	do_all_work(g);
	pthread_mutex_lock(&g->lock);
	mine = m->state == MEMBER_IN && !goes_on(g);
	if (m->state == MEMBER_IN && !mine) {
		m->waits = true;
		group_next_turn(g);
	}
	pthread_mutex_unlock(&g->lock);
	if (mine)
		return commit(g);
	if (m->waits)
		group_wait(m);
	if (m->state == MEMBER_DONE)
		return 0;
	shop_fail("%s", m->why);
	return -2;
}

int64_t
group_commit(struct member *m)
{
	if (m->joined && run(m->in, "RELEASE SAVEPOINT member") < 0)
		return -1;
	m->in = NULL;
	return commit_or_wait(m->group, m);
}

int64_t
group_rollback(struct member *m)
{
	if (m->in == NULL)
		return 0;
	if (!m->joined) { /* nobody else's */
		int64_t result = run(m->in, "ROLLBACK");

		m->in = NULL;
		group_finish(m->group, NULL, false);
		return result;
	}
	/* What the others have done stands. */
	if (undo(m) && !hand_on(m->group))
		commit(m->group);
	return 0;
}

int
group_together(struct member *m, group_work *work, void *arg)
{
	int64_t until_ms = group_now_ms() + GATE_WAIT_MS, result;

	m->again = false;
	m->work = work;
	m->arg = arg;
	if (group_turn(m, true, until_ms) != 0)
		return -1;
	if (m->state == MEMBER_DONE)
		return 0;
	if (m->state != MEMBER_GO) {
		shop_fail("%s", m->why);
		return m->state == MEMBER_UNDONE ? 1 : -1;
	}
	if (enter(m, until_ms) != 0)
		return -1;
	if (!work(arg)) {
		group_rollback(m);
		return 1;
	}
	if (m->in == NULL) /* it went on after SQLite had given up */
		return -1;
	result = group_commit(m);
	if (result == -1) /* what is said of it is the library's */
		shop_fail("%s", klaviyo_error());
	if (result < 0)
		group_rollback(m);
	return result < 0 ? -1 : 0;
}

void
group_look(struct member *m)
{
	if (m->in != NULL && sqlite3_get_autocommit(m->in))
		broken(m);
}
