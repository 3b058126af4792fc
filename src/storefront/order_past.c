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
    [CHANGE_PAYMENT] = "payment",
    [CHANGE_OWN] = "own"};

const char *const shipment_statuses[] = {
    "Shipped", "Out for delivery", "Delivered", NULL};

/* ---------------------------------------------------- what was done before */

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

/* ------------------------------------------------------------------ reading */

struct past {
	struct arena *arena;
	size_t nlines; /* of the order: a change has no more parts */
	struct change *list;
	size_t n, room;
};

static struct change *
one_more(struct past *past)
{
	struct change *more;

	if (past->n < past->room)
		return &past->list[past->n++];
	past->room = past->room * 2 + 8;
	more = arena_alloc(past->arena, past->room * sizeof(*more));
	if (more == NULL)
		return NULL;
	if (past->n > 0)
		memcpy(more, past->list, past->n * sizeof(*more));
	past->list = more;
	return &past->list[past->n++];
}

static int
change_row(void *arg, int n, const char *const col[])
{
	struct past *past = arg;
	struct arena *arena = past->arena;
	struct change *c = one_more(past);

	(void)n;
	if (c == NULL)
		return shop_fail("out of memory");
	*c = (struct change){
	    .id = arena_copy(arena, col[0]),
	    .kind = (enum change_kind)kind_of(col[1]),
	    .time = num(col[2]),
	    .amount = num(col[3]),
	    .reason = arena_copy(arena, col[4]),
	    .next_steps = arena_copy(arena, col[5]),
	    .tracking = arena_copy(arena, col[6]),
	    .url = arena_copy(arena, col[7]),
	    .company = arena_copy(arena, col[8]),
	    .shipment = arena_copy(arena, col[9]),
	    .status = arena_copy(arena, col[10]),
	    .missing = arena_copy(arena, col[11]),
	};
	if (arena_failed(arena))
		return shop_fail("out of memory");
	c->first = strcmp(c->id + 1, "1") == 0;
	return 0;
}

/* change, line, units */
static int
part_row(void *arg, int n, const char *const col[])
{
	struct past *past = arg;
	struct change *c = past->list;

	(void)n;
	while (c < past->list + past->n && strcmp(c->id, col[0]) != 0)
		c++;
	if (c == past->list + past->n)
		return 0;
	if (c->parts == NULL)
		c->parts = arena_alloc(
		    past->arena, (past->nlines + 1) * sizeof(*c->parts));
	if (c->parts == NULL)
		return shop_fail("out of memory");
	if (c->nparts < past->nlines)
		c->parts[c->nparts++] =
		    (struct change_part){num(col[1]), (int)num(col[2])};
	return 0;
}

int
order_changes(struct db *db, struct arena *arena, const struct order *order,
    change_each *each, void *arg)
{
	struct past past = {
	    .arena = arena, .nlines = (size_t)order->nlines};
	int result = 0;

	if (db_run(db, change_row, &past,
	        "SELECT id, kind, time, amount, reason, next_steps, tracking, "
	        "url, company, shipment, status, missing FROM order_change "
	        "WHERE orders = $1 ORDER BY time, id",
	        order->id) < 0)
		return -1;
	if (past.n > 0 &&
	    db_run(db, part_row, &past,
	        "SELECT change, line, quantity FROM order_change_line "
	        "WHERE orders = $1 ORDER BY change, line",
	        order->id) < 0)
		return -1;
	for (size_t i = 0; result == 0 && i < past.n; i++) {
		struct change *c = &past.list[i];
		int units = 0;

		for (size_t k = 0; k < c->nparts; k++)
			units += c->parts[k].quantity;
		c->whole = units == order->units;
		result = each(arg, change_kinds[c->kind], c);
	}
	return result;
}
