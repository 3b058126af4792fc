/*
 * event.c - server events: the envelope of POST /api/events and its limits.
 *
 * Promises: what is queued is what will be sent, byte for byte.  The profile
 * and the event are frozen as two JSON texts, so that an attempt repeated
 * after a year names the same profile, metric, unique_id, time and value, and
 * Klaviyo drops it as the duplicate that it is.  What breaks one of Klaviyo's
 * limits is refused here: Klaviyo would answer 202 and lose it.
 *
 * Does not queue: see queue.c.
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
static const int64_t ONE_YEAR = INT64_C(365) * 86400;

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

/* Takes it; NULL for one whose making failed. */
static char *
freeze_profile(cJSON *data)
{
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
	free(event->email);
	free(event->about);
	memset(event, 0, sizeof(*event));
}

static int
put_email(struct kl_event *event, const char *email)
{
	if (email == NULL || *email == '\0')
		return 0;
	return (event->email = kl_lower(email)) != NULL ? 0 : -1;
}

/* The event without its profile. */
static int
make_event(struct kl_event *event, const char *metric, const char *unique_id,
    int64_t when, int64_t value, const char *currency, cJSON *properties,
    enum klaviyo_lane lane, int64_t now)
{
	const char *const id[] = {metric, "/", unique_id};
	cJSON *all = NULL;
	int rc = -1;
	bool ok;

	memset(event, 0, sizeof(*event));
	/* The past goes out oldest first: what Klaviyo hears last of a person
	   is what it keeps of them. */
	if (lane == KLAVIYO_HISTORICAL && when < now)
		event->due = when;
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
	if (event->event != NULL && (event->id = kl_join(id, 3)) != NULL)
		rc = 0;
out:
	if (rc != 0)
		kl_event_free(event);
	cJSON_Delete(all);
	cJSON_Delete(properties);
	return rc;
}

int
kl_event_make(struct kl_event *event, const char *metric, const char *unique_id,
    int64_t when, const struct klaviyo_profile *profile, int64_t value,
    const char *currency, cJSON *properties, enum klaviyo_lane lane,
    int64_t now)
{
	if (make_event(event, metric, unique_id, when, value, currency,
	        properties, lane, now) != 0)
		return -1;
	event->profile = freeze_profile(kl_profile_data(profile));
	if (event->profile != NULL && put_email(event, profile->email) == 0)
		return 0;
	kl_event_free(event);
	return -1;
}

int
kl_event_make_like(struct kl_event *event, const struct kl_event *first,
    const char *metric, const char *unique_id, int64_t when, int64_t value,
    const char *currency, cJSON *properties, enum klaviyo_lane lane,
    int64_t now)
{
	if (make_event(event, metric, unique_id, when, value, currency,
	        properties, lane, now) != 0)
		return -1;
	event->profile = kl_copy(first->profile);
	if (event->profile != NULL && put_email(event, first->email) == 0)
		return 0;
	kl_event_free(event);
	return -1;
}

int
kl_row_make(struct kl_event *row, const char *kind, const char *name,
    const char *id, cJSON *profile, cJSON *data, const char *email)
{
	const char *const part[] = {name, "/", id};
	int rc = -1;

	memset(row, 0, sizeof(*row));
	row->kind = kind;
	if (profile == NULL || data == NULL ||
	    kl_check_length(id, MAX_UNIQUE_ID, "id") != 0 ||
	    kl_check(data, "data") != 0)
		goto out;
	row->event = freeze(data, MAX_EVENT, "data");
	row->profile = freeze_profile(profile);
	profile = data = NULL;
	if (row->event != NULL && row->profile != NULL &&
	    put_email(row, email) == 0 && (row->id = kl_join(part, 3)) != NULL)
		rc = 0;
out:
	if (rc != 0)
		kl_event_free(row);
	cJSON_Delete(profile);
	cJSON_Delete(data);
	return rc;
}

char *
kl_event_body(const char *profile, const char *event)
{
	static const char before[] = "{\"data\":{\"type\":\"event\","
	                             "\"attributes\":",
	                  between[] = ",\"profile\":{\"data\":",
	                  after[] = "}}}}";
	size_t n = strlen(event);
	char *body, *to;

	if (n < 3 || event[0] != '{' || event[n - 1] != '}' ||
	    profile[0] != '{') {
		kl_fail("the stored texts are not an event's");
		return NULL;
	}
	body = malloc(sizeof(before) + n + sizeof(between) + strlen(profile) +
	              sizeof(after));
	if (body == NULL) {
		kl_fail("out of memory");
		return NULL;
	}
	to = stpcpy(body, before);
	/* the event's members, up to its closing brace */
	to = mempcpy(to, event, n - 1);
	to = stpcpy(to, between);
	to = stpcpy(to, profile);
	memcpy(to, after, sizeof(after));
	return body;
}
