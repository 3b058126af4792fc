/*
 * checkout_form.c - what a customer typed at the checkout: read, cleaned and
 * checked; and the sums that it leads to.
 *
 * Promises: every field that is wrong is named and what was typed is kept; sums
 * come from order_sums.c, never from the form.
 */
#include "checkout.h"

#include <string.h>

const struct form_field checkout_fields[FIELDS] = {
    {"EMAIL", "email", "Please give an e-mail address", 100},
    {"PHONE", "phone", NULL, 32},
    {"FIRST_NAME", "first_name", "Please give a first name", 120},
    {"LAST_NAME", "last_name", "Please give a last name", 120},
    {"ADDRESS1", "address1", "Please give a street and number", 240},
    {"ADDRESS2", "address2", NULL, 240},
    {"CITY", "city", "Please give a town or city", 160},
    {"REGION", "region", NULL, 160},
    {"ZIP", "zip", "Please give a postcode", 40},
    {"COUNTRY", "country", "Please choose a country", 2},
    {"BILLING_FIRST_NAME", "billing_first_name",
        "Please give a first name for the bill", 120},
    {"BILLING_LAST_NAME", "billing_last_name",
        "Please give a last name for the bill", 120},
    {"BILLING_ADDRESS1", "billing_address1",
        "Please give a street and number for the bill", 240},
    {"BILLING_ADDRESS2", "billing_address2", NULL, 240},
    {"BILLING_CITY", "billing_city", "Please give a town or city for the bill",
        160},
    {"BILLING_REGION", "billing_region", NULL, 160},
    {"BILLING_ZIP", "billing_zip", "Please give a postcode for the bill", 40},
    {"BILLING_COUNTRY", "billing_country",
        "Please choose a country for the bill", 2},
    {"DISCOUNT", "discount", NULL, 40},
    {"SHIPPING", "shipping", "Please choose a way of delivery", 40},
    {"PAYMENT", "payment", "Please choose a way to pay", 20},
};

/* One line of text: trimmed, inner white space folded to one blank. */
const char *
one_line(struct arena *arena, const char *text)
{
	char *line = arena_alloc(arena, strlen(text) + 1), *to = line;

	for (; line != NULL && *text != '\0'; text++) {
		if (*text != ' ' && *text != '\t' && *text != '\r' &&
		    *text != '\n')
			*to++ = *text;
		else if (to > line && to[-1] != ' ')
			*to++ = ' ';
	}
	if (line != NULL && to > line && to[-1] == ' ')
		to--;
	if (line != NULL)
		*to = '\0';
	return line != NULL ? line : "";
}

void
checkout_refuse(struct checkout *c, enum checkout_field field, const char *why)
{
	if (c->error[field] != NULL)
		return;
	c->error[field] = why;
	c->errors++;
}

bool
email_ok(const char *email)
{
	const char *at = strchr(email, '@'), *dot;

	if (at == NULL || at == email || at - email > 64 ||
	    strchr(at + 1, '@') != NULL)
		return false;
	for (const char *p = email; *p != '\0'; p++)
		if ((unsigned char)*p <= ' ' || strchr("\"(),:;<>[]\\", *p))
			return false;
	dot = strrchr(at, '.');
	return dot != NULL && dot > at + 1 && dot[1] != '\0' &&
	       strstr(at, "..") == NULL;
}

/* A phone number without its punctuation; NULL if it is none.  Only one with a
 * country code (+..) can be told to Klaviyo. */
char *
phone_of(struct arena *arena, const char *typed)
{
	char *phone = arena_alloc(arena, strlen(typed) + 1), *to = phone;
	size_t digits;

	if (phone == NULL)
		return NULL;
	for (const char *p = typed; *p != '\0'; p++) {
		if ((*p >= '0' && *p <= '9') || (*p == '+' && to == phone))
			*to++ = *p;
		else if (strchr(" ()-./", *p) == NULL)
			return NULL;
	}
	*to = '\0';
	digits = strlen(phone) - (*phone == '+');
	return digits >= 5 && digits <= 15 ? phone : NULL;
}

const char *
sms_why_not(struct visit *visit, const char *typed)
{
	const char *phone = phone_of(visit->arena, typed);

	/* Consent for nobody would be none. */
	if (*typed == '\0')
		return "Text messages need a phone number";
	if (phone == NULL)
		return "This is no phone number";
	return tracking_phone_ok(phone)
	           ? NULL
	           : "Text messages need a phone number with its country "
	             "code, such as +1 500 555 0006";
}

void
checkout_read(struct visit *visit, struct checkout *c)
{
	const struct fields *form = &visit->request->form;
	const char *key = field(form, "key");

	for (int i = 0; i < FIELDS; i++) {
		const char *typed = field(form, checkout_fields[i].name);

		c->value[i] =
		    one_line(visit->arena, typed != NULL ? typed : "");
	}
	c->billing_same = field(form, "billing_same") != NULL;
	c->by_email = field(form, "newsletter") != NULL;
	c->by_sms = field(form, "newsletter_sms") != NULL;
	c->key = key != NULL ? key : "";
}

void
checkout_check(struct visit *visit, struct checkout *c)
{
	for (enum checkout_field i = 0; i < FIELDS; i++) {
		bool bill = i >= BILLING_FIRST_NAME && i <= BILLING_COUNTRY;

		if (bill && c->billing_same)
			continue;
		if (*c->value[i] == '\0' && checkout_fields[i].missing != NULL)
			checkout_refuse(c, i, checkout_fields[i].missing);
		else if (strlen(c->value[i]) > checkout_fields[i].max)
			checkout_refuse(c, i, "This is too long");
	}
	if (!email_ok(c->value[EMAIL]))
		checkout_refuse(c, EMAIL, "This is no e-mail address");
	if (*c->value[PHONE] != '\0') {
		const char *phone = phone_of(visit->arena, c->value[PHONE]);

		if (phone == NULL)
			checkout_refuse(c, PHONE, "This is no phone number");
		else
			c->order.phone = phone;
	}
	if (c->by_sms) {
		const char *wrong = sms_why_not(visit, c->value[PHONE]);

		if (wrong != NULL)
			checkout_refuse(c, PHONE, wrong);
	}
	if (country_name(c->value[COUNTRY]) == NULL)
		checkout_refuse(c, COUNTRY, "We do not send to this country");
	if (!c->billing_same && country_name(c->value[BILLING_COUNTRY]) == NULL)
		checkout_refuse(c, BILLING_COUNTRY, "Please choose a country");
	if (strcmp(c->value[SHIPPING], c->method->code) != 0)
		checkout_refuse(c, SHIPPING, "Please choose a way of delivery");
	if (strcmp(c->value[PAYMENT], "approve") != 0 &&
	    strcmp(c->value[PAYMENT], "decline") != 0)
		checkout_refuse(c, PAYMENT, "Please choose a way to pay");
}

/* Cart, delivery, discount: everything the sums are made of. */
int
checkout_sums(struct visit *visit, struct checkout *c)
{
	struct db *db = visit->shop->db;

	if (cart_load(db, visit->arena, visit->session.cart, &c->cart) != 0 ||
	    shipping_methods(db, visit->arena, c->cart.subtotal, &c->methods) !=
	        0)
		return -1;
	if (c->methods == NULL)
		return shop_fail("the shop has no shipping method: "
		                 "`storefront init` seeds three");
	c->method = c->methods;
	for (struct shipping *m = c->methods; m != NULL; m = m->next)
		if (strcmp(m->code, c->value[SHIPPING]) == 0)
			c->method = m;
	if (discount_find(db, visit->arena, c->value[DISCOUNT],
	        c->cart.subtotal, &c->discount) != 0)
		return -1;
	if (c->discount.why_not != NULL)
		checkout_refuse(c, DISCOUNT, c->discount.why_not);
	c->order.subtotal = c->cart.subtotal;
	return order_totals(&c->order, c->method, &c->discount);
}
