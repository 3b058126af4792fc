/*
 * tracking.c - THE file to copy: shop rows -> Klaviyo.
 *
 * Everything that this shop tells Klaviyo goes through here and the files beside
 * it: the structs of the library are filled from products, carts and orders; the
 * browser's payloads are put into the partials of templates/klaviyo/.
 *
 * Promises: a failure drops a snippet, never a page; an order's events are
 * queued in the order's own transaction; data reaches a script only as JSON
 * from the library's escaper; each block's hash is taken of the block that this
 * file rendered, so that nothing else on the page may run.
 *
 * Never sees a request.  An integrator copies this file and templates/klaviyo/,
 * and changes the functions that read the shop's own structs.
 */
#include "tpl.h"
#include "tracking.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

bool
tracking_on(const struct settings *settings)
{
	return *settings->public_key != '\0';
}

/* ------------------------------------------- the shop's structs -> Klaviyo's */

const char *
tracking_absolute(const struct settings *settings, struct arena *arena, const char *path)
{
	if (*path != '/')
		return path;
	return arena_printf(arena, "%s%s", settings->url, path);
}

static const char *
product_url(
    const struct settings *settings, struct arena *arena, const char *handle)
{
	return arena_printf(arena, "%s%s", settings->url,
	    url_path(arena, "/products/", handle));
}

static void
fill_categories(struct arena *arena, const struct category *list,
    struct klaviyo_item *item)
{
	const char **names;
	size_t n = 0;

	for (const struct category *c = list; c != NULL; c = c->next)
		n++;
	names = arena_alloc(arena, (n + 1) * sizeof(*names));
	if (names == NULL)
		return;
	for (n = 0; list != NULL; list = list->next)
		names[n++] = list->name;
	item->categories = names;
	item->ncategories = n;
}

void
tracking_viewed(const struct tracking *t, struct klaviyo_item *item)
{
	const struct product *p = t->viewed;
	const struct variant *v = variant_shown(p);

	memset(item, 0, sizeof(*item));
	item->product_id = p->id;
	item->sku = v->sku;
	item->name = p->title;
	item->brand = p->vendor;
	item->url = product_url(t->settings, t->arena, p->handle);
	item->image_url = tracking_absolute(t->settings, t->arena, p->image);
	item->price = v->price;
	item->compare_at_price = v->compare_at;
	fill_categories(t->arena, p->categories, item);
}

struct klaviyo_item *
tracking_items(const struct settings *settings, struct arena *arena,
    const struct line *line, int n)
{
	struct klaviyo_item *items, *item;

	items = item = arena_alloc(arena, ((size_t)n + 1) * sizeof(*items));
	for (; item != NULL && line != NULL; line = line->next, item++) {
		item->product_id = line->product_id;
		item->sku = line->sku;
		item->name = line->title;
		item->brand = line->vendor;
		if (*line->handle != '\0') /* a product of this shop */
			item->url = product_url(settings, arena, line->handle);
		item->image_url = tracking_absolute(settings, arena, line->image);
		item->price = line->price;
		item->compare_at_price = line->compare_at;
		item->quantity = line->quantity;
		fill_categories(arena, line->categories, item);
	}
	return items;
}

int
tracking_cart(const struct tracking *t, struct klaviyo_cart *cart)
{
	memset(cart, 0, sizeof(*cart));
	cart->id = t->cart->id;
	cart->revision = t->cart->revision;
	cart->changed_at = t->cart->changed_at;
	cart->currency = t->currency;
	cart->value = t->cart->subtotal;
	cart->checkout_url = t->checkout_url;
	cart->nitems = (size_t)t->cart->nlines;
	cart->items =
	    tracking_items(t->settings, t->arena, t->cart->lines, t->cart->nlines);
	return cart->items == NULL || arena_failed(t->arena) ? -1 : 0;
}

const char *
tracking_exchange_id(struct arena *arena, const char *cookie)
{
	char *id = *cookie != '\0' ? klaviyo_exchange_id(cookie) : NULL;

	return id != NULL ? arena_take(arena, id) : "";
}

/* ------------------------------------------------------------ browser snippets */

size_t
tracking_added_at(const struct tracking *t, const struct added *added)
{
	size_t at = 0;

	for (const struct line *line = t->cart->lines; line != NULL;
	     line = line->next, at++)
		if (line->id == added->variant)
			break;
	return at;
}

static char *
added_json(const struct tracking *t, const struct added *added)
{
	struct klaviyo_cart cart;
	size_t at = tracking_added_at(t, added);

	/* Removed again before a page could tell: nothing was added. */
	if (at == (size_t)t->cart->nlines || tracking_cart(t, &cart) != 0)
		return NULL;
	cart.revision = added->revision;
	return arena_take(t->arena,
	    klaviyo_added_to_cart(&cart, at, added->quantity));
}

char *
tracking_added_payload(const struct tracking *tracking)
{
	char *json = added_json(tracking, tracking->added);

	if (json == NULL)
		shop_log_at(LOG_WARNING, "no Added to Cart payload: %s",
		    klaviyo_error());
	return json;
}

/* Puts one event's partial into the page's block. */
static struct tpl *
put_event(struct tpl *block, const char *file, char *json)
{
	struct tpl *event;

	if (json == NULL) {
		shop_log_at(
		    LOG_WARNING, "%s left out: %s", file, klaviyo_error());
		return NULL;
	}
	event = tpl_include(block, "EVENT", file);
	tpl_json(event, "KLAVIYO_JSON", json);
	return event;
}

/* Of a known visitor; or of one who is known once they type their address: by
 * then the server may know them, too. */
static bool
put_checkout(const struct tracking *t, struct tpl *block, bool known)
{
	const char *mark = "";
	struct klaviyo_cart cart;
	struct tpl *event;

	if (tracking_cart(t, &cart) != 0)
		return false;
	event = put_event(block,
	    known ? "klaviyo/started_checkout.tpl"
	          : "klaviyo/started_checkout_email.tpl",
	    arena_take(t->arena, klaviyo_started_checkout(&cart)));
	if (event == NULL || known)
		return event != NULL;
	if (strcmp(t->settings->onsite, "server") == 0)
		mark = tracking_mark(t);
	tpl_json(event, "KLAVIYO_MARK",
	    arena_take(t->arena, klaviyo_script_string(mark)));
	return true;
}

/* Appends a rendered block, and its hash for the policy. */
static void
put_block(struct tracking *t, const char *file, struct tpl *tpl)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	char base64[64];
	struct text block = {0};
	const char *begin, *end;

	if (tpl_render(file, tpl, &block) != 0) {
		shop_log_at(LOG_WARNING, "%s left out: %s", file, shop_error());
		text_free(&block);
		return;
	}
	begin = strstr(block.data, "<script>");
	end = strstr(block.data, "</script>");
	if (begin != NULL && end != NULL) {
		begin += strlen("<script>");
		crypto_hash_sha256(hash, (const unsigned char *)begin,
		    (unsigned long long)(end - begin));
		sodium_bin2base64(base64, sizeof(base64), hash, sizeof(hash),
		    sodium_base64_VARIANT_ORIGINAL);
		text_printf(&t->csp, " 'sha256-%s'", base64);
		text_addn(&t->scripts, block.data, block.length);
	}
	text_free(&block);
}

static struct tpl *
klaviyo_js(const struct tracking *t)
{
	char *url = klaviyo_script_url(
	    t->settings->onsite_url, t->settings->public_key);
	struct tpl *tpl = tpl_new();

	arena_take(t->arena, url);
	if (tpl != NULL && url != NULL)
		tpl_json(tpl, "KLAVIYO_URL",
		    arena_take(t->arena, klaviyo_script_string(url)));
	return tpl;
}

/* The visitor as identify takes them; NULL if they are not known. */
static char *
visitor_json(const struct tracking *t)
{
	const struct session *v = t->visitor;
	struct klaviyo_profile profile = {0};

	if (v == NULL || *v->email == '\0' || t->unnamed)
		return NULL;
	profile.email = v->email;
	profile.phone_number = v->phone;
	profile.first_name = v->first_name;
	profile.last_name = v->last_name;
	return arena_take(t->arena, klaviyo_identify(&profile));
}

/* The page's events; returns how many.  Those of SIDE_SERVER are
 * tracking_onsite.c's, but for the list of viewed items, which only the browser
 * keeps. */
static int
put_events(const struct tracking *t, struct tpl *block, bool known)
{
	bool told = t->side == SIDE_BROWSER;
	struct klaviyo_item item;
	int n = 0;

	if (t->viewed != NULL) {
		tracking_viewed(t, &item);
		if (told)
			n += put_event(block, "klaviyo/viewed_product.tpl",
			         arena_take(t->arena,
			             klaviyo_viewed_product(
			                 &item, t->currency))) != NULL;
		n += put_event(block, "klaviyo/viewed_item.tpl",
		         arena_take(t->arena,
		             klaviyo_viewed_item(&item, t->currency))) != NULL;
	}
	/* Only what the browser is to tell of has been noted. */
	for (const struct added *a = t->added; a != NULL; a = a->next) {
		char *json = added_json(t, a);

		if (json != NULL)
			n += put_event(block, "klaviyo/added_to_cart.tpl",
			         json) != NULL;
	}
	if (told && t->checkout && t->cart->nlines > 0)
		n += put_checkout(t, block, known);
	return n;
}

void
tracking_render(struct tracking *t)
{
	struct tpl *shop = tpl_new(), *object = NULL, *script = NULL,
	           *block = NULL;
	char *visitor;

	put_block(t, "script.tpl", shop);
	if (t->forget)
		put_block(t, "klaviyo/forget.tpl", shop);
	if (t->side == SIDE_NONE)
		goto out;
	object = tpl_new();
	script = klaviyo_js(t);
	block = tpl_new();
	if (object == NULL || script == NULL || block == NULL)
		goto out;
	put_block(t, "klaviyo/object.tpl", object);
	put_block(t, "klaviyo/loader.tpl", script);
	visitor = visitor_json(t);
	if (visitor != NULL)
		tpl_json(block, "KLAVIYO_PROFILE", visitor);
	if (put_events(t, block, visitor != NULL) > 0 || visitor != NULL)
		put_block(t,
		    visitor != NULL ? "klaviyo/identify.tpl"
		                    : "klaviyo/events.tpl",
		    block);
out:
	tpl_free(shop);
	tpl_free(object);
	tpl_free(script);
	tpl_free(block);
}

/* The host part of an address, "https://host:port". */
static char *
origin_of(struct arena *arena, const char *url)
{
	const char *host = strstr(url, "://");
	size_t n = host != NULL ? (size_t)(host + 3 - url) : 0;

	return arena_copyn(arena, url, n + strcspn(url + n, "/"));
}

const char *
tracking_hosts(const struct settings *settings, struct arena *arena)
{
	/* The hosts that Klaviyo's own Magento extension allows. */
	static const char klaviyo[] =
	    " https://static.klaviyo.com https://static-forms.klaviyo.com"
	    " https://static-tracking.klaviyo.com https://fast.a.klaviyo.com"
	    " https://a.klaviyo.com https://telemetrics.klaviyo.com";

	if (!tracking_on(settings))
		return "";
	if (strcmp(settings->onsite_url, "https://static.klaviyo.com") == 0)
		return klaviyo;
	return arena_printf(
	    arena, " %s", origin_of(arena, settings->onsite_url));
}
