/*
 * pages_restore.c - a cart, brought back by a link: on another device, or out
 * of an e-mail.
 *
 * Promises: the link is signed, for this purpose, expires, and has nothing of
 * anybody in it; opening it changes nothing and tells nobody anything: it shows
 * the cart and asks, whether to replace the visitor's own or to put the two
 * together.  What is done is what was shown: if one of the two carts is another
 * by then, it asks again, so that a form sent twice adds nothing twice.
 *
 * Whoever has the link can see what the cart holds, and no more: not whose it
 * is.  They get a copy; the cart itself stays its visitor's.
 */
#include "pages.h"

#include <string.h>

#define RESTORE_DAYS 30

const char *
cart_link(struct shop *shop, struct arena *arena, const struct cart *cart)
{
	char *token = token_sign(shop, arena, "restore", cart->id,
	    cart->changed_at + RESTORE_DAYS * INT64_C(86400));

	return arena_printf(
	    arena, "%s/cart/restore/%s", shop->settings->url, token);
}

const char *
restore_link(struct visit *visit, const struct cart *cart)
{
	return cart_link(visit->shop, visit->arena, cart);
}

/* The visitor's cart, and the one of the link. */
struct carts {
	struct cart own, kept;
	const char *seen; /* the two, as they were shown */
};

static int
restore_stale(struct visit *visit)
{
	visit->response->no_referrer = true;
	return page_message(visit, 410, "This link has had its day",
	    "The cart it pointed to is not kept any more.", "/",
	    "Back to the shop");
}

/* Reads both; 1 found, 0 the link leads to none, -1 failure. */
static int
carts_load(struct visit *visit, const char *token, struct carts *carts)
{
	struct db *db = visit->shop->db;
	const char *id = token != NULL
	                     ? token_open(visit->shop, visit->arena, "restore",
	                           token, visit->request->now)
	                     : NULL;

	if (id == NULL)
		return 0;
	if (cart_load(db, visit->arena, id, &carts->kept) != 0 ||
	    cart_load(db, visit->arena, visit->session.cart, &carts->own) != 0)
		return -1;
	carts->seen = arena_printf(visit->arena, "%lld-%lld",
	    (long long)carts->own.revision, (long long)carts->kept.revision);
	return carts->kept.nlines > 0;
}

static int
restore_show(struct visit *visit, const char *token, const struct carts *carts,
    int status)
{
	struct tpl *own;
	struct page page;

	if (page_begin(visit, &page, "restore.tpl", "Your cart") != 0)
		return -1;
	page.status = status;
	page.secret = true;
	tpl_set(page.body, "RESTORE", token);
	tpl_set(page.body, "SEEN", carts->seen);
	tpl_set(page.body, "TOKEN",
	    *visit->session.id != '\0'
	        ? session_form_token(visit->shop, visit->arena, &visit->session)
	        : "");
	if (status != 200)
		put_text(page.body, "CHANGED",
		    "The cart has changed meanwhile: please look again.");
	put_lines(visit, page.body, carts->kept.lines);
	put_money(visit, page.body, "SUBTOTAL", carts->kept.subtotal);
	if (carts->own.nlines == 0) {
		tpl_show(page.body, "ALONE");
		return page_show(visit, &page);
	}
	own = tpl_section(page.body, "OWN");
	tpl_num(own, "COUNT", carts->own.units);
	tpl_show(own, carts->own.units == 1 ? "ONE" : "MANY");
	return page_show(visit, &page);
}

int
restore_page(struct visit *visit)
{
	struct carts carts;
	int found = carts_load(visit, visit->rest, &carts);

	if (found <= 0)
		return found < 0 ? -1 : restore_stale(visit);
	/* The visitor's own cart: nothing to bring back. */
	if (strcmp(carts.kept.id, visit->session.cart) == 0)
		return page_redirect(visit, "/checkout");
	return restore_show(visit, visit->rest, &carts, 200);
}

/* Within a transaction.  1: not all of it; 2: nothing, for one of the carts is
 * not what was shown. */
static int
restore(struct visit *visit, const char *token, const char *seen, bool merge,
    struct carts *carts)
{
	struct db *db = visit->shop->db;
	int held = 1, result;

	if (*visit->session.cart != '\0')
		held = cart_hold(db, &carts->own);
	/* Again, now that nobody can change the visitor's. */
	if (held < 0 || carts_load(visit, token, carts) < 0)
		return -1;
	if (held == 0 || carts->kept.nlines == 0 ||
	    strcmp(seen, carts->seen) != 0)
		return 2;
	result =
	    merge && carts->own.nlines > 0
	        ? cart_merge(db, &carts->own, &carts->kept, visit->request->now)
	        : cart_copy(db, visit->arena, &visit->session.cart,
	              carts->kept.id, visit->request->now);
	if (result < 0 ||
	    session_start(visit->shop, visit->request, &visit->session) != 0)
		return -1;
	return result;
}

int
restore_post(struct visit *visit)
{
	const struct fields *form = &visit->request->form;
	const char *token = field(form, "restore"), *seen = field(form, "seen");
	const char *how = field(form, "how");
	struct db *db = visit->shop->db;
	struct carts carts;
	int result, checked;

	/* Somebody without a session has nothing that could be replaced. */
	if (*visit->session.id != '\0') {
		checked = form_checked(visit);
		if (checked != 1)
			return checked;
	}
	result = carts_load(visit, token, &carts);
	if (result <= 0)
		return result < 0 ? -1 : restore_stale(visit);
	if (strcmp(carts.kept.id, visit->session.cart) == 0)
		return page_redirect(visit, "/cart");
	if (db_begin(db) != 0)
		return -1;
	result = restore(visit, token, seen != NULL ? seen : "",
	    how != NULL && strcmp(how, "merge") == 0, &carts);
	if (result == 2) {
		db_rollback(db);
		return carts.kept.nlines > 0
		           ? restore_show(visit, token, &carts, 409)
		           : restore_stale(visit);
	}
	if (result < 0 || db_commit(db) != 0) {
		db_rollback(db);
		return -1;
	}
	return page_redirect(
	    visit, result == 0 ? "/cart" : "/cart?merged=part");
}
