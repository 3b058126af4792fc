/*
 * status.h - what status*.c say to each other: the operator's figures, and the
 * page and the metrics that are made of them.
 */
#ifndef STOREFRONT_STATUS_H
#define STOREFRONT_STATUS_H

#include <klaviyo.h>

#include "storefront.h"

enum {
	STATUS_SECONDS = 6 * 3600, /* what the plots show */
	STATUS_STEP = 300,
	STATUS_SPANS = STATUS_SECONDS / STATUS_STEP,
	STATUS_DAYS = 30,      /* how far back orders are looked at */
	STATUS_LISTED = 50,    /* dead letters, orders, errors on the page */
	STATUS_COUNTED = 1000, /* of orders without events: "1000 or more" */
};

/* ----------------------------------------------- status_figures.c: figures */

struct status_trouble {
	const char *state, *error;
	int64_t events, oldest;
	struct status_trouble *next;
};
struct status_dead {
	const char *id, *kind, *error, *profile, *event, *origin;
	int64_t created_at;
	int attempts;
	struct status_dead *next;
};
struct status_order {
	const char *id;
	int64_t time;
	struct status_order *next;
};
/* All of one moment; texts are the arena's. */
struct figures {
	struct arena *arena;
	int64_t now;
	bool batch; /* KLAVIYO_DELIVERY: nobody sends between two batches */
	struct klaviyo_status outbox;
	int64_t age[KLAVIYO_AGES];
	struct klaviyo_span span[STATUS_SPANS];
	struct status_trouble *troubles;
	struct status_dead *dead;
	struct status_order *orders; /* whose Placed Order was never queued */
	int64_t order_count;         /* of those, STATUS_COUNTED at most */
};
/* Seconds of each age but the last: klaviyo_outbox_ages(). */
extern const int64_t status_ages[KLAVIYO_AGES - 1];

/* Reads all; the caller gives an arena, and frees it. */
int figures_read(struct figures *figures, const struct settings *settings,
    struct db *db, struct arena *arena, int64_t now);
/* What an operator should look at, most urgent first: a text each, NULL behind
 * the last.  None: all is well. */
#define STATUS_ALARMS 8
void figures_alarms(
    const struct figures *figures, const char *alarms[STATUS_ALARMS]);
/* "4 min", of seconds. */
const char *figures_span(struct arena *arena, int64_t seconds);

/* ------------------------------------ status_page.c, status_metrics.c: shown
 */

/* The page; ${token} goes into its forms, ${done} says what a form did or is
 * "". */
int status_page(const struct figures *figures, const char *token,
    const char *done, struct text *out);
/* For Prometheus, text format 0.0.4. */
void status_metrics(const struct figures *figures, struct text *out);

/* status.css and status.js, embedded. */
extern const char status_css[], status_js[];

#endif
