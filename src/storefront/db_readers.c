/*
 * db_readers.c - the connections that the members of a group read with.
 *
 * SQLite forgets all that a connection has read of a file as soon as another
 * one has written to it.  With a connection for each thread, each reads anew
 * after each commit what the others have read already.  So members lend each
 * other theirs, and who reads gets the one that was in use last: as few as are
 * needed at a time are used at all, and what one has read is there for the next.
 *
 * Promises: nobody waits for one, for there are as many as there are members; a
 * statement within another's rows has the same.  Between two statements a member
 * has none: nothing of a connection's state may be meant to last.
 */
#include "db_group.h"

#include <stdlib.h>

/* So many do most of the work.  The others are used too rarely to have what they
   have read still when they are used again, and keep no memory for it. */
enum { WARM = 2 };

void
group_share(struct member *m)
{
	struct group *g = m->group;
	sqlite3 **more;

	pthread_mutex_lock(&g->readers_lock);
	more = realloc(g->idle, (g->readers + 1) * sizeof(*more));
	if (more != NULL) {
		g->idle = more;
		g->readers++;
		g->idle[g->idles++] = m->own;
		m->own = NULL;
	}
	pthread_mutex_unlock(&g->readers_lock);
}

/* ${rare}: there are WARM that are used rather. */
static sqlite3 *
take(struct group *g, bool *rare)
{
	sqlite3 *conn;

	pthread_mutex_lock(&g->readers_lock);
	conn = g->idle[--g->idles];
	*rare = g->readers - g->idles > WARM;
	pthread_mutex_unlock(&g->readers_lock);
	return conn;
}

void
group_unshare(struct member *m)
{
	struct group *g = m->group;
	bool rare;

	if (m->own != NULL)
		return;
	m->own = take(g, &rare);
	pthread_mutex_lock(&g->readers_lock);
	g->readers--;
	pthread_mutex_unlock(&g->readers_lock);
}

sqlite3 *
group_reader(struct member *m)
{
	if (m->own != NULL)
		return m->own;
	if (m->reads++ == 0)
		m->reader = take(m->group, &m->rare);
	return m->reader;
}

void
group_read(struct member *m)
{
	struct group *g = m->group;

	if (m->own != NULL || --m->reads > 0)
		return;
	if (m->rare)
		sqlite3_db_release_memory(m->reader);
	pthread_mutex_lock(&g->readers_lock);
	g->idle[g->idles++] = m->reader;
	pthread_mutex_unlock(&g->readers_lock);
}
