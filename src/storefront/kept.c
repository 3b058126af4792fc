/*
 * kept.c - items that are made once and kept, for all threads: kept.h.
 *
 * Promises: never more bytes than its limit, but for items that somebody is
 * still using; right under threads: one mutex for the table and the order of
 * use, held for a few instructions; an item lives as long as it has users.
 *
 * Why a time may be trusted: a request of connection C looks at C's stamp.  It
 * is another one: something was committed, and C's time becomes a new number.
 * It is the same: nothing was committed since C's time was made.  An item that
 * was checked at that time or later was compared with the rows as they are now.
 *
 * Does not know what an item is, nor whether it is still good.
 */
#include "kept.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 4096 /* a power of two */
#define LARGEST 8   /* of the whole, an item may be one part in so many */

struct kept {
	pthread_mutex_t mutex;
	size_t limit, bytes, items;
	struct kept_item *newest, *oldest;
	_Atomic uint64_t time;
	struct kept_item *chain[CHAINS];
};

struct kept *
kept_new(size_t limit)
{
	struct kept *kept = calloc(1, sizeof(*kept));

	if (kept == NULL) {
		shop_fail("out of memory");
		return NULL;
	}
	pthread_mutex_init(&kept->mutex, NULL);
	kept->limit = limit;
	kept->time = 1;
	return kept;
}

/* FNV-1a: where an item lies is no secret, and keys are the catalogue's. */
static struct kept_item **
chain_of(struct kept *kept, const char *key)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (; *key != '\0'; key++)
		hash = (hash ^ (unsigned char)*key) * UINT64_C(1099511628211);
	return &kept->chain[(hash ^ hash >> 32) & (CHAINS - 1)];
}

/* ------------------------------------------------- with the mutex held */

static struct kept_item **
place_of(struct kept *kept, const char *key)
{
	struct kept_item **at = chain_of(kept, key);

	while (*at != NULL && strcmp((*at)->key, key) != 0)
		at = &(*at)->chain;
	return at;
}

static void
unlink_use(struct kept *kept, struct kept_item *item)
{
	*(item->newer != NULL ? &item->newer->older : &kept->newest) =
	    item->older;
	*(item->older != NULL ? &item->older->newer : &kept->oldest) =
	    item->newer;
	item->newer = item->older = NULL;
}

static void
link_newest(struct kept *kept, struct kept_item *item)
{
	item->older = kept->newest;
	*(kept->newest != NULL ? &kept->newest->newer : &kept->oldest) = item;
	kept->newest = item;
}

/* Out of the table; its last user frees it. */
static void
take_out(struct kept *kept, struct kept_item **at)
{
	struct kept_item *item = *at;

	if (item == NULL)
		return;
	*at = item->chain;
	unlink_use(kept, item);
	kept->items--;
	kept->bytes -= item->size;
	kept_release(item);
}

/* ----------------------------------------------------------------- items */

void
kept_free(struct kept *kept)
{
	if (kept == NULL)
		return;
	while (kept->oldest != NULL)
		take_out(kept, place_of(kept, kept->oldest->key));
	pthread_mutex_destroy(&kept->mutex);
	free(kept);
}

struct kept_item *
kept_find(struct kept *kept, const char *key)
{
	struct kept_item *item;

	pthread_mutex_lock(&kept->mutex);
	item = *place_of(kept, key);
	if (item != NULL) {
		atomic_fetch_add(&item->users, 1);
		if (item != kept->newest) {
			unlink_use(kept, item);
			link_newest(kept, item);
		}
	}
	pthread_mutex_unlock(&kept->mutex);
	return item;
}

void
kept_add(struct kept *kept, struct kept_item *item, uint64_t when)
{
	struct kept_item **at;

	item->chain = item->newer = item->older = NULL;
	atomic_store(&item->checked, when);
	atomic_store(&item->users, 1);
	pthread_mutex_lock(&kept->mutex);
	at = place_of(kept, item->key);
	if (*at != NULL)
		take_out(kept, at);
	if (item->size <= kept->limit / LARGEST) {
		while (kept->oldest != NULL &&
		       kept->bytes + item->size > kept->limit)
			take_out(kept, place_of(kept, kept->oldest->key));
		at = chain_of(kept, item->key);
		item->chain = *at;
		*at = item;
		link_newest(kept, item);
		kept->items++;
		kept->bytes += item->size;
		atomic_fetch_add(&item->users, 1);
	}
	pthread_mutex_unlock(&kept->mutex);
}

void
kept_release(struct kept_item *item)
{
	if (item != NULL && atomic_fetch_sub(&item->users, 1) <= 1)
		item->drop(item);
}

void
kept_count(struct kept *kept, size_t *items, size_t *bytes)
{
	pthread_mutex_lock(&kept->mutex);
	*items = kept->items;
	*bytes = kept->bytes;
	pthread_mutex_unlock(&kept->mutex);
}

/* ----------------------------------------------------------------- times */

uint64_t
kept_now(struct kept *kept)
{
	return atomic_load(&kept->time);
}

uint64_t
kept_next(struct kept *kept)
{
	return atomic_fetch_add(&kept->time, 1) + 1;
}

bool
kept_good(const struct kept_item *item, uint64_t since)
{
	return atomic_load(&item->checked) >= since;
}

void
kept_checked(struct kept_item *item, uint64_t when)
{
	uint64_t had = atomic_load(&item->checked);

	/* Two may have looked: the later look counts. */
	while (had < when &&
	       !atomic_compare_exchange_weak(&item->checked, &had, when))
		;
}
