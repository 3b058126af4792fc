/*
 * tracking_preview.c - what a page would give to klaviyo.js, for somebody to
 * look at.
 *
 * The payloads are those of tracking.c, of the same structs by the same
 * functions.  Does not print, nor write anything.
 */
#include "tracking.h"

struct showing {
	const struct tracking *t;
	preview_each *each;
	void *arg;
};

/* ${json} is the library's, and may be NULL. */
static int
show(const struct showing *s, enum klaviyo_metric metric, bool item, char *json)
{
	const char *call;

	if (json == NULL)
		return shop_fail("%s", klaviyo_error());
	arena_take(s->t->arena, json);
	call = item ? "klaviyo.trackViewedItem(..)"
	            : arena_printf(s->t->arena, "klaviyo.track(\"%s\", ..)",
	                  klaviyo_metric_name(metric));
	return s->each(s->arg, call, json);
}

static int
show_cart(const struct showing *s)
{
	const struct tracking *t = s->t;
	struct klaviyo_cart cart;

	if (tracking_cart(t, &cart) != 0)
		return shop_fail("out of memory");
	/* Its last line, as if all of that had just been added. */
	if (show(s, KLAVIYO_ADDED_TO_CART, false,
	        klaviyo_added_to_cart(&cart, cart.nitems - 1,
	            cart.items[cart.nitems - 1].quantity)) != 0)
		return -1;
	return show(s, KLAVIYO_STARTED_CHECKOUT, false,
	    klaviyo_started_checkout(&cart));
}

int
tracking_preview(const struct tracking *t, preview_each *each, void *arg)
{
	struct showing s = {t, each, arg};
	struct klaviyo_item item;

	if (t->cart != NULL)
		return show_cart(&s);
	tracking_viewed(t, &item);
	if (show(&s, KLAVIYO_VIEWED_PRODUCT, false,
	        klaviyo_viewed_product(&item, t->currency)) != 0)
		return -1;
	return show(&s, 0, true, klaviyo_viewed_item(&item, t->currency));
}
