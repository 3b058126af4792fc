/*
 * pages_notify.c - "Tell me when it is back": the form on the page of a product
 * that has a sold-out variant, and what it posts.
 *
 * Promises: the page stays the same for everyone, and may be cached: the form
 * has no token, as /cart/add has none, and touches no session.  Only what is
 * sold out at that moment is subscribed to, in the transaction that looks; the
 * same person and variant are told of once a day, however often it is asked, so
 * that a second click is nothing new and another shortage is.  An address gets
 * few of them, whoever asks (throttle.c).
 */
#include "pages.h"

#include <string.h>
#include <time.h>

/* What the visitor has just posted, and what is wrong with it. */
struct notify {
	int64_t variant;
	const char *email, *error, *field_error;
};

static bool
waits(const struct variant *v)
{
	return !variant_buyable(v);
}

/* ---------------------------------------------------------------- the section
 */

bool
notify_answered(struct visit *visit)
{
	return visit->notify != NULL ||
	       field(&visit->request->query, "notified") != NULL;
}

bool
notify_asks(const struct product *product)
{
	const struct variant *v = product->variants;

	while (v != NULL && !waits(v))
		v = v->next;
	return v != NULL;
}

static void
put_choice(struct tpl *form, const struct product *p, int64_t chosen)
{
	struct tpl *choice;

	if (p->variants->next == NULL) {
		tpl_num(tpl_section(form, "ONLY"), "ID", p->variants->id);
		return;
	}
	choice = tpl_section(form, "WHICH");
	for (const struct variant *v = p->variants; v != NULL; v = v->next) {
		struct tpl *item;

		if (!waits(v))
			continue;
		item = tpl_section(choice, "WAITS");
		tpl_num(item, "ID", v->id);
		tpl_set(item, "NAME", v->name);
		if (v->id == chosen)
			tpl_show(item, "CHOSEN");
	}
}

void
put_notify(struct visit *visit, struct tpl *body, const struct product *p)
{
	const char *done = field(&visit->request->query, "notified");
	const struct notify *n = visit->notify;
	struct tpl *section, *form;
	bool any = notify_asks(p);

	if (!any && !notify_answered(visit))
		return;
	section = tpl_section(body, "NOTIFY");
	if (n == NULL && done != NULL) {
		tpl_show(
		    section, strcmp(done, "there") == 0 ? "THERE" : "DONE");
		return;
	}
	if (!any)
		return;
	if (n == NULL)
		tpl_show(section, "FRESH");
	form = tpl_section(section, "FORM");
	tpl_set(form, "HEADING",
	    waits(variant_shown(p)) ? "Sold out, for now"
	                            : "Waiting for one that is sold out?");
	put_choice(form, p, n != NULL ? n->variant : 0);
	tpl_set(form, "EMAIL", n != NULL ? n->email : visit->session.email);
	if (n != NULL) {
		put_text(form, "ERROR", n->error);
		put_text(form, "FIELD_ERROR", n->field_error);
	}
}

/* ------------------------------------------------------------------ the post
 */

/* The page again, with what is wrong. */
static int
refuse(struct visit *visit, const struct product *p, int status,
    const struct notify *notify)
{
	visit->notify = notify;
	return product_show(visit, p->handle, status, NULL);
}

/* Names one subscription: nobody reads the address off it. */
static const char *
subscription_id(struct visit *visit, const char *variant, const char *email)
{
	char day[12], mark[24];

	utc_text(day, sizeof(day), "%Y-%m-%d", visit->request->now);
	secret_mac(visit->shop, "back in stock",
	    arena_printf(visit->arena, "%s\n%s\n%s", day,
	        fold(visit->arena, email), variant),
	    mark);
	return arena_printf(visit->arena, "%s:%s", day, mark);
}

/* 1: it waits; 0: it is there again, or gone for good; -1. */
static int
subscribe(struct visit *visit, const char *handle, const struct notify *n)
{
	struct db *db = visit->shop->db;
	const struct variant *v = NULL;
	struct product *p;
	int result;

	if (db_begin(db) != 0)
		return -1;
	result = catalog_product(db, visit->arena, handle, &p);
	if (result > 0)
		for (v = p->variants; v != NULL && v->id != n->variant;)
			v = v->next;
	if (result > 0 && (v == NULL || !waits(v)))
		result = 0;
	if (result > 0 &&
	    tracking_back_in_stock(visit->shop->settings, db, visit->arena,
	        subscription_id(visit, NUM(v->id), n->email), n->email, p, v,
	        visit->request->now) != 0)
		result = -1;
	if (result > 0 && db_commit(db) != 0)
		return -1;
	if (result <= 0)
		db_rollback(db);
	return result;
}

/* 1; 0: the page said that it is too often; -1. */
static int
allowed(struct visit *visit, const struct product *p, struct notify *n)
{
	int retry = 0, ok;

	ok = throttle_take(visit->shop, THROTTLE_NOTIFY_CLIENT,
	    throttle_client(visit->request), visit->request->now, &retry);
	if (ok == 1)
		ok = throttle_take(visit->shop, THROTTLE_NOTIFY,
		    fold(visit->arena, n->email), visit->request->now, &retry);
	if (ok != 0)
		return ok;
	n->error = "That was asked for very often. Please try again later.";
	response_header(visit->response, "Retry-After", NUM(retry));
	return refuse(visit, p, 429, n) != 0 ? -1 : 0;
}

static const char *
wrong_email(const char *email)
{
	if (*email == '\0')
		return "Please give an e-mail address";
	if (strlen(email) > 100)
		return "This is too long";
	return email_ok(email) ? NULL : "This is no e-mail address";
}

int
notify_post(struct visit *visit)
{
	const struct fields *form = &visit->request->form;
	const char *email = field(form, "email"), *handle = NULL, *path;
	struct notify n = {.variant = id_of(field(form, "variant"))};
	struct product *p = NULL;
	int found;

	if (catalog_handle(visit->shop->db, visit->arena, n.variant, &handle) <
	    0)
		return -1;
	found = handle == NULL ? 0
	                       : catalog_product(
	                             visit->shop->db, visit->arena, handle, &p);
	if (found <= 0)
		return found < 0 ? -1 : page_not_found(visit);
	n.email = one_line(visit->arena, email != NULL ? email : "");
	n.field_error = wrong_email(n.email);
	if (n.field_error != NULL)
		return refuse(visit, p, 422, &n);
	found = allowed(visit, p, &n);
	if (found != 1)
		return found;
	found = subscribe(visit, handle, &n);
	if (found < 0)
		return -1;
	path = url_path(visit->arena, "/products/", handle);
	return page_redirect(
	    visit, arena_printf(visit->arena, "%s?notified=%s#notify", path,
	               found > 0 ? "yes" : "there"));
}
