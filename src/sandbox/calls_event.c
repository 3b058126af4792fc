/*
 * calls_event.c - the endpoints that take events: one, a bulk, a browser's
 * bulk.
 *
 * Each is called with a body of the right shape, under the state's lock. A bulk
 * request is all or nothing: nothing is taken before everything was checked.
 */
#include "sandbox.h"

/* An account has 200 metrics at most; a name more is refused. */
static void
check_metric(struct call *c, const struct json *attributes)
{
	const char *name = json_text(
	    json_path(attributes, "metric", "data", "attributes", NULL),
	    "name");

	if (log_metrics() >= 200 && !log_metric_known(name))
		report_error(&c->report, 400, "invalid", "Invalid input.",
		    "/data/attributes/metric/data/attributes/name", NULL,
		    "The account has 200 metrics already.");
}

static int
is_true(const struct json *v)
{
	return v && v->type == JSON_BOOL && *v->src == 't';
}

void
serve_event(struct call *c)
{
	const struct json *a =
	    json_path(json_root(c->doc), "data", "attributes", NULL);
	struct arrival from;

	check_metric(c, a);
	if (c->report.count)
		return;
	c->status = 202;
	from = call_arrival(c);
	events_take(&from, a, json_path(a, "profile", "data", NULL), 0);
}

/* One group of a bulk request: a profile and its events. */
static void
take_group(struct call *c, const struct json *group, int check)
{
	const struct json *a = json_get(group, "attributes");
	const struct json *profile = json_path(a, "profile", "data", NULL);
	const struct json *v = json_path(a, "events", "data", NULL);
	struct arrival from = call_arrival(c);

	for (v = v->child; v; v = v->next)
		if (check)
			check_metric(c, json_get(v, "attributes"));
		else
			events_take(&from, json_get(v, "attributes"), profile,
			    is_true(json_get(a, "backfill")));
}

static void
take_groups(struct call *c, const struct json *groups)
{
	for (const struct json *g = groups; g; g = g->next)
		take_group(c, g, 1);
	if (c->report.count)
		return;
	c->status = 202;
	for (const struct json *g = groups; g; g = g->next)
		take_group(c, g, 0);
}

void
serve_bulk(struct call *c)
{
	take_groups(c, json_path(json_root(c->doc), "data", "attributes",
	                   "events-bulk-create", "data", NULL)
	                   ->child);
}

void
serve_client_bulk(struct call *c)
{
	take_groups(c, json_get(json_root(c->doc), "data"));
}
