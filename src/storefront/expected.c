/*
 * expected.c - the events that Klaviyo should hold of this shop's orders.
 *
 * Promises: the real code makes them, into an outbox in memory, where they stay
 * for as long as their window, for whoever wants to queue one again.  Memory is
 * one window's.
 */
#include "reconcile.h"
#include "tracking.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW 500 /* orders or changes; more if they are of one second */

int
expected_begin(struct expected *e, const struct settings *settings,
    struct db *db, int64_t now)
{
	*e = (struct expected){.settings = settings, .db = db, .now = now};
	e->scratch = db_scratch();
	return e->scratch != NULL ? 0 : -1;
}

void
expected_end(struct expected *e)
{
	arena_free(e->arena);
	db_close(e->scratch);
}

static bool
of_orders(enum klaviyo_metric metric)
{
	return metric == KLAVIYO_PLACED_ORDER ||
	       metric == KLAVIYO_ORDERED_PRODUCT;
}

int
expected_metric(struct expected *e, enum klaviyo_metric metric, int64_t since,
    int64_t until, int64_t *all)
{
	e->metric = metric;
	e->until = until;
	e->at = (struct order_mark){.time = since};
	*all = of_orders(metric)
	           ? order_count(e->db, since, until)
	           : change_count(e->db, tracking_kind(metric), since, until);
	return *all < 0 ? -1 : 0;
}

/* --------------------------------------------------------------- queueing them
 */

struct one {
	struct expected *e;
	const struct order *order;
	const char *change;
};

/* Its time is the time of queueing: that is how the outbox tells it. */
static int
queue_change(void *arg, const char *kind, const struct change *change)
{
	const struct one *one = arg;
	struct expected *e = one->e;

	(void)kind;
	if (strcmp(change->id, one->change) != 0)
		return 0;
	return tracking_change(e->settings, e->scratch, one->order, change,
	    change->time < e->now - RECONCILE_FRESH, change->time);
}

/* ${mark}'s id is an order's, or "order/change". */
static int
queue_one(
    struct expected *e, struct arena *arena, const struct order_mark *mark)
{
	const char *slash = strchr(mark->id, '/');
	struct order order;
	struct one one = {e, &order, slash != NULL ? slash + 1 : NULL};
	const char *id = slash == NULL ? mark->id
	                               : arena_copyn(arena, mark->id,
	                                     (size_t)(slash - mark->id));
	int found = order_load(e->db, arena, id, NULL, &order);

	if (found <= 0)
		return found; /* gone meanwhile */
	return slash != NULL
	           ? order_changes(e->db, arena, &order, queue_change, &one)
	           : tracking_order(e->settings, e->scratch, &order,
	                 order.time < e->now - RECONCILE_FRESH, order.time);
}

static int
walk(struct expected *e, int64_t until, struct order_mark *list)
{
	return of_orders(e->metric)
	           ? order_walk(e->db, &e->at, until, WINDOW, list)
	           : change_walk(e->db, tracking_kind(e->metric), &e->at, until,
	                 WINDOW, list);
}

/* A piece of a window: up to WINDOW of before ${until}. */
static int
queue_some(struct expected *e, int64_t until)
{
	struct order_mark *list = calloc(WINDOW, sizeof(*list));
	struct arena *arena = arena_new();
	int n = -1;

	if (list == NULL || arena == NULL)
		shop_fail("out of memory");
	else
		n = walk(e, until, list);
	for (int i = 0; i < n; i++)
		if (queue_one(e, arena, &list[i]) != 0)
			n = -1;
	if (n > 0 && e->things == 0)
		e->first = list[0].time;
	if (n > 0) {
		e->last = list[n - 1].time;
		e->things += n;
	}
	arena_free(arena);
	free(list);
	return n;
}

/* What of a second did not fit belongs to the window, too: what Klaviyo holds
   of it is told at once. */
static int
queue_window(struct expected *e)
{
	int n = queue_some(e, e->until);

	while (n == WINDOW && e->last + 1 < e->until)
		n = queue_some(e, e->last + 1);
	return n;
}

/* ---------------------------------------------------------------- listing them
 */

struct filling {
	struct expected *e;
	const char *name; /* the metric's */
	size_t room;
};

static int
list_entry(void *arg, const struct klaviyo_entry *entry)
{
	struct filling *l = arg;
	struct expected *e = l->e;
	size_t n = strlen(l->name);

	if (strncmp(entry->id, l->name, n) != 0 || entry->id[n] != '/')
		return 0;
	if (e->n == l->room) {
		struct wanted *more;

		l->room = l->room * 2 + 64;
		more = arena_alloc(e->arena, l->room * sizeof(*more));
		if (more == NULL)
			return -1;
		if (e->n > 0)
			memcpy(more, e->list, e->n * sizeof(*more));
		e->list = more;
	}
	e->list[e->n++] = (struct wanted){
	    .unique_id = arena_copy(e->arena, entry->id + n + 1),
	    .time = entry->created_at};
	return arena_failed(e->arena) ? -1 : 0;
}

static int
by_id(const void *a, const void *b)
{
	return strcmp(((const struct wanted *)a)->unique_id,
	    ((const struct wanted *)b)->unique_id);
}

int
expected_next(struct expected *e)
{
	struct filling l = {e, klaviyo_metric_name(e->metric), 0};

	arena_free(e->arena);
	e->arena = arena_new();
	e->list = NULL;
	e->n = 0;
	e->things = 0;
	if (e->arena == NULL || db_begin(e->scratch) != 0)
		return -1;
	if (db_run(e->scratch, NULL, NULL, "DELETE FROM klaviyo_outbox") < 0 ||
	    queue_window(e) < 0) {
		db_rollback(e->scratch);
		return -1;
	}
	if (db_commit(e->scratch) != 0)
		return -1;
	if (e->things == 0)
		return 0;
	if (klaviyo_outbox_list(db_store(e->scratch), NULL, NULL, e->now,
	        INT_MAX, list_entry, &l) != 0)
		return shop_fail("%s", klaviyo_error());
	if (e->n > 0)
		qsort(e->list, e->n, sizeof(*e->list), by_id);
	return 1;
}

struct wanted *
expected_find(const struct expected *e, const char *unique_id)
{
	struct wanted key = {.unique_id = unique_id};

	return e->n == 0
	           ? NULL
	           : bsearch(&key, e->list, e->n, sizeof(*e->list), by_id);
}
