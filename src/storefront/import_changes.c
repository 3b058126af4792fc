/*
 * import_changes.c - what Shopify's order export tells of an order's life, as
 * changes of this shop's: at most one shipment, one cancellation, one refund.
 *
 * The export has no more than that, and not a time for everything.  What has
 * none takes the last one that is known before it: a shipment the order's own,
 * a refund that of the cancellation, the shipment, the payment or the order.
 * The reasons and the parcels' numbers it does not tell.
 */
#include <string.h>
#include <strings.h>

#include "import_orders.h"

static struct change *
add_change(struct past_order *past, enum change_kind kind, const char *id,
    int64_t time)
{
	struct change *c = &past->changes[past->nchanges++];

	*c = (struct change){.kind = kind,
	    .id = id,
	    .time = time != 0 ? time : past->order.time,
	    .reason = "",
	    .next_steps = "",
	    .tracking = "",
	    .url = "",
	    .company = "",
	    .shipment = "",
	    .status = "",
	    .missing = ""};
	return c;
}

/* All units of the lines that were sent, or of those that were not. */
static int
add_parts(struct arena *arena, const struct past_order *past, struct change *c,
    bool sent, bool all)
{
	const struct line *line = past->order.lines;

	c->parts = arena_alloc(
	    arena, ((size_t)past->order.nlines + 1) * sizeof(*c->parts));
	if (c->parts == NULL)
		return -1;
	for (int i = 0; line != NULL; line = line->next, i++)
		if (all || past->sent[i] == sent)
			c->parts[c->nparts++] =
			    (struct change_part){i + 1, line->quantity};
	return 0;
}

static int64_t
parts_value(const struct past_order *past, bool sent)
{
	const struct line *line = past->order.lines;
	int64_t value = 0;

	for (int i = 0; line != NULL; line = line->next, i++)
		if (past->sent[i] == sent)
			value += line->price * line->quantity;
	return value < past->order.total ? value : past->order.total;
}

static bool
is(const char *text, const char *word)
{
	return strcasecmp(text, word) == 0;
}

static int64_t
latest(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* "fulfilled": all of it; "partial": the lines that say so. */
static int
add_shipment(struct arena *arena, struct past_order *past, int *nsent)
{
	bool whole = is(past->fulfillment, "fulfilled");

	for (int i = 0; i < past->order.nlines; i++) {
		past->sent[i] = whole || (past->sent[i] &&
		                             is(past->fulfillment, "partial"));
		*nsent += past->sent[i];
	}
	if (*nsent == 0)
		return 0;
	return add_parts(arena, past,
	    add_change(past, CHANGE_SHIPMENT, "s1", past->fulfilled_at), true,
	    false);
}

/* What was sent is not canceled. */
static int
add_cancel(struct arena *arena, struct past_order *past, int nsent)
{
	struct change *c;

	if (past->canceled_at == 0)
		return 0;
	c = add_change(past, CHANGE_CANCEL, "c1", past->canceled_at);
	if (nsent == past->order.nlines || nsent == 0)
		c->amount = past->order.total;
	else
		c->amount = parts_value(past, false);
	return add_parts(arena, past, c, false, false);
}

/* Which lines a part of the money was for, the export does not tell. */
static int
add_refund(struct arena *arena, struct past_order *past)
{
	int64_t total = past->order.total, time = past->canceled_at;
	struct change *c;

	if (past->refunded == 0 && is(past->financial, "refunded"))
		past->refunded = total;
	if (past->refunded == 0)
		return 0;
	if (time == 0)
		time = latest(past->fulfilled_at, past->paid_at);
	c = add_change(
	    past, CHANGE_REFUND, "r1", latest(time, past->order.time));
	c->amount = past->refunded;
	return past->refunded == total ? add_parts(arena, past, c, true, true)
	                               : 0;
}

int
past_changes(struct arena *arena, struct past_order *past)
{
	struct order *o = &past->order;
	int nsent = 0;

	if (add_shipment(arena, past, &nsent) != 0 ||
	    add_cancel(arena, past, nsent) != 0 || add_refund(arena, past) != 0)
		return -1;
	if (past->refunded > 0 && past->refunded == o->total)
		o->status = "refunded";
	else if (past->canceled_at != 0 && nsent == 0)
		o->status = "canceled";
	else if (past->canceled_at != 0 || (nsent > 0 && nsent == o->nlines))
		o->status = "fulfilled";
	else
		o->status = nsent > 0 ? "partly" : "placed";
	return 0;
}
