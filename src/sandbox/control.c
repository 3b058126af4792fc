/*
 * control.c - the live page, klaviyo.js, and JSON for tests.
 *
 *   GET  /                         the live page
 *   GET  /onsite/js/KEY/klaviyo.js the browser's part
 *   GET  /sandbox/events?after=N[&max=N][&wait=MS]   what arrived after N
 *   GET  /sandbox/status           counts, metrics, rate windows, guide, faults
 *   GET  /sandbox/profiles         the profiles, with their consent
 *   GET  /sandbox/stock            who waits for which article
 *   GET  /sandbox/catalog          items, variants, categories and their jobs
 *   GET  /sandbox/state            all of the above but the catalogue
 *   GET  /sandbox/export           the same, to be saved as a file
 *   POST /sandbox/clear            forgets everything
 *   POST /sandbox/fault            the body is a fault SPEC; replaces the rules
 *
 * The page and its data are for this machine: a request under a foreign Host
 * name (DNS rebinding), or posted by a page of another origin, is refused.
 */
#include "sandbox.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EMBEDDED(name) extern const char text_##name[], text_##name##_end[]
EMBEDDED(page_html);
EMBEDDED(page_css);
EMBEDDED(page_js);
EMBEDDED(page_kit_js);
EMBEDDED(page_entry_js);
EMBEDDED(page_views_js);
EMBEDDED(page_catalog_js);
EMBEDDED(klaviyo_js);

const char *option_record;
static int allow_remote;
static unsigned cleared;
static int64_t started;

void
control_init(int remote)
{
	allow_remote = remote;
	started = wall_ms();
}

static void
text(struct call *c, const char *type, const char *from, const char *to)
{
	c->status = 200;
	c->type = type;
	buf_add(&c->reply, from, (size_t)(to - from));
}

static const char html[] = "text/html; charset=utf-8";
static const char css[] = "text/css; charset=utf-8";
static const char js[] = "text/javascript; charset=utf-8";
static const struct {
	const char *path, *type, *from, *to;
} files[] = {
    {"/", html, text_page_html, text_page_html_end},
    {"/page.css", css, text_page_css, text_page_css_end},
    {"/page.js", js, text_page_js, text_page_js_end},
    {"/page_kit.js", js, text_page_kit_js, text_page_kit_js_end},
    {"/page_entry.js", js, text_page_entry_js, text_page_entry_js_end},
    {"/page_views.js", js, text_page_views_js, text_page_views_js_end},
    {"/page_catalog.js", js, text_page_catalog_js, text_page_catalog_js_end},
};

/* The page, its style and its scripts. */
static void
page(struct call *c)
{
	size_t i = 0;

	while (strcmp(files[i].path, c->path))
		i++;
	if (files[i].type == html)
		c->policy =
		    "default-src 'none'; script-src 'self'; "
		    "style-src 'self'; connect-src 'self'; img-src 'self' "
		    "data:; base-uri 'none'; form-action 'none'; "
		    "frame-ancestors 'none'";
	text(c, files[i].type, files[i].from, files[i].to);
}

static void
onsite(struct call *c)
{
	const char *key = c->path + strlen("/onsite/js/");
	size_t n = 0;

	while (isalnum((unsigned char)key[n]))
		n++;
	if (!n || strcmp(key + n, "/klaviyo.js") ||
	    (option_public_key &&
	        (strncmp(key, option_public_key, n) || option_public_key[n]))) {
		c->status = 404;
		c->type = "text/plain";
		buf_str(&c->reply, "No such public key.\n");
		return;
	}
	text(c, "text/javascript; charset=utf-8", text_klaviyo_js,
	    text_klaviyo_js_end);
}

static int
number(const struct call *c, const char *name, int otherwise)
{
	const char *s = call_query(c, name);
	long n = s && *s ? strtol(s, NULL, 10) : otherwise;

	return n < 0 ? 0 : n > INT_MAX ? INT_MAX : (int)n;
}

/* "epoch" changes when the page has to begin anew. */
static void
epoch(struct buf *b)
{
	buf_printf(b, "{\"epoch\":\"%lld.%u\",\"last\":%llu",
	    (long long)started, cleared, (unsigned long long)log_last());
}

static void
events(struct call *c)
{
	const char *s = call_query(c, "after");
	uint64_t after = s ? strtoull(s, NULL, 10) : 0;
	int wait = number(c, "wait", 0), max = number(c, "max", 1000);

	if (wait > 0)
		log_wait(after, wait < 60000 ? wait : 60000);
	if (after > log_last())
		after = 0;
	epoch(&c->reply);
	buf_str(&c->reply, ",\"events\":");
	log_events(&c->reply, after, max > 0 ? (size_t)max : 0, -1);
	buf_str(&c->reply, "}");
}

static void
status(struct buf *b)
{
	buf_str(b, ",");
	log_counts(b);
	buf_str(b, ",\"windows\":");
	endpoints_windows(b);
	buf_str(b, ",\"guide\":");
	guide_json(b);
	buf_str(b, ",\"fault\":");
	fault_json(b);
	buf_str(b, ",\"catalog\":{");
	catalog_status(b);
	buf_str(b, "}");
	buf_printf(b, ",\"seed\":\"%llu\",\"version\":\"" VERSION "\"",
	    (unsigned long long)fault_seed_used());
	buf_str(b, ",\"public_key\":");
	buf_json(b, option_public_key ? option_public_key : "",
	    option_public_key ? strlen(option_public_key) : 0);
}

static void
serve_status(struct call *c)
{
	epoch(&c->reply);
	status(&c->reply);
	buf_str(&c->reply, "}");
}

static void
serve_profiles(struct call *c)
{
	epoch(&c->reply);
	buf_str(&c->reply, ",\"profiles\":");
	people_all_json(&c->reply);
	buf_str(&c->reply, "}");
}

static void
serve_stock_list(struct call *c)
{
	epoch(&c->reply);
	buf_str(&c->reply, ",\"back_in_stock\":");
	stock_json(&c->reply);
	buf_str(&c->reply, "}");
}

static void
serve_catalogue(struct call *c)
{
	epoch(&c->reply);
	buf_str(&c->reply, ",");
	catalog_json(&c->reply);
	buf_str(&c->reply, "}");
}

static void
serve_state(struct call *c)
{
	static const struct {
		const char *name;
		int outcome;
	} lists[] = {{"events", ACCEPTED}, {"duplicates", DUPLICATE},
	    {"dropped", DROPPED}, {"refused", REFUSED}, {"faults", FAULTED},
	    {"profile_calls", PROFILE}, {"consent_calls", CONSENT},
	    {"stock_calls", STOCK}, {"catalog_calls", CATALOG}};

	epoch(&c->reply);
	status(&c->reply);
	buf_str(&c->reply, ",\"profiles\":");
	people_all_json(&c->reply);
	buf_str(&c->reply, ",\"back_in_stock\":");
	stock_json(&c->reply);
	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
		buf_printf(&c->reply, ",\"%s\":", lists[i].name);
		log_events(&c->reply, 0, (size_t)-1, lists[i].outcome);
	}
	buf_str(&c->reply, "}");
}

static void
clear(struct call *c)
{
	people_clear();
	events_clear();
	stock_clear();
	catalog_clear();
	data_clear();
	guide_clear();
	windows_clear();
	log_clear();
	cleared++;
	serve_status(c);
}

static void
set_fault(struct call *c)
{
	char why[200] = "";

	if (fault_set(c->body, 0, why, sizeof why)) {
		c->status = 400;
		buf_str(&c->reply, "{\"error\":");
		buf_json(&c->reply, why, strlen(why));
		buf_str(&c->reply, "}");
		return;
	}
	serve_status(c);
}

static const struct {
	const char *method, *path;
	void (*serve)(struct call *);
	int state; /* JSON, under the state's lock */
} routes[] = {
    {"GET", "/", page, 0},
    {"GET", "/page.css", page, 0},
    {"GET", "/page.js", page, 0},
    {"GET", "/page_kit.js", page, 0},
    {"GET", "/page_entry.js", page, 0},
    {"GET", "/page_views.js", page, 0},
    {"GET", "/page_catalog.js", page, 0},
    {"GET", "/sandbox/events", events, 1},
    {"GET", "/sandbox/status", serve_status, 1},
    {"GET", "/sandbox/profiles", serve_profiles, 1},
    {"GET", "/sandbox/stock", serve_stock_list, 1},
    {"GET", "/sandbox/catalog", serve_catalogue, 1},
    {"GET", "/sandbox/state", serve_state, 1},
    {"GET", "/sandbox/export", serve_state, 1},
    {"POST", "/sandbox/clear", clear, 1},
    {"POST", "/sandbox/fault", set_fault, 1},
};

/* Whether the Host header names this machine's loopback. */
static int
host_ok(const char *host)
{
	static const char *const names[] = {"localhost", "127.", "[::1]"};

	if (!host || allow_remote)
		return 1;
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(names[i]);

		if (strncasecmp(host, names[i], n))
			continue;
		if (i == 1)
			n = strspn(host, "0123456789.");
		if (!host[n] || host[n] == ':')
			return 1;
	}
	return 0;
}

static int
own_origin(const struct call *c)
{
	const char *origin = call_header(c, "Origin");
	const char *host = call_header(c, "Host");

	if (!host_ok(host))
		return 0;
	return !origin || (host && !strncmp(origin, "http://", 7) &&
	                      !strcmp(origin + 7, host));
}

int
control_run(struct call *c)
{
	if (!strncmp(c->path, "/onsite/js/", 11) && !strcmp(c->method, "GET")) {
		onsite(c);
		return 1;
	}
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		if (strcmp(routes[i].path, c->path) ||
		    strcmp(routes[i].method, c->method))
			continue;
		if (!own_origin(c)) {
			c->status = 403;
			c->type = "text/plain";
			buf_str(&c->reply, "For pages of this sandbox only.\n");
			return 1;
		}
		if (!routes[i].state) {
			routes[i].serve(c);
			return 1;
		}
		c->status = 200;
		c->type = "application/json";
		state_lock();
		routes[i].serve(c);
		state_unlock();
		return 1;
	}
	return 0;
}
