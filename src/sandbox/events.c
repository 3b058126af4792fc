/*
 * events.c - what becomes of an event whose shape is right.
 *
 * The first event of a (profile, metric, unique_id) is accepted, a later one is
 * a duplicate, one for an address at example.com and the like is dropped; all
 * three get 202, as with Klaviyo, and only the page tells. Without a unique_id
 * the time to the second takes its place. Keys are remembered until cleared.
 * Works under the state's lock.
 */
#include "sandbox.h"

#include <string.h>

const char *const outcome_names[OUTCOMES] = {"accepted", "duplicate", "dropped",
    "refused", "fault", "profile", "consent", "back_in_stock", "catalog"};

enum { RAW_MAX = 16384 };

static struct map seen;

static void
text(struct buf *b, const char *name, const char *value)
{
	buf_printf(b, "\"%s\":", name);
	buf_json(b, value, strlen(value));
	buf_str(b, ",");
}

static void
remark(struct buf *b, const char *value)
{
	if (b->n)
		buf_str(b, ",");
	buf_json(b, value, strlen(value));
}

void
events_head(struct buf *b, const struct arrival *a, const char *kind)
{
	text(b, "kind", kind);
	text(b, "side", a->browser ? "browser" : "server");
	buf_str(b, "\"received\":\"");
	buf_time(b, a->received);
	buf_str(b, "\",");
	text(b, "method", a->method);
	text(b, "path", a->path);
	buf_printf(b, "\"status\":%d,", a->status);
	if (a->fault)
		text(b, "fault", a->fault);
	buf_printf(b, "\"headers\":%s", a->headers ? a->headers : "{}");
}

/* A property that Klaviyo takes for never set. */
static int
vanishes(const struct json *v)
{
	return v->type == JSON_NULL || (v->type == JSON_STRING && !v->size) ||
	       (v->type == JSON_NUMBER && strspn(v->src, "-0.") >= v->len);
}

static void
remarks_on(struct buf *b, int browser, const struct json *attributes,
    const struct json *profile)
{
	const char *when = json_text(attributes, "time");
	const char *phone;
	const struct json *v;
	char line[256];
	int zone;

	if (!when && !browser)
		remark(b, "no time: the time of receipt is used");
	else if (when && time_parse(when, &zone) != -1 && !zone)
		remark(b, "time has no zone: taken as UTC; end it in Z");
	if (!json_text(attributes, "unique_id") && !browser)
		remark(b, "no unique_id: the time to the second is used, and a "
		          "second event of that second is lost");
	v = json_get(attributes, "value");
	if (v && v->type == JSON_NUMBER &&
	    !json_text(attributes, "value_currency"))
		remark(b, "value without value_currency: the account's "
		          "currency is assumed");
	for (v = json_path(attributes, "properties", NULL)->child; v;
	     v = v->next)
		if (vanishes(v)) {
			snprintf(line, sizeof line,
			    "property %.100s is %.20s: Klaviyo takes it for "
			    "never set",
			    v->key,
			    v->len ? v->type == JSON_NULL     ? "null"
			             : v->type == JSON_STRING ? "\"\""
			                                      : "0"
			           : "");
			remark(b, line);
		}
	phone = json_text(json_get(profile, "attributes"), "phone_number");
	if (phone && !phone_ok(phone))
		remark(b, "phone_number is not E.164: left out, the e-mail "
		          "address identifies the profile");
}

/* The time the event counts for, in seconds. */
static int64_t
event_time(const struct arrival *a, const struct json *attributes)
{
	const char *when = json_text(attributes, "time");
	int zone;

	return when ? time_parse(when, &zone) : a->received / 1000;
}

static int
first_of_its_key(uint32_t who, const char *metric, const char *unique_id)
{
	struct buf key = {0};
	uint32_t *at;
	int first;

	buf_printf(&key, "%u", who);
	buf_add(&key, metric, strlen(metric) + 1);
	buf_str(&key, unique_id);
	at = map_at(&seen, key.p, key.n);
	first = !*at;
	*at = 1;
	buf_free(&key);
	return first;
}

static void
body(struct buf *b, const struct json *attributes, const struct json *profile)
{
	int first = 1;

	buf_str(b, ",\"attributes\":{");
	for (const struct json *v = attributes->child; v; v = v->next) {
		if (!strcmp(v->key, "profile"))
			continue;
		buf_str(b, first ? "" : ",");
		buf_json(b, v->key, strlen(v->key));
		buf_str(b, ":");
		json_copy(b, v);
		first = 0;
	}
	buf_str(b, "},\"profile\":");
	json_copy(b, profile);
}

static void
describe(struct buf *b, const struct json *attributes, const char *metric,
    const char *unique_id, int64_t when, int backfill)
{
	const struct json *v;

	buf_str(b, ",");
	text(b, "metric", metric);
	text(b, "unique_id", unique_id);
	buf_str(b, "\"time\":\"");
	buf_time(b, when * 1000);
	buf_printf(b, "\",\"backfill\":%s", backfill ? "true" : "false");
	v = json_get(attributes, "value");
	if (v && v->type == JSON_NUMBER) {
		buf_str(b, ",\"value\":");
		json_copy(b, v);
	}
	v = json_get(attributes, "value_currency");
	if (v && v->type == JSON_STRING) {
		buf_str(b, ",\"value_currency\":");
		json_copy(b, v);
	}
}

enum outcome
events_take(const struct arrival *a, const struct json *attributes,
    const struct json *profile, int backfill)
{
	const char *metric = json_text(
	    json_path(attributes, "metric", "data", "attributes", NULL),
	    "name");
	const char *unique_id = json_text(attributes, "unique_id");
	const struct json *own = json_get(attributes, "backfill");
	struct given g = people_given(profile);
	int64_t when = event_time(a, attributes);
	struct buf remarks = {0}, b = {0};
	enum outcome outcome = ACCEPTED;
	uint32_t who = NOBODY;
	char second[32];
	const char *name;

	snprintf(second, sizeof second, "%lld", (long long)when);
	unique_id = unique_id ? unique_id : second;
	if (own && own->type == JSON_BOOL)
		backfill = *own->src == 't';
	if (g.id[ID_EMAIL] && email_dropped(g.id[ID_EMAIL])) {
		outcome = DROPPED;
		name = g.id[ID_EMAIL];
	} else {
		who = people_meet(&g, a->new_id, !a->browser, &remarks);
		people_merge_attributes(who, json_get(profile, "attributes"),
		    json_get(profile, "meta"), !a->browser);
		if (people_at(who)->own[ID_EMAIL] &&
		    email_dropped(people_at(who)->own[ID_EMAIL]))
			outcome = DROPPED;
		else if (!first_of_its_key(who, metric, unique_id))
			outcome = DUPLICATE;
		else
			people_at(who)->events++;
		name = people_name(who);
	}
	if (outcome == DROPPED)
		remark(&remarks,
		    "Klaviyo accepts events for addresses at "
		    "example.com, test.com and the like, and drops them");
	remarks_on(&remarks, a->browser, attributes, profile);
	if (outcome == ACCEPTED) {
		guide_note(metric, attributes, profile, &remarks);
		held_add(&(struct held_event){
		    .metric = metric,
		    .unique_id = unique_id,
		    .who = who,
		    .at = when,
		    .received = a->received,
		    .attributes = attributes,
		});
	}
	events_head(&b, a, "event");
	describe(&b, attributes, metric, unique_id, when, backfill);
	body(&b, attributes, profile);
	buf_printf(&b, ",\"who\":");
	buf_json(&b, name, strlen(name));
	buf_printf(&b, ",\"remarks\":[%s]", remarks.n ? remarks.p : "");
	if (outcome == ACCEPTED && !a->new_id)
		data_keep(&b, people_at(who));
	log_add(outcome, who, metric, a->browser, b.p);
	buf_free(&remarks);
	return outcome;
}

/* Shows a call that made or changed a profile. */
void
events_profile(
    const struct arrival *a, const struct json *profile, uint32_t who)
{
	struct buf b = {0};

	events_head(&b, a, "profile");
	buf_str(&b, ",\"profile\":");
	json_copy(&b, profile);
	buf_str(&b, ",\"who\":");
	buf_json(&b, people_name(who), strlen(people_name(who)));
	buf_str(&b, ",\"remarks\":[]");
	if (!a->new_id)
		data_keep(&b, people_at(who));
	log_add(PROFILE, who, NULL, a->browser, b.p);
}

void
events_merge(const struct arrival *a, uint32_t into, uint32_t who)
{
	const char *source = people_at(who)->id, *name = people_name(who);
	struct buf b = {0};

	events_head(&b, a, "merge");
	buf_str(&b, ",");
	text(&b, "source", source);
	text(&b, "was", name);
	people_merge(into, who);
	text(&b, "who", people_name(into));
	buf_str(&b, "\"remarks\":[]");
	if (!a->new_id)
		data_keep(&b, people_at(into));
	log_add(PROFILE, into, NULL, a->browser, b.p);
}

/* Shows a request that was refused, or that a fault kept from being seen. */
void
events_refused(const struct arrival *a, enum outcome outcome,
    const char *errors, const char *raw, size_t n, const struct json *root)
{
	const struct json *v = json_path(root, "data", "attributes", NULL);
	const struct json *p = json_path(v, "profile", "data", NULL);
	const char *metric = json_text(
	    json_path(v, "metric", "data", "attributes", NULL), "name");
	const struct json *first = json_path(v, "profiles", "data", NULL);
	const char *who;
	struct buf b = {0}, remarks = {0};

	if (first && first->type == JSON_ARRAY)
		p = first->child;
	who = json_text(
	    json_get(p ? p : json_get(root, "data"), "attributes"), "email");
	guide_misplaced(root, &remarks);
	events_head(&b, a, "request");
	buf_str(&b, ",");
	if (metric)
		text(&b, "metric", metric);
	if (who)
		text(&b, "who", who);
	buf_printf(&b,
	    "\"errors\":[%s],\"remarks\":[%s],\"body\":", errors ? errors : "",
	    remarks.n ? remarks.p : "");
	buf_free(&remarks);
	buf_json(&b, raw, n > RAW_MAX ? RAW_MAX : n);
	log_add(outcome, NOBODY, metric, a->browser, b.p);
}

/* Finds a unique_id that comes twice in one request; tells where. */
int
events_repeat(const struct json *groups, char *pointer, size_t n)
{
	struct map in = {0};
	int g = 0, found = 0;

	for (; groups && !found; groups = groups->next, g++) {
		const struct json *a = json_get(groups, "attributes");
		const struct json *v = json_path(a, "events", "data", NULL);
		const struct json *p = json_path(a, "profile", "data", NULL);
		struct given who = people_given(p);
		int e = 0;

		for (v = v ? v->child : NULL; v && !found; v = v->next, e++) {
			const struct json *ea = json_get(v, "attributes");
			const char *id = json_text(ea, "unique_id");
			const char *metric = json_text(
			    json_path(ea, "metric", "data", "attributes", NULL),
			    "name");
			struct buf key = {0};
			uint32_t *at;

			if (!id || !metric)
				continue;
			for (int i = 0; i < IDENTITIES; i++)
				buf_printf(
				    &key, "%s\n", who.id[i] ? who.id[i] : "");
			buf_printf(&key, "%s\n%s", metric, id);
			at = map_at(&in, key.p, key.n);
			found = (int)(*at)++;
			if (found)
				snprintf(
				    pointer, n, "event %d of profile %d", e, g);
			buf_free(&key);
		}
	}
	map_clear(&in);
	return found;
}

void
events_clear(void)
{
	map_clear(&seen);
	held_clear();
}
