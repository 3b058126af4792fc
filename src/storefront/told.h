/*
 * told.h - what Klaviyo is told: the shop's side of tracking*.c, which alone
 * see klaviyo.h.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef TOLD_H
#define TOLD_H

#include "orders.h"
#include "people.h"

/* --------------------------------------------- tracking.c: shop rows -> Klaviyo */

/* A page's tracking, rendered: script blocks and what the CSP must allow. */
struct tracking {
	const struct settings *settings;
	struct arena *arena;
	const char *currency;
	enum side side;                /* NONE: the page knows no Klaviyo */
	bool forget;                   /* removes what klaviyo.js has stored */
	const struct session *visitor; /* identify: known visitor, or NULL */
	bool unnamed;                  /* but not to the browser, yet */
	const char *exchange_id;       /* consent_exchange_id() */
	const struct product *viewed;  /* Viewed Product, or NULL */
	const struct cart *cart;       /* of added and checkout */
	struct added *added;           /* Added to Cart, one each */
	bool checkout;                 /* Started Checkout */
	const char *checkout_url;
	const char *told;              /* of which checkout the browser has told */
	struct text scripts;           /* out: for the page's {{SCRIPTS}} */
	struct text csp;               /* out: " 'sha256-..'" of each block */
};
/* Whether pages carry tracking at all: a public key is set. */
bool tracking_on(const struct settings *settings);
/* Fills scripts and csp.  A failure drops the snippets, never the page. */
void tracking_render(struct tracking *tracking);
/* The answer of /cart/add as JSON: the payload for klaviyo.track. */
char *tracking_added_payload(const struct tracking *tracking);
/* tracking_onsite.c: what the server tells of, if t->side says so.  A page's
 * view and checkout, in a transaction of its own, once its answer is out
 * (pages_after.c); what was added, in the open
 * transaction of the cart's change, with the cart as that left it.  A failure
 * drops the event. */
void tracking_page(const struct tracking *t, struct db *db, int64_t now);
void tracking_added(const struct tracking *t, struct db *db, int64_t now);
/* What was to be told of a cart is not: it has become an order, or its visitor
 * does not want it.  In the open transaction. */
int tracking_drop_cart(struct db *db, const char *cart);
/* Somebody has ticked a box.  In the open transaction.  A refusal for good is
 * logged, and 0; -1: the database or memory failed. */
struct subscription {
	const char *id;     /* of this consent, unique for ever */
	const char *email, *phone; /* NULL: not by this way */
	const char *source; /* "Checkout" */
};
int tracking_subscribe(const struct settings *settings, struct db *db,
    const struct subscription *subscription, int64_t now);
/* The shop's own events of an order: what `storefront order tell` calls them,
 * and the metric.  Ends with NULL. */
struct own_event {
	const char *word, *metric;
};
const struct own_event *tracking_own_events(void);
/* The metric of a word; NULL: there is none. */
const char *tracking_own_metric(const char *word);
/* Whether Klaviyo can send text messages to this number. */
bool tracking_phone_ok(const char *phone);
/* tracking_order.c: Placed Order and Ordered Product into the outbox, in the
 * open transaction; or, if Klaviyo cannot be told of such an order, a line into
 * the log.  -1: the database or memory failed: the order must not be confirmed. */
int tracking_order(const struct settings *settings, struct db *db,
    const struct order *order, bool history, int64_t now);
/* In two steps: the events are made, to be freed, before the transaction begins;
 * NULL: memory failed. */
struct order_events;
struct order_events *tracking_order_make(const struct settings *settings,
    const struct order *order, bool history, int64_t now);
int tracking_order_queue(struct db *db, const struct order *order,
    const struct order_events *events);
void tracking_order_free(struct order_events *events);
/* The event of a change that order_change() has just written, in the same
 * transaction. */
int tracking_change(const struct settings *settings, struct db *db,
    const struct order *order, const struct change *change, bool history,
    int64_t now);
/* Both: ${history} marks events as past ones, which start no flow.  0; -1; 1
 * when the queue is full, which happens to history only. */
/* tracking_account.c: what happens to an account, in its transaction.  Results
 * as tracking_order()'s.  ${account} as it is afterwards. */
int tracking_account_created(
    struct db *db, const struct account *account, int64_t now);
/* What of it differs from ${old}, an event for each kind of change. */
int tracking_account_updated(struct db *db, const struct account *account,
    const struct account *old, int64_t now);
/* ${id} is the reset request's. */
int tracking_reset(struct db *db, const struct account *account, const char *id,
    int64_t now);
int tracking_lead(
    const struct settings *settings, struct db *db, const struct lead *lead);
/* Is an address so new to Klaviyo that a page should not identify by it? */
bool tracking_email_pending(struct db *db, const char *email);
/* The exchange id in Klaviyo's cookie, "" if there is none. */
const char *tracking_exchange_id(struct arena *arena, const char *cookie);
/* Origins that the CSP must allow for klaviyo.js, " https://..". */
const char *tracking_hosts(
    const struct settings *settings, struct arena *arena);

/* tracking_preview.c: what a page about ${t->viewed} or ${t->cart} (which is not
 * empty) would give to klaviyo.js; ${call} says how. */
typedef int preview_each(void *arg, const char *call, const char *json);
int tracking_preview(const struct tracking *t, preview_each *each, void *arg);
/* tracking_onsite.c: the same of ${t->cart} with KLAVIYO_ONSITE=server, queued in
 * ${scratch}: what is told of ${t->visitor}. */
int tracking_preview_cart(
    const struct tracking *t, struct db *scratch, int64_t now);

/* The whole catalogue as Klaviyo's feed, "json" or "xml", given to ${write} in
 * pieces. */
#define FEED_MAX 100000000 /* bytes that Klaviyo takes */
struct feed_counts {
	int64_t items, left_out, bytes;
};
typedef int feed_write(void *arg, const char *data, size_t n);
int tracking_feed(const struct settings *settings, struct db *db,
    const char *currency, const char *format, feed_write *write, void *arg,
    struct feed_counts *counts);
/* The same of one product, by its id; NULL = all. */
int tracking_feed_product(const struct settings *settings, struct db *db,
    const char *currency, const char *format, const char *id,
    feed_write *write, void *arg, struct feed_counts *counts);

/* tracking_catalog.c: ${email} is to be told when the variant is there again; in
 * the open transaction.  ${id} is the subscription's. */
int tracking_back_in_stock(const struct settings *settings, struct db *db,
    struct arena *arena, const char *id, const char *email,
    const struct product *product, const struct variant *variant, int64_t now);
/* How a variant is called in Klaviyo's catalog. */
const char *tracking_variant_id(
    struct arena *arena, const char *product, const char *variant);

#endif
