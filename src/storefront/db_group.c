/*
 * db_group.c - the write gate of an SQLite file, and the transactions of one
 * process that wait at it together and share one COMMIT, which is one sync.
 *
 * Who wants to write queues here, first come, first served.  The first begins a
 * transaction.  When it is done and others wait, it does not commit: it hands
 * the open transaction on, and waits for the outcome.  The next one runs its
 * statements within a savepoint, and so on, up to GROUP_MS.  The last one, or
 * the one whose time it is, commits; all are told.
 *
 *   a member           waits -> go -> (its statements) -> commits, for all
 *                                                      -> waits -> done, failed
 *   the transaction    none -> begun by the first -> handed on.. -> none
 *
 * Promises: nobody is told of a COMMIT that was not done, and synced.  A member
 * that fails is undone to its savepoint and alone.  A COMMIT that fails, or a
 * transaction that SQLite has given up as a whole, fails all that were in it:
 * each is told, and nothing of any is there.  A member sees what it has
 * written.  Only one connection of the process writes at a time, and, of all
 * processes, only who holds the file's lock; nobody waits for its turn longer
 * than GATE_WAIT_MS, whatever is done to the system's clock.
 *
 * The transactions run on a connection of their own, which has no thread, if
 * the process has several, so that what it has read is not forgotten because
 * another connection has written; with one connection, on that.
 *
 * Does not know what the statements do.
 */
#include "db_group.h"
#include "storefront.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

/* The first of a group is answered after so long, and a sync. */
#define GROUP_MS 10

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
run(sqlite3 *conn, const char *sql)
{
	return klaviyo_sqlite(conn, sql, 0, NULL, NULL, NULL);
}

/* ------------------------------------------------------------------ the turn
 */

/* Who waits longest is next.  Under the lock. */
static void
next_turn(struct group *g)
{
	struct member *next = g->first;

	if (next == NULL) {
		g->taken = false;
		return;
	}
	g->first = next->next;
	if (g->first == NULL)
		g->last = &g->first;
	next->state = MEMBER_GO;
	pthread_cond_signal(&next->wake);
}

static void
give_up_waiting(struct group *g, const struct member *m)
{
	struct member **at = &g->first;

	while (*at != m)
		at = &(*at)->next;
	*at = m->next;
	if (*at == NULL)
		g->last = at;
}

int
group_turn(struct member *m, bool joins, int64_t until_ms)
{
	struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
	struct group *g = m->group;
	int late = 0;

	pthread_mutex_lock(&g->lock);
	if (!g->taken) {
		g->taken = true;
		pthread_mutex_unlock(&g->lock);
		return 0;
	}
	m->joins = joins;
	m->state = MEMBER_WAITS;
	m->next = NULL;
	*g->last = m;
	g->last = &m->next;
	while (m->state == MEMBER_WAITS && late == 0)
		late = pthread_cond_timedwait(&m->wake, &g->lock, &until);
	late = m->state == MEMBER_WAITS;
	if (late)
		give_up_waiting(g, m);
	pthread_mutex_unlock(&g->lock);
	return late ? shop_fail("the database is busy: no turn to write "
	                        "within 5 seconds")
	            : 0;
}

int
group_gate(const struct member *m)
{
	return m->group->gate;
}

int
group_waiting(struct member *m)
{
	struct group *g = m->group;
	int n = 0;

	pthread_mutex_lock(&g->lock);
	for (const struct member *one = g->first; one != NULL; one = one->next)
		n++;
	pthread_mutex_unlock(&g->lock);
	return n;
}

/* ------------------------------------------------------------- the lock file
 */

static bool
gate_shared(void)
{
	return !db_wal_reset_bug(sqlite3_libversion_number());
}

/* The file's lock.  Some file systems of the network have none. */
static int
file_lock(const struct member *m, int64_t until_ms)
{
	int how = gate_shared() ? LOCK_SH : LOCK_EX;
	int gate = m->group->gate;

	while (gate >= 0 && flock(gate, how | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return shop_fail("%s.lock cannot be locked: %s; put "
			                 "the database on a local file system",
			    m->name, strerror(errno));
		if (now_ms() >= until_ms)
			return shop_fail("the database is busy: another "
			                 "process holds its write lock");
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

static void
file_unlock(const struct group *g)
{
	if (g->gate >= 0)
		flock(g->gate, LOCK_UN);
}

/* -------------------------------------------------------- an open transaction
 */

void
group_finish(struct group *g, const char *why, bool again)
{
	struct member *m, *next;

	g->open = NULL;
	file_unlock(g);
	pthread_mutex_lock(&g->lock);
	for (m = g->over; m != NULL; m = next) {
		next = m->next;
		if (why != NULL)
			snprintf(m->why, sizeof(m->why), "%s", why);
		m->again = again;
		m->state = why != NULL ? MEMBER_FAILED : MEMBER_DONE;
		pthread_cond_signal(&m->wake);
	}
	g->over = NULL;
	next_turn(g);
	pthread_mutex_unlock(&g->lock);
}

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

/* Hands the open transaction on to one who waits for a turn, if there is time;
   ${m}, if it is not NULL, then waits for the outcome, under the lock.  False:
   it is for the caller to end it. */
static bool
hand_on(struct group *g, struct member *m)
{
	pthread_mutex_lock(&g->lock);
	if (g->first == NULL || !g->first->joins ||
	    now_ms() - g->begun_ms >= GROUP_MS) {
		pthread_mutex_unlock(&g->lock);
		return false;
	}
	if (m != NULL) {
		m->state = MEMBER_WAITS;
		m->next = g->over;
		g->over = m;
	}
	next_turn(g);
	while (m != NULL && m->state == MEMBER_WAITS)
		pthread_cond_wait(&m->wake, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return true;
}

/* Both locks within GATE_WAIT_MS: the gate, and SQLite's own, which somebody
   who knows nothing of the gate may hold. */
static int
begin_first(struct member *m, int64_t until_ms)
{
	struct group *g = m->group;
	sqlite3 *conn = g->writer != NULL ? g->writer : m->own;
	int64_t left, result;

	if (file_lock(m, until_ms) != 0)
		return -1;
	left = until_ms - now_ms();
	sqlite3_busy_timeout(conn, left > 1 ? (int)left : 1);
	result = run(conn, "BEGIN");
	sqlite3_busy_timeout(conn, GATE_WAIT_MS);
	if (result < 0) {
		file_unlock(g);
		return shop_fail("%s", klaviyo_error());
	}
	g->open = conn;
	g->begun_ms = now_ms();
	return 0;
}

int64_t
group_begin(struct member *m)
{
	int64_t until_ms = now_ms() + GATE_WAIT_MS;
	struct group *g = m->group;

	if (m->in != NULL)
		return shop_fail("a transaction is open already");
	m->again = false;
	if (group_turn(m, true, until_ms) != 0)
		return -1;
	m->joined = g->open != NULL;
	if (!m->joined && begin_first(m, until_ms) != 0) {
		group_finish(g, NULL, false); /* of nobody */
		return -1;
	}
	m->in = g->open;
	if (m->joined && run(m->in, "SAVEPOINT member") < 0) {
		shop_fail("%s", klaviyo_error());
		m->in = NULL;
		if (!hand_on(g, NULL))
			commit(g);
		return -1;
	}
	return 0;
}

int64_t
group_commit(struct member *m)
{
	struct group *g = m->group;

	if (m->in == NULL)
		return run(m->own, "COMMIT"); /* says that none is open */
	if (m->joined && run(m->in, "RELEASE SAVEPOINT member") < 0)
		return -1;
	m->in = NULL;
	if (!hand_on(g, m))
		return commit(g);
	if (m->state == MEMBER_DONE)
		return 0;
	shop_fail("%s", m->why);
	return -2;
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
	if (run(m->in, "ROLLBACK TO SAVEPOINT member") < 0 ||
	    run(m->in, "RELEASE SAVEPOINT member") < 0) {
		broken(m);
		return 0;
	}
	m->in = NULL;
	/* What the others have done stands. */
	if (!hand_on(m->group, NULL))
		commit(m->group);
	return 0;
}

void
group_look(struct member *m)
{
	if (m->in != NULL && sqlite3_get_autocommit(m->in))
		broken(m);
}

int
group_alone(struct member *m)
{
	int64_t until_ms = now_ms() + GATE_WAIT_MS;

	if (group_turn(m, false, until_ms) != 0)
		return -1;
	if (file_lock(m, until_ms) != 0) {
		group_finish(m->group, NULL, false);
		return -1;
	}
	m->alone = true;
	return 0;
}

void
group_done(struct member *m)
{
	if (m->alone)
		group_finish(m->group, NULL, false);
	m->alone = false;
}
