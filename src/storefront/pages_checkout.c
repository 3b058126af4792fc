/*
 * pages_checkout.c - checkout: the form, its checks, placing the order.
 *
 * Promises: the order, its lines, its stock and its events are one transaction,
 * and the answer follows the commit; the same form sent twice makes one order,
 * and another form under the same key is refused; every field that is wrong is
 * named and what was typed is kept; sums come from order.c, never from the form.
 *
 * The payment is a stand-in that approves or declines as asked: no card number
 * is ever typed here.
 */
#include "pages.h"

#include <sodium.h>
#include <string.h>

#define KEY_LENGTH 26
#define TRIES 3 /* of a transaction that met a deadlock, or lost its server */

enum which {
	EMAIL,
	PHONE,
	FIRST_NAME,
	LAST_NAME,
	ADDRESS1,
	ADDRESS2,
	CITY,
	REGION,
	ZIP,
	COUNTRY,
	BILLING_FIRST_NAME,
	BILLING_LAST_NAME,
	BILLING_ADDRESS1,
	BILLING_ADDRESS2,
	BILLING_CITY,
	BILLING_REGION,
	BILLING_ZIP,
	BILLING_COUNTRY,
	DISCOUNT,
	SHIPPING,
	PAYMENT,
	FIELDS
};

/* In the order of the page; a template variable and its field share the name. */
static const struct form_field {
	const char *variable, *name, *missing; /* missing NULL = may be empty */
	size_t max; /* in bytes */
} fields[FIELDS] = {
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

struct checkout {
	const char *value[FIELDS], *error[FIELDS];
	int errors;
	bool billing_same;
	const char *key, *trouble; /* trouble: a heading that names no field */
	struct cart cart;
	struct shipping *methods;
	const struct shipping *method; /* chosen, or the first */
	struct discount discount;
	struct order order;
};

/* ------------------------------------------------------------------- reading */

/* One line of text: trimmed, inner white space folded to one blank. */
static const char *
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

static void
refuse(struct checkout *c, enum which field, const char *why)
{
	if (c->error[field] != NULL)
		return;
	c->error[field] = why;
	c->errors++;
}

static bool
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
static char *
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

static void
read_form(struct visit *visit, struct checkout *c)
{
	const struct fields *form = &visit->request->form;
	const char *key = field(form, "key");

	for (int i = 0; i < FIELDS; i++) {
		const char *typed = field(form, fields[i].name);

		c->value[i] = one_line(visit->arena, typed != NULL ? typed : "");
	}
	c->billing_same = field(form, "billing_same") != NULL;
	c->key = key != NULL ? key : "";
}

static void
check_form(struct visit *visit, struct checkout *c)
{
	for (int i = 0; i < FIELDS; i++) {
		bool bill = i >= BILLING_FIRST_NAME && i <= BILLING_COUNTRY;

		if (bill && c->billing_same)
			continue;
		if (*c->value[i] == '\0' && fields[i].missing != NULL)
			refuse(c, i, fields[i].missing);
		else if (strlen(c->value[i]) > fields[i].max)
			refuse(c, i, "This is too long");
	}
	if (!email_ok(c->value[EMAIL]))
		refuse(c, EMAIL, "This is no e-mail address");
	if (*c->value[PHONE] != '\0') {
		const char *phone = phone_of(visit->arena, c->value[PHONE]);

		if (phone == NULL)
			refuse(c, PHONE, "This is no phone number");
		else
			c->order.phone = phone;
	}
	if (country_name(c->value[COUNTRY]) == NULL)
		refuse(c, COUNTRY, "We do not send to this country");
	if (!c->billing_same && country_name(c->value[BILLING_COUNTRY]) == NULL)
		refuse(c, BILLING_COUNTRY, "Please choose a country");
	if (strcmp(c->value[SHIPPING], c->method->code) != 0)
		refuse(c, SHIPPING, "Please choose a way of delivery");
	if (strcmp(c->value[PAYMENT], "approve") != 0 &&
	    strcmp(c->value[PAYMENT], "decline") != 0)
		refuse(c, PAYMENT, "Please choose a way to pay");
}

/* Cart, delivery, discount: everything the sums are made of. */
static int
load_sums(struct visit *visit, struct checkout *c)
{
	struct db *db = visit->shop->db;

	if (cart_load(db, visit->arena, visit->session.cart, &c->cart) != 0 ||
	    shipping_methods(
	        db, visit->arena, c->cart.subtotal, &c->methods) != 0)
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
		refuse(c, DISCOUNT, c->discount.why_not);
	c->order.subtotal = c->cart.subtotal;
	return order_totals(&c->order, c->method, &c->discount);
}

/* ------------------------------------------------------------------- showing */

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
		    arena_printf(visit->arena,
		        "%d things need another look", c->errors));
	for (int i = 0; i < FIELDS; i++) {
		char name[40];

		if (c->error[i] == NULL)
			continue;
		problem = tpl_section(errors, "PROBLEM");
		tpl_set(problem, "FIELD", fields[i].name);
		tpl_set(problem, "TEXT", c->error[i]);
		snprintf(name, sizeof(name), "%s_ERROR", fields[i].variable);
		put_text(body, name, c->error[i]);
	}
}

static void
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
static const char *
new_key(struct visit *visit, const struct checkout *c)
{
	return arena_printf(visit->arena, "%s-%lld",
	    random_id(visit->arena, KEY_LENGTH), (long long)c->cart.revision);
}

static int
checkout_show(struct visit *visit, struct checkout *c, int status)
{
	struct page page;
	struct tpl *body;

	if (page_begin(visit, &page, "checkout.tpl", "Checkout") != 0)
		return -1;
	body = page.body;
	page.status = status;
	for (int i = 0; i < DISCOUNT; i++)
		tpl_set(body, fields[i].variable, c->value[i]);
	tpl_set(body, "DISCOUNT", c->value[DISCOUNT]);
	tpl_set(body, "TOKEN",
	    session_form_token(visit->shop, visit->arena, &visit->session));
	tpl_set(body, "KEY", c->key);
	put_errors(visit, body, c);
	put_countries(body, "COUNTRY_OPTION", c->value[COUNTRY]);
	put_countries(body, "BILLING_COUNTRY_OPTION",
	    c->value[*c->value[BILLING_COUNTRY] != '\0' ? BILLING_COUNTRY
	                                                : COUNTRY]);
	if (c->billing_same)
		tpl_show(body, "BILLING_SAME");
	tpl_show(body,
	    strcmp(c->value[PAYMENT], "decline") == 0 ? "PAY_DECLINE"
	                                              : "PAY_APPROVE");
	put_sums(visit, body, c);
	page.tracking.cart = &c->cart;
	page.tracking.checkout = true;
	page.tracking.checkout_url = restore_link(visit, &c->cart);
	return page_show(visit, &page);
}

int
checkout_page(struct visit *visit)
{
	struct checkout c = {.billing_same = true};

	for (int i = 0; i < FIELDS; i++)
		c.value[i] = "";
	if (load_sums(visit, &c) != 0)
		return -1;
	if (c.cart.nlines == 0)
		return page_redirect(visit, "/cart");
	c.value[EMAIL] = visit->session.email;
	c.value[PHONE] = visit->session.phone;
	c.value[FIRST_NAME] = visit->session.first_name;
	c.value[LAST_NAME] = visit->session.last_name;
	c.value[COUNTRY] = countries[0].code;
	c.key = new_key(visit, &c);
	return checkout_show(visit, &c, 200);
}

/* ------------------------------------------------------------------- placing */

static void
fill_order(struct visit *visit, struct checkout *c)
{
	struct order *o = &c->order;

	o->time = visit->request->now;
	o->currency = visit->shop->currency;
	o->status = "placed";
	o->email = c->value[EMAIL];
	if (o->phone == NULL)
		o->phone = "";
	o->shipping_address = (struct address){c->value[FIRST_NAME],
	    c->value[LAST_NAME], c->value[ADDRESS1], c->value[ADDRESS2],
	    c->value[CITY], c->value[REGION], c->value[ZIP],
	    c->value[COUNTRY]};
	o->billing_address = (struct address){c->value[BILLING_FIRST_NAME],
	    c->value[BILLING_LAST_NAME], c->value[BILLING_ADDRESS1],
	    c->value[BILLING_ADDRESS2], c->value[BILLING_CITY],
	    c->value[BILLING_REGION], c->value[BILLING_ZIP],
	    c->value[BILLING_COUNTRY]};
	if (c->billing_same)
		o->billing_address = o->shipping_address;
	o->exchange_id = tracking_exchange_id(
	    visit->arena, request_cookie(visit->request, "__kla_id"));
}

/* What was posted, as a hash: the same form again is the same order. */
static char *
hash_form(struct visit *visit, const struct checkout *c)
{
	unsigned char hash[32];
	char text[48];
	crypto_generichash_state state;

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	for (int i = 0; i < FIELDS; i++)
		crypto_generichash_update(&state,
		    (const unsigned char *)c->value[i],
		    strlen(c->value[i]) + 1);
	crypto_generichash_update(
	    &state, (const unsigned char *)(c->billing_same ? "1" : "0"), 1);
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	return arena_copy(visit->arena, text);
}

static bool
key_ok(const char *key)
{
	size_t n = strspn(key, "0123456789abcdefghjkmnpqrstvwxyz");

	return n == KEY_LENGTH && key[n] == '-' && strlen(key) < 64 &&
	    key[n + 1 + strspn(key + n + 1, "0123456789")] == '\0';
}

/* Who the visitor is, as far as the form says so.  Within a transaction. */
static int
identify(struct visit *visit, const struct checkout *c)
{
	return session_identify(visit->shop, &visit->session, c->value[EMAIL],
	    c->order.phone != NULL ? c->order.phone : "",
	    c->error[FIRST_NAME] ? "" : c->value[FIRST_NAME],
	    c->error[LAST_NAME] ? "" : c->value[LAST_NAME]);
}

/* The form again; the address in it is known from now on all the same. */
static int
show_again(struct visit *visit, struct checkout *c, int status)
{
	if (c->error[EMAIL] == NULL && c->error[PHONE] == NULL) {
		if (db_begin(visit->shop->db) != 0)
			return -1;
		if (identify(visit, c) != 0 ||
		    db_commit(visit->shop->db) != 0) {
			db_rollback(visit->shop->db);
			return -1;
		}
	}
	return checkout_show(visit, c, status);
}

static int
conflict_page(struct visit *visit)
{
	return page_message(visit, 409, "This form has been used already",
	    "It was sent before with other entries. If an order came of it, "
	    "it stands; please start from the cart for another one.",
	    "/cart", "To the cart");
}

static int
placed_page(struct visit *visit, const char *order)
{
	return page_redirect(visit, url_path(visit->arena, "/orders/", order));
}

/* The form again, with a new key, because the cart is not what it was. */
static int
changed_page(struct visit *visit, struct checkout *c, const char *trouble)
{
	if (load_sums(visit, c) != 0)
		return -1;
	if (c->cart.nlines == 0)
		return page_redirect(visit, "/cart");
	c->trouble = trouble;
	c->key = new_key(visit, c);
	return checkout_show(visit, c, 409);
}

/* Order, lines, stock, events: one transaction. */
static enum order_result
place_once(struct visit *visit, struct checkout *c, const char *body_hash,
    const struct line **sold_out)
{
	struct db *db = visit->shop->db;
	enum order_result result;

	if (db_begin(db) != 0)
		return ORDER_FAILED;
	result = order_place(db, visit->arena, &c->order, &c->cart,
	    visit->session.id, c->key, body_hash, sold_out);
	/* No order without its events; Klaviyo's rules do not stop one. */
	if (result == ORDER_PLACED &&
	    tracking_order(visit->shop->settings, visit->shop->db, &c->order,
	        false, visit->request->now) != 0)
		result = ORDER_FAILED;
	if (result == ORDER_PLACED && identify(visit, c) != 0)
		result = ORDER_FAILED;
	if (result != ORDER_PLACED) {
		db_rollback(db);
		return result;
	}
	switch (db_commit(db)) {
	case 0:
		return ORDER_PLACED;
	case DB_UNKNOWN:
		return order_settle(db, visit->arena, &c->order, &c->cart,
		    c->key, body_hash);
	default:
		return ORDER_FAILED;
	}
}

/* The answer follows the commit. */
static int
place(struct visit *visit, struct checkout *c)
{
	const struct line *sold_out = NULL;
	const char *body_hash = hash_form(visit, c);
	enum order_result result;
	int tries = 0;

	fill_order(visit, c);
	do
		result = place_once(visit, c, body_hash, &sold_out);
	while (result == ORDER_FAILED && db_again(visit->shop->db) &&
	    !db_unknown(visit->shop->db) && ++tries < TRIES);
	switch (result) {
	case ORDER_PLACED:
	case ORDER_AGAIN:
		return placed_page(visit, c->order.id);
	case ORDER_CONFLICT:
		return conflict_page(visit);
	case ORDER_SOLD_OUT:
		return changed_page(visit, c,
		    arena_printf(visit->arena,
		        "There is not enough of “%s” left: please change "
		        "the cart",
		        sold_out->title));
	case ORDER_CART_CHANGED:
		return changed_page(visit, c,
		    "Your cart has changed meanwhile: please look again");
	default:
		return -1;
	}
}

/* The answer when this form's order is there already; 1: it is not. */
static int
placed_before(struct visit *visit, const struct checkout *c)
{
	const char *id, *hash;
	int used =
	    order_by_key(visit->shop->db, visit->arena, c->key, &id, &hash);

	if (used <= 0)
		return used < 0 ? -1 : 1;
	return strcmp(hash, hash_form(visit, c)) == 0 ? placed_page(visit, id)
	                                              : conflict_page(visit);
}

static bool
cart_changed(const struct checkout *c)
{
	return num(c->key + KEY_LENGTH + 1) != c->cart.revision;
}

int
checkout_post(struct visit *visit)
{
	const char *action = field(&visit->request->form, "action");
	struct checkout c = {0};
	int checked = form_checked(visit), before;

	if (checked != 1)
		return checked;
	read_form(visit, &c);
	if (!key_ok(c.key))
		return page_redirect(visit, "/checkout");
	before = placed_before(visit, &c);
	if (before != 1)
		return before;
	if (load_sums(visit, &c) != 0)
		return -1;
	/* By the same form, sent twice at the same moment? */
	if ((cart_changed(&c) || c.cart.nlines == 0) &&
	    (before = placed_before(visit, &c)) != 1)
		return before;
	if (c.cart.nlines == 0)
		return page_redirect(visit, "/cart");
	if (action != NULL && strcmp(action, "apply") == 0)
		return checkout_show(visit, &c, c.errors > 0 ? 422 : 200);
	check_form(visit, &c);
	if (c.errors > 0)
		return show_again(visit, &c, 422);
	if (cart_changed(&c))
		return changed_page(visit, &c,
		    "Your cart has changed meanwhile: please look again");
	if (strcmp(c.value[PAYMENT], "decline") == 0) {
		refuse(&c, PAYMENT,
		    "The payment was declined. Nothing was ordered; please "
		    "try another way to pay");
		return show_again(visit, &c, 402);
	}
	return place(visit, &c);
}
