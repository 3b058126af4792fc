/*
 * pages_after.c - what a page has to tell Klaviyo, told once its answer is out.
 *
 * Promises: no visitor waits for it, not for the commit's sync and not for a
 * database that is locked.  It is all kept in the request's memory until then.
 *
 * A process that dies between the two loses the page's events, and nothing
 * else: they are about browsing.
 */
#include "pages.h"

#include <string.h>

struct after {
	struct tracking tracking;
	struct session visitor;
	struct cart cart;
	int64_t now;
};

void
page_tell_later(struct visit *visit, const struct page *page)
{
	const struct tracking *t = &page->tracking;
	struct after *after;

	if (t->side != SIDE_SERVER || (t->viewed == NULL && !t->checkout) ||
	    strcmp(visit->request->method, "HEAD") == 0)
		return;
	after = arena_alloc(visit->arena, sizeof(*after));
	if (after == NULL)
		return; /* the page fails for it */
	after->tracking = *t;
	after->now = visit->request->now;
	/* These are on the stack of the page's functions. */
	if (t->visitor != NULL) {
		after->visitor = *t->visitor;
		after->tracking.visitor = &after->visitor;
	}
	if (t->cart != NULL) {
		after->cart = *t->cart;
		after->tracking.cart = &after->cart;
	}
	visit->shop->after = after;
}

void
shop_after(struct shop *shop)
{
	struct after *after = shop->after;

	shop->after = NULL;
	if (after != NULL)
		tracking_page(&after->tracking, shop->db, after->now);
	/* The last who looked at it. */
	kept_release(shop->held);
	shop->held = NULL;
	db_origin(shop->db, NULL);
	log_about(NULL);
}
