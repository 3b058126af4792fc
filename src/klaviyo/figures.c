/*
 * figures.c - what an operator's page shows of the outbox beside its status:
 * how long events have waited, what went wrong, and the last hours.
 *
 * Promises: nothing here walks the sent ids of years: each statement reads one
 * of the outbox's indexes, from a time on or as far as something is unsent.
 *
 * Does not change an event, and decides nothing.
 */
#include "sql.h"

#include <string.h>

/* --------------------------------------------------------------------- ages */

static int
ages_row(void *rowarg, int n, const char *const col[])
{
	int64_t *count = rowarg;

	for (int i = 0; i < n && i < KLAVIYO_AGES; i++)
		count[i] = to_int(col[i]);
	return 0;
}

int
klaviyo_outbox_ages(const struct klaviyo_store *store, int64_t now,
    const int64_t limit[KLAVIYO_AGES - 1], int64_t count[KLAVIYO_AGES])
{
	struct num t[KLAVIYO_AGES - 1];
	const char *arg[KLAVIYO_AGES - 1];

	for (int i = 0; i < KLAVIYO_AGES - 1; i++)
		arg[i] = num(&t[i], now - limit[i]);
	memset(count, 0, KLAVIYO_AGES * sizeof(*count));
	/* What another clock has queued in the future is young. */
	return store->sql(store->conn,
	           "SELECT COUNT(CASE WHEN created_at > CAST($1 AS BIGINT)"
	           " THEN 1 END),"
	           " COUNT(CASE WHEN created_at <= CAST($1 AS BIGINT)"
	           " AND created_at > CAST($2 AS BIGINT) THEN 1 END),"
	           " COUNT(CASE WHEN created_at <= CAST($2 AS BIGINT)"
	           " AND created_at > CAST($3 AS BIGINT) THEN 1 END),"
	           " COUNT(CASE WHEN created_at <= CAST($3 AS BIGINT)"
	           " AND created_at > CAST($4 AS BIGINT) THEN 1 END),"
	           " COUNT(CASE WHEN created_at <= CAST($4 AS BIGINT)"
	           " THEN 1 END)"
	           " FROM klaviyo_outbox WHERE due_at IS NOT NULL",
	           KLAVIYO_AGES - 1, arg, ages_row, count) < 0
	           ? -1
	           : 0;
}

/* ------------------------------------------------------------------- errors */

struct telling {
	klaviyo_trouble_each *each;
	void *arg;
};

static int
trouble_row(void *rowarg, int n, const char *const col[])
{
	const struct telling *telling = rowarg;
	const struct klaviyo_trouble trouble = {.state = col[0],
	    .error = col[1],
	    .events = to_int(col[2]),
	    .oldest = to_int(col[3])};

	(void)n;
	return telling->each(telling->arg, &trouble);
}

int
klaviyo_outbox_troubles(const struct klaviyo_store *store, int limit,
    klaviyo_trouble_each *each, void *arg)
{
	struct telling telling = {each, arg};
	struct num l;
	const char *args[] = {num(&l, limit)};

	return store->sql(store->conn,
	           "SELECT state, error, n, oldest FROM"
	           " (SELECT 'dead' AS state, error, COUNT(*) AS n,"
	           " MIN(created_at) AS oldest FROM klaviyo_outbox"
	           " WHERE due_at IS NULL AND sent_at IS NULL AND event <> ''"
	           " AND error IS NOT NULL GROUP BY error"
	           " UNION ALL SELECT 'waiting' AS state, error,"
	           " COUNT(*) AS n, MIN(created_at) AS oldest"
	           " FROM klaviyo_outbox WHERE due_at IS NOT NULL"
	           " AND error IS NOT NULL GROUP BY error) AS trouble"
	           " ORDER BY n DESC, state, error LIMIT CAST($1 AS BIGINT)",
	           1, args, trouble_row, &telling) < 0
	           ? -1
	           : 0;
}

/* -------------------------------------------------------------------- spans */

struct spans {
	struct klaviyo_span *span;
	int64_t n;
};

/* ${events} of the span ${queued} that left the queue in the span ${left}, or
   are in it still.  -1 is before the first. */
static void
add(struct spans *spans, int64_t queued, int64_t left, int64_t events)
{
	if (queued >= spans->n)
		queued = spans->n - 1;
	if (queued >= 0)
		spans->span[queued].queued += events;
	for (int64_t i = queued < 0 ? 0 : queued; i < left; i++)
		spans->span[i].waiting += events;
}

static int
sent_row(void *rowarg, int n, const char *const col[])
{
	struct spans *spans = rowarg;
	int64_t left = to_int(col[1]), events = to_int(col[2]);
	int64_t slowest = to_int(col[3]);

	(void)n;
	if (left < 0 || left >= spans->n)
		return 0;
	add(spans, to_int(col[0]), left, events);
	spans->span[left].sent += events;
	if (slowest > spans->span[left].slowest)
		spans->span[left].slowest = slowest;
	return 0;
}

static int
unsent_row(void *rowarg, int n, const char *const col[])
{
	struct spans *spans = rowarg;

	(void)n;
	add(spans, to_int(col[0]), spans->n, to_int(col[1]));
	return 0;
}

#define QUEUED_IN                                                              \
	" CASE WHEN created_at < CAST($1 AS BIGINT) THEN -1"                   \
	" ELSE (created_at - CAST($1 AS BIGINT)) / CAST($2 AS BIGINT) END"     \
	" AS queued"

int
klaviyo_outbox_spans(const struct klaviyo_store *store, int64_t since,
    int64_t step, int n, struct klaviyo_span *span)
{
	struct spans spans = {span, n};
	struct num t, s, u;
	const char *arg[] = {
	    num(&t, since), num(&s, step), num(&u, since + step * n)};

	for (int i = 0; i < n; i++)
		span[i] = (struct klaviyo_span){.begin = since + step * i};
	if (store->sql(store->conn,
	        "SELECT queued, sent, COUNT(*), MAX(waited) FROM"
	        " (SELECT" QUEUED_IN ", (sent_at - CAST($1 AS BIGINT))"
	        " / CAST($2 AS BIGINT) AS sent,"
	        " CASE WHEN lane <> 1 THEN sent_at - created_at ELSE 0 END"
	        " AS waited FROM klaviyo_outbox"
	        " WHERE sent_at >= CAST($1 AS BIGINT)"
	        " AND sent_at < CAST($3 AS BIGINT)) AS s"
	        " GROUP BY queued, sent",
	        3, arg, sent_row, &spans) < 0 ||
	    store->sql(store->conn,
	        "SELECT queued, COUNT(*) FROM (SELECT" QUEUED_IN
	        " FROM klaviyo_outbox WHERE due_at IS NOT NULL) AS s"
	        " GROUP BY queued",
	        2, arg, unsent_row, &spans) < 0)
		return -1;
	return 0;
}
