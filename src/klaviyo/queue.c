/*
 * queue.c - the way into the outbox: an order, what happens to it, any event.
 *
 * Promises: a call queues all of its events or none, and the host's
 * transaction goes on in either case.  The unique_ids are made here, by the
 * table in klaviyo.h.  Accounts, consent and browsing are in queue_*.c.
 *
 * Does not: begin, commit or roll back the host's transaction; a savepoint
 * named klaviyo is all.
 */
#include "outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
run(const struct klaviyo_store *store, const char *sql)
{
	return store->sql(store->conn, sql, 0, NULL, NULL, NULL) < 0 ? -1 : 0;
}

/* Adds all of them.  One look for each person whether their address is only
   just becoming theirs: rows of one are beside each other. */
static int
add_all(const struct klaviyo_store *store, const struct kl_event *rows,
    size_t n, enum klaviyo_lane lane, int64_t now)
{
	char *held_by = NULL;
	const char *email, *asked = NULL;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < n; i++) {
		email = rows[i].email;
		if (email == NULL || asked == NULL ||
		    strcmp(email, asked) != 0) {
			free(held_by);
			held_by = NULL;
			if (email != NULL)
				rc = kl_hold_find(store, email, &held_by);
			asked = email;
		}
		if (rc == 0)
			rc = kl_outbox_add_held(
			    store, &rows[i], held_by, lane, now);
	}
	free(held_by);
	return rc;
}

/* The savepoint also saves a PostgreSQL transaction, which a failed statement
   would otherwise end. */
int
kl_queue(const struct klaviyo_store *store, const struct kl_event *rows,
    size_t n, enum kl_worth worth, enum klaviyo_lane lane, int64_t now)
{
	char why[512];
	int room, failed;

	if (run(store, "SAVEPOINT klaviyo") != 0)
		return kl_store_failed();
	room = kl_bound_room(
	    store, lane == KLAVIYO_HISTORICAL ? KL_WORTH_PAST : worth);
	failed =
	    room < 0 || (room > 0 && add_all(store, rows, n, lane, now) != 0);
	if (!failed && run(store, "RELEASE SAVEPOINT klaviyo") == 0)
		return room == 0;
	/* The first error is the one to tell. */
	snprintf(why, sizeof(why), "%s", klaviyo_error());
	if (run(store, "ROLLBACK TO SAVEPOINT klaviyo") == 0)
		run(store, "RELEASE SAVEPOINT klaviyo");
	kl_fail("%s", why);
	return kl_store_failed();
}

int
kl_queue_one(const struct klaviyo_store *store, struct kl_event *row,
    enum kl_worth worth, enum klaviyo_lane lane, int64_t now)
{
	int rc = kl_queue(store, row, 1, worth, lane, now);

	kl_event_free(row);
	return rc;
}

/* The unique_id of an order's line: order:line. */
static int
make_line(struct kl_event *event, const struct kl_event *placed,
    const struct klaviyo_order *order, size_t i, enum klaviyo_lane lane,
    int64_t now)
{
	const struct klaviyo_item *item = &order->items[i];
	char position[24], *unique_id;
	const char *const part[] = {order->id, ":",
	    item->line != NULL && *item->line != '\0' ? item->line : position};
	cJSON *properties;
	int64_t value;
	int rc = -1;

	snprintf(position, sizeof(position), "%zu", i + 1);
	if (kl_money_times(item->price, item->quantity, &value) != 0)
		return -1;
	if ((unique_id = kl_join(part, 3)) == NULL)
		return -1;
	properties = kl_ordered_product_properties(order, i);
	if (properties != NULL)
		rc = kl_event_make_like(event, placed,
		    klaviyo_metric_name(KLAVIYO_ORDERED_PRODUCT), unique_id,
		    order->time, value, order->currency, properties, lane, now);
	free(unique_id);
	return rc;
}

/* Queueing an id twice is a no-op, so that of two lines with one id, the
   second would be lost. */
static bool
queued_before(const struct kl_event *events, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(events[i].id, events[n].id) == 0)
			return true;
	return false;
}

/* Fills ${made}'s rows.  First the order's own, for that says what is wrong with
   it as a whole: once it is made, the order has an id. */
static int
make_order(struct klaviyo_prepared *made, const struct klaviyo_order *order)
{
	const char *name = klaviyo_metric_name(KLAVIYO_PLACED_ORDER);
	struct kl_event *rows = made->rows;
	cJSON *properties = kl_order_properties(order);

	if (properties == NULL ||
	    kl_event_make(&rows[made->n++], name, order->id, order->time,
	        &order->profile, order->total, order->currency, properties,
	        made->lane, made->now) != 0)
		return -1;
	for (size_t i = 0; i < order->nitems; i++) {
		if (make_line(&rows[made->n++], rows, order, i, made->lane,
		        made->now) != 0)
			return -1;
		if (queued_before(rows, made->n - 1))
			return kl_fail("Items[%zu]: another line has its id", i);
	}
	return 0;
}

struct klaviyo_prepared *
klaviyo_prepare_order(enum klaviyo_metric metric,
    const struct klaviyo_order *order, enum klaviyo_lane lane, int64_t now)
{
	struct klaviyo_prepared *made;

	if (metric != KLAVIYO_PLACED_ORDER) {
		kl_fail("only Placed Order is queued from an order");
		return NULL;
	}
	if (klaviyo_exponent(order->currency) < 0) {
		kl_fail("data.attributes.value_currency: "
		        "not an ISO 4217 code");
		return NULL;
	}
	made = calloc(
	    1, sizeof(*made) + (order->nitems + 1) * sizeof(*made->rows));
	if (made == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	made->lane = lane;
	made->now = now;
	if (make_order(made, order) == 0)
		return made;
	klaviyo_prepared_free(made);
	return NULL;
}

int
klaviyo_queue_prepared(const struct klaviyo_store *store,
    const struct klaviyo_prepared *prepared)
{
	return kl_queue(store, prepared->rows, prepared->n, KL_WORTH_ORDER,
	    prepared->lane, prepared->now);
}

void
klaviyo_prepared_free(struct klaviyo_prepared *prepared)
{
	for (size_t i = 0; prepared != NULL && i < prepared->n; i++)
		kl_event_free(&prepared->rows[i]);
	free(prepared);
}

int
klaviyo_queue_order(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    enum klaviyo_lane lane, int64_t now)
{
	struct klaviyo_prepared *made =
	    klaviyo_prepare_order(metric, order, lane, now);
	int rc = made != NULL ? klaviyo_queue_prepared(store, made) : -1;

	klaviyo_prepared_free(made);
	return rc;
}

/* What klaviyo.h's table says; owned.  ${metric} is KLAVIYO_METRICS for one of
   the shop's own. */
static char *
change_id(enum klaviyo_metric metric, const char *name,
    const struct klaviyo_order *order, const struct klaviyo_change *change)
{
	bool named = change->id != NULL && *change->id != '\0';
	bool first = metric == KLAVIYO_CANCELED_ORDER ||
	             metric == KLAVIYO_REFUNDED_ORDER;
	const char *part[] = {
	    order->id, ":", change->id, ":", change->update_type};

	if (!named && !first) {
		kl_fail("id: a %s needs one", name);
		return NULL;
	}
	if (!named)
		return kl_copy(order->id);
	if (metric == KLAVIYO_CREATED_INVOICE)
		return kl_copy(change->id);
	if (metric != KLAVIYO_SHIPPING_UPDATE)
		return kl_join(part, 3);
	if (change->update_type == NULL || *change->update_type == '\0') {
		kl_fail("UpdateType: a Shipping Update needs one");
		return NULL;
	}
	return kl_join(part, 5);
}

static int
queue_change(const struct klaviyo_store *store, enum klaviyo_metric metric,
    const char *name, const struct klaviyo_order *order,
    const struct klaviyo_change *change, enum klaviyo_lane lane, int64_t now)
{
	struct kl_event event;
	cJSON *properties;
	char *unique_id;
	int64_t value;
	int rc = -1;

	if (order->id == NULL || *order->id == '\0')
		return kl_fail("OrderId: missing");
	if (klaviyo_exponent(order->currency) < 0)
		return kl_fail("data.attributes.value_currency: "
		               "not an ISO 4217 code");
	if (kl_change_check(order, change) != 0 ||
	    kl_change_value(order, change, &value) != 0 ||
	    (unique_id = change_id(metric, name, order, change)) == NULL)
		return -1;
	properties = kl_change_properties(metric, order, change);
	if (properties != NULL &&
	    kl_event_make(&event, name, unique_id, change->time,
	        &order->profile, value, order->currency, properties, lane,
	        now) == 0)
		rc = kl_queue_one(store, &event, KL_WORTH_ORDER, lane, now);
	free(unique_id);
	return rc;
}

int
klaviyo_queue_change(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    const struct klaviyo_change *change, enum klaviyo_lane lane, int64_t now)
{
	if (metric < KLAVIYO_FULFILLED_ORDER || metric > KLAVIYO_FAILED_PAYMENT)
		return kl_fail("this metric is not a change of an order");
	return queue_change(store, metric, klaviyo_metric_name(metric), order,
	    change, lane, now);
}

int
klaviyo_queue_own_change(const struct klaviyo_store *store, const char *metric,
    const struct klaviyo_order *order, const struct klaviyo_change *change,
    enum klaviyo_lane lane, int64_t now)
{
	if (metric == NULL || *metric == '\0')
		return kl_fail("metric: missing");
	/* Its unique_id might differ from the one that the guide's has. */
	for (int m = 0; m < KLAVIYO_METRICS; m++)
		if (strcmp(klaviyo_metric_name((enum klaviyo_metric)m),
		        metric) == 0)
			return kl_fail("%s: the guide's own, "
			               "klaviyo_queue_change() or another "
			               "function queues it",
			    metric);
	return queue_change(
	    store, KLAVIYO_METRICS, metric, order, change, lane, now);
}

/* Takes out what Klaviyo would treat as never set.  An array keeps its places:
   only objects in it lose members. */
static void
prune(cJSON *group)
{
	cJSON *one, *next;
	bool empty;

	for (one = group->child; one != NULL; one = next) {
		next = one->next;
		if (cJSON_IsObject(one) || cJSON_IsArray(one)) {
			prune(one);
			empty = one->child == NULL;
		} else if (cJSON_IsString(one))
			empty = *one->valuestring == '\0';
		else
			empty = cJSON_IsNull(one) ||
			        (cJSON_IsRaw(one) && one->valuedouble == 0);
		if (empty && cJSON_IsObject(group))
			cJSON_Delete(cJSON_DetachItemViaPointer(group, one));
	}
}

int
klaviyo_queue_event(const struct klaviyo_store *store, const char *metric,
    const char *unique_id, int64_t when, const struct klaviyo_profile *profile,
    int64_t value, const char *currency, const char *properties,
    enum klaviyo_lane lane, int64_t now)
{
	static const char field[] = "data.attributes.properties";
	struct kl_event event;
	cJSON *tree = NULL;

	if (properties != NULL && *properties != '\0') {
		tree = kl_json_read(properties, KL_DEPTH, field);
		if (tree == NULL)
			return -1;
		if (!cJSON_IsObject(tree)) {
			cJSON_Delete(tree);
			return kl_fail("%s: not an object", field);
		}
		prune(tree);
	}
	if (kl_event_make(&event, metric, unique_id, when, profile, value,
	        currency, tree, lane, now) != 0)
		return -1;
	return kl_queue_one(store, &event, kl_metric_worth(metric), lane, now);
}
