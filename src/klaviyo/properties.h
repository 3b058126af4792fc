/*
 * properties.h - what properties.c and properties_order.c share: lists over
 * items, as several events have them.
 *
 * Each list is a new cJSON array, NULL with the error set.
 */
#ifndef KLAVIYO_PROPERTIES_H
#define KLAVIYO_PROPERTIES_H

#include "internal.h"

/* A line's categories and brand are named otherwise in a cart. */
enum kl_dialect { KL_CART, KL_ORDER };

bool kl_put_count(cJSON *to, const char *name, int count); /* 0: left out */
/* The different categories and brands, in order of first appearance. */
cJSON *kl_categories(const struct klaviyo_item *items, size_t n);
cJSON *kl_brands(const struct klaviyo_item *items, size_t n);
/* One name a line, so that two lines of one book are two names. */
cJSON *kl_item_names(const struct klaviyo_item *items, size_t n);
cJSON *kl_lines(const struct klaviyo_item *items, size_t n,
    const char *currency, enum kl_dialect in);
/* Texts as they are; what is "" is left out. */
cJSON *kl_texts(const char *const *text, size_t n);

#endif
