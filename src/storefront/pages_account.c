/*
 * pages_account.c - the account's page: orders, and what is known of the
 * customer.
 */
#include "form.h"

#include <string.h>

#define ORDERS_SHOWN 100

int
account_of(struct visit *visit, struct account *account)
{
	const char *path = visit->request->path;
	int found = *visit->session.account == '\0'
	                ? 0
	                : account_load(visit->shop->db, visit->arena,
	                      visit->session.account, account);

	if (found != 0)
		return found;
	return page_redirect(visit, arena_printf(visit->arena,
	                                "/account/login?next=%s", path)) != 0
	           ? -1
	           : 0;
}

struct listing_orders {
	struct visit *visit;
	struct tpl *body;
	int n;
};

static int
put_order(void *arg, const struct order *order)
{
	struct listing_orders *l = arg;
	struct tpl *item = tpl_section(l->body, "ORDER");

	tpl_set(item, "ID", order->id);
	tpl_set(item, "URL", url_path(l->visit->arena, "/orders/", order->id));
	tpl_set(item, "DATE", date_text(l->visit->arena, order->time));
	tpl_set(item, "STATUS", status_shown(order->status));
	put_money(l->visit, item, "TOTAL", order->total);
	l->n++;
	return 0;
}

static void
put_address(struct visit *visit, struct tpl *body, const struct account *a)
{
	const char *country = country_name(a->country);

	if (*a->address1 == '\0') {
		tpl_show(body, "NO_ADDRESS");
		return;
	}
	put_text(body, "ADDRESS", a->address1);
	put_text(body, "ADDRESS", a->address2);
	put_text(body, "ADDRESS",
	    arena_printf(visit->arena, "%s%s%s %s", a->city,
	        *a->region != '\0' ? ", " : "", a->region, a->zip));
	put_text(body, "ADDRESS", country != NULL ? country : a->country);
}

static const char *
done_text(const char *done)
{
	static const struct {
		const char *name, *text;
	} texts[] = {
	    {"details", "Your details are saved."},
	    {"email", "Your email address is changed."},
	    {"password", "Your password is changed, and you are logged out on "
	                 "all other devices."},
	};

	for (size_t i = 0; done != NULL && i < sizeof(texts) / sizeof(*texts);
	     i++)
		if (strcmp(done, texts[i].name) == 0)
			return texts[i].text;
	return NULL;
}

int
account_page(struct visit *visit)
{
	struct listing_orders listing = {visit, NULL, 0};
	struct account a;
	struct page page;
	int found = account_of(visit, &a);

	if (found != 1)
		return found;
	if (page_begin(visit, &page, "account.tpl", "Your account") != 0)
		return -1;
	listing.body = page.body;
	if (order_list_of(visit->shop->db, visit->arena, a.id, ORDERS_SHOWN,
	        put_order, &listing) != 0) {
		page_drop(&page);
		return -1;
	}
	if (listing.n == 0)
		tpl_show(page.body, "NO_ORDERS");
	put_text(page.body, "DONE",
	    done_text(field(&visit->request->query, "done")));
	tpl_set(page.body, "NAME",
	    arena_printf(visit->arena, "%s %s", a.first_name, a.last_name));
	tpl_set(page.body, "EMAIL", a.email);
	put_text(page.body, "PHONE", a.phone);
	put_address(visit, page.body, &a);
	tpl_set(page.body, "TOKEN",
	    session_form_token(visit->shop, visit->arena, &visit->session));
	return page_show(visit, &page);
}
