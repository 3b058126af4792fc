/*
 * only_in_a_hurry.c - the right storefront, whose deliveries have a fast clock.
 *
 * Replaces: kl_now kl_monotonic_ms
 */
#include "fast_clock.h"
