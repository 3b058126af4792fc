/*
 * held.c - what Klaviyo holds: the account of the key, and the events of a
 * metric.
 *
 * Promises: believes nothing of what it reads: an answer of another shape is an
 * error, never a crash.  A next page is asked for only at the address of the
 * options, and pages that lead in a circle are an error.
 *
 * Does not compare: that is the host's.
 */
#include "api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *
text_of(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(member(object, name));

	return text && kl_utf8_ok(text) ? text : "";
}

/* The answer to GET ${path}: an object with the array "data". */
static cJSON *
get(struct klaviyo *klaviyo, const char *path)
{
	struct klaviyo_reply reply;
	cJSON *tree = NULL;

	if (klaviyo_ask(klaviyo, "GET", path, NULL, &reply))
		return NULL;
	if (reply.status == 404)
		kl_fail("Klaviyo does not know this address or the revision "
		        "(HTTP 404): check KLAVIYO_API_URL and "
		        "KLAVIYO_REVISION");
	else if (!(tree = cJSON_Parse(reply.body)) ||
	         !cJSON_IsArray(member(tree, "data"))) {
		cJSON_Delete(tree);
		tree = NULL;
		kl_fail("Klaviyo's answer cannot be read: check "
		        "KLAVIYO_API_URL");
	}
	free(reply.body);
	return tree;
}

/* A listing, page by page.  Each link is compared with one from before: the
   first, the second, the fourth, the eighth .. (Brent's way), so that a circle
   of any length is found, and two links are kept. */
struct listing {
	char *path;    /* of the page to ask for; NULL: there is none left */
	char *mark;    /* the link from before */
	int64_t since; /* links since that */
	int64_t far;   /* .. at which another one is taken */
};

static void
listing_end(struct listing *l)
{
	free(l->path);
	free(l->mark);
	*l = (struct listing){.path = NULL};
}

/* Takes ${path}, which may be NULL: out of memory. */
static int
listing_begin(struct listing *l, char *path)
{
	*l = (struct listing){.path = path, .far = 1};
	if (path && (l->mark = kl_copy(path)))
		return 0;
	listing_end(l);
	return -1;
}

static int
goes_round(struct listing *l, const char *next)
{
	char *mark;

	if (strcmp(next, l->mark) == 0)
		return kl_fail("Klaviyo's pages lead in a circle: the next one "
		               "was there before");
	if (++l->since < l->far)
		return 0;
	if (!(mark = kl_copy(next)))
		return -1;
	free(l->mark);
	l->mark = mark;
	l->since = 0;
	l->far *= 2;
	return 0;
}

/* Goes from the page that ${tree} is to the next one, if there is one. */
static int
next_page(struct listing *l, const cJSON *tree)
{
	const char *next = text_of(member(tree, "links"), "next");
	char *path = NULL;

	if (*next && (goes_round(l, next) || !(path = kl_copy(next))))
		return -1;
	free(l->path);
	l->path = path;
	return 0;
}

int
klaviyo_account(struct klaviyo *klaviyo, char **public_key)
{
	cJSON *tree =
	    get(klaviyo, "/api/accounts?fields%5Baccount%5D=public_api_key");
	const char *key;

	*public_key = NULL;
	if (!tree)
		return -1;
	key = text_of(
	    member(cJSON_GetArrayItem(member(tree, "data"), 0), "attributes"),
	    "public_api_key");
	if (!*key)
		kl_fail("Klaviyo names no account of this key");
	else
		*public_key = kl_copy(key);
	cJSON_Delete(tree);
	return *public_key ? 0 : -1;
}

/* ------------------------------------------------------------------- metric */

/* Of several with the name the one that comes by the API, else the first. */
static int
look_for_metric(const cJSON *tree, const char *name, char **id, bool *by_api)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, member(tree, "data"))
	{
		const cJSON *attributes = member(one, "attributes");
		bool api = strcasecmp(text_of(member(attributes, "integration"),
		                          "name"),
		               "API") == 0;

		if (strcmp(text_of(attributes, "name"), name) != 0 ||
		    (*id && !api))
			continue;
		free(*id);
		*by_api |= api;
		if (!(*id = kl_copy(text_of(one, "id"))))
			return -1;
	}
	return 0;
}

/* *${id} for free(); NULL if Klaviyo has never seen it. */
static int
find_metric(struct klaviyo *klaviyo, const char *name, char **id)
{
	struct listing l;
	bool failed, by_api = false;
	cJSON *tree;

	*id = NULL;
	failed = listing_begin(
	    &l, kl_copy("/api/metrics?fields%5Bmetric%5D=name,integration"));
	while (l.path && !failed && !by_api) {
		tree = get(klaviyo, l.path);
		failed = !tree || look_for_metric(tree, name, id, &by_api) ||
		         next_page(&l, tree);
		cJSON_Delete(tree);
	}
	listing_end(&l);
	if (failed) {
		free(*id);
		*id = NULL;
	}
	return failed ? -1 : 0;
}

/* ------------------------------------------------------------------- events */

static int
iso_time(int64_t when, char text[40])
{
	time_t seconds = when;
	struct tm tm;

	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(text, 40, "%Y-%m-%dT%H:%M:%SZ", &tm))
		return kl_fail("no such year");
	return 0;
}

static char *
events_path(const char *metric, int64_t since, int64_t until)
{
	char from[40], to[40], *text = NULL, *filter = NULL, *path = NULL;

	if (iso_time(since, from) || iso_time(until, to))
		return NULL;
	if (asprintf(&text,
	        "equals(metric_id,\"%s\"),greater-or-equal(datetime,%s),"
	        "less-than(datetime,%s)",
	        metric, from, to) < 0)
		text = NULL;
	if (text && (filter = kl_encode(text)) &&
	    asprintf(&path,
	        "/api/events?filter=%s&fields%%5Bevent%%5D=datetime,"
	        "event_properties&page%%5Bsize%%5D=1000&sort=datetime",
	        filter) < 0)
		path = NULL;
	if (!path)
		kl_fail("out of memory");
	free(filter);
	free(text);
	return path;
}

/* "2026-07-15T10:30:00+00:00", seconds with or without a fraction; -1. */
static int64_t
time_of(const char *text)
{
	struct tm tm = {.tm_isdst = 0};
	int64_t offset;
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

	if (!rest)
		return -1;
	if (*rest == '.')
		rest += 1 + strspn(rest + 1, "0123456789");
	if (!strptime(rest, "%z", &tm))
		return -1;
	offset = tm.tm_gmtoff; /* which timegm() sets to 0 */
	return timegm(&tm) - offset;
}

static int
tell_page(const cJSON *tree, klaviyo_held_each *each, void *arg, int64_t *n)
{
	const cJSON *one;

	cJSON_ArrayForEach(one, member(tree, "data"))
	{
		const cJSON *attributes = member(one, "attributes");
		const char *id =
		    kl_held_id(member(attributes, "event_properties"));
		int64_t when = time_of(text_of(attributes, "datetime"));

		if (when < 0)
			return kl_fail("Klaviyo's answer cannot be read: an "
			               "event without a time");
		if (each(arg, id && kl_utf8_ok(id) ? id : "", when))
			return kl_fail("the listing was stopped");
		++*n;
	}
	return 0;
}

int64_t
klaviyo_held(struct klaviyo *klaviyo, enum klaviyo_metric metric, int64_t since,
    int64_t until, klaviyo_held_each *each, void *arg)
{
	const char *name = klaviyo_metric_name(metric);
	struct listing l = {.path = NULL};
	char *id = NULL;
	bool failed = false;
	int64_t n = 0;
	cJSON *tree;

	if (!name)
		return kl_fail("there is no such metric");
	if (find_metric(klaviyo, name, &id))
		return -1;
	if (id && listing_begin(&l, events_path(id, since, until)))
		failed = true;
	while (l.path && !failed) {
		tree = get(klaviyo, l.path);
		failed = !tree || tell_page(tree, each, arg, &n) ||
		         next_page(&l, tree);
		cJSON_Delete(tree);
	}
	listing_end(&l);
	free(id);
	return failed ? -1 : n;
}
