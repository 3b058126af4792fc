/*
 * rules.c - what a value must satisfy beyond its type.
 *
 * Klaviyo's documented limits: its events overview, date-format guide and
 * profiles guide. Klaviyo says of some limits only that the overflow is not
 * processed; here every one of them refuses the request, so that it is seen.
 */
#include "schema.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum {
	EMAIL_MAX = 100,
	UNIQUE_ID_MAX = 255,
	METRIC_MAX = 127,
	METRICS_MAX = 200,
	PROPERTIES_MAX = 400,
	STRING_MAX = 100 * 1024,
	ARRAY_MAX = 4000,
	DEPTH_MAX = 10,
	PROFILE_MAX = 100 * 1024,
	PROFILE_IN_EVENT_MAX = 95 * 1024,
	BULK_MAX = 1000
};

int
email_ok(const char *s)
{
	const char *at = strchr(s, '@');

	if (!at || at == s || strchr(at + 1, '@') || !strchr(at + 1, '.') ||
	    strlen(s) > EMAIL_MAX || at[1] == '.' || strstr(s, "..") ||
	    s[strlen(s) - 1] == '.' || at[-1] == '.' || *s == '.')
		return 0;
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || strchr("\"(),:;<>[\\]\x7f", *p))
			return 0;
	return 1;
}

int
email_dropped(const char *email)
{
	static const char *const domains[] = {
	    "example.com", "example.org", "example.net", "test.com"};
	const char *at = strrchr(email, '@');

	for (size_t i = 0; at && i < sizeof domains / sizeof *domains; i++)
		if (!strcasecmp(at + 1, domains[i]))
			return 1;
	return 0;
}

int
phone_ok(const char *s)
{
	size_t n = strlen(s);

	return n >= 8 && n <= 16 && s[0] == '+' && s[1] != '0' &&
	       strspn(s + 1, "0123456789") == n - 1;
}

static int
two(const char **s, char before, int *out)
{
	if ((before && *(*s)++ != before) || !isdigit((unsigned char)**s) ||
	    !isdigit((unsigned char)(*s)[1]))
		return -1;
	*out = (**s - '0') * 10 + (*s)[1] - '0';
	*s += 2;
	return 0;
}

/* Z, +01:00, +0100; 0 with *zone 0 when there is none; -1 when malformed. */
static int
offset(const char *s, int *zone, long *seconds)
{
	int sign = *s == '-' ? -1 : 1, h, m;

	*seconds = 0;
	*zone = *s != 0;
	if (!*s || !strcmp(s, "Z"))
		return 0;
	if (*s != '+' && *s != '-')
		return -1;
	s++;
	if (two(&s, 0, &h) || two(&s, *s == ':' ? ':' : 0, &m) || *s ||
	    h > 23 || m > 59)
		return -1;
	*seconds = sign * (h * 3600L + m * 60L);
	return 0;
}

int64_t
time_parse(const char *s, int *zone)
{
	static const int days[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	struct tm tm = {0};
	int century, year;
	long east;

	*zone = 0;
	if (two(&s, 0, &century) || two(&s, 0, &year) ||
	    two(&s, '-', &tm.tm_mon) || two(&s, '-', &tm.tm_mday))
		return -1;
	if (*s == 'T') {
		s++;
		if (two(&s, 0, &tm.tm_hour))
			return -1;
		if (*s == ':' && two(&s, ':', &tm.tm_min))
			return -1;
		if (*s == ':' && two(&s, ':', &tm.tm_sec))
			return -1;
		if (*s == '.') {
			s++;
			if (!isdigit((unsigned char)*s))
				return -1;
			s += strspn(s, "0123456789");
		}
	}
	year += century * 100;
	if (offset(s, zone, &east) || tm.tm_mon < 1 || tm.tm_mon > 12 ||
	    tm.tm_mday < 1 || tm.tm_hour > 23 || tm.tm_min > 59 ||
	    tm.tm_sec > 60 || year < 1000 ||
	    tm.tm_mday > days[tm.tm_mon - 1] +
	                     (tm.tm_mon == 2 &&
	                         (year % 4 == 0 &&
	                             (year % 100 != 0 || year % 400 == 0))))
		return -1;
	tm.tm_year = year - 1900;
	tm.tm_mon--;
	return timegm(&tm) - east;
}

void
rule_email(struct walk *w, const struct json *v)
{
	if (v->size > EMAIL_MAX)
		walk_fail(w, NULL,
		    "An email address has at most %d characters.", EMAIL_MAX);
	else if (!email_ok(v->str))
		walk_fail(w, NULL, "Invalid email address");
}

/* A bad phone number is forgiven when a good address comes with it. */
void
rule_phone_owner(struct walk *w, const struct json *v)
{
	const char *phone = json_text(v, "phone_number");
	const char *email = json_text(v, "email");
	int in_event = strstr(w->path, "/profile/") != NULL;
	size_t max = in_event ? PROFILE_IN_EVENT_MAX : PROFILE_MAX;

	if (phone && !phone_ok(phone) && !(email && email_ok(email)))
		walk_fail(w, "phone_number",
		    "Invalid phone number format (Example of a valid format: "
		    "+12345678901)");
	if (v->len > max)
		walk_fail(
		    w, NULL, "A profile has at most %zu bytes here.", max);
}

void
rule_known_person(struct walk *w, const struct json *v)
{
	struct given g = people_given(v);

	for (int i = 0; i < IDENTITIES; i++)
		if (g.id[i])
			return;
	walk_fail(w, "attributes",
	    "At least one profile identifier is required: id, email, "
	    "phone_number, external_id, anonymous_id or _kx.");
}

void
rule_time(struct walk *w, const struct json *v)
{
	int zone;
	int64_t t = time_parse(v->str, &zone);
	int earliest = strcmp(w->revision, "2026-07-15") < 0 ? 2000 : 1990;

	if (t == -1)
		walk_fail(w, NULL,
		    "Not an ISO 8601 date-time with upper-case T and Z, such "
		    "as 2022-11-08T00:00:00Z.");
	else if (t < (earliest - 1970) * INT64_C(31556952))
		walk_fail(w, NULL, "Before the year %d.", earliest);
	else if (t > w->now + 366 * INT64_C(86400))
		walk_fail(w, NULL, "More than one year ahead.");
}

void
rule_currency(struct walk *w, const struct json *v)
{
	if (v->size != 3 || strspn(v->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		walk_fail(w, NULL, "Not an ISO 4217 code, such as USD.");
}

void
rule_unique_id(struct walk *w, const struct json *v)
{
	if (v->size < 1 || v->size > UNIQUE_ID_MAX)
		walk_fail(w, NULL, "A unique_id has 1 to %d characters.",
		    UNIQUE_ID_MAX);
}

void
rule_metric(struct walk *w, const struct json *v)
{
	if (v->size < 1 || v->size > METRIC_MAX)
		walk_fail(w, NULL, "A metric's name has 1 to %d characters.",
		    METRIC_MAX);
}

static void
limits(struct walk *w, const struct json *v, int depth)
{
	size_t n = v->type == JSON_STRING ? v->size : 0;

	if (n > STRING_MAX)
		walk_fail(
		    w, v->key, "A string has at most %d bytes.", STRING_MAX);
	if (v->type == JSON_ARRAY && v->size > ARRAY_MAX)
		walk_fail(
		    w, v->key, "An array has at most %d items.", ARRAY_MAX);
	if (v->type == JSON_OBJECT && ++depth > DEPTH_MAX) {
		walk_fail(
		    w, v->key, "Nested deeper than %d levels.", DEPTH_MAX);
		return;
	}
	for (v = v->child; v; v = v->next)
		limits(w, v, depth);
}

void
rule_properties(struct walk *w, const struct json *v)
{
	if (v->size > PROPERTIES_MAX)
		walk_fail(w, NULL, "An event has at most %d properties.",
		    PROPERTIES_MAX);
	for (v = v->child; v; v = v->next)
		limits(w, v, 1);
}

void
rule_not_empty(struct walk *w, const struct json *v)
{
	if (!v->size)
		walk_fail(w, NULL, "At least one event is required.");
}

static size_t
events_of(const struct json *group)
{
	const struct json *v =
	    json_path(group, "attributes", "events", "data", NULL);

	return v ? v->size : 0;
}

/* In one request no unique_id may come twice for a profile and metric. */
static void
bulk(struct walk *w, const struct json *groups, size_t events)
{
	char pointer[64];

	if (!events)
		walk_fail(w, NULL, "At least one event is required.");
	else if (events > BULK_MAX)
		walk_fail(w, NULL, "At most %d events in one request, not %zu.",
		    BULK_MAX, events);
	else if (events_repeat(groups, pointer, sizeof pointer))
		walk_fail(w, NULL,
		    "The unique_id of %s is repeated for the "
		    "same profile and metric.",
		    pointer);
}

void
rule_bulk(struct walk *w, const struct json *v)
{
	size_t n = 0;

	for (const struct json *g = v->child; g; g = g->next)
		n += events_of(g);
	bulk(w, v->child, n);
}

void
rule_group(struct walk *w, const struct json *v)
{
	bulk(w, v, events_of(v));
}
