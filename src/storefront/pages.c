/*
 * pages.c - the shop's routes, and its answer to a request.
 *
 * Promises: every request gets an answer; whatever fails becomes an error page
 * with nothing half-done; a POST from another site is refused.  The frame of a
 * page is pages_frame.c's.
 *
 * Never spells a Klaviyo name: tracking.c does.
 */
#include "pages.h"

#include <sodium.h>
#include <string.h>

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
    {"GET", "/readyz", ready_page},
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
	kept_release(shop->held);
	shop->held = NULL;
	db_close(shop->db);
	shop->db = NULL;
	sodium_memzero(shop->secret, sizeof(shop->secret));
}

/* ---------------------------------------------------------------- dispatching */

/* The forms that do without a session's token: pages that are the same for
 * everyone hold them, or, of a cart's link, one who has no session. */
static bool
has_token(const char *path)
{
	static const char *const without[] = {
	    "/cart/add", "/consent", "/back-in-stock", "/cart/restore"};

	for (size_t i = 0; i < sizeof(without) / sizeof(*without); i++)
		if (strcmp(path, without[i]) == 0)
			return false;
	return true;
}

/* Whether a POST comes from a page of this shop.  A browser says so itself in
 * Sec-Fetch-Site; an older one names the page's origin.  One that says neither
 * has to know the session's token. */
static bool
own_origin(const struct visit *visit)
{
	const struct request *request = visit->request;

	if (*request->fetch_site != '\0')
		return strcmp(request->fetch_site, "same-origin") == 0 ||
		    strcmp(request->fetch_site, "none") == 0;
	/* null is what a page without a referrer says: the reset's does. */
	return *request->origin == '\0' || strcmp(request->origin, "null") == 0
	    ? has_token(request->path)
	    : strcmp(request->origin, visit->shop->settings->url) == 0;
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

static void
handle(struct shop *shop, struct request *request, struct response *response)
{
	struct visit visit = {.shop = shop,
	    .request = request,
	    .response = response,
	    .arena = request->arena,
	    .rest = "",
	    .exchange_id = ""};

	shop->after = NULL;
	kept_release(shop->held);
	shop->held = NULL;
	db_known(shop->db); /* what a former request could not tell */
	if (dispatch(&visit) != 0 || arena_failed(request->arena)) {
		shop_log_at(LOG_ERR, "%s %s: %s", request->method,
		    path_logged(request), strdupa(shop_error()));
		db_rollback(shop->db);
		if (db_unknown(shop->db))
			answer_refusal(shop, &unknown, response);
		else
			shop_refuse(shop, 503, response);
		return;
	}
	if (response->bad || response->body.failed ||
	    response->headers.failed) {
		shop_log_at(LOG_ERR, "%s %s: the answer could not be made",
		    request->method, path_logged(request));
		shop_refuse(shop, 500, response);
		return;
	}
	common_headers(response);
}

/* By its route: into a path a visitor can write anything. */
static void
log_request(const struct request *request, const struct response *response)
{
	int level = request_posts(request) ? LOG_INFO : LOG_DEBUG;
	const struct route *route;
	const char *allowed;

	if (!log_wants(level))
		return;
	route = find_route(request->method, request->path, &allowed);
	shop_log_at(level, "%s %s: %d", request->method,
	    route != NULL ? route->path : "-",
	    response->status != 0 ? response->status : 200);
}

void
shop_handle(
    struct shop *shop, struct request *request, struct response *response)
{
	/* Until shop_after(). */
	db_origin(shop->db, request->id);
	log_about(request->id);
	handle(shop, request, response);
	log_request(request, response);
}
