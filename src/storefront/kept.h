/*
 * kept.h - what is made once and kept in memory, for all threads.
 *
 * An item is found by its key and holds whatever its maker puts behind it.  It
 * is as good as new while its sum is that of the rows it was made of; a request
 * that has seen nothing change since somebody looked need not look itself:
 *
 *	uint64_t when = kept_now(kept);    before the rows are read
 *	.. the sum is read, and is still the item's ..
 *	kept_checked(item, when);
 *
 * and whoever knows that nothing was committed since the time T may take any
 * item with kept_good(item, T).
 */
#ifndef STOREFRONT_KEPT_H
#define STOREFRONT_KEPT_H

#include <stdatomic.h>

#include "storefront.h"

struct kept;
struct kept_item {
	const char *key; /* its maker's, freed with it */
	uint64_t sum;    /* of the rows that it was made of */
	size_t size;     /* all the memory that it holds */
	void (*drop)(struct kept_item *item); /* frees it */
	/* kept.c's own */
	struct kept_item *chain, *newer, *older;
	atomic_int users;
	_Atomic uint64_t checked;
};

/* Holds up to ${limit} bytes of items; NULL: out of memory. */
struct kept *kept_new(size_t limit);
/* Nobody may be using an item any more. */
void kept_free(struct kept *kept);
/* The item, to be given back by kept_release(); NULL: there is none. */
struct kept_item *kept_find(struct kept *kept, const char *key);
/* A new item, in the place of one with its key; those not used for longest make
 * room.  The caller is one of its users, even where it is too large to keep. */
void kept_add(struct kept *kept, struct kept_item *item, uint64_t when);
/* Of an item that was never added, too; NULL is nothing. */
void kept_release(struct kept_item *item);
/* Times are numbers that grow. */
uint64_t kept_now(struct kept *kept);
uint64_t kept_next(struct kept *kept); /* a new one: something has changed */
bool kept_good(const struct kept_item *item, uint64_t since);
void kept_checked(struct kept_item *item, uint64_t when);
/* What it holds now. */
void kept_count(struct kept *kept, size_t *items, size_t *bytes);

#endif
