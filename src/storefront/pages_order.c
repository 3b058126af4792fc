/*
 * pages_order.c - the thank-you page: an order as its buyer sees it.
 *
 * Promises: shown only to the session that placed the order, or, if it is an
 * account's, to whoever is logged in to that.
 */
#include "pages.h"

#include <string.h>
#include <time.h>

#define NEW_SECONDS 3600

const struct country countries[] = {
    {"US", "United States"},
    {"AU", "Australia"},
    {"AT", "Austria"},
    {"BE", "Belgium"},
    {"BR", "Brazil"},
    {"CA", "Canada"},
    {"CN", "China"},
    {"CZ", "Czechia"},
    {"DK", "Denmark"},
    {"EE", "Estonia"},
    {"FI", "Finland"},
    {"FR", "France"},
    {"DE", "Germany"},
    {"GR", "Greece"},
    {"HU", "Hungary"},
    {"IS", "Iceland"},
    {"IN", "India"},
    {"IE", "Ireland"},
    {"IL", "Israel"},
    {"IT", "Italy"},
    {"JP", "Japan"},
    {"LV", "Latvia"},
    {"LT", "Lithuania"},
    {"LU", "Luxembourg"},
    {"MX", "Mexico"},
    {"NL", "Netherlands"},
    {"NZ", "New Zealand"},
    {"NO", "Norway"},
    {"PL", "Poland"},
    {"PT", "Portugal"},
    {"RO", "Romania"},
    {"SG", "Singapore"},
    {"SK", "Slovakia"},
    {"SI", "Slovenia"},
    {"ZA", "South Africa"},
    {"KR", "South Korea"},
    {"ES", "Spain"},
    {"SE", "Sweden"},
    {"CH", "Switzerland"},
    {"UA", "Ukraine"},
    {"GB", "United Kingdom"},
    {NULL, NULL},
};

const char *
country_name(const char *code)
{
	for (const struct country *c = countries; c->code != NULL; c++)
		if (strcmp(c->code, code) == 0)
			return c->name;
	return NULL;
}

static const struct status {
	const char *status, *shown;
} statuses[] = {
    {"placed", "Placed"},
    {"partly", "Partly sent"},
    {"fulfilled", "Sent"},
    {"canceled", "Canceled"},
    {"refunded", "Refunded"},
};

const char *
status_shown(const char *status)
{
	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++)
		if (strcmp(statuses[i].status, status) == 0)
			return statuses[i].shown;
	return status;
}

const char *
date_text(struct arena *arena, int64_t seconds)
{
	char text[64];
	time_t time = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&time, &tm) == NULL ||
	    strftime(text, sizeof(text), "%e %B %Y", &tm) == 0)
		return "";
	return arena_copy(arena, text + strspn(text, " "));
}

static void
put_address(struct visit *visit, struct tpl *body, const char *section,
    const struct address *a)
{
	const char *country = country_name(a->country);

	put_text(body, section,
	    arena_printf(visit->arena, "%s %s", a->first_name, a->last_name));
	put_text(body, section, a->address1);
	put_text(body, section, a->address2);
	put_text(body, section,
	    arena_printf(visit->arena, "%s%s%s %s", a->city,
	        *a->region != '\0' ? ", " : "", a->region, a->zip));
	put_text(body, section, country != NULL ? country : a->country);
}

static void
put_order(struct visit *visit, struct tpl *body, const struct order *o)
{
	tpl_set(body, "FIRST_NAME", o->billing_address.first_name);
	tpl_set(body, "ORDER", o->id);
	tpl_set(body, "DATE", date_text(visit->arena, o->time));
	tpl_set(body, "STATUS", status_shown(o->status));
	tpl_set(body, "EMAIL", o->email);
	put_text(body, "PHONE", o->phone);
	put_lines(visit, body, o->lines);
	put_money(visit, body, "SUBTOTAL", o->subtotal);
	if (*o->discount_code != '\0') {
		struct tpl *on = tpl_section(body, "DISCOUNT_ON");

		tpl_set(on, "CODE", o->discount_code);
		put_money(visit, on, "AMOUNT", o->discount);
	}
	if (o->shipping == 0)
		tpl_set(body, "SHIPPING_TOTAL", "Free");
	else
		put_money(visit, body, "SHIPPING_TOTAL", o->shipping);
	tpl_set(body, "METHOD_NAME", o->shipping_name);
	put_money(visit, body, "TOTAL", o->total);
	put_address(visit, body, "DELIVERY_LINE", &o->shipping_address);
	put_address(visit, body, "BILLING_LINE", &o->billing_address);
}

int
order_page(struct visit *visit)
{
	static const char *const next[] = {
	    "We pick and wrap your order.",
	    "It leaves the shop, and we write to you.",
	    "You read, write, or put the kettle on.",
	};
	struct order order;
	struct page page;
	int found;

	found = *visit->session.id == '\0'
	    ? 0
	    : account_sees(visit->shop->db, visit->session.account,
	          visit->session.id, visit->rest);
	if (found > 0)
		found = order_load(visit->shop->db, visit->arena, visit->rest,
		    NULL, &order);
	if (found < 0)
		return -1;
	if (found == 0)
		return page_message(visit, 404, "No such order in this visit",
		    "An order is shown only in the browser that placed it, and "
		    "in the account that it belongs to.",
		    "/account", "To your account");
	if (page_begin(visit, &page, "thanks.tpl", "Your order") != 0)
		return -1;
	tpl_show(page.body,
	    visit->request->now - order.time < NEW_SECONDS ? "NEW" : "LATER");
	put_order(visit, page.body, &order);
	for (size_t i = 0; i < sizeof(next) / sizeof(*next); i++)
		put_text(page.body, "NEXT", next[i]);
	return page_show(visit, &page);
}
