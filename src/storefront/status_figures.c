/*
 * status_figures.c - the operator's figures: how the outbox stands, what went
 * wrong, the last hours, and orders that Klaviyo will not hear of.
 *
 * Promises: changes nothing; reads no more than what is unsent, has ended
 * badly, or is of the last hours or days.
 */
#include "ready.h"
#include "status.h"

#include <string.h>

const int64_t status_ages[KLAVIYO_AGES - 1] = {60, 300, 1800, 7200};

struct filling {
	struct figures *figures;
	void *last; /* the link that takes the next one */
};

static int
trouble_found(void *arg, const struct klaviyo_trouble *trouble)
{
	struct filling *f = arg;
	struct arena *arena = f->figures->arena;
	struct status_trouble **last = f->last, *t;

	t = arena_alloc(arena, sizeof(*t));
	if (t == NULL)
		return -1;
	*t = (struct status_trouble){
	    .state = arena_copy(arena, trouble->state),
	    .error = arena_copy(arena, trouble->error),
	    .events = trouble->events,
	    .oldest = trouble->oldest,
	};
	*last = t;
	f->last = &t->next;
	return arena_failed(arena) ? -1 : 0;
}

static int
dead_found(void *arg, const struct klaviyo_entry *entry)
{
	struct filling *f = arg;
	struct arena *arena = f->figures->arena;
	struct status_dead **last = f->last, *d;

	d = arena_alloc(arena, sizeof(*d));
	if (d == NULL)
		return -1;
	*d = (struct status_dead){
	    .id = arena_copy(arena, entry->id),
	    .kind = arena_copy(arena, entry->kind),
	    .error = arena_copy(arena, entry->error),
	    .profile = arena_copy(arena, entry->profile),
	    .event = arena_copy(arena, entry->event),
	    .origin = arena_copy(arena, entry->origin),
	    .created_at = entry->created_at,
	    .attempts = entry->attempts,
	};
	*last = d;
	f->last = &d->next;
	return arena_failed(arena) ? -1 : 0;
}

static int
order_found(void *arg, int n, const char *const col[])
{
	struct filling *f = arg;
	struct arena *arena = f->figures->arena;
	struct status_order **last = f->last, *o;

	(void)n;
	if (++f->figures->order_count > STATUS_LISTED)
		return 0;
	o = arena_alloc(arena, sizeof(*o));
	if (o == NULL)
		return -1;
	*o = (struct status_order){
	    .id = arena_copy(arena, col[0]), .time = num(col[1])};
	*last = o;
	f->last = &o->next;
	return arena_failed(arena) ? -1 : 0;
}

/* Of which Klaviyo refuses the text (the log says so), or which were imported
   and wait for `history sync`. */
static int
read_orders(struct figures *figures, struct db *db)
{
	struct filling f = {figures, &figures->orders};

	return db_run(db, order_found, &f,
	           "SELECT orders.id, orders.time FROM orders"
	           " LEFT JOIN klaviyo_outbox"
	           " ON klaviyo_outbox.id = $1 || '/' || orders.id"
	           " WHERE orders.time > CAST($2 AS BIGINT)"
	           " AND klaviyo_outbox.id IS NULL"
	           " ORDER BY orders.time DESC, orders.id"
	           " LIMIT CAST($3 AS BIGINT)",
	           klaviyo_metric_name(KLAVIYO_PLACED_ORDER),
	           NUM(figures->now - (int64_t)STATUS_DAYS * 86400),
	           NUM(STATUS_COUNTED)) < 0
	           ? -1
	           : 0;
}

int
figures_read(struct figures *figures, const struct settings *settings,
    struct db *db, struct arena *arena, int64_t now)
{
	const struct klaviyo_store *store = db_store(db);
	/* Whole steps, so that a span stays the same from page to page. */
	int64_t end = now - now % STATUS_STEP + STATUS_STEP;
	struct filling troubles = {figures, &figures->troubles};
	struct filling dead = {figures, &figures->dead};

	*figures = (struct figures){.arena = arena,
	    .now = now,
	    .batch = strcmp(settings->delivery, "batch") == 0};
	if (klaviyo_outbox_status(store, now, &figures->outbox) != 0 ||
	    klaviyo_outbox_ages(store, now, status_ages, figures->age) != 0 ||
	    klaviyo_outbox_spans(store, end - STATUS_SECONDS, STATUS_STEP,
	        STATUS_SPANS, figures->span) != 0 ||
	    klaviyo_outbox_troubles(
	        store, STATUS_LISTED, trouble_found, &troubles) != 0 ||
	    klaviyo_outbox_list(store, "dead", NULL, now, STATUS_LISTED,
	        dead_found, &dead) != 0)
		return shop_fail("%s", klaviyo_error());
	return read_orders(figures, db);
}

const char *
figures_span(struct arena *arena, int64_t seconds)
{
	if (seconds < 120)
		return arena_printf(arena, "%lld s", (long long)seconds);
	if (seconds < 7200)
		return arena_printf(
		    arena, "%lld min", (long long)(seconds / 60));
	if (seconds < 172800)
		return arena_printf(
		    arena, "%lld h", (long long)(seconds / 3600));
	return arena_printf(arena, "%lld days", (long long)(seconds / 86400));
}

void
figures_alarms(const struct figures *figures, const char *alarms[STATUS_ALARMS])
{
	const struct klaviyo_status *s = &figures->outbox;
	struct arena *arena = figures->arena;
	int64_t late =
	    s->oldest_realtime == 0 ? 0 : figures->now - s->oldest_realtime;
	size_t n = 0;

	if (s->paused_until != 0)
		alarms[n++] = arena_printf(arena, "The queue pauses for %s: %s",
		    figures_span(arena, s->paused_until - figures->now),
		    s->reason);
	if (*s->sender == '\0' && !figures->batch)
		alarms[n++] =
		    "Nobody delivers: start storefront worker, or see why it "
		    "ended.";
	if (late > READY_OLDEST)
		alarms[n++] =
		    arena_printf(arena, "An event has been waiting for %s.",
		        figures_span(arena, late));
	if (s->dead > 0)
		alarms[n++] = arena_printf(arena,
		    s->dead == 1 ? "%lld event was refused for good: read why "
		                   "below, mend it, and try it again."
		                 : "%lld events were refused for good: read "
		                   "why below, mend it, and try them again.",
		    (long long)s->dead);
	if (figures->order_count > 0)
		alarms[n++] = arena_printf(arena,
		    figures->order_count == 1
		        ? "%lld order has no event: Klaviyo will not hear of "
		          "it."
		        : "%lld orders have no event: Klaviyo will not hear "
		          "of them.",
		    (long long)figures->order_count);
	alarms[n] = NULL;
}
