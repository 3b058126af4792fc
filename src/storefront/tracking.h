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

#endif
