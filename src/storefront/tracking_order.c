/*
 * tracking_order.c - an order, and what happens to it, as server events; to be
 * copied together with tracking.c.
 *
 * Promises: events are queued in the open transaction of the order, or of the
 * change they report.  What Klaviyo's limits refuse for good does not stop an
 * order: it is logged, and the order stands.
 *
 * Never sees a request.
 */
#include "tracking.h"

#include <stdlib.h>
#include <string.h>

/* A region typed as its code, "MA" or "NSW", is one for Klaviyo, too. */
static const char *
region_code(const char *region)
{
	size_t n = strspn(region, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");

	return n >= 2 && n <= 3 && region[n] == '\0' ? region : NULL;
}

static void
fill_address(
    struct klaviyo_address *to, const struct address *from, const char *phone)
{
	to->first_name = from->first_name;
	to->last_name = from->last_name;
	to->address1 = from->address1;
	to->address2 = from->address2;
	to->city = from->city;
	to->region = from->region;
	to->region_code = region_code(from->region);
	to->zip = from->zip;
	to->country_code = from->country;
	to->phone = phone;
}

static void
fill_profile(struct klaviyo_profile *profile, const struct order *order)
{
	const struct address *home = &order->billing_address;

	profile->email = order->email;
	profile->phone_number = order->phone;
	profile->exchange_id = order->exchange_id;
	profile->first_name = home->first_name;
	profile->last_name = home->last_name;
	profile->location = (struct klaviyo_location){
	    .address1 = home->address1,
	    .address2 = home->address2,
	    .city = home->city,
	    .region = home->region,
	    .country = home->country,
	    .zip = home->zip,
	};
}

/* ${order} as the library takes it; texts are ${order}'s and the arena's. */
static int
fill_order(const struct settings *settings, struct arena *arena,
    const struct order *order, struct klaviyo_order *k)
{
	*k = (struct klaviyo_order){
	    .id = order->id,
	    .time = order->time,
	    .currency = order->currency,
	    .total = order->total,
	    .discount_code = order->discount_code,
	    .discount = order->discount,
	    .shipping_method = order->shipping_name,
	    .nitems = (size_t)order->nlines,
	};
	k->items = tracking_items(settings, arena, order->lines, order->nlines);
	fill_address(&k->billing, &order->billing_address, order->phone);
	fill_address(&k->shipping, &order->shipping_address, order->phone);
	fill_profile(&k->profile, order);
	if (k->items == NULL || arena_failed(arena))
		return shop_fail("out of memory");
	return 0;
}

static enum klaviyo_lane
lane(bool history)
{
	return history ? KLAVIYO_HISTORICAL : KLAVIYO_REALTIME;
}

struct order_events {
	struct klaviyo_prepared *rows; /* NULL: Klaviyo's limits refuse them */
	char why[256];                 /* then */
};

struct order_events *
tracking_order_make(const struct settings *settings, const struct order *order,
    bool history, int64_t now)
{
	struct order_events *events = calloc(1, sizeof(*events));
	struct arena *arena = arena_new();
	struct klaviyo_order k;
	bool made = false;

	if (events == NULL || arena == NULL)
		shop_fail("out of memory");
	else if (fill_order(settings, arena, order, &k) == 0) {
		events->rows = klaviyo_prepare_order(
		    KLAVIYO_PLACED_ORDER, &k, lane(history), now);
		made = events->rows != NULL || !klaviyo_error_passes();
		if (events->rows == NULL) {
			shop_fail("%s", klaviyo_error());
			snprintf(events->why, sizeof(events->why), "%s",
			    klaviyo_error());
		}
	}
	arena_free(arena);
	if (made)
		return events;
	tracking_order_free(events);
	return NULL;
}

int
tracking_order_queue(
    struct db *db, const struct order *order, const struct order_events *events)
{
	const char *why = events->why;
	int result;

	if (events->rows != NULL) {
		result = klaviyo_queue_prepared(db_store(db), events->rows);
		if (result >= 0)
			return result;
		why = klaviyo_error();
		shop_fail("%s", why);
		if (klaviyo_error_passes())
			return -1;
	}
	/* What Klaviyo cannot be told must not stop the order. */
	shop_log_at(LOG_WARNING, "order %s has no events: %s", order->id, why);
	return 0;
}

void
tracking_order_free(struct order_events *events)
{
	if (events != NULL)
		klaviyo_prepared_free(events->rows);
	free(events);
}

int
tracking_order(const struct settings *settings, struct db *db,
    const struct order *order, bool history, int64_t now)
{
	struct order_events *events =
	    tracking_order_make(settings, order, history, now);
	int result =
	    events != NULL ? tracking_order_queue(db, order, events) : -1;

	tracking_order_free(events);
	return result;
}

/* ----------------------------------------------------------------- changes */

/*
 * What the shop tells of an order that the guide has no event for: THE row to
 * add for a new one.  The metric appears at Klaviyo with its first event, with
 * the order's properties, and a flow can start from it.  A word stays: it is in
 * the shop's tables.
 */
static const struct own_event own_events[] = {
    {"ready-for-pickup", "Ready for Pickup"},
    {NULL, NULL},
};

const struct own_event *
tracking_own_events(void)
{
	return own_events;
}

const char *
tracking_own_metric(const char *word)
{
	const struct own_event *own = own_events;

	while (own->word != NULL && strcmp(own->word, word) != 0)
		own++;
	return own->metric;
}

/* Which event reports which change. */
static const enum klaviyo_metric metrics[] = {
    [CHANGE_SHIPMENT] = KLAVIYO_FULFILLED_ORDER,
    [CHANGE_STATUS] = KLAVIYO_SHIPPING_UPDATE,
    [CHANGE_CANCEL] = KLAVIYO_CANCELED_ORDER,
    [CHANGE_REFUND] = KLAVIYO_REFUNDED_ORDER,
    [CHANGE_INVOICE] = KLAVIYO_CREATED_INVOICE,
    [CHANGE_PAYMENT] = KLAVIYO_FAILED_PAYMENT,
    [CHANGE_OWN] = KLAVIYO_METRICS, /* none of the guide's */
};

const char *
tracking_kind(enum klaviyo_metric metric)
{
	for (int kind = 0; kind < CHANGE_KINDS; kind++)
		if (metrics[kind] == metric)
			return change_kinds[kind];
	return "";
}

/* The id within the order, as klaviyo_queue_change() wants it. */
static const char *
change_id(
    struct arena *arena, const struct order *order, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_CANCEL:
	case CHANGE_REFUND:
		/* The first goes under the order's own id, for the customer's
		   lifetime value. */
		return change->first ? NULL : change->id;
	case CHANGE_STATUS:
		return change->shipment;
	case CHANGE_INVOICE:
		return arena_printf(arena, "%s:%s", order->id, change->id);
	default:
		return change->id;
	}
}

static int
fill_parts(
    struct arena *arena, const struct change *change, struct klaviyo_change *k)
{
	struct klaviyo_part *parts;

	/* The whole order needs no parts. */
	if (change->whole || change->nparts == 0)
		return 0;
	parts = arena_alloc(arena, change->nparts * sizeof(*parts));
	if (parts == NULL)
		return shop_fail("out of memory");
	for (size_t i = 0; i < change->nparts; i++)
		parts[i] =
		    (struct klaviyo_part){(size_t)change->parts[i].line - 1,
		        change->parts[i].quantity};
	k->parts = parts;
	k->nparts = change->nparts;
	return 0;
}

static int
fill_missing(struct arena *arena, const char *lines, struct klaviyo_change *k)
{
	const char **missing;
	size_t most = 1;

	for (const char *c = lines; *c != '\0'; c++)
		most += *c == '\n';
	missing = arena_alloc(arena, most * sizeof(*missing));
	if (missing == NULL)
		return shop_fail("out of memory");
	while (*lines != '\0') {
		size_t n = strcspn(lines, "\n");

		missing[k->nmissing++] = arena_copyn(arena, lines, n);
		lines += lines[n] == '\n' ? n + 1 : n;
	}
	k->missing = missing;
	return 0;
}

static int
queue(struct db *db, const struct change *change, const struct klaviyo_order *o,
    const struct klaviyo_change *k, enum klaviyo_lane in, int64_t now)
{
	if (change->kind == CHANGE_OWN)
		return klaviyo_queue_own_change(
		    db_store(db), tracking_own_metric(change->status), o, k,
		    in, now);
	return klaviyo_queue_change(
	    db_store(db), metrics[change->kind], o, k, in, now);
}

/* Klaviyo can be told of nothing that is this person's, whatever it is: a sale
   at a till, of which no address is known. */
static bool
is_nobody(const struct klaviyo_profile *profile)
{
	char *known = klaviyo_identify(profile);
	bool nobody = known == NULL && *profile->exchange_id == '\0' &&
	              !klaviyo_error_passes();

	free(known);
	return nobody;
}

int
tracking_change(const struct settings *settings, struct db *db,
    const struct order *order, const struct change *change, bool history,
    int64_t now)
{
	bool money =
	    change->kind == CHANGE_CANCEL || change->kind == CHANGE_REFUND;
	struct klaviyo_change k = {
	    .time = change->time,
	    .value = money ? change->amount : 0,
	    .reason = change->kind == CHANGE_PAYMENT ? NULL : change->reason,
	    .payment_failure =
	        change->kind == CHANGE_PAYMENT ? change->reason : NULL,
	    .next_steps = change->next_steps,
	    .tracking_number = change->tracking,
	    .tracking_url = change->url,
	    .tracking_company = change->company,
	    .update_type =
	        change->kind == CHANGE_STATUS ? change->status : NULL,
	};
	struct arena *arena = arena_new();
	struct klaviyo_order o;
	int result = -1;

	if (arena == NULL)
		return shop_fail("out of memory");
	k.id = change_id(arena, order, change);
	if (fill_order(settings, arena, order, &o) == 0 &&
	    fill_parts(arena, change, &k) == 0 &&
	    fill_missing(arena, change->missing, &k) == 0) {
		result = queue(db, change, &o, &k, lane(history), now);
		if (result < 0)
			shop_fail("%s", klaviyo_error());
		/* What is past has happened, and must not hold up the rest;
		   and nobody's order must not stay as it is for ever. */
		if (result < 0 && !klaviyo_error_passes() &&
		    (history || is_nobody(&o.profile))) {
			shop_log_at(LOG_WARNING,
			    "change %s of order %s has no event: %s",
			    change->id, order->id, shop_error());
			result = 0;
		}
	}
	arena_free(arena);
	return result;
}
