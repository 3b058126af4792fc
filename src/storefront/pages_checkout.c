/*
 * pages_checkout.c - the checkout's page: the form as it was typed, with what
 * is wrong with it and the sums.
 */
#include "checkout.h"

#include <string.h>

static void
put_errors(struct visit *visit, struct tpl *body, const struct checkout *c)
{
	struct tpl *errors, *problem;

	if (c->errors == 0 && c->trouble == NULL)
		return;
	errors = tpl_section(body, "ERRORS");
	if (c->trouble != NULL)
		tpl_set(errors, "TEXT", c->trouble);
	else if (c->errors == 1)
		tpl_set(errors, "TEXT", "One thing needs another look");
	else
		tpl_set(errors, "TEXT",
		    arena_printf(visit->arena, "%d things need another look",
		        c->errors));
	for (int i = 0; i < FIELDS; i++) {
		char name[40];

		if (c->error[i] == NULL)
			continue;
		problem = tpl_section(errors, "PROBLEM");
		tpl_set(problem, "FIELD", checkout_fields[i].name);
		tpl_set(problem, "TEXT", c->error[i]);
		snprintf(name, sizeof(name), "%s_ERROR",
		    checkout_fields[i].variable);
		put_text(body, name, c->error[i]);
	}
}

void
put_countries(struct tpl *body, const char *section, const char *chosen)
{
	for (const struct country *c = countries; c->code != NULL; c++) {
		struct tpl *option = tpl_section(body, section);

		tpl_set(option, "CODE", c->code);
		tpl_set(option, "NAME", c->name);
		if (strcmp(c->code, chosen) == 0)
			tpl_show(option, "SELECTED");
	}
}

static void
put_price_or_free(
    struct visit *visit, struct tpl *tpl, const char *name, int64_t price)
{
	if (price == 0)
		tpl_set(tpl, name, "Free");
	else
		put_money(visit, tpl, name, price);
}

static void
put_sums(struct visit *visit, struct tpl *body, const struct checkout *c)
{
	for (const struct shipping *m = c->methods; m != NULL; m = m->next) {
		struct tpl *method = tpl_section(body, "METHOD");

		tpl_set(method, "CODE", m->code);
		tpl_set(method, "NAME", m->name);
		tpl_set(method, "WHEN", m->when);
		put_price_or_free(visit, method, "PRICE", m->price);
		if (m == c->method)
			tpl_show(method, "CHECKED");
	}
	put_lines(visit, body, c->cart.lines);
	put_money(visit, body, "SUBTOTAL", c->order.subtotal);
	if (*c->discount.code != '\0') {
		struct tpl *on = tpl_section(body, "DISCOUNT_ON");

		tpl_set(on, "CODE", c->discount.code);
		put_money(visit, on, "AMOUNT", c->order.discount);
	}
	put_price_or_free(visit, body, "SHIPPING_TOTAL", c->order.shipping);
	put_money(visit, body, "TOTAL", c->order.total);
}

/* A new key for a new attempt; it carries the cart's revision, so that an order
 * is for the cart that was shown. */
const char *
checkout_new_key(struct visit *visit, const struct checkout *c)
{
	return arena_printf(visit->arena, "%s-%lld",
	    random_id(visit->arena, KEY_LENGTH), (long long)c->cart.revision);
}

int
checkout_show(struct visit *visit, struct checkout *c, int status)
{
	struct page page;
	struct tpl *body;

	if (page_begin(visit, &page, "checkout.tpl", "Checkout") != 0)
		return -1;
	body = page.body;
	page.status = status;
	for (int i = 0; i < DISCOUNT; i++)
		tpl_set(body, checkout_fields[i].variable, c->value[i]);
	tpl_set(body, "DISCOUNT", c->value[DISCOUNT]);
	tpl_set(body, "TOKEN",
	    session_form_token(visit->shop, visit->arena, &visit->session));
	tpl_set(body, "KEY", c->key);
	if (*visit->session.account == '\0')
		tpl_show(body, "GUEST");
	put_errors(visit, body, c);
	put_countries(body, "COUNTRY_OPTION", c->value[COUNTRY]);
	put_countries(body, "BILLING_COUNTRY_OPTION",
	    c->value[*c->value[BILLING_COUNTRY] != '\0' ? BILLING_COUNTRY
	                                                : COUNTRY]);
	if (c->billing_same)
		tpl_show(body, "BILLING_SAME");
	if (c->by_email)
		tpl_show(body, "NEWSLETTER");
	if (c->by_sms)
		tpl_show(body, "NEWSLETTER_SMS");
	tpl_show(body, strcmp(c->value[PAYMENT], "decline") == 0
	                   ? "PAY_DECLINE"
	                   : "PAY_APPROVE");
	put_sums(visit, body, c);
	page.tracking.cart = &c->cart;
	page.tracking.checkout = true;
	page.tracking.told = request_cookie(visit->request, "told");
	page.tracking.checkout_url = restore_link(visit, &c->cart);
	return page_show(visit, &page);
}

/* The address of the account, if that has one. */
static int
put_address(struct visit *visit, struct checkout *c)
{
	struct account a;
	int found = *visit->session.account == '\0'
	    ? 0
	    : account_load(visit->shop->db, visit->arena,
	          visit->session.account, &a);

	if (found <= 0 || *a.address1 == '\0')
		return found < 0 ? -1 : 0;
	c->value[ADDRESS1] = a.address1;
	c->value[ADDRESS2] = a.address2;
	c->value[CITY] = a.city;
	c->value[REGION] = a.region;
	c->value[ZIP] = a.zip;
	c->value[COUNTRY] = a.country;
	return 0;
}

int
checkout_page(struct visit *visit)
{
	struct checkout c = {.billing_same = true};

	for (int i = 0; i < FIELDS; i++)
		c.value[i] = "";
	if (checkout_sums(visit, &c) != 0)
		return -1;
	if (c.cart.nlines == 0)
		return page_redirect(visit, "/cart");
	c.value[EMAIL] = visit->session.email;
	c.value[PHONE] = visit->session.phone;
	c.value[FIRST_NAME] = visit->session.first_name;
	c.value[LAST_NAME] = visit->session.last_name;
	c.value[COUNTRY] = countries[0].code;
	if (put_address(visit, &c) != 0)
		return -1;
	c.key = checkout_new_key(visit, &c);
	return checkout_show(visit, &c, 200);
}
