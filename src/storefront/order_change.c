/*
 * order_change.c - what happens to an order after it was placed: shipments and
 * where they are, cancellations, refunds; invoices and failed payments.
 *
 * Promises: a change is written whole or not at all, in the caller's
 * transaction; no unit is sent, canceled or given back twice, no more money is
 * refunded than was paid, and a shipment only ever moves on.  A canceled unit
 * goes back into the stock.  Each refusal says what is left to do.
 *
 *   units of a line    = sent + canceled + left
 *   refunded units     <= units of the line
 *   refunded amounts   <= the order's total
 *
 * Knows nothing of Klaviyo: the caller queues the event in the same
 * transaction.
 */
#include "order_change.h"

#include <string.h>

/* Units of a line that a change of this kind may still be about. */
static int
left(const struct units *u, enum change_kind kind)
{
	if (kind == CHANGE_REFUND)
		return u->all - u->refunded;
	return u->all - u->sent - u->canceled;
}

/* ---------------------------------------------------------------- the parts */

static bool
about_units(enum change_kind kind)
{
	return kind == CHANGE_SHIPMENT || kind == CHANGE_CANCEL ||
	       kind == CHANGE_REFUND;
}

/* Nothing named is all that is left. */
static int
all_that_is_left(
    struct arena *arena, const struct before *before, struct change *change)
{
	change->parts = arena_alloc(
	    arena, ((size_t)before->nlines + 1) * sizeof(*change->parts));
	if (change->parts == NULL)
		return shop_fail("out of memory");
	change->nparts = 0;
	for (int i = 0; i < before->nlines; i++) {
		int units = left(&before->line[i], change->kind);

		if (units > 0)
			change->parts[change->nparts++] =
			    (struct change_part){i + 1, units};
	}
	return 0;
}

static const char *
verb_of(enum change_kind kind)
{
	return kind == CHANGE_SHIPMENT ? "send"
	       : kind == CHANGE_CANCEL ? "cancel"
	                               : "refund";
}

static int
check_parts(const struct before *before, struct change *change)
{
	for (size_t i = 0; i < change->nparts; i++) {
		struct change_part *part = &change->parts[i];
		int may;

		if (part->line < 1 || part->line > before->nlines)
			return shop_fail("there is no line %lld: the order "
			                 "has %d",
			    (long long)part->line, before->nlines);
		for (size_t k = 0; k < i; k++)
			if (change->parts[k].line == part->line)
				return shop_fail("line %lld is named twice",
				    (long long)part->line);
		may = left(&before->line[part->line - 1], change->kind);
		if (part->quantity == 0 && may == 0)
			return shop_fail("nothing of line %lld is left to %s",
			    (long long)part->line, verb_of(change->kind));
		if (part->quantity == 0)
			part->quantity = may;
		if (part->quantity < 1 || part->quantity > may)
			return shop_fail("line %lld: %d asked for, %d left to "
			                 "%s",
			    (long long)part->line, part->quantity, may,
			    verb_of(change->kind));
	}
	return 0;
}

static bool
is_whole(const struct before *before, const struct change *change)
{
	int units = 0, all = 0;

	for (int i = 0; i < before->nlines; i++)
		all += before->line[i].all;
	for (size_t i = 0; i < change->nparts; i++)
		units += change->parts[i].quantity;
	return units == all;
}

static int64_t
parts_value(const struct order *order, const struct change *change)
{
	int64_t value = 0;

	for (size_t i = 0; i < change->nparts; i++) {
		const struct line *line = order->lines;

		for (int64_t n = 1; n < change->parts[i].line; n++)
			line = line->next;
		value += line->price * change->parts[i].quantity;
	}
	return value;
}

/* ------------------------------------------------------------- one by one */

static int
check_units(struct arena *arena, const struct order *order,
    const struct before *before, struct change *change)
{
	bool only_money = change->kind == CHANGE_REFUND && change->amount > 0;

	if (change->nparts == 0 && !only_money &&
	    all_that_is_left(arena, before, change) != 0)
		return -1;
	if (change->nparts == 0 && !only_money)
		return shop_fail("nothing of order %s is left to %s", order->id,
		    verb_of(change->kind));
	if (check_parts(before, change) != 0)
		return -1;
	change->whole = is_whole(before, change);
	return 0;
}

static int
check_amount(struct arena *arena, const struct order *order,
    const struct before *before, struct change *change)
{
	int64_t most = order->total - before->refunded;

	if (!about_units(change->kind) || change->kind == CHANGE_SHIPMENT)
		return 0;
	if (change->kind == CHANGE_CANCEL) {
		change->amount =
		    change->whole ? order->total : parts_value(order, change);
		if (change->amount > order->total)
			change->amount = order->total;
		return 0;
	}
	if (change->amount == 0)
		change->amount =
		    change->whole ? most : parts_value(order, change);
	/* Of a discounted order the last part is what is left of the money. */
	if (change->amount > most && change->nparts > 0 && !change->fixed)
		change->amount = most;
	if (change->amount < 1 || change->amount > most)
		return shop_fail("%s of %s are refunded: that leaves %s",
		    money_text(arena, before->refunded, order->currency),
		    money_text(arena, order->total, order->currency),
		    money_text(arena, most, order->currency));
	return 0;
}

static int
rank(const char *status)
{
	for (int i = 0; shipment_statuses[i] != NULL; i++)
		if (strcmp(shipment_statuses[i], status) == 0)
			return i;
	return -1;
}

/* The furthest that a shipment has come. */
static int
status_row(void *arg, int n, const char *const col[])
{
	int *furthest = arg;

	(void)n;
	if (rank(col[0]) > *furthest)
		*furthest = rank(col[0]);
	return 0;
}

/* The shipment exists, and goes on from where it was. */
static int
check_status(struct db *db, const struct order *order, struct change *change)
{
	int64_t found;
	int had = -1;

	found = db_run(db, NULL, NULL,
	    "SELECT 1 FROM order_change "
	    "WHERE orders = $1 AND id = $2 AND kind = 'shipment'",
	    order->id, change->shipment);
	if (found < 0 ||
	    db_run(db, status_row, &had,
	        "SELECT status FROM order_change WHERE orders = $1 "
	        "AND shipment = $2 AND kind = 'status'",
	        order->id, change->shipment) < 0)
		return -1;
	if (found == 0)
		return shop_fail("order %s has no shipment '%s': `storefront "
		                 "order show %s` lists them",
		    order->id, change->shipment, order->id);
	if (rank(change->status) <= had)
		return shop_fail("shipment %s is already: %s", change->shipment,
		    shipment_statuses[had]);
	return 0;
}

/* ----------------------------------------------------------------- writing */

int
order_change_keep(
    struct db *db, const struct order *order, const struct change *change)
{
	if (db_run(db, NULL, NULL,
	        "INSERT INTO order_change (orders, id, kind, time, amount, "
	        "reason, next_steps, tracking, url, company, shipment, status, "
	        "missing) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
	        "$11, $12, $13)",
	        order->id, change->id, change_kinds[change->kind],
	        NUM(change->time), NUM(change->amount), change->reason,
	        change->next_steps, change->tracking, change->url,
	        change->company, change->shipment, change->status,
	        change->missing) < 0)
		return -1;
	for (size_t i = 0; i < change->nparts; i++)
		if (db_run(db, NULL, NULL,
		        "INSERT INTO order_change_line "
		        "(orders, change, line, quantity) "
		        "VALUES ($1, $2, $3, $4)",
		        order->id, change->id, NUM(change->parts[i].line),
		        NUM(change->parts[i].quantity)) < 0)
			return -1;
	return 0;
}

static int
give_back(struct db *db, const struct order *order, const struct change *change)
{
	for (size_t i = 0; i < change->nparts; i++)
		if (db_run(db, NULL, NULL,
		        "UPDATE variant SET stock = stock + "
		        "CAST($3 AS BIGINT) WHERE id = (SELECT variant FROM "
		        "order_line WHERE orders = $1 AND line = $2)",
		        order->id, NUM(change->parts[i].line),
		        NUM(change->parts[i].quantity)) < 0)
			return -1;
	return 0;
}

struct status {
	struct arena *arena;
	const char *text;
};

static int
status_now(void *arg, int n, const char *const col[])
{
	struct status *status = arg;

	(void)n;
	status->text = arena_copy(status->arena, col[0]);
	return arena_failed(status->arena) ? shop_fail("out of memory") : 0;
}

/* The order's row is the lock: changes of one order take turns, and each goes
   on from what the one before it made of the order. */
static int
take_order(struct db *db, struct arena *arena, struct order *order)
{
	struct status status = {arena, order->status};

	if (db_run(db, status_now, &status,
	        "UPDATE orders SET status = status WHERE id = $1 "
	        "RETURNING status",
	        order->id) < 0)
		return -1;
	order->status = status.text;
	return 0;
}

/* What the order is called from now on. */
static const char *
status_after(const struct order *order, const struct before *before,
    const struct change *change)
{
	int all = 0, sent = 0, canceled = 0, units = 0;

	for (int i = 0; i < before->nlines; i++) {
		all += before->line[i].all;
		sent += before->line[i].sent;
		canceled += before->line[i].canceled;
	}
	for (size_t i = 0; i < change->nparts; i++)
		units += change->parts[i].quantity;
	switch (change->kind) {
	case CHANGE_REFUND:
		return before->refunded + change->amount == order->total
		           ? "refunded"
		           : order->status;
	case CHANGE_SHIPMENT:
		sent += units;
		break;
	case CHANGE_CANCEL:
		canceled += units;
		break;
	default:
		return order->status;
	}
	if (strcmp(order->status, "refunded") == 0)
		return order->status;
	if (canceled == all)
		return "canceled";
	if (sent + canceled == all)
		return "fulfilled";
	return sent > 0 ? "partly" : order->status;
}

int
order_change(struct db *db, struct arena *arena, struct order *order,
    struct change *change)
{
	static const char letter[] = {[CHANGE_SHIPMENT] = 's',
	    [CHANGE_STATUS] = 'u',
	    [CHANGE_CANCEL] = 'c',
	    [CHANGE_REFUND] = 'r',
	    [CHANGE_INVOICE] = 'i',
	    [CHANGE_PAYMENT] = 'p',
	    [CHANGE_OWN] = 'n'};
	struct before before;
	const char *status;

	if (take_order(db, arena, order) != 0 ||
	    change_before(db, arena, order, &before) != 0)
		return -1;
	change->fixed = change->amount > 0;
	if (about_units(change->kind) &&
	    check_units(arena, order, &before, change) != 0)
		return -1;
	if (check_amount(arena, order, &before, change) != 0 ||
	    (change->kind == CHANGE_STATUS &&
	        check_status(db, order, change) != 0))
		return -1;
	change->first = before.number[change->kind] == 0;
	change->id = arena_printf(arena, "%c%lld", letter[change->kind],
	    (long long)before.number[change->kind] + 1);
	status = status_after(order, &before, change);
	if (change->id == NULL || order_change_keep(db, order, change) != 0 ||
	    (change->kind == CHANGE_CANCEL &&
	        give_back(db, order, change) != 0))
		return -1;
	order->status = status;
	return db_run(db, NULL, NULL,
	           "UPDATE orders SET status = $2 WHERE id = $1", order->id,
	           status) < 0
	           ? -1
	           : 0;
}
