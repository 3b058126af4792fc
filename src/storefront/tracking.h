/*
 * tracking.h - what the tracking*.c files share: the shop's rows as the
 * library's structs.
 */
#ifndef TRACKING_H
#define TRACKING_H

#include "storefront.h"

#include <klaviyo.h>

/* An address on this shop; one elsewhere stays as it is. */
const char *tracking_absolute(const struct settings *settings,
    struct arena *arena, const char *path);
/* The ${n} lines of a cart or an order; NULL if out of memory. */
struct klaviyo_item *tracking_items(const struct settings *settings,
    struct arena *arena, const struct line *line, int n);
/* What a page is about; texts are the arena's. */
void tracking_viewed(const struct tracking *t, struct klaviyo_item *item);
int tracking_cart(const struct tracking *t, struct klaviyo_cart *cart);
/* The position of what was added among the cart's items; their number if it is
 * not there any more. */
size_t tracking_added_at(const struct tracking *t, const struct added *added);
/* The kind of change that is reported by ${metric}, as the shop's table spells
 * it; "" for none. */
const char *tracking_kind(enum klaviyo_metric metric);
/* A name for the checkout of the cart as it is, for the browser to say that it
 * has told of it: then the server does not. */
const char *tracking_mark(const struct tracking *t);

/* tracking_catalog.c: entries of the Catalog API; free(), NULL with
 * klaviyo_error().  ${variant} NULL: the item itself. */
char *tracking_item_entry(const struct settings *settings, struct arena *arena,
    const char *currency, const struct product *product,
    enum klaviyo_catalog_step step);
char *tracking_variant_entry(const struct settings *settings,
    struct arena *arena, const char *currency, const struct product *product,
    const struct variant *variant, enum klaviyo_catalog_step step);
char *tracking_gone_entry(
    struct arena *arena, const char *product, const char *variant);

#endif
