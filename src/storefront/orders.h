/*
 * orders.h - orders: placed, read, and what happens to them.
 *
 * Part of storefront.h, where the rules for all of it are.
 */
#ifndef ORDERS_H
#define ORDERS_H

#include "goods.h"

/* ----------------------------------------------------------- order.c: checkout */

struct address {
	const char *first_name, *last_name, *address1, *address2, *city,
	    *region, *zip, *country; /* ISO 3166 alpha-2 */
};
struct shipping {
	const char *code, *name, *when;
	int64_t price;     /* for this subtotal */
	struct shipping *next;
};
struct discount {
	const char *code;  /* as the shop spells it; "" = none */
	int64_t amount;    /* off the goods */
	bool free_shipping;
	const char *why_not; /* why it does not apply; NULL = it does */
};
struct order {
	const char *id;
	int64_t time;
	const char *currency, *status;
	const char *email, *phone;
	struct address shipping_address, billing_address;
	const char *shipping_name, *discount_code;
	int64_t subtotal, discount, shipping, total;
	struct line *lines;
	int nlines, units;
	const char *exchange_id; /* Klaviyo's, from the visitor's cookie */
	const char *account; /* whose it becomes when placed; "" or NULL: a
	                        guest's */
};
int shipping_methods(struct db *db, struct arena *arena, int64_t subtotal,
    struct shipping **list);
int discount_find(struct db *db, struct arena *arena, const char *code,
    int64_t subtotal, struct discount *discount);
/* The sums, of cart, shipping and discount: one place.  -1 on overflow. */
int order_totals(struct order *order, const struct shipping *shipping,
    const struct discount *discount);

enum order_result {
	ORDER_FAILED = -1,
	ORDER_PLACED = 0,
	ORDER_AGAIN,      /* the same key and body: ${order->id} is that order */
	ORDER_CONFLICT,   /* the same key with another body */
	ORDER_SOLD_OUT,   /* a line's stock is gone: ${sold_out} names it */
	ORDER_CART_CHANGED, /* the cart is not what was shown */
	ORDER_TOO_OFTEN,    /* of the address in it; order_place() never says so */
};
/* The id and the lines of an order that is to be placed of a cart.  -1. */
int order_draft(
    struct order *order, struct arena *arena, const struct cart *cart);
/*
 * Places an order of a cart: order, lines, stock, cart emptied.  Within a
 * transaction: the caller queues the events and commits.  ${key} is the form's
 * idempotency key, ${body_hash} what was posted.
 */
enum order_result order_place(struct db *db, struct arena *arena,
    struct order *order, const struct cart *cart, const char *session,
    const char *key, const char *body_hash, const struct line **sold_out);
/*
 * Writes an order that was placed elsewhere, under its own id, with its lines
 * (whose ids are the variants', 0 = none).  Within a transaction; no stock is
 * taken, no event queued.  1; 0: it is there already, and stays as it is; -1.
 */
int order_keep(struct db *db, struct arena *arena, const struct order *order);
/*
 * After a COMMIT of unknown outcome: what became of the order?  ORDER_AGAIN, it
 * is placed, ${order->id}; ORDER_FAILED, it is not, or, while db_unknown(),
 * that cannot be told yet.  Own transaction.
 */
enum order_result order_settle(struct db *db, struct arena *arena,
    struct order *order, const struct cart *cart, const char *key,
    const char *body_hash);
/* Has this key been used?  1 yes: ${id} and ${body_hash}. */
int order_by_key(struct db *db, struct arena *arena, const char *key,
    const char **id, const char **body_hash);
/* Reads an order with its lines; ${session} NULL, or the one that placed it. */
int order_load(struct db *db, struct arena *arena, const char *id,
    const char *session, struct order *order);
typedef int order_each(void *arg, const struct order *order);
/* The orders of an account, newest first, without lines. */
int order_list_of(struct db *db, struct arena *arena, const char *account,
    int limit, order_each *each, void *arg);
int order_list(struct db *db, struct arena *arena, int limit, order_each *each,
    void *arg);
/* The id and time of each order of since <= time < until, oldest first, after
 * ${after}'s (which is moved on), at most ${limit}; how many, or -1. */
struct order_mark {
	int64_t time;
	char id[40];
};
int order_walk(struct db *db, struct order_mark *after, int64_t until,
    int limit, struct order_mark *list);
/* The same of the changes of one kind (change_kinds): the ids are "order/id". */
int change_walk(struct db *db, const char *kind, struct order_mark *after,
    int64_t until, int limit, struct order_mark *list);
/* How many there are of since <= time < until; -1. */
int64_t order_count(struct db *db, int64_t since, int64_t until);
int64_t change_count(
    struct db *db, const char *kind, int64_t since, int64_t until);

/* ------------------------------------- order_change.c: after the order is placed */

enum change_kind {
	CHANGE_SHIPMENT,
	CHANGE_STATUS,  /* of a shipment */
	CHANGE_CANCEL,
	CHANGE_REFUND,
	CHANGE_INVOICE, /* something is missing before it can go on */
	CHANGE_PAYMENT, /* a payment that failed */
	CHANGE_OWN,     /* of the shop's own kind: tracking_own_events() */
	CHANGE_KINDS
};
struct change_part {
	int64_t line; /* 1.. */
	int quantity; /* 0 = all that are left of it */
};
/* Texts are "" where they do not apply. */
struct change {
	enum change_kind kind;
	int64_t time;
	struct change_part *parts; /* none = all that is left */
	size_t nparts;
	int64_t amount;         /* of a refund; 0 = of the parts */
	const char *reason;     /* cancel, refund, payment, own */
	const char *next_steps; /* payment */
	const char *tracking, *url, *company; /* shipment */
	const char *shipment, *status; /* status: one of shipment_statuses;
	                                  own: which */
	const char *missing;    /* invoice: newline-separated */
	/* out */
	const char *id;         /* within the order: s1, u1, c1, r1, i1, p1, n1 */
	bool whole;             /* all units of the order */
	bool first;             /* of its kind */
	bool fixed;             /* the amount was the caller's */
};
extern const char *const shipment_statuses[]; /* in their order */
extern const char *const change_kinds[]; /* as the table spells them */
/* Checks and writes a change of ${order}, whose status it sets.  Within a
 * transaction: the caller queues the event and commits.  -1 with the reason
 * when it may not be. */
int order_change(struct db *db, struct arena *arena, struct order *order,
    struct change *change);
/* Writes a change that happened elsewhere, as it is, with its id. */
int order_change_keep(
    struct db *db, const struct order *order, const struct change *change);
typedef int change_each(
    void *arg, const char *kind, const struct change *change);
/* In order of time, whole; texts are borrowed for the call. */
int order_changes(struct db *db, struct arena *arena,
    const struct order *order, change_each *each, void *arg);

#endif
