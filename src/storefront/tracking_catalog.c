/*
 * tracking_catalog.c - the shop's catalogue as entries of Klaviyo's Catalog
 * API, and what a variant is called there.
 *
 * An item is a product: its id is the ProductID of the events, and the id in
 * the feed.  A variant's id is made of what the shop itself knows it by, its
 * product's id and its name, so that it is the same after the catalogue is
 * loaded anew, in another database, too: "1111:Hardback", or "1111" for the
 * only variant of a product.  A variant that is given another name is another
 * one.
 *
 * What has no stock is kept out of recommendations (inventory_policy 1) unless
 * it is sold without (2).
 */
#include "tracking.h"

#include <string.h>

/* No colon but the one between the two: so no two variants share an id. */
static void
add_part(struct text *text, const char *part)
{
	for (; *part != '\0'; part++)
		if (*part == ':')
			text_add(text, "%3A");
		else if (*part == '%')
			text_add(text, "%25");
		else
			text_addn(text, part, 1);
}

const char *
tracking_variant_id(
    struct arena *arena, const char *product, const char *variant)
{
	struct text text = {0};
	const char *id = NULL;

	add_part(&text, product);
	text_add(&text, *variant != '\0' ? ":" : "");
	add_part(&text, variant);
	if (!text.failed)
		id = arena_copy(arena, text.data);
	text_free(&text);
	return id != NULL ? id : "";
}

/* Required by Klaviyo, and optional in a shop. */
static const char *
description(const struct product *p)
{
	return *p->body != '\0' ? p->body : p->title;
}

static const char *
url_of(const struct settings *settings, struct arena *arena,
    const struct product *p)
{
	return tracking_absolute(
	    settings, arena, url_path(arena, "/products/", p->handle));
}

char *
tracking_item_entry(const struct settings *settings, struct arena *arena,
    const char *currency, const struct product *p,
    enum klaviyo_catalog_step step)
{
	struct klaviyo_catalog_item item = {
	    .id = p->id,
	    .title = p->title,
	    .description = description(p),
	    .url = url_of(settings, arena, p),
	    .image_url = tracking_absolute(settings, arena, p->image),
	    .price = p->price_min,
	    .currency = currency,
	    .brand = p->vendor,
	    .published = p->published,
	};
	const char *names[64];

	item.categories = names;
	for (const struct category *c = p->categories;
	     c != NULL && item.ncategories < sizeof(names) / sizeof(*names);
	     c = c->next)
		names[item.ncategories++] = c->name;
	return klaviyo_catalog_item(&item, step);
}

char *
tracking_variant_entry(const struct settings *settings, struct arena *arena,
    const char *currency, const struct product *p, const struct variant *v,
    enum klaviyo_catalog_step step)
{
	struct klaviyo_catalog_variant variant = {
	    .id = tracking_variant_id(arena, p->id, v->name),
	    .item = p->id,
	    .title = *v->name != '\0'
	                 ? arena_printf(arena, "%s (%s)", p->title, v->name)
	                 : p->title,
	    .description = description(p),
	    .url = url_of(settings, arena, p),
	    .sku = v->sku,
	    .image_url = tracking_absolute(settings, arena, p->image),
	    .price = v->price,
	    .currency = currency,
	    .inventory_quantity = v->stock > 0 ? v->stock : 0,
	    .inventory_policy = v->oversell ? 2 : 1,
	    .published = p->published,
	};

	return klaviyo_catalog_variant(&variant, step);
}

char *
tracking_gone_entry(
    struct arena *arena, const char *product, const char *variant)
{
	struct klaviyo_catalog_variant v = {.id = ""};

	if (variant == NULL)
		return klaviyo_catalog_item(
		    &(struct klaviyo_catalog_item){.id = product},
		    KLAVIYO_CATALOG_DELETE);
	v.id = tracking_variant_id(arena, product, variant);
	return klaviyo_catalog_variant(&v, KLAVIYO_CATALOG_DELETE);
}

/* With a feed, which has no variants, the product is what is subscribed to. */
int
tracking_back_in_stock(const struct settings *settings, struct db *db,
    struct arena *arena, const char *id, const char *email,
    const struct product *product, const struct variant *variant, int64_t now)
{
	struct klaviyo_profile profile = {.email = email};
	const char *what = product->id;
	int result;

	if (strcmp(settings->catalog, "api") == 0)
		what = tracking_variant_id(arena, product->id, variant->name);
	result =
	    klaviyo_queue_back_in_stock(db_store(db), id, &profile, what, now);
	/* Nobody is told "you will hear of us" who will not. */
	if (result > 0)
		return shop_fail("back in stock: the queue is full");
	if (result < 0)
		return shop_fail("back in stock: %s", klaviyo_error());
	return 0;
}
