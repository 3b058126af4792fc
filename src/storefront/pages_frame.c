/*
 * pages_frame.c - the frame around every page: menu, tracking, policy, caching;
 * and the small parts that several pages show.
 *
 * Promises: a page for a visitor with a session is `private, no-store`, a page
 * without one is the same for everyone and may be cached; no URL is made of the
 * Host header; nothing runs on a page but the blocks that its policy names.
 *
 * Never spells a Klaviyo name: tracking.c does.
 */
#include "pages.h"

#include <sodium.h>
#include <string.h>

#define PUBLIC "public, max-age=60"

int
page_begin(struct visit *visit, struct page *page, const char *file,
    const char *title)
{
	page_blank(visit, page);
	page->layout = tpl_new();
	if (page->layout == NULL)
		return shop_fail("out of memory");
	page->file = file;
	page->body = tpl_include(page->layout, "BODY", file);
	tpl_set(page->layout, "TITLE", title);
	return 0;
}

void
page_blank(struct visit *visit, struct page *page)
{
	memset(page, 0, sizeof(*page));
	page->open = page->query = page->file = "";
	page->status = 200;
	page->quiet = visit->quiet;
	page->tracking = (struct tracking){
	    .settings = visit->shop->settings,
	    .arena = visit->arena,
	    .currency = visit->shop->currency,
	    .side = visit_side(visit),
	    .forget = visit->consent.said == CONSENT_NO,
	    .visitor = &visit->session,
	    .exchange_id = visit->exchange_id,
	};
}

enum side
visit_side(const struct visit *visit)
{
	return consent_side(visit->shop->settings, &visit->consent,
	    *visit->session.email != '\0' || *visit->exchange_id != '\0',
	    visit->request);
}

void
page_drop(struct page *page)
{
	tpl_free(page->layout);
	text_free(&page->tracking.scripts);
	text_free(&page->tracking.csp);
	if (page->making != NULL) {
		text_free(&page->making->empty);
		text_free(&page->making->full);
	}
	page->layout = NULL;
}

static int
put_menu(struct visit *visit, struct page *page)
{
	struct category *list = NULL;

	if (shelf_menu(visit->shop, visit->arena, &list) < 0)
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

void
page_head(struct visit *visit, const struct page *page, const char *csp,
    struct response *response)
{
	const struct settings *settings = visit->shop->settings;
	const char *hosts = page->tracking.side == SIDE_NONE
	    ? ""
	    : tracking_hosts(settings, visit->arena);
	/* Images come from anywhere by https; from a sandbox without. */
	const char *images = strncmp(hosts, " https:", 7) == 0 ? "" : hosts;

	response_header(response, "Content-Type", "text/html; charset=utf-8");
	/* Who only wants to be told still lends nobody a frame or a base. */
	if (settings->csp_report)
		response_header(response, "Content-Security-Policy",
		    "base-uri 'none'; frame-ancestors 'none'");
	/* strict-dynamic: what an allowed block adds may run; forms of
	   klaviyo.js bring inline styles. */
	response_header(response,
	    settings->csp_report ? "Content-Security-Policy-Report-Only"
	                         : "Content-Security-Policy",
	    arena_printf(visit->arena,
	        "default-src 'none'; script-src 'strict-dynamic'%s; "
	        "connect-src 'self'%s; img-src 'self' data: https:%s; "
	        "style-src 'self' 'unsafe-inline'%s; font-src 'self'%s; "
	        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
	        csp != NULL ? csp : "", hosts, images, hosts, hosts));
}

void
page_tag(const char *body, size_t length, char tag[TAG_BYTES])
{
	unsigned char hash[16];
	char base64[32];

	crypto_generichash(hash, sizeof(hash), (const unsigned char *)body,
	    length, NULL, 0);
	sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	snprintf(tag, TAG_BYTES, "\"%s\"", base64);
}

static void
put_cache_headers(struct visit *visit, const struct page *page)
{
	struct response *response = visit->response;
	const char *tag;
	char made[TAG_BYTES];

	/* What the server tells of is told once a page; what somebody said
	   of cookies is theirs, and what they take back shall not be seen
	   again from a cache. */
	if (!page->public || *visit->session.id != '\0' ||
	    page->status != 200 || visit->consent.own ||
	    page->tracking.side == SIDE_SERVER) {
		response_header(response, "Cache-Control", "private, no-store");
		return;
	}
	tag = page->frame != NULL ? frame_tag(page->frame) : made;
	if (tag == made)
		page_tag(response->body.data, response->body.length, made);
	response_header(response, "ETag", tag);
	response_header(response, "Cache-Control", PUBLIC);
	/* With a session the page is another one. */
	response_header(response, "Vary", "Cookie");
	if (strstr(visit->request->if_none_match, tag) != NULL) {
		response->status = 304;
		response->pieces = 0;
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

/* What is the same for all visitors who see this page. */
static int
put_frame(struct visit *visit, struct page *page)
{
	if (put_menu(visit, page) != 0)
		return -1;
	consent_put(visit, page);
	if (!page->listed)
		tpl_show(page->layout, "NOINDEX");
	tpl_set(page->layout, "Q", page->query);
	if (page->making != NULL)
		page->frame = frame_make(visit, page);
	return 0;
}

/* What the page tells of is not what it tells everybody of. */
static bool
own_scripts(const struct page *page)
{
	const struct tracking *t = &page->tracking;

	return page->frame == NULL || t->added != NULL ||
	       (*t->visitor->email != '\0' && !t->unnamed);
}

static int
render(struct visit *visit, struct page *page, int units)
{
	struct text *scripts = &page->tracking.scripts;

	if (page->frame != NULL) {
		frame_show(visit, page, units);
		return 0;
	}
	if (page->making != NULL)
		return frame_unkept(visit, page, units);
	tpl_num(page->layout, "CART_COUNT", units);
	if (units == 0)
		tpl_show(page->layout, "CART_EMPTY");
	tpl_markup(page->layout, "SCRIPTS",
	    scripts->data != NULL ? scripts->data : "");
	return tpl_render("layout.tpl", page->layout, &visit->response->body);
}

int
page_show(struct visit *visit, struct page *page)
{
	struct response *response = visit->response;
	bool added = visit->session.added;
	int units = visit->session.units, result = -1;

	/* Only a form changes a cart. */
	if (request_posts(visit->request))
		units =
		    cart_units(visit->shop->db, visit->session.cart, &added);

	if (units < 0 ||
	    (page->frame == NULL && put_frame(visit, page) != 0))
		goto out;
	/* What was added waits for a page that can tell. */
	if (page->quiet)
		page->tracking.side = SIDE_NONE;
	else if (added)
		take_added(visit, page);
	if (*visit->session.account != '\0' &&
	    tracking_email_pending(visit->shop->db, visit->session.email))
		page->tracking.unnamed = true;
	page_tell_later(visit, page);
	if (own_scripts(page))
		tracking_render(&page->tracking);
	if (render(visit, page, units) != 0)
		goto out;
	response->status = page->status;
	if (own_scripts(page))
		page_head(visit, page, page->tracking.csp.data, response);
	else
		frame_head(page->frame, response);
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
