/*
 * endpoints.c - Klaviyo's endpoints, one row each, and what all have in common.
 *
 * A request is judged in this order: path, method, key, revision, rate, content
 * type, body is JSON, shape. The first that fails decides the status. A new
 * endpoint is a row, a shape in shapes.c and a function that serves it.
 */
#include "sandbox.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *option_private_key, *option_public_key;

static void serve_event(struct call *), serve_bulk(struct call *),
    serve_client_bulk(struct call *);

/* clang-format off */
static const struct endpoint endpoints[] = {
    {"POST", "/api/events", 0, TIER_XL, shape_event, serve_event},
    {"POST", "/api/event-bulk-create-jobs", 0, TIER_M, shape_bulk, serve_bulk},
    {"GET", "/api/profiles", 0, TIER_L, NULL, profile_find},
    {"POST", "/api/profiles", 0, TIER_L, shape_profile_create, profile_create},
    {"GET", "/api/profiles/{id}", 0, TIER_L, NULL, profile_get},
    {"PATCH", "/api/profiles/{id}", 0, TIER_L, shape_profile_update,
	profile_update},
    {"POST", "/api/profile-import", 0, TIER_L, shape_profile_import,
	profile_import},
    {"POST", "/client/events", 1, TIER_XL, shape_event, serve_event},
    {"POST", "/client/profiles", 1, TIER_XL, shape_client_profile,
	profile_identify},
    {"POST", "/client/event-bulk-create", 1, TIER_M, shape_client_bulk,
	serve_client_bulk},
};
/* clang-format on */
enum { ENDPOINTS = sizeof endpoints / sizeof *endpoints };

/* Newest first. The retired are served as the oldest that is not. */
static const struct {
	const char *name;
	int retired;
} revisions[] = {{"2026-07-15", 0}, {"2026-04-15", 0}, {"2026-01-15", 0},
    {"2025-10-15", 0}, {"2025-07-15", 0}, {"2025-04-15", 0}, {"2025-01-15", 0},
    {"2024-10-15", 1}, {"2024-07-15", 1}, {"2024-06-15", 1}, {"2024-05-15", 1},
    {"2024-02-15", 1}, {"2023-12-15", 1}, {"2023-10-15", 1}, {"2023-09-15", 1},
    {"2023-08-15", 1}, {"2023-07-15", 1}, {"2023-06-15", 1}, {"2023-02-22", 1},
    {"2023-01-24", 1}, {"2022-12-15", 1}, {"2022-10-17", 1}};
static const char oldest[] = "2025-01-15";

static int
path_matches(const char *pattern, const char *path, char *id, size_t n)
{
	size_t fixed = strcspn(pattern, "{"), len = strlen(path);

	if (len > 1 && path[len - 1] == '/') /* tolerated, as by Klaviyo */
		len--;
	if (strncmp(pattern, path, fixed))
		return 0;
	if (!pattern[fixed])
		return len == fixed;
	if (len <= fixed || len - fixed >= n ||
	    memchr(path + fixed, '/', len - fixed))
		return 0;
	memcpy(id, path + fixed, len - fixed);
	id[len - fixed] = 0;
	return 1;
}

void
call_error(struct call *c, int status, const char *code, const char *title,
    const char *detail)
{
	report_error(&c->report, status, code, title,
	    status == 400 ? "/data" : NULL, NULL, detail);
}

/* Sets the 404 or 405 when there is none. */
const struct endpoint *
endpoint_find(struct call *c)
{
	int other = 0;

	for (int i = 0; i < ENDPOINTS; i++) {
		if (!path_matches(
		        endpoints[i].path, c->path, c->id, sizeof c->id))
			continue;
		if (!strcmp(endpoints[i].method, c->method))
			return &endpoints[i];
		other = 1;
	}
	if (other)
		call_error(c, 405, "method_not_allowed", "Method not allowed.",
		    "This method is not allowed for this path.");
	else
		call_error(c, 404, "not_found", "Not found.",
		    "No such endpoint (or not one the sandbox knows).");
	return NULL;
}

static int
check_private_key(struct call *c)
{
	const char *header = call_header(c, "Authorization");

	if (!header) {
		call_error(c, 401, "not_authenticated",
		    "Authentication "
		    "credentials were not provided.",
		    "Missing or invalid private key.");
	} else if (strncmp(header, "Klaviyo-API-Key ", 16) || !header[16] ||
	           strpbrk(header + 16, " \t")) {
		call_error(c, 401, "authentication_failed",
		    "Incorrect authentication credentials.",
		    "Expected: Authorization: Klaviyo-API-Key <private key>.");
	} else if (option_private_key &&
	           strcmp(header + 16, option_private_key)) {
		call_error(c, 401, "authentication_failed",
		    "Incorrect authentication credentials.",
		    "The private key is not the account's (--private-key).");
	}
	return c->report.count ? -1 : 0;
}

static int
check_public_key(struct call *c)
{
	const char *company = call_query(c, "company_id");
	const char *header = call_header(c, "Authorization");

	if (header)
		call_error(c, 400, "invalid", "Invalid input.",
		    "Client endpoints take no Authorization header; a private "
		    "key must never reach a browser.");
	else if (!company || !*company)
		call_error(c, 400, "invalid", "Invalid input.",
		    "The company_id query parameter is required.");
	else if (!strncmp(company, "pk_", 3))
		call_error(c, 400, "invalid", "Invalid input.",
		    "company_id is the public key, not the private one.");
	else if (option_public_key && strcmp(company, option_public_key))
		call_error(c, 400, "invalid", "Invalid input.",
		    "company_id is not the account's (--public-key).");
	return c->report.count ? -1 : 0;
}

static int
check_revision(struct call *c, const char **revision)
{
	const char *given = call_header(c, "revision");

	*revision = oldest;
	if (!given) {
		call_error(c, 400, "missing_revision", "Invalid input.",
		    "The revision header is required (YYYY-MM-DD).");
		return -1;
	}
	for (size_t i = 0; i < sizeof revisions / sizeof *revisions; i++) {
		if (strcmp(given, revisions[i].name))
			continue;
		if (!revisions[i].retired)
			*revision = revisions[i].name;
		else if (call_header(
		             c, "X-Klaviyo-Revision-Fall-Forward-Opt-Out")) {
			call_error(c, 410, "gone", "Gone.",
			    "This revision has been retired.");
			return -1;
		}
		return 0;
	}
	call_error(c, 400, "invalid_revision", "Invalid input.",
	    strcmp(given, revisions[0].name) > 0
	        ? "Unable to specify a future revision date."
	        : "Unknown revision.");
	return -1;
}

static int
check_content_type(struct call *c)
{
	const char *type = call_header(c, "Content-Type");
	const char *coding = call_header(c, "Content-Encoding");
	size_t n = type ? strcspn(type, "; \t") : 0;

	if ((n == 24 && !strncasecmp(type, "application/vnd.api+json", n)) ||
	    (n == 16 && !strncasecmp(type, "application/json", n)))
		if (!coding || !strcasecmp(coding, "identity"))
			return 0;
	call_error(c, 415, "unsupported_media_type", "Unsupported media type.",
	    "Expected application/vnd.api+json, without Content-Encoding.");
	return -1;
}

static int
check_body(struct call *c, const char *revision)
{
	struct walk w = {.report = &c->report,
	    .revision = revision,
	    .now = c->received / 1000};
	const char *why;
	char detail[160];

	if (check_content_type(c))
		return -1;
	if (c->body_len > (size_t)5 << 20) {
		call_error(c, 413, "payload_too_large", "Payload too large.",
		    "A request body has at most 5 MB.");
		return -1;
	}
	c->doc = json_parse(c->body, c->body_len, &why);
	if (!c->doc) {
		snprintf(
		    detail, sizeof detail, "The body is not JSON: %s.", why);
		call_error(c, 400, "invalid", "Invalid input.", detail);
		return -1;
	}
	schema_check(&w, c->endpoint->shape, json_root(c->doc));
	return c->report.count ? -1 : 0;
}

struct arrival
call_arrival(const struct call *c)
{
	return (struct arrival){.method = c->method,
	    .path = c->target,
	    .headers = c->headers,
	    .browser = c->endpoint ? c->endpoint->browser
	                           : !strncmp(c->path, "/client", 7),
	    .status = c->status,
	    .received = c->received,
	    .fault = c->fault.kind ? c->fault.name : NULL};
}

static void
refuse(struct call *c)
{
	struct arrival a;

	c->status = c->report.status;
	c->reply.n = 0;
	buf_printf(&c->reply, "{\"errors\":[%s]}",
	    c->report.errors.n ? c->report.errors.p : "");
	a = call_arrival(c);
	events_refused(&a, REFUSED, c->report.errors.p, c->body ? c->body : "",
	    c->body_len, json_root(c->doc));
}

void
endpoint_run(struct call *c)
{
	const char *revision;

	c->type = "application/vnd.api+json";
	if (c->report.count || !(c->endpoint = endpoint_find(c)))
		goto out;
	if (c->endpoint->browser ? check_public_key(c) : check_private_key(c))
		goto out;
	if (check_revision(c, &revision))
		goto out;
	state_lock();
	c->rate =
	    windows_take((int)(c->endpoint - endpoints), c->endpoint->tier);
	state_unlock();
	if (c->rate.limited) {
		call_error(c, 429, "throttled", "Request was throttled.",
		    "Too many requests: wait as long as Retry-After says.");
		goto out;
	}
	if (c->endpoint->shape && check_body(c, revision))
		goto out;
out:
	state_lock();
	if (!c->report.count)
		c->endpoint->serve(c);
	if (c->report.count)
		refuse(c);
	state_unlock();
}

void
endpoints_windows(struct buf *b)
{
	buf_str(b, "[");
	for (int i = 0; i < ENDPOINTS; i++) {
		buf_printf(b, "%s{\"method\":\"%s\",\"path\":\"%s\",",
		    i ? "," : "", endpoints[i].method, endpoints[i].path);
		windows_json(b, i, endpoints[i].tier);
		buf_str(b, "}");
	}
	buf_str(b, "]");
}

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

static void
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

/* All or nothing: nothing is taken before everything was checked. */
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

static void
serve_bulk(struct call *c)
{
	take_groups(c, json_path(json_root(c->doc), "data", "attributes",
	                   "events-bulk-create", "data", NULL)
	                   ->child);
}

static void
serve_client_bulk(struct call *c)
{
	take_groups(c, json_get(json_root(c->doc), "data"));
}
