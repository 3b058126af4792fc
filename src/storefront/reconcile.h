/*
 * reconcile.h - what the files of `storefront reconcile` say to each other:
 * expected.c knows which events Klaviyo should hold, commands_reconcile.c asks
 * which it does.
 */
#ifndef STOREFRONT_RECONCILE_H
#define STOREFRONT_RECONCILE_H

#include "storefront.h"

#include <klaviyo.h>

/* An event of one metric that Klaviyo should hold. */
struct wanted {
	const char *unique_id;
	int64_t time;
	bool held;
};

/*
 * The events of one metric, oldest first, a window at a time: all of the times
 * from ${first} to ${last}, and so many that memory does not grow with the
 * shop.
 */
struct expected {
	const struct settings *settings;
	struct db *db, *scratch;
	enum klaviyo_metric metric;
	int64_t until, now;
	struct order_mark at;
	struct arena *arena; /* of the window */
	struct wanted *list; /* by unique_id */
	size_t n;
	int64_t first, last, things; /* ${things}: orders, or changes */
};
int expected_begin(struct expected *e, const struct settings *settings,
    struct db *db, int64_t now);
/* From here on those of ${metric}, of since <= time < until.  *${all} gets the
 * number of orders or changes. */
int expected_metric(struct expected *e, enum klaviyo_metric metric,
    int64_t since, int64_t until, int64_t *all);
/* 1: there is another window; 0: that was the last; -1. */
int expected_next(struct expected *e);
struct wanted *expected_find(const struct expected *e, const char *unique_id);
void expected_end(struct expected *e);

/* What is younger than that is queued as of today, and starts its flows. */
#define RECONCILE_FRESH (INT64_C(2) * 3600)

#endif
