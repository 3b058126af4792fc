/*
 * endpoints.c - Klaviyo's endpoints, one row each, and what all have in common.
 *
 * A request is judged in this order: path, method, key, scopes, revision, rate,
 * query parameters, content type, body is JSON, shape. The first that fails
 * decides the status. A new endpoint is a row, a shape in shapes.c and a
 * function that serves it.
 */
#include "schema.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A sparse fieldset of an account or a profile is taken, and not applied. */
/* clang-format off */
#define PAGES "page[cursor] page[size] filter sort "
#define FIELDS "additional-fields[profile] fields[profile]"
static const struct endpoint endpoints[] = {
    {"GET", "/api/accounts", "accounts:read", TIER_XS, NULL, serve_account,
	"fields[account]"},
    {"GET", "/api/metrics", "metrics:read", TIER_M, NULL, serve_metrics,
	"filter page[cursor] fields[metric]"},
    {"GET", "/api/events", "events:read", TIER_XL, NULL, serve_held,
	PAGES "include fields[event] fields[metric] fields[profile]"},
    {"POST", "/api/events", "events:write", TIER_XL, shape_event, serve_event,
	NULL},
    {"POST", "/api/event-bulk-create-jobs", "events:write", TIER_M, shape_bulk,
	serve_bulk, NULL},
    {"GET", "/api/profiles", "profiles:read", TIER_L, NULL, profile_find,
	PAGES FIELDS},
    {"POST", "/api/profiles", "profiles:write", TIER_L, shape_profile_create,
	profile_create, FIELDS},
    {"GET", "/api/profiles/{id}", "profiles:read", TIER_L, NULL, profile_get,
	FIELDS},
    {"PATCH", "/api/profiles/{id}", "profiles:write", TIER_L,
	shape_profile_update, profile_update, FIELDS},
    {"POST", "/api/profile-import", "profiles:write", TIER_L,
	shape_profile_import, profile_import, FIELDS},
    {"POST", "/api/profile-merge", "profiles:write", TIER_M, shape_merge,
	profile_merge, "fields[profile]"},
    {"POST", "/api/profile-subscription-bulk-create-jobs",
	"lists:write profiles:write subscriptions:write", TIER_L,
	shape_subscribe, serve_subscribe, ""},
    {"POST", "/api/profile-subscription-bulk-delete-jobs",
	"lists:write profiles:write subscriptions:write", TIER_L,
	shape_unsubscribe, serve_unsubscribe, ""},
    {"POST", "/api/back-in-stock-subscriptions",
	"catalogs:write profiles:write", TIER_XL, shape_stock, serve_stock, ""},
    {"POST", "/api/catalog-item-bulk-create-jobs", "catalogs:write",
	TIER_L, shape_items_create, serve_catalog_job, ""},
    {"POST", "/api/catalog-item-bulk-update-jobs", "catalogs:write",
	TIER_L, shape_items_update, serve_catalog_job, ""},
    {"POST", "/api/catalog-item-bulk-delete-jobs", "catalogs:write",
	TIER_L, shape_items_delete, serve_catalog_job, ""},
    {"GET", "/api/catalog-item-bulk-create-jobs/{job_id}",
	"catalogs:read", TIER_L, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-item-bulk-update-jobs/{job_id}",
	"catalogs:read", TIER_L, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-item-bulk-delete-jobs/{job_id}",
	"catalogs:read", TIER_XL, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-items", "catalogs:read", TIER_XL, NULL,
	serve_catalog, PAGES},
    {"POST", "/api/catalog-variant-bulk-create-jobs", "catalogs:write",
	TIER_L, shape_variants_create, serve_catalog_job, ""},
    {"POST", "/api/catalog-variant-bulk-update-jobs", "catalogs:write",
	TIER_L, shape_variants_update, serve_catalog_job, ""},
    {"POST", "/api/catalog-variant-bulk-delete-jobs", "catalogs:write",
	TIER_L, shape_variants_delete, serve_catalog_job, ""},
    {"GET", "/api/catalog-variant-bulk-create-jobs/{job_id}",
	"catalogs:read", TIER_L, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-variant-bulk-update-jobs/{job_id}",
	"catalogs:read", TIER_L, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-variant-bulk-delete-jobs/{job_id}",
	"catalogs:read", TIER_XL, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-variants", "catalogs:read", TIER_XL, NULL,
	serve_catalog, PAGES},
    {"POST", "/api/catalog-category-bulk-create-jobs", "catalogs:write",
	TIER_L, shape_categories_create, serve_catalog_job, ""},
    {"POST", "/api/catalog-category-bulk-update-jobs", "catalogs:write",
	TIER_L, shape_categories_update, serve_catalog_job, ""},
    {"POST", "/api/catalog-category-bulk-delete-jobs", "catalogs:write",
	TIER_L, shape_categories_delete, serve_catalog_job, ""},
    {"GET", "/api/catalog-category-bulk-create-jobs/{job_id}",
	"catalogs:read", TIER_XL, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-category-bulk-update-jobs/{job_id}",
	"catalogs:read", TIER_XL, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-category-bulk-delete-jobs/{job_id}",
	"catalogs:read", TIER_XL, NULL, serve_catalog_poll, ""},
    {"GET", "/api/catalog-categories", "catalogs:read", TIER_XL, NULL,
	serve_catalog, PAGES},
    {"POST", "/client/events", NULL, TIER_XL, shape_event, serve_event, NULL},
    {"POST", "/client/profiles", NULL, TIER_XL, shape_client_profile,
	profile_identify, NULL},
    {"POST", "/client/event-bulk-create", NULL, TIER_M, shape_client_bulk,
	serve_client_bulk, NULL},
    {"POST", "/client/subscriptions", NULL, TIER_FORM,
	shape_client_subscription, serve_client_subscription, NULL},
    {"POST", "/client/back-in-stock-subscriptions", NULL, TIER_XL, shape_stock,
	serve_stock, NULL},
};
/* clang-format on */
enum { ENDPOINTS = sizeof endpoints / sizeof *endpoints };
_Static_assert((int)ENDPOINTS <= (int)WINDOWS, "a window for each");

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
check_param(void *arg, const char *name)
{
	struct call *c = arg;
	const char *s = c->endpoint->params;
	size_t n = strlen(name);
	char detail[160];

	for (; *s; s += strspn(s, " ")) {
		size_t len = strcspn(s, " ");

		if (len == n && !strncmp(s, name, n))
			return 1;
		s += len;
	}
	snprintf(detail, sizeof detail,
	    "'%.80s' is not a query parameter of this endpoint, or not one the "
	    "sandbox knows.",
	    name);
	report_error(&c->report, 400, "invalid", "Invalid input.",
	    *name && *name != '/' ? name : "?", NULL, detail);
	return 0;
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

static void
check_body(struct call *c, const char *revision)
{
	struct walk w = {.report = &c->report,
	    .revision = revision,
	    .now = c->received / 1000};
	const char *why;
	char detail[160];

	if (check_content_type(c))
		return;
	if (c->body_len > (size_t)5 << 20) {
		call_error(c, 413, "payload_too_large", "Payload too large.",
		    "A request body has at most 5 MB.");
		return;
	}
	c->doc = json_parse(c->body, c->body_len, &why);
	if (!c->doc) {
		snprintf(
		    detail, sizeof detail, "The body is not JSON: %s.", why);
		call_error(c, 400, "invalid", "Invalid input.", detail);
		return;
	}
	schema_check(&w, c->endpoint->shape, json_root(c->doc));
}

struct arrival
call_arrival(const struct call *c)
{
	return (struct arrival){.method = c->method,
	    .path = c->target,
	    .headers = c->headers,
	    .browser = c->endpoint ? !c->endpoint->scopes
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
	if (!c->endpoint->scopes ? key_public(c)
	                         : key_private(c) || key_scopes(c))
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
	if (c->endpoint->params)
		call_each_query(c, check_param, c);
	if (c->endpoint->shape && !c->report.count)
		check_body(c, revision);
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
