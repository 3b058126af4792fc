/*
 * event.c - server events: the envelope of POST /api/events, its limits, and
 * the way into the outbox.
 *
 * Promises: what is queued is what will be sent, byte for byte.  The profile
 * and the event are frozen as two JSON texts, so that an attempt repeated
 * after a year names the same profile, metric, unique_id, time and value, and
 * Klaviyo drops it as the duplicate that it is.  A call queues all of its
 * events or none, and the host's transaction goes on in either case.
 * What breaks one of Klaviyo's limits is refused here: Klaviyo would answer
 * 202 and lose it.
 *
 * Does not: begin, commit or roll back the host's transaction; a savepoint
 * named klaviyo is all.
 */
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
	MAX_METRIC = 127,
	MAX_UNIQUE_ID = 255,
	MAX_EVENT = 5 * 1000 * 1000,
	MAX_PROFILE = 95 * 1000,
};

static const int64_t YEAR_1990 = 631152000;
static const int64_t ONE_YEAR = 365 * 86400;

/* Concatenates ${n} texts. */
static char *
join(const char *const part[], size_t n)
{
	size_t size = 1, i;
	char *text, *to;

	for (i = 0; i < n; i++)
		size += strlen(part[i]);
	if ((text = malloc(size)) == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	for (to = text, i = 0; i < n; i++)
		to = stpcpy(to, part[i]);
	return text;
}

/* ------------------------------------------------------------ one event */

static int
check_envelope(
    const char *metric, const char *unique_id, int64_t when, int64_t now)
{
	if (kl_check_length(metric, MAX_METRIC,
	        "data.attributes.metric.data.attributes.name") != 0)
		return -1;
	/* A/B of c and A of B/c would have one id, and one would be lost. */
	if (strchr(metric, '/') != NULL)
		return kl_fail("data.attributes.metric.data.attributes.name: "
		               "has a slash");
	if (kl_check_length(
	        unique_id, MAX_UNIQUE_ID, "data.attributes.unique_id") != 0)
		return -1;
	if (when < YEAR_1990)
		return kl_fail("data.attributes.time: before 1990");
	if (when > now + ONE_YEAR)
		return kl_fail("data.attributes.time: more than a year ahead");
	return 0;
}

static bool
put_time(cJSON *to, int64_t when)
{
	time_t seconds = when;
	char text[40];
	struct tm tm;

	if (gmtime_r(&seconds, &tm) == NULL ||
	    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0) {
		kl_fail("data.attributes.time: no such year");
		return false;
	}
	return kl_put_text(to, "time", text);
}

static bool
put_value(cJSON *to, int64_t value, const char *currency)
{
	if (value == 0 || currency == NULL || *currency == '\0')
		return true;
	return kl_put_money(to, "value", value, currency) &&
	       kl_put_text(to, "value_currency", currency);
}

/* {"data":{"type":"metric","attributes":{"name":..}}} */
static cJSON *
metric_member(const char *name)
{
	cJSON *attributes = kl_object(), *data = NULL, *metric = NULL;
	bool ok;

	attributes = kl_group(attributes,
	    attributes != NULL && kl_put_text(attributes, "name", name));
	if (attributes == NULL || (data = kl_object()) == NULL) {
		cJSON_Delete(attributes);
		return NULL;
	}
	ok = kl_put_text(data, "type", "metric");
	ok = kl_put(data, "attributes", attributes) && ok;
	if (!ok || (metric = kl_object()) == NULL) {
		cJSON_Delete(data);
		return NULL;
	}
	return kl_group(metric, kl_put(metric, "data", data));
}

/* Prints and drops a tree; ${most} bytes may come of it. */
static char *
freeze(cJSON *tree, size_t most, const char *field)
{
	char *text = kl_json_text(tree);

	cJSON_Delete(tree);
	if (text != NULL && strlen(text) > most) {
		kl_fail("%s: longer than %zu bytes", field, most);
		free(text);
		text = NULL;
	}
	return text;
}

static char *
freeze_profile(const struct klaviyo_profile *profile)
{
	cJSON *data = kl_profile_data(profile);

	if (data == NULL)
		return NULL;
	if (kl_check(data, "data.attributes.profile.data") != 0) {
		cJSON_Delete(data);
		return NULL;
	}
	return freeze(data, MAX_PROFILE, "data.attributes.profile");
}

void
kl_event_free(struct kl_event *event)
{
	free(event->id);
	free(event->profile);
	free(event->event);
	memset(event, 0, sizeof(*event));
}

int
kl_event_make(struct kl_event *event, const char *metric, const char *unique_id,
    int64_t when, const struct klaviyo_profile *profile, int64_t value,
    const char *currency, cJSON *properties, enum klaviyo_lane lane,
    int64_t now)
{
	const char *const id[] = {metric, "/", unique_id};
	cJSON *all = NULL;
	int rc = -1;
	bool ok;

	memset(event, 0, sizeof(*event));
	if (properties == NULL && (properties = kl_object()) == NULL)
		goto out;
	if (check_envelope(metric, unique_id, when, now) != 0 ||
	    kl_check_properties(properties, "data.attributes.properties") != 0)
		goto out;
	if ((all = kl_object()) == NULL)
		goto out;
	ok = kl_put(all, "properties", properties);
	properties = NULL; /* `all` has it, or it is gone */
	ok = ok && put_time(all, when) && put_value(all, value, currency) &&
	     kl_put_text(all, "unique_id", unique_id) &&
	     kl_put_group(all, "metric", metric_member(metric)) &&
	     (lane != KLAVIYO_HISTORICAL ||
	         kl_put(all, "backfill", cJSON_CreateTrue()));
	if (!ok)
		goto out;
	event->event = freeze(all, MAX_EVENT, "data.attributes");
	all = NULL;
	if (event->event == NULL ||
	    (event->profile = freeze_profile(profile)) == NULL ||
	    (event->id = join(id, 3)) == NULL)
		goto out;
	rc = 0;
out:
	if (rc != 0)
		kl_event_free(event);
	cJSON_Delete(all);
	cJSON_Delete(properties);
	return rc;
}

char *
kl_event_body(const char *profile, const char *event)
{
	size_t n = strlen(event);
	const char *const part[] = {
	    "{\"data\":{\"type\":\"event\",\"attributes\":",
	    /* the event's members, up to its closing brace */
	    NULL, ",\"profile\":{\"data\":", profile, "}}}}"};
	const char *parts[5];
	char *members, *body;

	if (n < 3 || event[0] != '{' || event[n - 1] != '}' ||
	    profile[0] != '{') {
		kl_fail("the stored texts are not an event's");
		return NULL;
	}
	if ((members = kl_copy(event)) == NULL)
		return NULL;
	members[n - 1] = '\0';
	memcpy(parts, part, sizeof(parts));
	parts[1] = members;
	body = join(parts, 5);
	free(members);
	return body;
}

/* ---------------------------------------------------------------- queueing */

static int
run(const struct klaviyo_store *store, const char *sql)
{
	return store->sql(store->conn, sql, 0, NULL, NULL, NULL) < 0 ? -1 : 0;
}

/* All or none.  The savepoint also saves a PostgreSQL transaction, which a
   failed statement would otherwise end.  1: the queue is full. */
static int
queue(const struct klaviyo_store *store, const struct kl_event *events,
    size_t n, enum kl_worth worth, enum klaviyo_lane lane, int64_t now)
{
	char why[512];
	size_t i = 0;
	int room;

	if (run(store, "SAVEPOINT klaviyo") != 0)
		return -1;
	room = kl_bound_room(
	    store, lane == KLAVIYO_HISTORICAL ? KL_WORTH_LOW : worth);
	while (room > 0 && i < n &&
	       kl_outbox_add(store, &events[i], lane, now) == 0)
		i++;
	if ((room == 0 || i == n) &&
	    run(store, "RELEASE SAVEPOINT klaviyo") == 0)
		return room == 0;
	/* The first error is the one to tell. */
	snprintf(why, sizeof(why), "%s", klaviyo_error());
	if (run(store, "ROLLBACK TO SAVEPOINT klaviyo") == 0)
		run(store, "RELEASE SAVEPOINT klaviyo");
	return kl_fail("%s", why);
}

/* The unique_id of an order's line: order:line. */
static int
make_line(struct kl_event *event, const struct klaviyo_order *order, size_t i,
    enum klaviyo_lane lane, int64_t now)
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
	if ((unique_id = join(part, 3)) == NULL)
		return -1;
	properties = kl_ordered_product_properties(order, i);
	if (properties != NULL)
		rc = kl_event_make(event,
		    klaviyo_metric_name(KLAVIYO_ORDERED_PRODUCT), unique_id,
		    order->time, &order->profile, value, order->currency,
		    properties, lane, now);
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

int
klaviyo_queue_order(const struct klaviyo_store *store,
    enum klaviyo_metric metric, const struct klaviyo_order *order,
    enum klaviyo_lane lane, int64_t now)
{
	struct kl_event *events;
	cJSON *properties;
	size_t n = 0, i;
	int rc = -1;

	if (metric != KLAVIYO_PLACED_ORDER)
		return kl_fail("only Placed Order is queued from an order");
	if (klaviyo_exponent(order->currency) < 0)
		return kl_fail("data.attributes.value_currency: "
		               "not an ISO 4217 code");
	if ((events = calloc(order->nitems + 1, sizeof(*events))) == NULL)
		return kl_fail("out of memory");
	/* First, for it says what is wrong with the order as a whole: once it
	   is made, the order has an id. */
	if ((properties = kl_order_properties(order)) == NULL ||
	    kl_event_make(&events[n++], klaviyo_metric_name(metric), order->id,
	        order->time, &order->profile, order->total, order->currency,
	        properties, lane, now) != 0)
		goto out;
	for (i = 0; i < order->nitems; i++) {
		if (make_line(&events[n++], order, i, lane, now) != 0)
			goto out;
		if (queued_before(events, n - 1)) {
			kl_fail("Items[%zu]: another line has its id", i);
			goto out;
		}
	}
	rc = queue(store, events, n, KL_WORTH_ORDER, lane, now);
out:
	while (n > 0)
		kl_event_free(&events[--n]);
	free(events);
	return rc;
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
	int rc;

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
	rc = queue(
	    store, &event, 1, kl_metric_worth(metric), lane, now);
	kl_event_free(&event);
	return rc;
}
