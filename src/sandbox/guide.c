/*
 * guide.c - does an event carry what Klaviyo's guide says it should?
 *
 * The guide is "Integrate an Ecommerce Platform Without a Pre-Built Klaviyo
 * Integration". Property names are free as far as the API goes, so a misspelled
 * one is no error there and is found only when an e-mail stays empty. Here each
 * metric of the guide has a table; a property that is not there, is of another
 * type or has a name that only resembles the guide's is counted and told.
 */
#include "guide.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *const where_names[] = {
    "event", "properties", "Items[]", "profile", "profile properties"};
static const char *const prefixes[] = {
    "", "", "Items[].", "profile.", "profile.properties."};
static const char *const type_names[] = {
    "text", "number", "list of texts", "object", "list of objects"};

static const struct want *
want_at(const struct expected *e, int i)
{
	int n = 0;

	while (e->wants[0][n].name)
		n++;
	return i < n ? &e->wants[0][i] : &e->wants[1][i - n];
}

static int
fits(enum type t, const struct json *v)
{
	static const enum json_type types[] = {
	    JSON_STRING, JSON_NUMBER, JSON_ARRAY, JSON_OBJECT, JSON_ARRAY};
	enum json_type of = t == TEXTS ? JSON_STRING : JSON_OBJECT;

	if (v->type != types[t])
		return 0;
	if (t == TEXTS || t == OBJECTS)
		for (v = v->child; v; v = v->next)
			if (v->type != of)
				return 0;
	return 1;
}

/* Letters and digits only, in lower case. */
static void
plain(char out[48], const char *s)
{
	size_t n = 0;

	for (; *s && n < 47; s++)
		if (isalnum((unsigned char)*s))
			out[n++] = (char)tolower((unsigned char)*s);
	out[n] = 0;
}

/* Edit distance of two short texts. */
static int
distance(const char *a, const char *b)
{
	size_t n = strlen(b);
	int row[49];

	for (size_t j = 0; j <= n; j++)
		row[j] = (int)j;
	for (int i = 1; a[i - 1]; i++) {
		int corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			int up = row[j];
			int best = corner + (a[i - 1] != b[j - 1]);

			if (up + 1 < best)
				best = up + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			corner = up;
		}
	}
	return row[n];
}

static int
resembles(const char *name, const char *other)
{
	char a[48] = "", b[48] = "";

	plain(a, name);
	plain(b, other);
	return !strcmp(a, b) || (strlen(a) > 4 && distance(a, b) <= 2);
}

static int
wanted(const struct expected *e, enum where where, const char *name)
{
	const struct want *w;

	for (int i = 0; (w = want_at(e, i))->name; i++)
		if (w->where == where && !strcmp(w->name, name))
			return 1;
	return 0;
}

PRINTF(2, 3)
static void
tell(struct buf *remarks, const char *fmt, ...)
{
	struct buf s = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&s, fmt, ap);
	va_end(ap);
	buf_str(remarks, remarks->n ? "," : "");
	buf_json(remarks, s.p, s.n);
	buf_free(&s);
}

static void
judge(const struct expected *e, const struct want *w, struct stat *s,
    const struct json *object, struct buf *remarks, struct buf *missing)
{
	const struct json *v = json_get(object, w->name);

	if (v && v->type != JSON_NULL) {
		s->seen++;
		if (!fits(w->type, v)) {
			s->mistyped++;
			tell(remarks, "guide: %s %s should be a %s",
			    where_names[w->where], w->name,
			    type_names[w->type]);
		}
		return;
	}
	s->missing++;
	for (v = object && w->where != EVENT && w->where != PERSON
	             ? object->child
	             : NULL;
	     v; v = v->next)
		if (!wanted(e, w->where, v->key) &&
		    resembles(v->key, w->name)) {
			snprintf(s->instead, sizeof s->instead, "%s", v->key);
			s->misspelled++;
			tell(remarks,
			    "guide: %s \"%.60s\" should be spelled "
			    "%s",
			    where_names[w->where], v->key, w->name);
			return;
		}
	if (!w->optional)
		buf_printf(missing, "%s%s%s", missing->n ? ", " : "",
		    prefixes[w->where], w->name);
}

/* A password has no place in an event, in whatever form. */
static void
no_password(const struct json *values, struct buf *remarks)
{
	for (values = values && values->type == JSON_OBJECT ? values->child
	                                                    : NULL;
	     values; values = values->next)
		if (strcasestr(values->key, "password"))
			tell(remarks,
			    "guide: %s is in the values: a password has no "
			    "place in an event",
			    values->key);
}

/* What no table says. */
static void
sense(const char *metric, const struct json *properties,
    const struct json *person, struct buf *remarks)
{
	const char *lead = json_text(properties, "LeadEmailAddress");
	const char *email = json_text(person, "email");
	const char *update = json_text(properties, "UpdateType");

	if (!strcmp(metric, "Updated Account")) {
		no_password(json_get(properties, "OldValues"), remarks);
		no_password(json_get(properties, "NewValues"), remarks);
	}
	if (!strcmp(metric, "New Lead") && lead && email &&
	    !strcasecmp(lead, email))
		tell(remarks,
		    "guide: New Lead is on the representative's profile, not "
		    "on the lead's");
	if (!strcmp(metric, "Shipping Update") && update &&
	    strcmp(update, "Shipped") && strcmp(update, "Out for delivery") &&
	    strcmp(update, "Delivered"))
		tell(remarks,
		    "guide: UpdateType \"%.60s\" is none of Shipped, Out for "
		    "delivery, Delivered",
		    update);
}

/* Klaviyo takes every metric: a slip of the pen makes one of its own, which no
   flow of the shop waits for. */
static void
other_metric(const char *metric, struct buf *remarks)
{
	for (const struct expected *e = expected; e < expected + METRICS; e++)
		if (resembles(metric, e->metric)) {
			tell(remarks,
			    "guide: the metric \"%.60s\" should be spelled %s",
			    metric, e->metric);
			return;
		}
}

/* Of a refused event: a member that is where the guide prints it by mistake. */
void
guide_misplaced(const struct json *root, struct buf *remarks)
{
	const struct json *data = json_get(root, "data");
	const struct json *a = json_get(data, "attributes");
	const struct json *v =
	    json_path(a, "metric", "data", "attributes", NULL);

	for (v = v && v->type == JSON_OBJECT ? v->child : NULL; v; v = v->next)
		if (strcmp(v->key, "name") && strcmp(v->key, "service"))
			tell(remarks,
			    "guide: %.60s is beside the metric's name; it "
			    "belongs in data.attributes.properties",
			    v->key);
	if (json_path(a, "profile", "data", "properties", NULL))
		tell(remarks, "guide: the profile's properties are beside its "
		              "attributes; they belong within them");
	for (v = a && data ? data->child : NULL; v; v = v->next)
		if (!strcmp(v->key, "time") || !strcmp(v->key, "unique_id"))
			tell(remarks,
			    "guide: %s is beside data.attributes; it belongs "
			    "within them",
			    v->key);
}

void
guide_note(const char *metric, const struct json *attributes,
    const struct json *profile, struct buf *remarks)
{
	const struct json *properties = json_get(attributes, "properties");
	const struct json *items = json_get(properties, "Items");
	const struct json *item =
	    items && items->type == JSON_ARRAY ? items->child : NULL;
	struct expected *e = expected;
	const struct json *place[5] = {NULL};
	struct buf missing = {0};
	const struct want *w;

	place[EVENT] = attributes;
	place[PROPERTY] = properties;
	place[PERSON] = json_get(profile, "attributes");
	place[PERSON_PROPERTY] = json_get(place[PERSON], "properties");
	while (e < expected + METRICS && strcmp(e->metric, metric))
		e++;
	if (e == expected + METRICS) {
		other_metric(metric, remarks);
		return;
	}
	e->events++;
	for (int i = 0; (w = want_at(e, i))->name; i++) {
		if (w->where != ITEM)
			judge(e, w, &e->stats[i], place[w->where], remarks,
			    &missing);
		else
			for (const struct json *v = item; v; v = v->next)
				if (v->type == JSON_OBJECT)
					judge(e, w, &e->stats[i], v, remarks,
					    &missing);
	}
	sense(metric, properties, place[PERSON], remarks);
	if (missing.n)
		tell(remarks, "guide: not there: %s", missing.p);
	buf_free(&missing);
}

void
guide_json(struct buf *b)
{
	const struct want *w;

	buf_str(b, "[");
	for (int m = 0; m < METRICS; m++) {
		const struct expected *e = &expected[m];

		buf_printf(b,
		    "%s{\"metric\":\"%s\",\"events\":%u,"
		    "\"properties\":[",
		    m ? "," : "", e->metric, e->events);
		for (int i = 0; (w = want_at(e, i))->name; i++) {
			const struct stat *s = &e->stats[i];

			buf_printf(b,
			    "%s{\"name\":\"%s\",\"where\":\"%s\","
			    "\"type\":\"%s\",\"optional\":%s,\"seen\":%u,"
			    "\"missing\":%u,\"mistyped\":%u,\"misspelled\":%u,"
			    "\"instead\":",
			    i ? "," : "", w->name, where_names[w->where],
			    type_names[w->type], w->optional ? "true" : "false",
			    s->seen, s->missing, s->mistyped, s->misspelled);
			buf_json(b, s->instead, strlen(s->instead));
			buf_str(b, "}");
		}
		buf_str(b, "]}");
	}
	buf_str(b, "]");
}

void
guide_clear(void)
{
	for (int m = 0; m < METRICS; m++) {
		expected[m].events = 0;
		memset(expected[m].stats, 0, sizeof expected[m].stats);
	}
}
