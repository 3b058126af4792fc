/*
 * pages_placing.c - the checkout's form, posted: an order.
 *
 * Promises: the order, its lines, its stock and its events are one transaction,
 * and the answer follows the commit; the same form sent twice makes one order,
 * and another form under the same key is refused; orders and declined payments
 * are counted by the address that was typed, for a stranger can type anybody's
 * (throttle.c).
 *
 * The payment is a stand-in that approves or declines as asked: no card number
 * is ever typed here.
 */
#include "checkout.h"

#include <sodium.h>
#include <string.h>

#define TRIES 3 /* of a transaction that met a deadlock, or lost its server */

static int
fill_order(struct visit *visit, struct checkout *c)
{
	struct order *o = &c->order;

	o->time = visit->request->now;
	o->currency = visit->shop->currency;
	o->status = "placed";
	o->email = c->value[EMAIL];
	o->account = visit->session.account;
	if (o->phone == NULL)
		o->phone = "";
	o->shipping_address = (struct address){c->value[FIRST_NAME],
	    c->value[LAST_NAME], c->value[ADDRESS1], c->value[ADDRESS2],
	    c->value[CITY], c->value[REGION], c->value[ZIP], c->value[COUNTRY]};
	o->billing_address = (struct address){c->value[BILLING_FIRST_NAME],
	    c->value[BILLING_LAST_NAME], c->value[BILLING_ADDRESS1],
	    c->value[BILLING_ADDRESS2], c->value[BILLING_CITY],
	    c->value[BILLING_REGION], c->value[BILLING_ZIP],
	    c->value[BILLING_COUNTRY]};
	if (c->billing_same)
		o->billing_address = o->shipping_address;
	o->exchange_id = visit->exchange_id;
	return order_draft(o, visit->arena, &c->cart);
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
	/* Nothing for boxes that are not ticked: then it is the hash of a shop
	   without them. */
	if (c->by_email)
		crypto_generichash_update(
		    &state, (const unsigned char *)"email", 5);
	if (c->by_sms)
		crypto_generichash_update(
		    &state, (const unsigned char *)"sms", 3);
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

/* 429: the form again, and nothing is stored. */
static int
too_often_page(struct visit *visit, struct checkout *c, int retry)
{
	c->trouble = arena_printf(visit->arena,
	    "Very many orders were sent with this e-mail address. Nothing was "
	    "ordered this time: please send the form again in %d %s, or give "
	    "another address",
	    retry > 90 ? (retry + 59) / 60 : 1,
	    retry > 90 ? "minutes" : "minute");
	response_header(visit->response, "Retry-After", NUM(retry));
	return checkout_show(visit, c, 429);
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
	if (checkout_sums(visit, c) != 0)
		return -1;
	if (c->cart.nlines == 0)
		return page_redirect(visit, "/cart");
	c->trouble = trouble;
	c->key = checkout_new_key(visit, c);
	return checkout_show(visit, c, 409);
}

/* The boxes that were ticked.  One each: if Klaviyo refuses one of them, the
 * other stands. */
static int
subscribe(struct visit *visit, const struct checkout *c)
{
	struct subscription by_email = {
	    .id = arena_printf(visit->arena, "%s:email", c->order.id),
	    .email = c->order.email,
	    .source = "Checkout",
	};
	struct subscription by_sms = {
	    .id = arena_printf(visit->arena, "%s:sms", c->order.id),
	    .phone = c->order.phone,
	    .source = "Checkout",
	};
	const struct settings *settings = visit->shop->settings;
	struct db *db = visit->shop->db;
	int64_t now = visit->request->now;

	if (c->by_email &&
	    tracking_subscribe(settings, db, &by_email, now) != 0)
		return -1;
	return c->by_sms ? tracking_subscribe(settings, db, &by_sms, now) : 0;
}

/* A token of the address, within the transaction that it is for. */
static enum order_result
count_order(struct visit *visit, const struct checkout *c)
{
	int retry, counted = throttle_count(visit->shop, THROTTLE_ORDER,
	               account_key(visit->arena, c->value[EMAIL]),
	               visit->request->now, &retry);

	if (counted < 0)
		return ORDER_FAILED;
	return counted == 0 ? ORDER_TOO_OFTEN : ORDER_PLACED;
}

struct placing {
	struct visit *visit;
	struct checkout *checkout;
	const char *body_hash;
	struct order_events *events;
	const struct line *sold_out; /* of which there is not enough */
	enum order_result result;
};

/* Order, lines, stock, events.  Within the transaction. */
static enum order_result
write_order(struct placing *p)
{
	struct visit *visit = p->visit;
	struct checkout *c = p->checkout;
	struct db *db = visit->shop->db;
	enum order_result result;

	result = order_place(db, visit->arena, &c->order, &c->cart,
	    visit->session.id, c->key, p->body_hash, &p->sold_out);
	if (result != ORDER_PLACED)
		return result;
	/* No order without its events; Klaviyo's rules do not stop one. */
	if (tracking_order_queue(db, &c->order, p->events) != 0 ||
	    subscribe(visit, c) != 0)
		return ORDER_FAILED;
	/* What was still to be told of the cart would come after it. */
	if (tracking_drop_cart(db, c->cart.id) != 0 || identify(visit, c) != 0)
		return ORDER_FAILED;
	return count_order(visit, c);
}

static bool
place_within(void *arg)
{
	struct placing *p = arg;

	p->result = write_order(p);
	return p->result == ORDER_PLACED;
}

static enum order_result
place_once(struct placing *p)
{
	struct checkout *c = p->checkout;
	struct db *db = p->visit->shop->db;

	switch (db_together(db, place_within, p)) {
	case 0:
		return ORDER_PLACED;
	case 1:
		return p->result;
	case DB_UNKNOWN:
		return order_settle(db, p->visit->arena, &c->order, &c->cart,
		    c->key, p->body_hash);
	default:
		return ORDER_FAILED;
	}
}

/* The answer follows the commit. */
static int
place(struct visit *visit, struct checkout *c)
{
	struct placing p = {
	    .visit = visit, .checkout = c, .body_hash = hash_form(visit, c)};
	enum order_result result;
	int tries = 0;

	if (fill_order(visit, c) != 0)
		return -1;
	/* Not while others wait for their turn to write. */
	p.events = tracking_order_make(
	    visit->shop->settings, &c->order, false, visit->request->now);
	if (p.events == NULL)
		return -1;
	do
		result = place_once(&p);
	while (result == ORDER_FAILED && db_again(visit->shop->db) &&
	       !db_unknown(visit->shop->db) && ++tries < TRIES);
	tracking_order_free(p.events);
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
		        p.sold_out->title));
	case ORDER_CART_CHANGED:
		return changed_page(visit, c,
		    "Your cart has changed meanwhile: please look again");
	case ORDER_TOO_OFTEN:
		return too_often_page(visit, c, 1);
	default:
		return -1;
	}
}

/* Nothing is ordered, but whoever is behind the address may hear of it. */
static int
decline(struct visit *visit, struct checkout *c)
{
	int retry, taken = throttle_take(visit->shop, THROTTLE_ORDER,
	               account_key(visit->arena, c->value[EMAIL]),
	               visit->request->now, &retry);

	if (taken != 1)
		return taken < 0 ? -1 : too_often_page(visit, c, retry);
	checkout_refuse(c, PAYMENT,
	    "The payment was declined. Nothing was ordered; please try another "
	    "way to pay");
	return show_again(visit, c, 402);
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
	int checked = form_checked(visit), before, retry;

	if (checked != 1)
		return checked;
	checkout_read(visit, &c);
	if (!key_ok(c.key))
		return page_redirect(visit, "/checkout");
	if (checkout_sums(visit, &c) != 0)
		return -1;
	/* By the same form, sent before?  An order takes its cart. */
	if ((cart_changed(&c) || c.cart.nlines == 0) &&
	    (before = placed_before(visit, &c)) != 1)
		return before;
	if (c.cart.nlines == 0)
		return page_redirect(visit, "/cart");
	if (action != NULL && strcmp(action, "apply") == 0)
		return checkout_show(visit, &c, c.errors > 0 ? 422 : 200);
	checkout_check(visit, &c);
	if (c.errors > 0)
		return show_again(visit, &c, 422);
	if (cart_changed(&c))
		return changed_page(visit, &c,
		    "Your cart has changed meanwhile: please look again");
	if (strcmp(c.value[PAYMENT], "decline") == 0)
		return decline(visit, &c);
	before = throttle_look(visit->shop, THROTTLE_ORDER,
	    account_key(visit->arena, c.value[EMAIL]), visit->request->now,
	    &retry);
	if (before != 1)
		return before < 0 ? -1 : too_often_page(visit, &c, retry);
	return place(visit, &c);
}
