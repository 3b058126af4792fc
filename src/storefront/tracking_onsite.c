/*
 * tracking_onsite.c - what a visitor does, told by the server, and what they
 * said yes to; to be copied together with tracking.c.
 *
 * The events are those of the snippets, for a visitor whom the server can name:
 * by the address that this session gave, else by the exchange id in Klaviyo's
 * cookie.  Which side tells of a page or a change is decided once, before, and
 * is t->side: then tracking.c leaves out the snippet that is told here.
 *
 * Promises: what cannot be queued is logged and lost; it costs no page and no
 * change of a cart.  Nothing about a cart is queued once that is an order.
 *
 * Never sees a request.
 */
#include "tracking.h"

#include <string.h>

/* The visitor as the server knows them; false if it does not. */
static bool
fill_visitor(const struct tracking *t, struct klaviyo_profile *profile)
{
	*profile = (struct klaviyo_profile){0};
	if (t->visitor != NULL && *t->visitor->email != '\0') {
		profile->email = t->visitor->email;
		profile->phone_number = t->visitor->phone;
		profile->first_name = t->visitor->first_name;
		profile->last_name = t->visitor->last_name;
		return true;
	}
	profile->exchange_id = t->exchange_id;
	return t->exchange_id != NULL && *t->exchange_id != '\0';
}

/* The library's savepoint has left the transaction as it was; a full queue is
 * counted there. */
static void
log_failure(int result, const char *what)
{
	if (result < 0)
		shop_log_at(
		    LOG_WARNING, "%s left out: %s", what, klaviyo_error());
}

static void
queue_viewed(const struct tracking *t, struct db *db,
    const struct klaviyo_profile *profile, int64_t now)
{
	struct klaviyo_item item;

	tracking_viewed(t, &item);
	log_failure(
	    klaviyo_queue_viewed_product(db_store(db), random_id(t->arena, 26),
	        now, profile, &item, t->currency, now),
	    "a viewed product");
}

static void
queue_checkout(const struct tracking *t, struct db *db,
    const struct klaviyo_profile *profile, int64_t now)
{
	struct klaviyo_cart cart;

	/* It may be an order by now: this would come after it. */
	if (cart_hold(db, t->cart) != 1 || tracking_cart(t, &cart) != 0)
		return;
	log_failure(klaviyo_queue_started_checkout(
	                db_store(db), now, profile, &cart, now),
	    "a started checkout");
}

const char *
tracking_mark(const struct tracking *t)
{
	return arena_printf(
	    t->arena, "%s-%lld", t->cart->id, (long long)t->cart->changed_at);
}

void
tracking_page(const struct tracking *t, struct db *db, int64_t now)
{
	/* Where the browser has told of this very checkout already, before the
	   server knew who it is, it is told. */
	bool checkout =
	    t->checkout && t->cart->nlines > 0 &&
	    (t->told == NULL || strcmp(t->told, tracking_mark(t)) != 0);
	struct klaviyo_profile profile;

	if (t->side != SIDE_SERVER || (t->viewed == NULL && !checkout) ||
	    !fill_visitor(t, &profile))
		return;
	if (db_begin(db) != 0) {
		shop_log_at(
		    LOG_WARNING, "a page's events left out: %s", shop_error());
		return;
	}
	if (t->viewed != NULL)
		queue_viewed(t, db, &profile, now);
	if (checkout)
		queue_checkout(t, db, &profile, now);
	if (db_commit(db) != 0) {
		shop_log_at(
		    LOG_WARNING, "a page's events left out: %s", shop_error());
		db_rollback(db);
		db_known(db); /* it does not matter */
	}
}

void
tracking_added(const struct tracking *t, struct db *db, int64_t now)
{
	struct klaviyo_profile profile;
	struct klaviyo_cart cart;

	if (t->side != SIDE_SERVER || !fill_visitor(t, &profile) ||
	    tracking_cart(t, &cart) != 0)
		return;
	for (const struct added *a = t->added; a != NULL; a = a->next) {
		size_t at = tracking_added_at(t, a);

		if (at < cart.nitems)
			log_failure(
			    klaviyo_queue_added_to_cart(db_store(db), now,
			        &profile, &cart, at, a->quantity, now),
			    "an addition to a cart");
	}
}

/* Its last line, as if all of that had just been added; and its checkout, each
 * in a second of the queue's, which keep their order. */
int
tracking_preview_cart(const struct tracking *t, struct db *scratch, int64_t now)
{
	const struct klaviyo_store *store = db_store(scratch);
	struct klaviyo_profile profile;
	struct klaviyo_cart cart;
	size_t last;

	if (!fill_visitor(t, &profile) || tracking_cart(t, &cart) != 0)
		return shop_fail("out of memory");
	last = cart.nitems - 1;
	if (klaviyo_queue_added_to_cart(store, now, &profile, &cart, last,
	        cart.items[last].quantity, now) < 0 ||
	    klaviyo_queue_started_checkout(
	        store, now, &profile, &cart, now + 1) < 0)
		return shop_fail("%s", klaviyo_error());
	return 0;
}

int
tracking_drop_cart(struct db *db, const char *cart)
{
	if (klaviyo_drop_cart(db_store(db), cart) < 0)
		return shop_fail("%s", klaviyo_error());
	return 0;
}

/* ----------------------------------------------------------- subscriptions */

bool
tracking_phone_ok(const char *phone)
{
	return klaviyo_phone_ok(phone);
}

int
tracking_subscribe(const struct settings *settings, struct db *db,
    const struct subscription *s, int64_t now)
{
	struct klaviyo_subscription k = {
	    .id = s->id,
	    .email = s->email,
	    .phone_number = s->phone,
	    .list = *settings->list != '\0' ? settings->list : NULL,
	    .source = s->source,
	};

	int result = klaviyo_queue_subscription(db_store(db), &k, now);

	if (result < 0) {
		shop_fail("%s", klaviyo_error());
		if (klaviyo_error_passes())
			return -1;
	}
	if (result != 0)
		shop_log_at(LOG_WARNING, "subscription %s left out: %s", s->id,
		    result < 0 ? klaviyo_error() : "the queue is full");
	return 0;
}
