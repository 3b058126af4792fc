/*
 * tracking_feed.c - the shop's catalogue as Klaviyo's catalog feed.
 *
 * Promises: an item's id is the ProductID of the events; a product that may not
 * be in a feed (no picture, say) is left out, logged and counted, and never
 * stops the others; what is cut off half way is neither JSON nor XML.
 *
 * A product that is out of stock is kept out of recommendations
 * (inventory_policy 1) unless it is sold without stock (2).
 */
#include "tracking.h"

#include <stdlib.h>
#include <string.h>

/* The caller's writing, and how much it was. */
struct writing {
	feed_write *write;
	void *arg;
	int64_t bytes;
	bool over; /* it failed: what is left of it is not written */
};

static int
write_on(void *arg, const char *data, size_t n)
{
	struct writing *w = arg;

	if (w->over)
		return -1;
	w->bytes += (int64_t)n;
	return w->write(w->arg, data, n);
}

struct feeding {
	const struct settings *settings;
	const char *currency;
	const char *products; /* how each link begins */
	struct klaviyo_feed *feed;
	struct feed_counts *counts;
	const char *only; /* a product's id; NULL = all */
};

static int
add_product(void *arg, struct arena *arena, const struct product *p)
{
	const char *names[64];
	struct feeding *f = arg;
	struct klaviyo_feed_item item = {
	    .id = p->id,
	    .title = p->title,
	    /* Required by Klaviyo, and optional in a shop. */
	    .description = *p->body != '\0' ? p->body : p->title,
	    .link = url_path(arena, f->products, p->handle),
	    .image_link = tracking_absolute(f->settings, arena, p->image),
	    .price = p->price_min,
	    .currency = f->currency,
	    .categories = names,
	    .inventory_quantity = p->stock > 0 ? p->stock : 0,
	    .inventory_policy = p->stock <= 0 && p->in_stock ? 2 : 1,
	};
	int result;

	if (f->only != NULL && strcmp(f->only, p->id) != 0)
		return 0;
	for (const struct category *c = p->categories;
	     c != NULL && item.ncategories < sizeof(names) / sizeof(*names);
	     c = c->next)
		names[item.ncategories++] = c->name;
	if (arena_failed(arena))
		return shop_fail("out of memory");
	result = klaviyo_feed_add(f->feed, &item);
	if (result < 0)
		return shop_fail("%s", klaviyo_error());
	if (result > 0) {
		shop_log_at(LOG_WARNING, "feed: product %s left out: %s", p->id,
		    klaviyo_error());
		f->counts->left_out++;
	}
	return 0;
}

int
tracking_feed(const struct settings *settings, struct db *db,
    const char *currency, const char *format, feed_write *write, void *arg,
    struct feed_counts *counts)
{
	return tracking_feed_product(
	    settings, db, currency, format, NULL, write, arg, counts);
}

int
tracking_feed_product(const struct settings *settings, struct db *db,
    const char *currency, const char *format, const char *id,
    feed_write *write, void *arg, struct feed_counts *counts)
{
	struct writing w = {.write = write, .arg = arg};
	char *products = NULL;
	struct feeding f = {settings, currency, NULL,
	    klaviyo_feed_new(strcmp(format, "xml") == 0 ? KLAVIYO_FEED_XML
	                                                : KLAVIYO_FEED_JSON,
	        write_on, &w),
	    counts, id};
	int result;

	*counts = (struct feed_counts){0};
	if (f.feed == NULL)
		return shop_fail("%s", klaviyo_error());
	if (asprintf(&products, "%s/products/", settings->url) < 0) {
		products = NULL;
		result = shop_fail("out of memory");
	} else {
		f.products = products;
		result = catalog_each(db, add_product, &f);
	}
	free(products);
	/* Without its end: half a feed must not look like one. */
	/* cppcheck-suppress unreadVariable ; write_on() reads it */
	w.over = result != 0;
	counts->items = klaviyo_feed_end(f.feed);
	counts->bytes = w.bytes;
	if (result == 0 && counts->items < 0)
		result = shop_fail("%s", klaviyo_error());
	return result;
}
