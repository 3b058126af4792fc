/*
 * order_change.h - what order_change.c (the rules) and order_past.c (what was
 * done before) share.
 */
#ifndef ORDER_CHANGE_H
#define ORDER_CHANGE_H

#include "storefront.h"

/* Units of one line. */
struct units {
	int all, sent, canceled, refunded;
};
struct before {
	struct units *line; /* by line - 1 */
	int nlines;
	int64_t refunded;             /* amounts */
	int64_t number[CHANGE_KINDS]; /* changes of each kind */
};
int change_before(struct db *db, struct arena *arena,
    const struct order *order, struct before *before);

#endif
