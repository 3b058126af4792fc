/*
 * db_members.c - which connections of a process share a group (db_group.c),
 * from their opening to their closing.
 *
 * Promises: connections of one file have one group, and of it one lock file and
 * one writer; a forked child has groups of its own.  The last to leave takes
 * the group with it.
 */
#include "db_group.h"
#include "storefront.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t all = PTHREAD_MUTEX_INITIALIZER;
static struct group *groups;

/* Opens the lock file beside the database. */
static int
gate_open(struct group *g, const char *path)
{
	char *name;

	if (*g->file == '\0')
		return 0;
	if (asprintf(&name, "%s.lock", path) < 0)
		return shop_fail("out of memory");
	g->gate = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	free(name);
	if (g->gate < 0)
		return shop_fail("%s.lock: %s", path, strerror(errno));
	return 0;
}

static void
group_free(struct group *g)
{
	if (g->gate >= 0)
		close(g->gate);
	pthread_mutex_destroy(&g->lock);
	pthread_mutex_destroy(&g->readers_lock);
	free(g->idle);
	free(g->file);
	free(g);
}

static struct group *
group_make(const char *file, const char *path)
{
	struct group *g = calloc(1, sizeof(*g));

	if (g == NULL || (g->file = strdup(file)) == NULL) {
		free(g);
		shop_fail("out of memory");
		return NULL;
	}
	g->process = getpid();
	g->gate = -1;
	g->last = &g->first;
	pthread_mutex_init(&g->lock, NULL);
	pthread_mutex_init(&g->readers_lock, NULL);
	if (gate_open(g, path) != 0) {
		group_free(g);
		return NULL;
	}
	g->next = groups;
	groups = g;
	return g;
}

int
group_enter(struct member *m, const char *path)
{
	const char *file = sqlite3_db_filename(m->own, "main");
	struct group *g;

	if (file == NULL)
		file = "";
	pthread_mutex_lock(&all);
	for (g = groups; g != NULL; g = g->next)
		if (*file != '\0' && strcmp(g->file, file) == 0 &&
		    g->process == getpid())
			break;
	if (g == NULL)
		g = group_make(file, path);
	if (g != NULL)
		g->members++;
	pthread_mutex_unlock(&all);
	if (g == NULL)
		return -1;
	sem_init(&m->wake, 0, 0);
	m->group = g;
	return 0;
}

int
group_writer(struct member *m, sqlite3 *(*open)(const char *path))
{
	struct group *g = m->group;
	bool alone;
	int result;

	pthread_mutex_lock(&all);
	alone = g->members == 1;
	pthread_mutex_unlock(&all);
	/* It is nobody's turn just now, or another time. */
	if (alone || *g->file == '\0' || group_turn(m, false, 0) != 0)
		return 0;
	if (g->writer == NULL)
		g->writer = open(g->file);
	result = g->writer != NULL ? 1 : -1;
	group_finish(g, NULL, false);
	return result;
}

void
group_exit(struct member *m, void (*close)(sqlite3 *conn, bool gate))
{
	struct group *g = m->group, **at = &groups;
	bool gate, last;

	if (g == NULL) {
		close(m->own, false);
		return;
	}
	group_rollback(m);
	group_unshare(m);
	gate = group_alone(m) == 0;
	pthread_mutex_lock(&all);
	last = --g->members == 0;
	if (last) {
		while (*at != g)
			at = &(*at)->next;
		*at = g->next;
	}
	pthread_mutex_unlock(&all);
	if (last && g->writer != NULL)
		close(g->writer, false);
	close(m->own, gate);
	group_done(m);
	sem_destroy(&m->wake);
	if (last)
		group_free(g);
}
