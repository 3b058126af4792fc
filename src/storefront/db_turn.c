/*
 * db_turn.c - the write gate of an SQLite file: whose turn it is to write.
 *
 * Who wants to write queues here, first come, first served; with the turn comes
 * what db_group.c makes of it, a transaction of one's own or a part in another's.
 *
 * Promises: only one connection of the process writes at a time, and, of all
 * processes, only who holds the file's lock; nobody waits for its turn longer
 * than GATE_WAIT_MS, whatever is done to the system's clock.  Who is told
 * something, all of a group at once, needs no lock to hear it.
 */
#include "db_group.h"
#include "storefront.h"

#include <errno.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

int64_t
group_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

struct member *
group_next(struct group *g)
{
	struct member *next = g->first;

	if (next != NULL)
		g->first = next->next;
	if (g->first == NULL)
		g->last = &g->first;
	return next;
}

void
group_next_turn(struct group *g)
{
	struct member *next = group_next(g);

	g->taken = next != NULL;
	if (next == NULL)
		return;
	next->state = MEMBER_GO;
	sem_post(&next->wake);
}

void
group_wait(struct member *m)
{
	while (sem_wait(&m->wake) != 0)
		; /* a signal */
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

/* False: it is not to be waited for any longer, and not in the queue. */
static bool
wait_in_queue(struct member *m, int64_t until_ms)
{
	/* Not by the clock that people set. */
	struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
	struct group *g = m->group;
	bool told;

	while (sem_clockwait(&m->wake, CLOCK_MONOTONIC, &until) != 0) {
		if (errno == EINTR)
			continue;
		pthread_mutex_lock(&g->lock);
		told = m->state != MEMBER_WAITS;
		if (!told)
			give_up_waiting(g, m);
		pthread_mutex_unlock(&g->lock);
		if (told)
			group_wait(m);
		break;
	}
	/* Read in any case: with it, all that was done before is seen. */
	return m->state != MEMBER_WAITS;
}

int
group_turn(struct member *m, bool joins, int64_t until_ms)
{
	struct group *g = m->group;

	awake_waits(); /* for others' turns, or the disk */
	pthread_mutex_lock(&g->lock);
	if (!g->taken) {
		g->taken = true;
		m->state = MEMBER_GO;
		pthread_mutex_unlock(&g->lock);
		return 0;
	}
	m->joins = joins;
	m->waits = true;
	m->state = MEMBER_WAITS;
	m->next = NULL;
	*g->last = m;
	g->last = &m->next;
	pthread_mutex_unlock(&g->lock);
	return wait_in_queue(m, until_ms)
	           ? 0
	           : shop_fail("the database is busy: no turn to write "
	                       "within 5 seconds");
}

const char *
group_file(const struct member *m)
{
	return m->group->file;
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

int
group_file_lock(const struct member *m, int64_t until_ms)
{
	int how = gate_shared() ? LOCK_SH : LOCK_EX;
	int gate = m->group->gate;

	while (gate >= 0 && flock(gate, how | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return shop_fail("%s.lock cannot be locked: %s; put "
			                 "the database on a local file system",
			    m->name, strerror(errno));
		if (group_now_ms() >= until_ms)
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

/* ------------------------------------------------------------ what ends a turn
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
		if (m->waits)
			sem_post(&m->wake);
	}
	g->over = NULL;
	group_next_turn(g);
	pthread_mutex_unlock(&g->lock);
}

int
group_alone(struct member *m)
{
	int64_t until_ms = group_now_ms() + GATE_WAIT_MS;

	if (group_turn(m, false, until_ms) != 0)
		return -1;
	if (group_file_lock(m, until_ms) != 0) {
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
