/*
 * queue_onsite.c - the way into the outbox for what a visitor does: the
 * browser's events, sent by the server.
 *
 * Promises: the properties are the snippets', name for name; what klaviyo.js
 * takes out of them, $event_id and $value, is here the event's own unique_id
 * and value.
 */
#include "outbox.h"

#include <stdlib.h>

/* Takes ${properties}, NULL for what could not be made.  ${unique_id} NULL: it
   is in them.  ${cart} NULL: it is about none. */
static int
queue(const struct klaviyo_store *store, enum klaviyo_metric metric,
    const char *unique_id, int64_t when, const struct klaviyo_profile *profile,
    const struct klaviyo_cart *cart, cJSON *properties, int64_t now)
{
	const char *name = klaviyo_metric_name(metric);
	struct kl_event event;
	char *taken = NULL;
	int rc = -1;

	if (properties == NULL)
		return -1;
	if (cart != NULL && kl_take_event_id(properties, &taken) != 0) {
		cJSON_Delete(properties);
		return -1;
	}
	if (kl_event_make(&event, name, cart != NULL ? taken : unique_id, when,
	        profile, cart != NULL ? cart->value : 0,
	        cart != NULL ? cart->currency : NULL, properties,
	        KLAVIYO_REALTIME, now) == 0) {
		if (cart != NULL)
			event.about = kl_about(KL_ABOUT_CART, cart->id);
		if (cart == NULL || event.about != NULL)
			rc = kl_queue(store, &event, 1, kl_metric_worth(name),
			    KLAVIYO_REALTIME, now);
		kl_event_free(&event);
	}
	free(taken);
	return rc;
}

int
klaviyo_queue_viewed_product(const struct klaviyo_store *store,
    const char *unique_id, int64_t when, const struct klaviyo_profile *profile,
    const struct klaviyo_item *item, const char *currency, int64_t now)
{
	return queue(store, KLAVIYO_VIEWED_PRODUCT, unique_id, when, profile,
	    NULL, kl_viewed_product_properties(item, currency), now);
}

int
klaviyo_queue_added_to_cart(const struct klaviyo_store *store, int64_t when,
    const struct klaviyo_profile *profile, const struct klaviyo_cart *cart,
    size_t added, int quantity, int64_t now)
{
	return queue(store, KLAVIYO_ADDED_TO_CART, NULL, when, profile, cart,
	    kl_added_to_cart_properties(cart, added, quantity), now);
}

int
klaviyo_queue_started_checkout(const struct klaviyo_store *store, int64_t when,
    const struct klaviyo_profile *profile, const struct klaviyo_cart *cart,
    int64_t now)
{
	return queue(store, KLAVIYO_STARTED_CHECKOUT, NULL, when, profile, cart,
	    kl_started_checkout_properties(cart), now);
}
