/*
 * commands_reconcile.c - `storefront reconcile`: the shop's orders, and what
 * happened to them, beside the events that Klaviyo holds.
 *
 * Promises: metric by metric, both in the order of time, so that memory does
 * not grow with either.  What is missing is listed with what the outbox knows
 * of it; with --requeue what was sent, or is unknown to the outbox, is queued
 * again under its own id: Klaviyo drops it should it be there after all.  What
 * waits is only told, and so is what is dead (`outbox retry`) or was dropped,
 * and what is of an address of which Klaviyo keeps nothing: that is not missed.
 *
 * An event of the last ten minutes, or sent in them, is still on its way:
 * Klaviyo shows what it has accepted after a while.  What is older than two
 * hours is queued as history, and starts no flow.
 */
#include "key.h"
#include "reconcile.h"

#include <cjson/cJSON.h>
#include <string.h>

#define ON_THE_WAY 600
#define YEAR_1990 631152000

struct reconcile {
	struct db *db;
	struct klaviyo *klaviyo;
	bool requeue, json;
	struct span span;
	struct expected expected;
	bool windows; /* there is one in ${expected} */
	int64_t held, missing, requeued, on_the_way, never;
	struct progress progress;
	/* Of the one that is missing: */
	char state[16];
	int64_t sent_at;
	bool queued, unkept;
};

/* ---------------------------------------------------------- one that is
 * missing */

static int
note_state(void *arg, const struct klaviyo_entry *entry)
{
	struct reconcile *r = arg;

	snprintf(r->state, sizeof(r->state), "%s", entry->state);
	r->sent_at = entry->sent_at;
	return 0;
}

/* Klaviyo takes what is of such an address, and drops it in silence. */
static int
note_address(void *arg, const struct klaviyo_entry *entry)
{
	static const char *const ends[] = {"@example.com\"", "@example.org\"",
	    "@example.net\"", "@test.com\""};
	struct reconcile *r = arg;

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++)
		r->unkept |= strcasestr(entry->profile, ends[i]) != NULL;
	return 0;
}

static int
requeue_entry(void *arg, const struct klaviyo_entry *entry)
{
	struct reconcile *r = arg;
	int queued = klaviyo_requeue(db_store(r->db), entry, r->expected.now);

	r->queued = queued > 0;
	return queued < 0 ? -1 : 0;
}

static int
requeue(struct reconcile *r, const char *id)
{
	r->queued = false;
	if (!r->requeue || r->unkept ||
	    (strcmp(r->state, "sent") != 0 && strcmp(r->state, "absent") != 0))
		return 0;
	if (db_begin(r->db) != 0)
		return -1;
	if (klaviyo_outbox_list(db_store(r->expected.scratch), NULL, id,
	        r->expected.now, 1, requeue_entry, r) != 0) {
		shop_fail("%s", klaviyo_error());
		db_rollback(r->db);
		return -1;
	}
	r->requeued += r->queued;
	return db_commit(r->db) != 0 ? -1 : 0;
}

static int
print_json(const struct reconcile *r, const char *metric,
    const struct wanted *w, const char *order, const char *when)
{
	cJSON *line = cJSON_CreateObject();
	char *text = NULL;

	if (cJSON_AddStringToObject(line, "metric", metric) != NULL &&
	    cJSON_AddStringToObject(line, "unique_id", w->unique_id) != NULL &&
	    cJSON_AddStringToObject(line, "order", order) != NULL &&
	    cJSON_AddStringToObject(line, "time", when) != NULL &&
	    cJSON_AddStringToObject(line, "outbox", r->state) != NULL &&
	    cJSON_AddBoolToObject(line, "requeued", r->queued) != NULL &&
	    cJSON_AddBoolToObject(line, "kept", !r->unkept) != NULL)
		text = cJSON_PrintUnformatted(line);
	if (text != NULL)
		printf("%s\n", text);
	cJSON_Delete(line);
	cJSON_free(text);
	return text != NULL ? 0 : shop_fail("out of memory");
}

/* An event's unique_id begins with its order's id. */
static int
print_missing(const struct reconcile *r, const struct wanted *w)
{
	const char *metric = klaviyo_metric_name(r->expected.metric);
	const char *order = strndupa(w->unique_id, strcspn(w->unique_id, ":"));
	char when[32];

	utc_text(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", w->time);
	if (r->json)
		return print_json(r, metric, w, order, when);
	printf("%s  %-8s %s  order %s  %s%s\n", when, r->state, metric, order,
	    w->unique_id,
	    r->queued   ? "  queued again"
	    : r->unkept ? "  Klaviyo keeps nothing of this address"
	                : "");
	return 0;
}

static int
one_missing(struct reconcile *r, const struct wanted *w)
{
	struct arena *arena = r->expected.arena;
	const char *id = arena_printf(arena, "%s/%s",
	    klaviyo_metric_name(r->expected.metric), w->unique_id);

	snprintf(r->state, sizeof(r->state), "absent");
	r->sent_at = 0;
	if (klaviyo_outbox_list(db_store(r->db), NULL, id, r->expected.now, 1,
	        note_state, r) != 0)
		return shop_fail("%s", klaviyo_error());
	if (r->sent_at > r->expected.now - ON_THE_WAY) {
		r->on_the_way++;
		return 0;
	}
	if (arena_failed(arena))
		return shop_fail("out of memory");
	r->unkept = false;
	if (klaviyo_outbox_list(db_store(r->expected.scratch), NULL, id,
	        r->expected.now, 1, note_address, r) != 0)
		return shop_fail("%s", klaviyo_error());
	r->missing += !r->unkept;
	r->never += r->unkept;
	return requeue(r, id) != 0 ? -1 : print_missing(r, w);
}

/* ------------------------------------------------------------------- comparing
 */

/* Klaviyo has told all that it holds of this window's times. */
static int
end_window(struct reconcile *r)
{
	const struct expected *e = &r->expected;

	for (size_t i = 0; i < e->n; i++)
		if (!e->list[i].held && one_missing(r, &e->list[i]) != 0)
			return -1;
	progress_show(&r->progress, e->things, "");
	return 0;
}

static int
next_window(struct reconcile *r)
{
	int more = expected_next(&r->expected);

	r->windows = more > 0;
	return more < 0 ? -1 : 0;
}

/* Oldest first. */
static int
one_held(void *arg, const char *unique_id, int64_t time)
{
	struct reconcile *r = arg;
	struct wanted *wanted;

	while (r->windows && time > r->expected.last)
		if (end_window(r) != 0 || next_window(r) != 0)
			return -1;
	wanted = r->windows ? expected_find(&r->expected, unique_id) : NULL;
	if (wanted != NULL && !wanted->held) {
		wanted->held = true;
		r->held++;
	}
	return 0;
}

static int
compare(struct reconcile *r, enum klaviyo_metric metric)
{
	int64_t now = r->expected.now, until = r->span.until, since, all;

	if (until > now - ON_THE_WAY)
		until = now - ON_THE_WAY;
	since = r->span.since > YEAR_1990 ? r->span.since : YEAR_1990;
	if (since >= until)
		return 0;
	if (expected_metric(&r->expected, metric, since, until, &all) != 0)
		return -1;
	if (all == 0)
		return 0;
	progress_begin(&r->progress, klaviyo_metric_name(metric),
	    "orders and changes", all);
	if (next_window(r) != 0)
		return -1;
	shop_fail("%s", "");
	if (klaviyo_held(r->klaviyo, metric, since, until, one_held, r) < 0)
		return *shop_error() != '\0' ? -1
		                             : shop_fail("%s", klaviyo_error());
	while (r->windows)
		if (end_window(r) != 0 || next_window(r) != 0)
			return -1;
	progress_end(&r->progress);
	return 0;
}

static int
compare_all(struct reconcile *r)
{
	for (int m = KLAVIYO_PLACED_ORDER; m <= KLAVIYO_FAILED_PAYMENT; m++)
		if (compare(r, (enum klaviyo_metric)m) != 0)
			return -1;
	return 0;
}

/* ----------------------------------------------------------------- the command
 */

static int
wrong_call(void)
{
	if (*shop_error() != '\0')
		fprintf(stderr, "storefront: %s\n", shop_error());
	else
		fprintf(stderr,
		    "storefront: reconcile takes [--since YYYY-MM-DD] "
		    "[--until YYYY-MM-DD] [--requeue] [--json]\n");
	return 2;
}

static bool
read_options(struct reconcile *r, int argc, char **argv)
{
	shop_fail("%s", "");
	for (int i = 1; i < argc; i++) {
		int is = span_option(
		    &r->span, argv[i], i + 1 < argc ? argv[i + 1] : NULL);

		if (is > 0)
			i++;
		else if (is == 0 && strcmp(argv[i], "--requeue") == 0)
			r->requeue = true;
		else if (is == 0 && strcmp(argv[i], "--json") == 0)
			r->json = true;
		else
			return false;
	}
	return span_check(&r->span) == 0;
}

static void
print_sums(const struct reconcile *r)
{
	FILE *out = r->json ? stderr : stdout;

	fprintf(out,
	    "Klaviyo holds %lld of the events of this shop's orders, "
	    "and misses %lld",
	    (long long)r->held, (long long)r->missing);
	if (r->on_the_way > 0)
		fprintf(out, "; %lld were sent in the last 10 minutes",
		    (long long)r->on_the_way);
	if (r->never > 0)
		fprintf(out,
		    "; %lld are of addresses of which it keeps nothing "
		    "(@example.com, @test.com and the like)",
		    (long long)r->never);
	if (r->requeue)
		fprintf(out, "; %lld are queued again", (long long)r->requeued);
	fprintf(out, "\n");
}

int
reconcile_command(const struct settings *settings, int argc, char **argv)
{
	struct reconcile r = {.requeue = false};
	int64_t now = utc_now();
	int result = -1;

	span_begin(&r.span, now);
	if (!read_options(&r, argc, argv))
		return wrong_call();
	r.db = db_open(settings);
	r.klaviyo =
	    r.db != NULL ? klaviyo_open(settings, NULL, false, NULL) : NULL;
	if (r.klaviyo != NULL &&
	    expected_begin(&r.expected, settings, r.db, now) == 0)
		result = compare_all(&r);
	progress_end(&r.progress);
	expected_end(&r.expected);
	klaviyo_free(r.klaviyo);
	db_close(r.db);
	if (result != 0) {
		fprintf(stderr, "storefront: %s\n", shop_error());
		return 1;
	}
	print_sums(&r);
	return r.missing > 0 ? 1 : 0;
}
