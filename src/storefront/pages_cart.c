/*
 * pages_cart.c - the cart: add, show, change.
 *
 * Promises: a form carries variant ids and quantities, never prices; what was
 * added is reported once, by the next page (form) or by the answer (fetch).
 */
#include "pages.h"

#include <ctype.h>
#include <string.h>

int
form_checked(struct visit *visit)
{
	if (session_form_ok(visit->shop, visit->arena, &visit->session,
	        field(&visit->request->form, "token")))
		return 1;
	return page_message(visit, 403, "This form has gone stale",
	    "It was opened in another visit. Please open the page again.",
	    "/cart", "To the cart");
}

/* A quantity as typed: 0..QUANTITY_MAX in plain digits, else -1. */
static int
quantity_of(const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	if (n < 1 || n > 3 || strspn(text, "0123456789") != n)
		return -1;
	return (int)num(text);
}

int64_t
id_of(const char *text)
{
	size_t n = text != NULL ? strlen(text) : 0;

	if (n < 1 || n > 18 || strspn(text, "0123456789") != n)
		return 0;
	return num(text);
}

static const char *
why_not(enum cart_change change)
{
	switch (change) {
	case CART_NO_VARIANT:
		return "This article is not sold any more.";
	case CART_SOLD_OUT:
		return "There are not that many left.";
	case CART_TOO_MANY:
		return "A cart holds at most 999 of one article, and 100 "
		       "different articles.";
	default:
		return NULL;
	}
}

/* ----------------------------------------------------------------------- add */

struct adding {
	struct visit *visit;
	int64_t variant, revision;
	int quantity;
	bool json;
	enum cart_change change;
};

/* What was added is told: by the server, with the change, or by the page that
 * comes next, for which it is noted.  ${note}: it is; else the answer says it.
 * Within the change's transaction. */
static int
tell_added(struct visit *visit, struct added *added, bool note)
{
	struct db *db = visit->shop->db;
	struct tracking tracking = {
	    .settings = visit->shop->settings,
	    .arena = visit->arena,
	    .currency = visit->shop->currency,
	    .side = visit_side(visit),
	    .visitor = &visit->session,
	    .exchange_id = visit->exchange_id,
	    .added = added,
	};
	struct cart cart;

	if (tracking.side == SIDE_BROWSER && note)
		return cart_note_added(db, visit->session.cart, added->revision,
		    added->variant, added->quantity);
	if (tracking.side != SIDE_SERVER)
		return 0;
	if (cart_load(db, visit->arena, visit->session.cart, &cart) != 0)
		return -1;
	tracking.cart = &cart;
	tracking.checkout_url = restore_link(visit, &cart);
	tracking_added(&tracking, db, visit->request->now);
	return 0;
}

/* The change itself, in one transaction. */
static bool
add_within(void *arg)
{
	struct adding *adding = arg;
	struct visit *visit = adding->visit;
	struct added added = {.variant = adding->variant,
	    .quantity = adding->quantity};

	adding->change = cart_add(visit->shop->db, visit->arena,
	    &visit->session.cart, adding->variant, adding->quantity,
	    visit->request->now, &adding->revision);
	if (adding->change != CART_DONE)
		return false;
	added.revision = adding->revision;
	if (session_start(visit->shop, visit->request, &visit->session) == 0 &&
	    tell_added(visit, &added, !adding->json) == 0)
		return true;
	adding->change = CART_FAILED;
	return false;
}

static enum cart_change
add(struct adding *adding)
{
	int result = db_together(adding->visit->shop->db, add_within, adding);

	return result == 0 || result == 1 ? adding->change : CART_FAILED;
}

/* The answer to a script: the payload for klaviyo.track, or, if that is not to
 * be called, what there is now in the cart. */
static int
add_answer(struct visit *visit, const struct adding *adding)
{
	struct added added = {
	    adding->variant, adding->revision, adding->quantity, NULL};
	struct tracking tracking = {
	    .settings = visit->shop->settings,
	    .arena = visit->arena,
	    .currency = visit->shop->currency,
	    .added = &added,
	};
	struct cart cart;
	char *payload;

	if (cart_load(visit->shop->db, visit->arena, visit->session.cart,
	        &cart) != 0)
		return -1;
	if (visit_side(visit) == SIDE_BROWSER) {
		tracking.cart = &cart;
		tracking.checkout_url = restore_link(visit, &cart);
		payload = tracking_added_payload(&tracking);
		text_add(
		    &visit->response->body, payload != NULL ? payload : "{}");
	} else {
		text_printf(&visit->response->body,
		    "{\"count\":%d,\"subtotal\":\"%s\"}", cart.units,
		    money_text(visit->arena, cart.subtotal,
		        visit->shop->currency));
	}
	session_cookie(visit->shop, &visit->session, visit->response);
	return 0;
}

static int
json_answer(struct visit *visit, int status, const char *error)
{
	visit->response->status = status;
	response_header(visit->response, "Content-Type", "application/json");
	response_header(
	    visit->response, "Cache-Control", "private, no-store");
	if (error != NULL)
		text_printf(
		    &visit->response->body, "{\"error\":\"%s\"}", error);
	return 0;
}

static int
add_refused(struct visit *visit, const struct adding *adding, int status,
    const char *error)
{
	const char *handle = NULL;

	if (adding->json)
		return json_answer(visit, status, error);
	if (catalog_handle(visit->shop->db, visit->arena, adding->variant,
	        &handle) < 0)
		return -1;
	if (handle != NULL)
		return product_show(visit, handle, status, error);
	return page_message(visit, status, "That did not go into the cart",
	    error, "/", "Back to the shop");
}

int
cart_add_page(struct visit *visit)
{
	struct adding adding = {
	    .visit = visit,
	    .variant = id_of(field(&visit->request->form, "variant")),
	    .quantity = quantity_of(field(&visit->request->form, "quantity")),
	    .json = strstr(visit->request->accept, "application/json") != NULL,
	};
	enum cart_change change;

	if (adding.variant == 0)
		return add_refused(
		    visit, &adding, 400, "Please choose an article first.");
	if (adding.quantity < 1)
		return add_refused(visit, &adding, 400,
		    "Please give a quantity from 1 to 999.");
	change = add(&adding);
	if (change == CART_FAILED)
		return -1;
	if (change != CART_DONE)
		return add_refused(visit, &adding,
		    change == CART_NO_VARIANT ? 404 : 409, why_not(change));
	if (!adding.json)
		return page_redirect(visit, "/cart");
	return json_answer(visit, 200, NULL) == 0 ? add_answer(visit, &adding)
	                                          : -1;
}

/* ---------------------------------------------------------------------- show */

static void
put_cart_line(struct visit *visit, struct tpl *tpl, const struct line *line)
{
	int64_t max = QUANTITY_MAX;

	if (!line->oversell && line->stock < max)
		max = line->stock;
	tpl_num(tpl, "LINE", line->id);
	tpl_set(tpl, "URL", url_path(visit->arena, "/products/", line->handle));
	tpl_set(tpl, "TITLE", line->title);
	put_text(tpl, "VARIANT", line->variant);
	put_picture(tpl, line->image, line->title);
	put_money(visit, tpl, "PRICE", line->price);
	tpl_num(tpl, "QUANTITY", line->quantity);
	tpl_num(tpl, "MAX", max > line->quantity ? max : line->quantity);
	put_money(visit, tpl, "ROW_TOTAL", line->price * line->quantity);
	if (!line->oversell && line->stock <= 0)
		put_text(tpl, "WARNING", "Sold out: please remove it");
	else if (!line->oversell && line->stock < line->quantity)
		put_text(tpl, "WARNING",
		    arena_printf(visit->arena, "Only %lld left",
		        (long long)line->stock));
}

static int
cart_show(struct visit *visit, int status, const char *error)
{
	struct tpl *filled;
	struct cart cart;
	struct page page;

	if (cart_load(visit->shop->db, visit->arena, visit->session.cart,
	        &cart) != 0 ||
	    page_begin(visit, &page, "cart.tpl", "Your cart") != 0)
		return -1;
	page.status = status;
	put_text(page.body, "ERROR", error);
	if (cart.nlines == 0) {
		tpl_show(page.body, "EMPTY");
		return page_show(visit, &page);
	}
	filled = tpl_section(page.body, "FILLED");
	tpl_set(filled, "TOKEN",
	    session_form_token(visit->shop, visit->arena, &visit->session));
	for (struct line *line = cart.lines; line != NULL; line = line->next)
		put_cart_line(visit, tpl_section(filled, "LINE"), line);
	put_money(visit, filled, "SUBTOTAL", cart.subtotal);
	return page_show(visit, &page);
}

int
cart_page(struct visit *visit)
{
	const char *merged = field(&visit->request->query, "merged");

	return cart_show(visit, 200,
	    merged != NULL && strcmp(merged, "part") == 0
	        ? "Not everything could be put together: there are not that "
	          "many left, or the cart is full."
	        : NULL);
}

/* -------------------------------------------------------------------- change */

/* One field of the form; the change, or CART_DONE for one of another name. */
static enum cart_change
update_field(struct visit *visit, const struct field *f)
{
	static const char prefix[] = "quantity_";
	struct db *db = visit->shop->db;
	const char *cart = visit->session.cart;
	int64_t variant, revision;
	enum cart_change change;
	int quantity = 0, added;

	if (strcmp(f->name, "remove") == 0) {
		variant = id_of(f->value);
	} else if (strncmp(f->name, prefix, strlen(prefix)) == 0) {
		variant = id_of(f->name + strlen(prefix));
		quantity = quantity_of(f->value);
	} else {
		return CART_DONE;
	}
	if (variant == 0 || quantity < 0)
		return CART_TOO_MANY;
	change = cart_set(db, cart, variant, quantity, visit->request->now,
	    &revision, &added);
	if (change == CART_DONE && added > 0 &&
	    tell_added(visit,
	        &(struct added){variant, revision, added, NULL}, true) != 0)
		return CART_FAILED;
	/* A line that is gone already needs no removing. */
	return change == CART_NO_VARIANT && quantity == 0 ? CART_DONE : change;
}

int
cart_update_page(struct visit *visit)
{
	const struct fields *form = &visit->request->form;
	enum cart_change change = CART_DONE;
	struct db *db = visit->shop->db;
	bool removing = field(form, "remove") != NULL;
	int checked = form_checked(visit);

	if (checked != 1)
		return checked;
	if (*visit->session.cart == '\0')
		return page_redirect(visit, "/cart");
	if (db_begin(db) != 0)
		return -1;
	for (size_t i = 0; i < form->n && change == CART_DONE; i++)
		/* The remove button sends the quantities along: only it
		   counts. */
		if (!removing || strcmp(form->list[i].name, "remove") == 0)
			change = update_field(visit, &form->list[i]);
	if (change != CART_DONE) {
		db_rollback(db);
		return change == CART_FAILED
		    ? -1
		    : cart_show(visit, 409, why_not(change));
	}
	if (db_commit(db) != 0)
		return -1;
	return page_redirect(visit, "/cart");
}
