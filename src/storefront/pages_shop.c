/*
 * pages_shop.c - home, product, collection and search pages: the ones that are
 * the same for every visitor without a cart.
 */
#include "pages.h"

#include <string.h>

#define PER_PAGE 24
#define PAGES_MAX 1000

/* -------------------------------------------------------------------- cards */

static void
put_cards(struct visit *visit, struct tpl *tpl, const struct product *product)
{
	for (; product != NULL; product = product->next) {
		struct tpl *card = tpl_include(tpl, "CARD", "card.tpl");

		tpl_set(card, "URL",
		    url_path(visit->arena, "/products/", product->handle));
		tpl_set(card, "TITLE", product->title);
		tpl_set(card, "VENDOR", product->vendor);
		put_picture(card, product->image, product->image_alt);
		put_money(visit, card, "PRICE", product->price_min);
		if (product->price_max > product->price_min)
			tpl_show(card, "FROM");
		if (product->compare_at > product->price_min)
			put_text(card, "COMPARE_AT",
			    money_text(visit->arena, product->compare_at,
			        visit->shop->currency));
		if (!product->in_stock)
			tpl_show(card, "SOLD_OUT");
	}
}

/* The page number asked for, from 1. */
static int
page_number(const struct visit *visit)
{
	const char *text = field(&visit->request->query, "page");
	int64_t n = text != NULL ? num(text) : 1;

	return n < 1 || n > PAGES_MAX ? 1 : (int)n;
}

static void
put_pages(struct visit *visit, struct tpl *tpl, const char *url, int at,
    int64_t total)
{
	int64_t pages = (total + PER_PAGE - 1) / PER_PAGE;
	struct tpl *section;

	if (pages < 2)
		return;
	section = tpl_section(tpl, "PAGES");
	tpl_num(section, "PAGE", at);
	tpl_num(section, "PAGE_COUNT", pages);
	if (at > 1)
		tpl_set(tpl_section(section, "PREV"), "URL",
		    arena_printf(visit->arena, "%spage=%d", url, at - 1));
	if (at < pages)
		tpl_set(tpl_section(section, "NEXT"), "URL",
		    arena_printf(visit->arena, "%spage=%d", url, at + 1));
}

static void
put_count(struct tpl *tpl, int64_t count)
{
	tpl_num(tpl, "COUNT", count);
	tpl_show(tpl, count == 1 ? "ONE" : "MANY");
}

static void
put_canonical(struct visit *visit, struct page *page, const char *path)
{
	/* Never with the query: it may hold a visitor's tokens (_kx). */
	tpl_set(tpl_section(page->layout, "CANONICAL"), "URL",
	    arena_printf(visit->arena, "%s%s", visit->shop->settings->url,
	        path));
}

/* The picture of a link's preview: absolute, as those who show it need it. */
static void
put_preview(struct visit *visit, struct page *page, const char *image)
{
	tpl_set(tpl_section(page->layout, "PREVIEW"), "URL",
	    *image == '/' ? arena_printf(visit->arena, "%s%s",
	                        visit->shop->settings->url, image)
	                  : image);
}

/* --------------------------------------------------------------------- pages */

int
home_page(struct visit *visit)
{
	struct category *list = NULL;
	struct listing listing;
	struct page page;

	if (catalog_list(visit->shop->db, visit->arena, NULL, NULL, 0, 8,
	        &listing) < 0 ||
	    shelf_menu(visit->shop, visit->arena, &list) < 0 ||
	    page_begin(visit, &page, "home.tpl", "Books and paper") != 0)
		return -1;
	page.public = page.listed = true;
	put_canonical(visit, &page, "/");
	put_text(page.layout, "DESCRIPTION",
	    "Old favourites in new bindings, paper worth writing on, and a "
	    "few good things to read by.");
	put_preview(visit, &page, "/images/og.png");
	put_cards(visit, page.body, listing.products);
	for (; list != NULL; list = list->next) {
		struct tpl *item = tpl_section(page.body, "COLLECTION");

		tpl_set(item, "NAME", list->name);
		tpl_set(item, "URL",
		    url_path(visit->arena, "/collections/", list->slug));
		tpl_num(item, "COUNT", list->count);
		put_picture(item, list->image != NULL ? list->image : "", "");
	}
	return page_show(visit, &page);
}

int
collection_page(struct visit *visit)
{
	int at = page_number(visit), found;
	struct category *category;
	struct listing listing;
	struct page page;
	const char *path;

	found = catalog_collection(
	    visit->shop->db, visit->arena, visit->rest, &category);
	if (found <= 0)
		return found < 0 ? -1 : page_not_found(visit);
	if (catalog_list(visit->shop->db, visit->arena, category->slug, NULL,
	        (at - 1) * PER_PAGE, PER_PAGE, &listing) < 0 ||
	    page_begin(visit, &page, "collection.tpl", category->name) != 0)
		return -1;
	path = url_path(visit->arena, "/collections/", category->slug);
	page.public = page.listed = true;
	page.open = category->slug;
	put_canonical(visit, &page, path);
	tpl_set(page.body, "HEADING", category->name);
	put_count(page.body, listing.total);
	put_cards(visit, page.body, listing.products);
	if (listing.products == NULL)
		tpl_show(page.body, "EMPTY");
	put_pages(visit, page.body, arena_printf(visit->arena, "%s?", path), at,
	    listing.total);
	return page_show(visit, &page);
}

int
search_page(struct visit *visit)
{
	const char *q = field(&visit->request->query, "q");
	struct listing listing = {0};
	struct category *hints = NULL;
	int at = page_number(visit);
	struct page page;

	q = q != NULL ? q + strspn(q, " \t\r\n") : "";
	if ((*q != '\0' &&
	        catalog_list(visit->shop->db, visit->arena, NULL, q,
	            (at - 1) * PER_PAGE, PER_PAGE, &listing) < 0) ||
	    shelf_menu(visit->shop, visit->arena, &hints) < 0 ||
	    page_begin(visit, &page, "search.tpl", "Search") != 0)
		return -1;
	page.public = true;
	page.query = q;
	tpl_set(page.body, "Q", q);
	tpl_show(page.body, *q != '\0' ? "ASKED" : "NOT_ASKED");
	if (listing.total > 0)
		put_count(tpl_section(page.body, "FOUND"), listing.total);
	else if (*q != '\0')
		tpl_show(page.body, "NOT_FOUND");
	for (; hints != NULL && listing.total == 0; hints = hints->next) {
		struct tpl *hint = tpl_section(page.body, "HINT");

		tpl_set(hint, "NAME", hints->name);
		tpl_set(hint, "URL",
		    url_path(visit->arena, "/collections/", hints->slug));
	}
	put_cards(visit, page.body, listing.products);
	put_pages(visit, page.body,
	    arena_printf(visit->arena, "%s&",
	        url_path(visit->arena, "/search?q=", q)),
	    at, listing.total);
	return page_show(visit, &page);
}

/* ------------------------------------------------------------------- product */

static const char *
stock_text(struct arena *arena, const struct variant *v)
{
	if (v->stock > 5)
		return "In stock";
	if (v->stock > 0)
		return v->oversell ? "In stock"
		                   : arena_printf(arena, "Only %lld left",
		                         (long long)v->stock);
	return v->oversell ? "Sent within two weeks" : "Sold out";
}

static const char *
was(struct visit *visit, const struct variant *v)
{
	return v->compare_at > v->price
	    ? money_text(
	          visit->arena, v->compare_at, visit->shop->currency)
	    : "";
}

static void
put_variants(struct visit *visit, struct tpl *body, const struct product *p,
    const struct variant *shown)
{
	struct tpl *choice;

	if (p->variants->next == NULL) {
		tpl_num(tpl_section(body, "SINGLE"), "ID", p->variants->id);
		return;
	}
	choice = tpl_section(body, "CHOICE");
	tpl_set(choice, "OPTIONS", "Choose one");
	for (const struct variant *v = p->variants; v != NULL; v = v->next) {
		struct tpl *item = tpl_section(choice, "VARIANT");

		tpl_num(item, "ID", v->id);
		tpl_set(item, "NAME", v->name);
		put_money(visit, item, "PRICE", v->price);
		tpl_set(item, "WAS", was(visit, v));
		tpl_set(item, "STOCK_TEXT", stock_text(visit->arena, v));
		tpl_set(item, "SKU_TEXT", v->sku);
		if (v == shown)
			tpl_show(item, "CHECKED");
		if (!variant_buyable(v))
			tpl_show(item, "SOLD_OUT");
	}
}

static void
put_paragraphs(struct visit *visit, struct tpl *body, const char *text)
{
	while (*text != '\0') {
		const char *end = strstr(text, "\n\n");
		size_t n = end != NULL ? (size_t)(end - text) : strlen(text);

		put_text(body, "PARAGRAPH", arena_copyn(visit->arena, text, n));
		text += n + (end != NULL ? 2 : 0);
	}
}

static void
put_product(struct visit *visit, struct page *page, const struct product *p,
    const char *error)
{
	const struct variant *shown = variant_shown(p);
	struct tpl *body = page->body, *picture;

	tpl_set(body, "TITLE", p->title);
	tpl_set(body, "VENDOR", p->vendor);
	for (const struct category *c = p->categories; c; c = c->next) {
		const char *url =
		    url_path(visit->arena, "/collections/", c->slug);
		struct tpl *item = tpl_section(body, "CATEGORY");

		tpl_set(item, "NAME", c->name);
		tpl_set(item, "URL", url);
		if (c == p->categories) {
			item = tpl_section(body, "TRAIL");
			tpl_set(item, "NAME", c->name);
			tpl_set(item, "URL", url);
		}
	}
	if (*p->image != '\0') {
		picture = tpl_section(body, "PICTURE");
		tpl_set(picture, "IMAGE", p->image);
		tpl_set(picture, "ALT",
		    *p->image_alt != '\0' ? p->image_alt : p->title);
	}
	put_money(visit, body, "PRICE", shown->price);
	put_text(body, "COMPARE_AT", was(visit, shown));
	tpl_set(body, "STOCK_TEXT", stock_text(visit->arena, shown));
	tpl_show(body, variant_buyable(shown) ? "BUYABLE" : "GONE");
	put_text(body, "SKU", shown->sku);
	put_text(body, "ERROR", error);
	put_variants(visit, body, p, shown);
	tpl_num(body, "MAX",
	    shown->oversell || shown->stock > QUANTITY_MAX || shown->stock < 1
	        ? QUANTITY_MAX
	        : shown->stock);
	put_notify(visit, body, p);
	put_paragraphs(visit, body, p->body);
}

int
product_show(
    struct visit *visit, const char *handle, int status, const char *error)
{
	struct product *related = NULL;
	struct making *making = NULL;
	struct product *product;
	struct page page;
	int found;

	if (status == 200 && error == NULL &&
	    frame_making(visit, handle, &making) != 0)
		return -1;
	found = catalog_product(
	    visit->shop->db, visit->arena, handle, &product);
	if (found <= 0)
		return found < 0 ? -1 : page_not_found(visit);
	if (shelf_related(visit->shop, visit->arena, product->id, &related) <
	        0 ||
	    page_begin(visit, &page, "product.tpl", product->title) != 0)
		return -1;
	page.status = status;
	page.public = page.listed = true;
	put_canonical(visit, &page,
	    url_path(visit->arena, "/products/", product->handle));
	put_text(page.layout, "DESCRIPTION",
	    arena_copyn(visit->arena, product->body,
	        strcspn(product->body, "\n")));
	put_preview(visit, &page,
	    *product->image != '\0' ? product->image : "/images/og.png");
	put_product(visit, &page, product, error);
	if (related != NULL)
		put_cards(
		    visit, tpl_section(page.body, "RELATED"), related);
	/* A refused form is not another view. */
	if (error == NULL && !notify_answered(visit))
		page.tracking.viewed = product;
	/* The form would hold this visitor's address. */
	if (making != NULL &&
	    (!notify_asks(product) || *visit->session.email == '\0')) {
		making->product = product;
		making->others = related;
		making->asks = notify_asks(product);
		page.making = making;
	}
	return page_show(visit, &page);
}

int
product_page(struct visit *visit)
{
	struct page page;
	int kept = frame_begin(visit, &page, visit->rest);

	if (kept < 0)
		return -1;
	return kept > 0 ? page_show(visit, &page)
	                : product_show(visit, visit->rest, 200, NULL);
}
