/*
 * pages.c - the shop's routes and the frame around every page.
 *
 * Promises: every request gets an answer; whatever fails becomes an error page
 * with nothing half-done; a page for a visitor with a session is `private,
 * no-store`, a page without one is the same for everyone and may be cached; a
 * POST from another site is refused; no URL is made of the Host header.
 *
 * Never spells a Klaviyo name: tracking.c does.
 */
#include "pages.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PUBLIC_SECONDS 60

static int
health_page(struct visit *visit)
{
	response_header(visit->response, "Content-Type", "text/plain");
	response_header(visit->response, "Cache-Control", "no-store");
	text_add(&visit->response->body, "ok\n");
	return 0;
}

/* A path ending in / stands for all below it, but not for itself. */
static const struct route {
	const char *method, *path;
	page_function *run;
} routes[] = {
    {"GET", "/", home_page},
    {"GET", "/products/", product_page},
    {"GET", "/collections/", collection_page},
    {"GET", "/search", search_page},
    {"POST", "/cart/add", cart_add_page},
    {"GET", "/cart", cart_page},
    {"POST", "/cart/update", cart_update_page},
    {"GET", "/cart/restore/", restore_page},
    {"POST", "/cart/restore", restore_post},
    {"GET", "/checkout", checkout_page},
    {"POST", "/checkout", checkout_post},
    {"GET", "/orders/", order_page},
    {"GET", "/consent", consent_page},
    {"POST", "/consent", consent_post},
    {"GET", "/account", account_page},
    {"GET", "/account/login", login_page},
    {"POST", "/account/login", login_post},
    {"POST", "/account/logout", logout_post},
    {"GET", "/account/register", register_page},
    {"POST", "/account/register", register_post},
    {"GET", "/account/details", details_page},
    {"POST", "/account/details", details_post},
    {"GET", "/account/email", email_page},
    {"POST", "/account/email", email_post},
    {"GET", "/account/password", password_page},
    {"POST", "/account/password", password_post},
    {"GET", "/account/forgot", forgot_page},
    {"POST", "/account/forgot", forgot_post},
    {"GET", "/account/reset/", reset_page},
    {"POST", "/account/reset", reset_post},
    {"POST", "/back-in-stock", notify_post},
    {"GET", "/contact", contact_page},
    {"POST", "/contact", contact_post},
    {"GET", "/feed/catalog.json", feed_json_page},
    {"GET", "/feed/catalog.xml", feed_xml_page},
    {"GET", "/healthz", health_page},
};

/* ------------------------------------------------------------------- opening */

int
secret_load(const struct settings *settings, unsigned char secret[32])
{
	char text[65] = "";
	size_t n = 0;
	FILE *file = fopen(settings->secret_file, "re");

	if (file != NULL) {
		n = fread(text, 1, 64, file);
		fclose(file);
	}
	if (n != 64 ||
	    sodium_hex2bin(secret, 32, text, 64, NULL, NULL, NULL) != 0)
		return shop_fail("%s: no secret in it (STOREFRONT_SECRET_FILE): "
		                 "`storefront init` writes one",
		    settings->secret_file);
	return 0;
}

static int
currency_row(void *arg, int n, const char *const col[])
{
	struct shop *shop = arg;

	(void)n;
	snprintf(shop->currency_text, sizeof(shop->currency_text), "%s",
	    col[0]);
	return 0;
}

int
shop_open(struct shop *shop, const struct settings *settings)
{
	memset(shop, 0, sizeof(*shop));
	shop->settings = settings;
	if (sodium_init() < 0)
		return shop_fail("libsodium does not start");
	if (secret_load(settings, shop->secret) != 0)
		return -1;
	shop->db = db_open(settings);
	if (shop->db == NULL)
		return -1;
	if (db_run(shop->db, currency_row, shop,
	        "SELECT value FROM meta WHERE name = 'currency'") < 1) {
		shop_fail("%s has no currency: `storefront init` again",
		    db_name(shop->db));
		shop_close(shop);
		return -1;
	}
	shop->currency = shop->currency_text;
	return 0;
}

void
shop_close(struct shop *shop)
{
	db_close(shop->db);
	shop->db = NULL;
	sodium_memzero(shop->secret, sizeof(shop->secret));
}

/* ------------------------------------------------------------------ the frame */

int
page_begin(struct visit *visit, struct page *page, const char *file,
    const char *title)
{
	memset(page, 0, sizeof(*page));
	page->open = page->query = "";
	page->layout = tpl_new();
	if (page->layout == NULL)
		return shop_fail("out of memory");
	page->file = file;
	page->status = 200;
	page->quiet = visit->quiet;
	page->body = tpl_include(page->layout, "BODY", file);
	tpl_set(page->layout, "TITLE", title);
	page->tracking = (struct tracking){
	    .settings = visit->shop->settings,
	    .arena = visit->arena,
	    .currency = visit->shop->currency,
	    .side = visit_side(visit),
	    .forget = visit->consent.said == CONSENT_NO,
	    .visitor = &visit->session,
	    .exchange_id = visit->exchange_id,
	};
	return 0;
}

enum side
visit_side(const struct visit *visit)
{
	const struct request *request = visit->request;

	return consent_side(visit->shop->settings, &visit->consent,
	    *visit->session.email != '\0' || *visit->exchange_id != '\0',
	    consent_robot(request->user_agent),
	    consent_ahead(request->purpose));
}

void
page_drop(struct page *page)
{
	tpl_free(page->layout);
	text_free(&page->tracking.scripts);
	text_free(&page->tracking.csp);
	page->layout = NULL;
}

static int
put_menu(struct visit *visit, struct page *page)
{
	struct category *list = NULL;

	if (catalog_collections(visit->shop->db, visit->arena, &list) < 0)
		return -1;
	for (; list != NULL; list = list->next) {
		struct tpl *item = tpl_section(page->layout, "COLLECTION");

		tpl_set(item, "NAME", list->name);
		tpl_set(item, "URL",
		    url_path(visit->arena, "/collections/", list->slug));
		if (strcmp(list->slug, page->open) == 0)
			tpl_show(item, "CURRENT");
	}
	return 0;
}

static void
put_policy(struct visit *visit, struct page *page)
{
	const struct settings *settings = visit->shop->settings;
	const char *hosts = page->tracking.side == SIDE_NONE
	    ? ""
	    : tracking_hosts(settings, visit->arena, false);

	/* strict-dynamic: what an allowed block adds may run; forms of
	   klaviyo.js bring inline styles. */
	response_header(visit->response, "Content-Security-Policy",
	    arena_printf(visit->arena,
	        "default-src 'none'; script-src 'strict-dynamic'%s; "
	        "connect-src 'self'%s; img-src 'self' data: https:%s; "
	        "style-src 'self' 'unsafe-inline'%s; font-src 'self'%s; "
	        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	        page->tracking.csp.data != NULL ? page->tracking.csp.data : "",
	        hosts, hosts, hosts, hosts));
}

static void
put_cache_headers(struct visit *visit, const struct page *page)
{
	struct response *response = visit->response;
	unsigned char hash[16];
	char base64[32], tag[40];

	/* What the server tells of is told once a page; what somebody said
	   of cookies is theirs, and what they take back shall not be seen
	   again from a cache. */
	if (!page->public || *visit->session.id != '\0' ||
	    page->status != 200 || visit->consent.own ||
	    page->tracking.side == SIDE_SERVER) {
		response_header(response, "Cache-Control", "private, no-store");
		return;
	}
	crypto_generichash(hash, sizeof(hash),
	    (const unsigned char *)response->body.data, response->body.length,
	    NULL, 0);
	sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	snprintf(tag, sizeof(tag), "\"%s\"", base64);
	response_header(response, "ETag", tag);
	response_header(response, "Cache-Control",
	    arena_printf(visit->arena, "public, max-age=%d", PUBLIC_SECONDS));
	/* With a session the page is another one. */
	response_header(response, "Vary", "Cookie");
	if (strstr(visit->request->if_none_match, tag) != NULL) {
		response->status = 304;
		text_free(&response->body);
	}
}

/* What was added by a form post, and is now reported by this page. */
static void
take_added(struct visit *visit, struct page *page)
{
	struct cart *cart;

	if (strcmp(visit->request->method, "GET") != 0 || page->secret ||
	    page->status >= 400 ||
	    cart_take_added(visit->shop->db, visit->arena, visit->session.cart,
	        &page->tracking.added) != 0 ||
	    page->tracking.added == NULL || page->tracking.cart != NULL)
		return;
	cart = arena_alloc(visit->arena, sizeof(*cart));
	if (cart == NULL ||
	    cart_load(visit->shop->db, visit->arena, visit->session.cart,
	        cart) != 0) {
		page->tracking.added = NULL;
		return;
	}
	page->tracking.cart = cart;
	page->tracking.checkout_url = restore_link(visit, cart);
}

int
page_show(struct visit *visit, struct page *page)
{
	struct response *response = visit->response;
	int units = cart_units(visit->shop->db, visit->session.cart);
	int result = -1;

	if (units < 0 || put_menu(visit, page) != 0)
		goto out;
	/* What was added waits for a page that can tell. */
	if (page->quiet)
		page->tracking.side = SIDE_NONE;
	else
		take_added(visit, page);
	if (*visit->session.account != '\0' &&
	    tracking_email_pending(visit->shop->db, visit->session.email))
		page->tracking.unnamed = true;
	page_tell_later(visit, page);
	tracking_render(&page->tracking);
	consent_put(visit, page);
	tpl_num(page->layout, "CART_COUNT", units);
	if (units == 0)
		tpl_show(page->layout, "CART_EMPTY");
	if (!page->listed)
		tpl_show(page->layout, "NOINDEX");
	tpl_set(page->layout, "Q", page->query);
	tpl_markup(page->layout, "SCRIPTS",
	    page->tracking.scripts.data != NULL ? page->tracking.scripts.data
	                                        : "");
	if (tpl_render("layout.tpl", page->layout, &response->body) != 0)
		goto out;
	response->status = page->status;
	response_header(response, "Content-Type", "text/html; charset=utf-8");
	put_policy(visit, page);
	if (page->secret) {
		response->no_referrer = true;
		response_header(
		    response, "X-Robots-Tag", "noindex, nofollow, noarchive");
	}
	put_cache_headers(visit, page);
	session_cookie(visit->shop, &visit->session, response);
	result = 0;
out:
	page_drop(page);
	return result;
}

int
page_message(struct visit *visit, int status, const char *heading,
    const char *text, const char *url, const char *name)
{
	struct page page;

	if (page_begin(visit, &page, "message.tpl", heading) != 0)
		return -1;
	page.status = status;
	if (status >= 400)
		put_text(page.body, "STATUS", NUM(status));
	tpl_set(page.body, "HEADING", heading);
	tpl_set(page.body, "TEXT", text);
	if (url != NULL) {
		struct tpl *action = tpl_section(page.body, "ACTION");

		tpl_set(action, "URL", url);
		tpl_set(action, "NAME", name);
	}
	return page_show(visit, &page);
}

int
page_not_found(struct visit *visit)
{
	return page_message(visit, 404, "This page is not on our shelves",
	    "It may have been moved, or the address has a slip in it.", "/",
	    "Back to the shop");
}

int
page_redirect(struct visit *visit, const char *path)
{
	visit->response->status = 303;
	response_header(visit->response, "Location",
	    arena_printf(
	        visit->arena, "%s%s", visit->shop->settings->url, path));
	response_header(
	    visit->response, "Cache-Control", "private, no-store");
	session_cookie(visit->shop, &visit->session, visit->response);
	return 0;
}

/* ------------------------------------------------------------------ the parts */

char *
url_path(struct arena *arena, const char *prefix, const char *segment)
{
	static const char hex[] = "0123456789ABCDEF";
	char *p, *path = arena_alloc(
	             arena, strlen(prefix) + 3 * strlen(segment) + 1);

	if (path == NULL)
		return NULL;
	p = stpcpy(path, prefix);
	for (const unsigned char *s = (const unsigned char *)segment; *s; s++) {
		if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
		    (*s >= '0' && *s <= '9') || strchr("-._~", *s) != NULL) {
			*p++ = (char)*s;
			continue;
		}
		*p++ = '%';
		*p++ = hex[*s >> 4];
		*p++ = hex[*s & 15];
	}
	return path;
}

void
put_text(struct tpl *tpl, const char *section, const char *text)
{
	if (text != NULL && *text != '\0')
		tpl_set(tpl_section(tpl, section), "TEXT", text);
}

void
put_money(
    struct visit *visit, struct tpl *tpl, const char *name, int64_t amount)
{
	tpl_set(tpl, name,
	    money_text(visit->arena, amount, visit->shop->currency));
}

void
put_picture(struct tpl *tpl, const char *image, const char *alt)
{
	struct tpl *picture;

	if (*image == '\0')
		return;
	picture = tpl_section(tpl, "PICTURE");
	tpl_set(picture, "IMAGE", image);
	tpl_set(picture, "ALT", alt);
}

void
put_lines(struct visit *visit, struct tpl *tpl, const struct line *line)
{
	for (; line != NULL; line = line->next) {
		struct tpl *item = tpl_section(tpl, "LINE");

		tpl_set(item, "TITLE", line->title);
		tpl_set(item, "URL",
		    url_path(visit->arena, "/products/", line->handle));
		put_text(item, "VARIANT", line->variant);
		tpl_num(item, "QUANTITY", line->quantity);
		put_money(visit, item, "ROW_TOTAL",
		    line->price * line->quantity);
		put_picture(item, line->image, "");
	}
}

/* ---------------------------------------------------------------- dispatching */

/* Whether a POST comes from a page of this shop.  A browser says so itself in
 * Sec-Fetch-Site; an older one names the page's origin. */
static bool
own_origin(const struct visit *visit)
{
	const struct request *request = visit->request;

	if (*request->fetch_site != '\0')
		return strcmp(request->fetch_site, "same-origin") == 0 ||
		    strcmp(request->fetch_site, "none") == 0;
	return *request->origin == '\0' ||
	    strcmp(request->origin, visit->shop->settings->url) == 0;
}

/* The route of a path; *${allowed} gets the method of one that differs. */
static const struct route *
find_route(const char *method, const char *path, const char **allowed)
{
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++) {
		size_t n = strlen(routes[i].path);
		bool below = n > 1 && routes[i].path[n - 1] == '/';

		if (below ? strncmp(path, routes[i].path, n) != 0 ||
		            path[n] == '\0'
		          : strcmp(path, routes[i].path) != 0)
			continue;
		if (strcmp(method, routes[i].method) == 0)
			return &routes[i];
		*allowed = routes[i].method;
	}
	return NULL;
}

static int
dispatch(struct visit *visit)
{
	const char *allowed = NULL;
	const struct route *route;

	visit->consent = consent_read(visit->shop->settings, visit->request);
	if (session_load(visit->shop, visit->request, &visit->session) != 0)
		return -1;
	route =
	    find_route(visit->request->method, visit->request->path, &allowed);
	if (route == NULL && allowed == NULL)
		return page_not_found(visit);
	if (route == NULL) {
		response_header(visit->response, "Allow", allowed);
		return page_message(visit, 405, "That does not work here",
		    "This address cannot be used in that way.", "/",
		    "Back to the shop");
	}
	if (strcmp(route->method, "POST") == 0 && !own_origin(visit))
		return page_message(visit, 403, "This came from another site",
		    "For your safety, forms are only taken from this shop's "
		    "own pages. Please try again from here.",
		    "/", "Back to the shop");
	visit->rest = visit->request->path + strlen(route->path);
	visit->exchange_id =
	    consent_exchange_id(&visit->consent, visit->request);
	return route->run(visit);
}

/* Headers that every answer carries. */
static void
common_headers(struct response *response)
{
	response_header(response, "X-Content-Type-Options", "nosniff");
	response_header(response, "Referrer-Policy",
	    response->no_referrer ? "no-referrer"
	                          : "strict-origin-when-cross-origin");
}

/* A path as it may be logged: without a token or an order's number. */
static char *
path_logged(const struct request *request)
{
	static const char *const secret[] = {
	    "/account/reset/", "/cart/restore/", "/orders/"};

	for (size_t i = 0; i < sizeof(secret) / sizeof(*secret); i++)
		if (strncmp(request->path, secret[i], strlen(secret[i])) == 0)
			return arena_printf(request->arena, "%s-", secret[i]);
	return arena_copy(request->arena, request->path);
}

static void
start_over(struct response *response)
{
	response_free(response);
	memset(response, 0, sizeof(*response));
}

static const struct refusal {
	int status;
	const char *heading, *text;
} refusals[] = {
    {400, "That request was garbled",
        "It could not be read. Please go back and try again."},
    {405, "That does not work here",
        "This address cannot be used in that way."},
    {411, "That request was garbled", "Its length is missing."},
    {413, "That is too much at once",
        "The form was larger than this shop takes."},
    {414, "That address is too long",
        "It could not be read. Please go back and try again."},
    {415, "That is no form of ours",
        "Only plain forms (application/x-www-form-urlencoded) are taken."},
    {503, "We cannot do that this minute",
        "Please send it again in a moment: nothing is ordered twice."},
    {500, "Something went wrong on our side",
        "Please send it again in a moment: nothing is ordered twice."},
};

static const struct refusal unknown = {503, "We cannot tell this minute",
    "The answer of our database was lost: what you sent may have been done or "
    "not. An order's form can be sent again as it is; nothing is ordered "
    "twice."};

static void
answer_refusal(
    struct shop *shop, const struct refusal *r, struct response *response)
{
	int status = r->status;
	struct arena *arena = arena_new();
	struct request request = {.arena = arena, .method = "GET", .path = "/"};
	/* Who asks is not known, nor what they said: nobody is tracked. */
	struct visit visit = {.shop = shop,
	    .request = &request,
	    .response = response,
	    .arena = arena,
	    .rest = "",
	    .exchange_id = ""};

	visit.session.cart = visit.session.email = visit.session.account = "";
	request.user_agent = request.purpose = "";
	start_over(response);
	if (arena == NULL ||
	    page_message(&visit, status, r->heading, r->text, "/",
	        "Back to the shop") != 0) {
		/* Not even the error page: say it plainly. */
		start_over(response);
		response->status = status;
		response_header(response, "Content-Type", "text/plain");
		response_header(response, "Cache-Control", "no-store");
		text_printf(&response->body, "%d %s\n%s\n", status, r->heading,
		    r->text);
	}
	if (status == 503)
		response_header(response, "Retry-After", "2");
	common_headers(response);
	arena_free(arena);
}

void
shop_refuse(struct shop *shop, int status, struct response *response)
{
	const struct refusal *r = refusals;

	while (r->status != status && r->status != 500)
		r++;
	answer_refusal(shop, r, response);
}

void
shop_handle(
    struct shop *shop, struct request *request, struct response *response)
{
	struct visit visit = {.shop = shop,
	    .request = request,
	    .response = response,
	    .arena = request->arena,
	    .rest = "",
	    .exchange_id = ""};

	shop->after = NULL;
	db_known(shop->db); /* what a former request could not tell */
	if (dispatch(&visit) != 0 || arena_failed(request->arena)) {
		shop_log("%s %s: %s", request->method, path_logged(request),
		    strdupa(shop_error()));
		db_rollback(shop->db);
		if (db_unknown(shop->db))
			answer_refusal(shop, &unknown, response);
		else
			shop_refuse(shop, 503, response);
		return;
	}
	if (response->bad || response->body.failed ||
	    response->headers.failed) {
		shop_log("%s %s: the answer could not be made",
		    request->method, path_logged(request));
		shop_refuse(shop, 500, response);
		return;
	}
	common_headers(response);
}
