/*
 * order_past.c - what has happened to an order so far, summed up by line and
 * kind, or listed.
 *
 * Reads only.
 */
#include "order_change.h"

#include <string.h>

const char *const change_kinds[] = {[CHANGE_SHIPMENT] = "shipment",
    [CHANGE_STATUS] = "status",
    [CHANGE_CANCEL] = "cancel",
    [CHANGE_REFUND] = "refund",
    [CHANGE_INVOICE] = "invoice",
    [CHANGE_PAYMENT] = "payment"};

const char *const shipment_statuses[] = {
    "Shipped", "Out for delivery", "Delivered", NULL};

/* ------------------------------------------------------ what was done before
 */

static int
kind_of(const char *name)
{
	for (int kind = 0; kind < CHANGE_KINDS; kind++)
		if (strcmp(change_kinds[kind], name) == 0)
			return kind;
	return CHANGE_KINDS;
}

/* kind, line, units */
static int
units_row(void *arg, int n, const char *const col[])
{
	struct before *before = arg;
	int64_t line = num(col[1]);
	int units = (int)num(col[2]);

	(void)n;
	if (line < 1 || line > before->nlines)
		return 0;
	switch (kind_of(col[0])) {
	case CHANGE_SHIPMENT:
		before->line[line - 1].sent = units;
		break;
	case CHANGE_CANCEL:
		before->line[line - 1].canceled = units;
		break;
	case CHANGE_REFUND:
		before->line[line - 1].refunded = units;
		break;
	}
	return 0;
}

/* kind, how many, amounts */
static int
sums_row(void *arg, int n, const char *const col[])
{
	struct before *before = arg;
	int kind = kind_of(col[0]);

	(void)n;
	if (kind == CHANGE_KINDS)
		return 0;
	before->number[kind] = num(col[1]);
	if (kind == CHANGE_REFUND)
		before->refunded = num(col[2]);
	return 0;
}

int
change_before(struct db *db, struct arena *arena, const struct order *order,
    struct before *before)
{
	const struct line *line = order->lines;

	memset(before, 0, sizeof(*before));
	before->nlines = order->nlines;
	before->line = arena_alloc(
	    arena, ((size_t)order->nlines + 1) * sizeof(*before->line));
	if (before->line == NULL)
		return shop_fail("out of memory");
	for (int i = 0; line != NULL; line = line->next)
		before->line[i++].all = line->quantity;
	if (db_run(db, units_row, before,
	        "SELECT c.kind, l.line, SUM(l.quantity) "
	        "FROM order_change c JOIN order_change_line l "
	        "ON l.orders = c.orders AND l.change = c.id "
	        "WHERE c.orders = $1 GROUP BY c.kind, l.line",
	        order->id) < 0)
		return -1;
	return db_run(db, sums_row, before,
	           "SELECT kind, COUNT(*), SUM(amount) FROM order_change "
	           "WHERE orders = $1 GROUP BY kind",
	           order->id) < 0
	           ? -1
	           : 0;
}

/* ------------------------------------------------------------------- reading
 */

struct listing_changes {
	struct arena *arena;
	change_each *each;
	void *arg;
};

static int
change_row(void *arg, int n, const char *const col[])
{
	struct listing_changes *l = arg;
	struct change change = {
	    .id = col[0],
	    .kind = (enum change_kind)kind_of(col[1]),
	    .time = num(col[2]),
	    .amount = num(col[3]),
	    .reason = col[4],
	    .tracking = col[5],
	    .shipment = col[6],
	    .status = col[7],
	};

	(void)n;
	return l->each(l->arg, col[1], &change);
}

int
order_changes(struct db *db, const char *order, change_each *each, void *arg)
{
	struct listing_changes listing = {NULL, each, arg};

	return db_run(db, change_row, &listing,
	           "SELECT id, kind, time, amount, reason, tracking, shipment, "
	           "status FROM order_change WHERE orders = $1 "
	           "ORDER BY time, id",
	           order) < 0
	           ? -1
	           : 0;
}
