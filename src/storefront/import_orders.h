/*
 * import_orders.h - what the files of `storefront history import` say to each
 * other: import_orders.c makes orders of rows, import_order_rows.c reads those,
 * import_changes.c makes what happened to the orders, import_repeats.c finds
 * those that stand there twice, history_import.c writes them.
 */
#ifndef STOREFRONT_IMPORT_ORDERS_H
#define STOREFRONT_IMPORT_ORDERS_H

#include "sheet.h"

/* The columns of Shopify's order export that are read. */
enum order_column {
	ORDER_NAME,
	ORDER_EMAIL,
	ORDER_FINANCIAL,
	ORDER_PAID_AT,
	ORDER_FULFILLMENT,
	ORDER_FULFILLED_AT,
	ORDER_CURRENCY,
	ORDER_SHIPPING,
	ORDER_TOTAL,
	ORDER_DISCOUNT_CODE,
	ORDER_DISCOUNT,
	ORDER_METHOD,
	ORDER_CREATED_AT,
	ORDER_CANCELED_AT,
	ORDER_REFUNDED,
	ORDER_ID,
	ORDER_PHONE,
	LINE_QUANTITY,
	LINE_NAME,
	LINE_PRICE,
	LINE_SKU,
	LINE_FULFILLMENT,
	LINE_VENDOR,
	BILLING, /* and as many as PLACES */
	SHIPPING = BILLING + 9,
	ORDER_COLUMNS = SHIPPING + 9
};
/* Behind BILLING and SHIPPING. */
enum place {
	PLACE_NAME,
	PLACE_STREET,
	PLACE_ADDRESS1,
	PLACE_ADDRESS2,
	PLACE_CITY,
	PLACE_ZIP,
	PLACE_REGION,
	PLACE_COUNTRY,
	PLACE_PHONE
};

#define NAME_MAX_CHARS 255
#define PAST_LINES_MAX 500
#define PAST_UNITS_MAX 1000000 /* of a line; Shopify takes no more either */

/* An order of the file, with what happened to it. */
struct past_order {
	int64_t file_line;
	const char *name; /* "#1001" */
	struct order order;
	struct line **lines_end;
	/* Of its first row: what is said of the order, and all of it. */
	uint64_t said, row;
	bool bare; /* a further row says nothing of the order */
	bool sent[PAST_LINES_MAX]; /* by line - 1 */
	/* Of the first row. */
	const char *fulfillment, *financial;
	int64_t fulfilled_at, canceled_at, paid_at, refunded;
	struct change changes[3];
	int nchanges;
};

/* --------------------------------------------------------- import_orders.c */

typedef int past_each(
    void *arg, struct arena *arena, const struct past_order *past);
/* Calls ${each} for each order of the file, whose amounts must be in
 * ${currency}.  The arena is the order's. */
int orders_read(
    FILE *file, const char *currency, int64_t now, past_each *each, void *arg);

/* ----------------------------------------------------- import_order_rows.c */

/* A file that is being read. */
struct reading {
	const char *currency;
	int64_t now;
	past_each *each;
	void *arg;
	struct arena *arena;     /* of the order */
	struct past_order *past; /* whose rows are being read, or NULL */
};
/* Of an order's first row, all but its line. */
int past_read(
    struct reading *r, const struct row *row, struct past_order *past);
/* A row's line, if it has one, behind those that are there. */
int past_line(
    struct reading *r, const struct row *row, struct past_order *past);

/* -------------------------------------------------------- import_repeats.c */

/* Orders that stand in a file more than once. */
struct repeats {
	struct seen *list;
	size_t n, room;
};
/* A hash of a row's cells; or but those of its line. */
uint64_t repeats_row(const struct row *row, bool whole);
/* ${known}: the shop has it, and it has not been counted. */
int repeats_add(
    struct repeats *repeats, const struct past_order *past, bool known);
/* At the file's end.  How many were counted twice, and are the same; -1 with
 * the line of one that is not. */
int repeats_check(const struct repeats *repeats, int64_t *orders,
    int64_t *lines, int64_t *changes);
void repeats_free(struct repeats *repeats);

/* -------------------------------------------------------- import_changes.c */

/* Shipment, cancellation and refund, and the order's status after them. */
int past_changes(struct arena *arena, struct past_order *past);

#endif
