/*
 * frame.h - a product page as it is kept: what pages_drawn.c makes of it, and
 * pages_kept.c finds and shows.
 */
#ifndef STOREFRONT_FRAME_H
#define STOREFRONT_FRAME_H

#include "pages.h"

#define NUMBER 30 /* digits of what stands in for a number or the scripts */
#define NUMBERS 3 /* places of the cart's number, at most */

struct frame {
	struct kept_item item; /* first: the one is the other */
	char tag[TAG_BYTES];
	/* With an empty cart; at ${scripts_at} a number stands for them. */
	struct slice page;
	size_t scripts_at;
	/* With something in it all is the same but what stands between. */
	size_t same_before, same_after;
	struct slice cart[NUMBERS + 1]; /* between them the number */
	size_t carts;
	struct slice scripts;
	struct slice head; /* headers */
	const char *others[SHELF_OTHERS];
	bool asks;
	/* What the tracking reads of them. */
	struct product product;
	struct variant variant;
	/* Of all the above; the categories come first. */
	_Alignas(struct category) char text[];
};

/* Numbers, for a layout may hold the cart's in a script; no first or last digit
 * could be taken for a digit of 0.  The same for the life of the process. */
struct stand_in {
	char units[NUMBER + 1], scripts[NUMBER + 1];
};
const struct stand_in *frame_stand_in(void);

#endif
