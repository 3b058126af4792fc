/*
 * history.c - `storefront history sync`: the shop's past orders, and all that
 * happened to them, to Klaviyo.
 *
 * Promises: oldest first, in batches that each commit together with how far it
 * came (meta, history): killed at any moment and run again it goes on there,
 * and repeats nothing, for an event's id is queued once.  Each event has the
 * time when it happened, and is marked as past, so that it starts no flow; it
 * goes out behind everything that is of today, through the bulk endpoint.
 * Memory does not grow with the number of orders.  When the queue is full, it
 * waits for the worker.
 *
 * Orders placed meanwhile are none of its business: they queue themselves.
 */
#include "storefront.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH 200
#define FULL_WAIT_MS 300

struct sync {
	const struct settings *settings;
	struct db *db;
	bool dry_run;
	int64_t now;
	struct span span;
	struct order_mark at;  /* the last order done */
	int64_t done, changes; /* orders, changes of orders */
	struct progress progress;
};

/* ------------------------------------------------------------ where it was */

/* "time id since until" of an unfinished sync; another span begins anew. */
static int
place_row(void *arg, int n, const char *const col[])
{
	long long time, since, until;
	struct sync *s = arg;
	const char *id;
	size_t length;
	char *end;

	(void)n;
	time = strtoll(col[0], &end, 10);
	id = end + (*end == ' ');
	length = strcspn(id, " ");
	since = strtoll(id + length, &end, 10);
	until = strtoll(end, &end, 10);
	if (*end != '\0' || length == 0 || length >= sizeof(s->at.id) ||
	    since != s->span.since ||
	    (s->span.until_given && until != s->span.until))
		return 0;
	s->at.time = time;
	snprintf(s->at.id, sizeof(s->at.id), "%.*s", (int)length, id);
	s->span.until = until;
	return 0;
}

static int
keep_place(const struct sync *s)
{
	char place[128];

	snprintf(place, sizeof(place), "%lld %s %lld %lld",
	    (long long)s->at.time, s->at.id, (long long)s->span.since,
	    (long long)s->span.until);
	return db_run(s->db, NULL, NULL,
	           "INSERT INTO meta (name, value) VALUES ('history', $1) "
	           "ON CONFLICT (name) DO UPDATE SET value = $1",
	           place) < 0
	           ? -1
	           : 0;
}

static int
count_row(void *arg, int n, const char *const col[])
{
	(void)n;
	*(int64_t *)arg = num(col[0]);
	return 0;
}

static int
find_place(struct sync *s)
{
	int64_t all = 0;

	s->at.time = s->span.since;
	if (!s->dry_run &&
	    db_run(s->db, place_row, s,
	        "SELECT value FROM meta WHERE name = 'history'") < 0)
		return -1;
	if (*s->at.id != '\0')
		fprintf(
		    stderr, "storefront: going on after order %s\n", s->at.id);
	if (db_run(s->db, count_row, &all,
	        "SELECT COUNT(*) FROM orders WHERE (time > $1 OR "
	        "(time = $1 AND id > $2)) AND time < $3",
	        NUM(s->at.time), s->at.id, NUM(s->span.until)) < 0)
		return -1;
	progress_begin(
	    &s->progress, s->dry_run ? "counting" : "queueing", "orders", all);
	return 0;
}

/* ----------------------------------------------------------------- syncing */

struct one {
	struct sync *sync;
	const struct order *order;
};

static int
queue_change(void *arg, const char *kind, const struct change *change)
{
	const struct one *one = arg;
	struct sync *s = one->sync;

	(void)kind;
	s->changes++;
	return s->dry_run ? 0
	                  : tracking_change(s->settings, s->db, one->order,
	                        change, true, s->now);
}

/* 0, -1, or 1 when the queue is full. */
static int
queue_one(struct sync *s, struct arena *arena, const char *id)
{
	struct order order;
	struct one one = {s, &order};
	int result = order_load(s->db, arena, id, NULL, &order);

	if (result <= 0)
		return result; /* gone meanwhile */
	if (!s->dry_run) {
		result =
		    tracking_order(s->settings, s->db, &order, true, s->now);
		if (result != 0)
			return result;
	}
	return order_changes(s->db, arena, &order, queue_change, &one);
}

/* How many orders, 0 at the end, -1, or -2 when the queue is full.  What of a
   batch came before that is committed, and so is that the queue is full: rolled
   back, the next batch would not know. */
static int
one_batch(struct sync *s)
{
	struct order_mark list[BATCH], before = s->at;
	int64_t changes = s->changes;
	struct arena *arena = arena_new();
	int n, done = 0, result = 0;

	if (arena == NULL)
		return shop_fail("out of memory");
	if (db_begin(s->db) != 0) {
		arena_free(arena);
		return -1;
	}
	n = order_walk(s->db, &s->at, s->span.until, BATCH, list);
	while (done < n) {
		changes = s->changes;
		result = queue_one(s, arena, list[done].id);
		if (result != 0)
			break;
		done++;
	}
	arena_free(arena);
	if (result > 0) {
		s->at = done > 0 ? list[done - 1] : before;
		s->changes = changes;
	}
	if (n >= 0 && result >= 0 &&
	    (done == 0 || s->dry_run || keep_place(s) == 0) &&
	    db_commit(s->db) == 0)
		return done > 0 || result == 0 ? done : -2;
	db_rollback(s->db);
	return -1;
}

/* Without a terminal nobody sees the bar: why it stands still is said once. */
static void
say_waiting(const struct sync *s, bool *said)
{
	if (!*said && !s->progress.terminal)
		fprintf(stderr, "storefront: the queue is half full: waiting "
		                "for the worker to deliver\n");
	*said = true;
}

static int
sync_all(struct sync *s)
{
	bool said = false;
	int n;

	while ((n = one_batch(s)) != 0) {
		if (n == -1)
			return -1;
		if (n > 0)
			s->done += n;
		progress_show(&s->progress, n > 0 ? n : 0,
		    n == -2 ? ", waiting for the worker" : "");
		if (n != -2)
			continue;
		say_waiting(s, &said);
		nanosleep(
		    &(struct timespec){.tv_nsec = FULL_WAIT_MS * 1000000L},
		    NULL);
	}
	progress_end(&s->progress);
	if (s->dry_run)
		return 0;
	return db_run(s->db, NULL, NULL,
	           "DELETE FROM meta WHERE name = 'history'") < 0
	           ? -1
	           : 0;
}

/* ----------------------------------------------------------------- command */

/* Without an error text the call was not understood at all. */
static int
wrong_call(void)
{
	if (*shop_error() != '\0')
		fprintf(stderr, "storefront: %s\n", shop_error());
	else
		fprintf(stderr,
		    "storefront: history takes sync [--since YYYY-MM-DD] "
		    "[--until YYYY-MM-DD] [--dry-run], or import FILE.csv "
		    "[--dry-run]\n");
	return 2;
}

static bool
read_options(struct sync *s, int argc, char **argv)
{
	shop_fail("%s", "");
	for (int i = 2; i < argc; i++) {
		int is = span_option(
		    &s->span, argv[i], i + 1 < argc ? argv[i + 1] : NULL);

		if (is > 0)
			i++;
		else if (is == 0 && strcmp(argv[i], "--dry-run") == 0)
			s->dry_run = true;
		else
			return false;
	}
	return span_check(&s->span) == 0;
}

static void
print_sums(const struct sync *s)
{
	double seconds = progress_seconds(&s->progress);

	printf("%lld orders and %lld changes of orders %s", (long long)s->done,
	    (long long)s->changes, s->dry_run ? "would be queued" : "queued");
	if (!s->dry_run && seconds > 0)
		printf(" in %.1f s, %.0f orders/s", seconds,
		    (double)s->done / seconds);
	printf("\n");
}

static int
history_sync(const struct settings *settings, int argc, char **argv)
{
	struct sync s = {.settings = settings, .now = utc_now()};
	bool opened;
	int result;

	span_begin(&s.span, s.now);
	if (!read_options(&s, argc, argv))
		return wrong_call();
	s.db = db_open(settings);
	opened = s.db != NULL;
	result = !opened || find_place(&s) != 0 ? -1 : sync_all(&s);
	db_close(s.db);
	if (result != 0) {
		progress_end(&s.progress);
		fprintf(stderr, "storefront: %s%s\n", shop_error(),
		    opened ? "; run it again, it goes on where it was" : "");
		return 1;
	}
	print_sums(&s);
	return 0;
}

int
history_command(const struct settings *settings, int argc, char **argv)
{
	int code = 2;

	if (argc > 1 && strcmp(argv[1], "sync") == 0)
		return history_sync(settings, argc, argv);
	shop_fail("%s", "");
	if (argc > 1 && strcmp(argv[1], "import") == 0)
		code = history_import(settings, argc - 2, argv + 2);
	return code == 2 ? wrong_call() : code;
}
